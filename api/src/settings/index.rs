//! The operator's package index and its mirrors.

use anyhow::{Context as _, bail};
use url::Url;

use super::{Environment, Secret, values::List};

/// The operator's package index.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    /// The simple index; may hold credentials as user info.
    pub(crate) simple: Option<Secret>,
    /// Bases of file mirrors, in the order to try; may hold credentials too.
    pub(crate) files: Secret<Vec<Url>>,
    /// Refuse every host but those of `files` and of the index.
    pub(crate) files_only: bool,
}

/// `URL` or `name=URL`; the credentials of a named index, or of a URL without any, come from
/// `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`.
pub(super) fn index_url(text: &str, environment: &Environment) -> anyhow::Result<String> {
    let named = text.split_once('=').filter(|(name, _)| !name.contains([':', '/']));
    let (name, url) = named.map_or((None, text), |(name, url)| (Some(name), url));
    let mut url = Url::parse(url).context("the package index is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("the package index is not an http or https URL");
    }
    if let Some(name) = name {
        let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
        let part = |what: &str| environment.text(&format!("UV_INDEX_{name}_{what}"));
        if let Some(username) = part("USERNAME") {
            // Fails only for URLs without a host, which http URLs cannot be.
            let _ = url.set_username(&username);
        }
        if let Some(password) = part("PASSWORD") {
            let _ = url.set_password(Some(&password));
        }
    }
    Ok(url.into())
}

/// Refusals do not repeat what was given: it may hold credentials.
pub(super) fn mirrors(text: &str) -> anyhow::Result<Vec<Url>> {
    let List(urls): List<Url> = text.parse().context("PLUGYARD_INDEX_FILES holds what is not a URL")?;
    if urls.iter().any(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host()) {
        bail!("PLUGYARD_INDEX_FILES holds what is not an http or https URL");
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_http_and_a_refusal_does_not_repeat_them() {
        assert_eq!(mirrors("https://a/, ,http://b:81/x").unwrap().len(), 2);
        assert!(mirrors("").unwrap().is_empty());
        for files in ["https://user:s3cret@ho st/", "ftp://user:s3cret@host/", "s3cret", "data:s3cret"] {
            let error = format!("{:?}", mirrors(files).unwrap_err());
            assert!(error.contains("PLUGYARD_INDEX_FILES") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_named_index_is_its_url() {
        let variables = [("UV_INDEX_INTERNAL_USERNAME", "u"), ("UV_INDEX_INTERNAL_PASSWORD", "p")];
        let index_url = |text: &str| index_url(text, &variables.into_iter().collect());
        assert_eq!(index_url("internal=https://h/simple").unwrap(), "https://u:p@h/simple");
        assert_eq!(index_url("other=https://h/simple").unwrap(), "https://h/simple");
        assert_eq!(index_url("https://u:p@h/simple?a=b").unwrap(), "https://u:p@h/simple?a=b");
        assert!(index_url("file:///etc").is_err());
        assert!(index_url("nowhere").is_err());
    }
}
