use std::collections::BTreeSet;

use application::queries::catalogue::{CatalogueQueries as _, Engine, Find, Order, Sort};
use domain::{
    plugin::{PluginEvent, Pricing},
    values::Dialect,
};

use crate::{
    given::{Given, id, published, registered},
    yard::Yard,
};

fn find() -> Find {
    Find { order: Order { by: Sort::Relevance, descending: true }, ..Find::in_dialect(Dialect::Dify) }
}

fn text(text: &str) -> Find {
    Find { text: Some(text.to_owned()), ..find() }
}

async fn names(yard: &Yard, find: &Find) -> Vec<String> {
    let found = yard.catalogue().find(find).await.unwrap();
    assert!(found.total >= found.cards.len() as u64);
    found.cards.into_iter().map(|card| card.name).collect()
}

async fn shelf() -> Yard {
    let yard = Yard::start().await;
    let about = |given: Given, category: &str, tags: &[&str], summary: &str| {
        given.described(|description| {
            description.category = Some(category.to_owned());
            description.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            summary.clone_into(&mut description.summary);
        })
    };
    let verified = |given: Given| {
        let (plugin_uid, method, evidence) = (given.id, "manual".to_owned(), "seen".to_owned());
        given.event(PluginEvent::PluginVerified { plugin_uid, method, evidence })
    };
    let engine = |given: Given, version: &str, range: &str| {
        given.release_with(version, |release| {
            release.engines = [("backstage".to_owned(), range.to_owned())].into();
        })
    };
    let agent = about(published(1, "langgenius", "agent"), "agent", &["LLM", "ai"], "Runs agents");
    let pro =
        about(published(2, "acme", "agent-pro"), "agent", &["ai"], "More of it").described(|description| {
            description.pricing =
                Some(Pricing { model: "paid".to_owned(), price: Some(9.0), currency: None });
            description.category = Some("Agent".to_owned());
            description.tags = vec!["ai".to_owned()];
        });
    let dark = about(published(3, "acme", "solarized-dark-ui"), "theme", &["dark"], "A theme for the night");
    let told = about(published(4, "zoo", "notes"), "tool", &[], "Keeps what an agent says");
    yard.given([
        verified(agent).downloaded(50).story(),
        engine(pro, "1.1.0", "^1.35.0 || ^2.0.0").story(),
        engine(dark, "1.1.0", "stable channel").downloaded(900).story(),
        told.downloaded(900).story(),
        registered(5, "zoo", "agent-empty").listed(Dialect::Dify).story(),
        registered(6, "zoo", "agent-elsewhere").release("1.0.0").listed(Dialect::Inkdrop).story(),
    ])
    .await;
    yard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_in_a_stable_order_and_pages_fit_together() {
    let yard = shelf().await;
    let downloads = names(&yard, &Find::in_dialect(Dialect::Dify)).await;
    assert_eq!(downloads, ["solarized-dark-ui", "notes", "agent", "agent-pro"]);
    let order = Order { by: Sort::Name, descending: false };
    let mut paged = Vec::new();
    for offset in 0..5 {
        paged.extend(names(&yard, &Find { order, offset, limit: 1, ..find() }).await);
    }
    assert_eq!(paged, ["agent", "agent-pro", "notes", "solarized-dark-ui"]);
    let far = Find { offset: u64::MAX, ..find() };
    let found = yard.catalogue().find(&far).await.unwrap();
    assert_eq!((found.cards.len(), found.total), (0, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_says_what_fits() {
    let yard = shelf().await;
    let order = Order { by: Sort::Name, descending: false };
    let sorted = || Find { order, ..find() };
    let engine = |range: &str| vec![Engine { name: "backstage".to_owned(), range: range.to_owned() }];
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    for (find, expected) in [
        (Find { publisher: Some("ACME".to_owned()), ..sorted() }, vec!["agent-pro", "solarized-dark-ui"]),
        (Find { categories: texts(&["AGENT", "nothing"]), ..sorted() }, vec!["agent", "agent-pro"]),
        (Find { tags: texts(&["llm", "dark"]), ..sorted() }, vec!["agent", "solarized-dark-ui"]),
        (Find { verified: Some(true), ..sorted() }, vec!["agent"]),
        (Find { verified: Some(false), ..sorted() }, vec!["agent-pro", "notes", "solarized-dark-ui"]),
        (Find { featured: Some(true), ..sorted() }, vec![]),
        (Find { themes_only: true, ..sorted() }, vec![]),
        (Find { max_price: Some(0.0), ..sorted() }, vec!["agent", "notes", "solarized-dark-ui"]),
        (Find { min_rating: Some(1.0), ..sorted() }, vec![]),
        (Find { engines: engine("1.40.0"), ..sorted() }, vec!["agent-pro"]),
        (Find { engines: engine(">=3"), ..sorted() }, vec![]),
        (Find { engines: engine("Stable"), ..sorted() }, vec!["solarized-dark-ui"]),
        (Find { engines: engine("^2.0.0, not a range"), ..sorted() }, vec![]),
        (Find { dialect: Dialect::Inkdrop, ..sorted() }, vec!["agent-elsewhere"]),
        (Find { dialect: Dialect::Nexus, ..sorted() }, vec![]),
    ] {
        assert_eq!(names(&yard, &find).await, expected, "{find:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_finds_names_first_and_says_why() {
    let yard = shelf().await;
    let found = yard.catalogue().find(&text("agent")).await.unwrap();
    let named: Vec<_> = found.cards.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(named, ["agent", "agent-pro", "notes"], "the name, what begins with it, what tells of it");
    assert_eq!((found.total, found.ranks.len()), (3, 3));
    for rank in &found.ranks {
        let sum: f64 = rank.parts.iter().map(|(_, part)| part).sum();
        assert!((rank.score - sum).abs() < 1e-9, "{rank:?}");
    }
    assert!(found.ranks[0].parts.iter().any(|(part, _)| part == "exact"), "{:?}", found.ranks[0]);
    for (asked, expected) in [
        ("age", vec!["agent", "agent-pro", "notes"]),
        ("agent pro", vec!["agent-pro"]),
        ("AgentPro", vec!["agent-pro"]),
        ("dark ui", vec!["solarized-dark-ui"]),
        ("solarizeddark", vec!["solarized-dark-ui"]),
        ("solarised dark", vec!["solarized-dark-ui"]),
        ("langgenius", vec!["agent"]),
        ("nothing of the kind", vec![]),
    ] {
        assert_eq!(names(&yard, &text(asked)).await, expected, "{asked}");
    }
    let newest = Find { order: Order { by: Sort::Downloads, descending: true }, ..text("agent") };
    assert_eq!(names(&yard, &newest).await, ["notes", "agent", "agent-pro"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_very_many_matches_the_named_stand_first_and_every_one_on_one_page() {
    let yard = Yard::start().await;
    let told = |number: u16, name: String, downloads: u16| {
        let given = published(number.into(), "acme", &name)
            .described(|description| "a tool like others".clone_into(&mut description.summary));
        given.downloaded(downloads.into()).story()
    };
    let named = [(1, "tool"), (2, "tool-box"), (3, "tool-kit")];
    let much_used = (0..520).map(|number| told(10 + number, format!("aide-{number}"), 100 + number));
    let hardly = (0..20).map(|number| told(600 + number, format!("zest-{number}"), 1));
    yard.given(named.map(|(number, name)| published(number, "zoo", name).story())).await;
    yard.given(much_used.chain(hardly)).await;
    for (wanted, total) in
        [(text("tool"), 543), (Find { publisher: Some("acme".to_owned()), ..text("tool") }, 540)]
    {
        let mut seen = Vec::new();
        for page in 0..6 {
            let found = yard
                .catalogue()
                .find(&Find { offset: page * 100, limit: 100, ..wanted.clone() })
                .await
                .unwrap();
            assert_eq!((found.total, found.ranks.len()), (total, found.cards.len()));
            seen.extend(found.cards.into_iter().map(|card| card.name));
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
        assert_eq!(u64::try_from(seen.len()).unwrap(), total);
        let foremost = if total == 543 {
            ["tool", "tool-box", "tool-kit", "aide-519"]
        } else {
            ["aide-519", "aide-518", "aide-517", "aide-516"]
        };
        assert_eq!(seen[..4], foremost);
        assert!(
            seen.iter().position(|name| name == "aide-20") < seen.iter().position(|name| name == "aide-19")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facets_count_what_fits_whatever_the_page() {
    let yard = shelf().await;
    let found = yard.catalogue().find(&Find { facets: true, limit: 1, ..text("agent") }).await.unwrap();
    let facets = |facets: Vec<application::queries::catalogue::Facet>| {
        facets.into_iter().map(|facet| format!("{} {}", facet.name, facet.count)).collect::<Vec<_>>()
    };
    assert_eq!(facets(found.tags), ["ai 2", "llm 1"]);
    assert_eq!(facets(found.publishers), ["acme 1", "langgenius 1", "zoo 1"]);
    assert_eq!(facets(found.categories).len(), 3);
    let all = yard.catalogue().categories(Dialect::Dify).await.unwrap();
    assert_eq!(facets(all).len(), 3, "a category is one in any case");
    assert_eq!(yard.catalogue().publishers(Dialect::Dify).await.unwrap(), ["acme", "langgenius", "zoo"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_find_nothing_and_break_nothing() {
    let yard = shelf().await;
    for hostile in [
        "'",
        "\\",
        "agent' | 'x",
        "!!",
        "agent:*A",
        "(agent",
        "& | !",
        "<->",
        "%",
        "_",
        "%%%_",
        "\u{0}agent",
        "\u{1f}",
        "agent\\",
        "';drop table read.catalogue_v1;--",
        "🦀",
        "ﷺ",
        "\u{202e}agent",
        "a:b:c",
        "\"agent\"",
    ] {
        let found = yard.catalogue().find(&text(hostile)).await.unwrap();
        assert!(found.total <= 4, "{hostile:?}: {found:?}");
    }
    let long = "ab ".repeat(85);
    assert_eq!(names(&yard, &text(&long)).await, Vec::<String>::new());
    assert!(yard.catalogue().find(&text(&"a".repeat(257))).await.is_err());
    assert_eq!(names(&yard, &text("   ")).await.len(), 4, "blanks are no text");
    let hostile = |text: &str| Find {
        publisher: Some(text.to_owned()),
        categories: vec![text.to_owned()],
        tags: vec![text.to_owned()],
        engines: vec![Engine { name: text.to_owned(), range: text.to_owned() }],
        ..find()
    };
    for text in ["'", "{}", "$1", "\u{0}", "a\",\"b", "{[1,2)}"] {
        assert_eq!(yard.catalogue().find(&hostile(text)).await.unwrap().total, 0, "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_alike_is_related() {
    let yard = shelf().await;
    let catalogue = yard.catalogue();
    let agent = catalogue.plugin(&application::queries::catalogue::Which::Id(id(1))).await.unwrap().unwrap();
    let related = catalogue.related(&agent, Dialect::Dify, 5).await.unwrap();
    let related: Vec<_> = related.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(related, ["agent-pro"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_found_by_the_kinds_of_their_components() {
    let yard = Yard::start().await;
    let with = |number, name: &str, kinds: &[&str]| {
        published(number, "acme", name).described(|description| {
            description.components = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        })
    };
    yard.given([
        with(1, "speaker", &["Command", "Tool"]).story(),
        with(2, "listener", &["EventListener"]).story(),
        published(3, "acme", "plain").story(),
    ])
    .await;
    let of = |kinds: &[&str]| Find {
        components: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        order: Order { by: Sort::Name, descending: false },
        ..find()
    };
    for (kinds, found) in [
        (&["Tool"][..], vec!["speaker"]),
        (&["Tool", "EventListener"], vec!["listener", "speaker"]),
        (&["tool"], vec![]),
        (&["\0"], vec![]),
        (&[], vec!["listener", "plain", "speaker"]),
    ] {
        assert_eq!(names(&yard, &of(kinds)).await, found, "{kinds:?}");
        let total = yard.catalogue().find(&of(kinds)).await.unwrap().total;
        assert_eq!(total, found.len() as u64, "{kinds:?}");
    }
    let searched = Find { text: Some("speaker".to_owned()), ..of(&["EventListener"]) };
    assert_eq!(names(&yard, &searched).await, Vec::<String>::new());
}
