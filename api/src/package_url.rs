//! Which URLs can lead to a plugin, for requests and the command line alike.

/// A sentence of the document.
pub(crate) const REFUSED: &str = "URL must point to a .difypkg file";

/// By its path alone; the query may hold anything.
pub(crate) fn leads_to_a_package(url: &str) -> bool {
    url.split(['?', '#']).next().is_some_and(|path| path.ends_with(".difypkg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_decides() {
        for url in ["https://h/a.difypkg", "https://h/a.difypkg?x=.zip#y", "https://h/a.difypkg#x"] {
            assert!(leads_to_a_package(url), "{url}");
        }
        for url in ["", "https://h/a.zip?x=.difypkg", "https://h/a.zip#.difypkg", "https://h/a.difypkg/"] {
            assert!(!leads_to_a_package(url), "{url}");
        }
    }
}
