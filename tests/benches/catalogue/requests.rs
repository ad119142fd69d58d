//! What is asked: as varied as what people ask, and never the same twice, so that no answer was kept from before.

/// Words of the synthetic plugins, and some that nobody uses.
const WORDS: [&str; 40] = [
    "agile", "amber", "async", "cloud", "daily", "dark", "fast", "focus", "light", "local", "magic",
    "modern", "quick", "secure", "smart", "swift", "account", "alert", "api", "backup", "cache", "calendar",
    "catalog", "chat", "cluster", "data", "deploy", "email", "gateway", "graph", "image", "log", "markdown",
    "metric", "analyzer", "builder", "monitor", "tracker", "viewer", "zebra",
];
const CATEGORIES: [&str; 4] = ["monitoring", "security", "backend", "documentation"];

/// Lists of three dialects, by every sort, filtered and not.
pub(super) fn lists(many: usize) -> Vec<String> {
    (0..many).map(list).collect()
}

fn list(nth: usize) -> String {
    let page = nth / 6;
    let market = "/api/marketplace/v1/plugins";
    match nth % 6 {
        0 => format!("/v1/packages/?sort=recency&page={page}&theme="),
        1 => format!("/v1/packages?sort=majority&page={page}"),
        2 => format!("{market}?page={}&sort=popularity", page + 1),
        3 => format!("{market}?page={}&sort=rating&verified=true", page + 1),
        4 => format!("{market}?page={}&category={}", page + 1, CATEGORIES[page % 4]),
        _ => format!("/space/api/v1/marketplace/plugins?page={}", page + 1),
    }
}

/// One word, two words, the beginning of one, one with a typing error.
pub(super) fn searches(many: usize) -> Vec<String> {
    (0..many).map(search).collect()
}

fn search(nth: usize) -> String {
    let of = |n: usize| WORDS[n % WORDS.len()];
    let (first, second, page) = (of(nth), of(nth / 40 + nth * 7 + 1), nth / 1600);
    let text = match nth % 4 {
        0 => first.to_owned(),
        1 => format!("{first}%20{second}"),
        2 => format!("{first}%20{}", &second[..second.len().min(4)]),
        _ => format!("{}x{}", &first[..2], &first[2..]),
    };
    let turn = nth / 4;
    match turn % 3 {
        0 => format!("/v1/packages/search?sort=score&q={text}&direction=desc&page={}", page + turn / 60),
        1 => format!("/api/marketplace/v1/plugins?search={text}&page={}&limit=20", 1 + page + turn / 60),
        _ => format!("/space/api/v1/marketplace/plugins?query={text}&page={}", 1 + page + turn / 60),
    }
}
