//! Which marketplace, and how its answers are taken and given.

use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use infrastructure::marketplace::DOCUMENTED;
use url::Url;

use super::{Secret, filled};

/// The upstream marketplace.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    /// May hold credentials as user info.
    pub(crate) url: Secret<Url>,
    pub(crate) checksum: ChecksumRule,
    /// None: repositories are read when somebody asks for it.
    pub(crate) sync_interval: Option<Duration>,
}

/// What happens to a package whose content is not the one the marketplace promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChecksumRule {
    Fail,
    Warn,
}

/// In which form categories are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Categories {
    Objects,
    Strings,
}

impl Market {
    pub(super) fn new(
        url: Option<String>,
        checksum: ChecksumRule,
        sync_interval: Option<Duration>,
    ) -> anyhow::Result<Self> {
        Ok(Self { url: read(url)?.into(), checksum, sync_interval })
    }
}

/// Refusals do not repeat what was given: it may hold credentials.
fn read(text: Option<String>) -> anyhow::Result<Url> {
    let url = filled(text).map_or_else(|| Url::parse(DOCUMENTED), |text| Url::parse(&text));
    let url = url.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.context("PLUGYARD_MARKETPLACE_URL is not an http or https URL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn the_marketplace_is_the_documented_one_unless_another_is_named() {
        let url = |text: &str| read(Some(text.to_owned())).map(|url| url.to_string());
        assert_eq!(url("").unwrap(), DOCUMENTED);
        assert_eq!(url("http://10.0.0.5/api/v1").unwrap(), "http://10.0.0.5/api/v1");
        for text in ["s3cret", "ftp://me:s3cret@host/"] {
            let error = format!("{:?}", url(text).unwrap_err());
            assert!(error.contains("PLUGYARD_MARKETPLACE_URL") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn repositories_are_read_every_hour_unless_the_operator_says_otherwise() {
        let every = |flags: &[&str]| {
            let given = settings(&[&["--data-dir=/d"], flags].concat());
            given.map(|(settings, _)| settings.marketplace.sync_interval.map(|every| every.as_secs()))
        };
        assert_eq!(every(&[]).unwrap(), Some(3_600));
        assert_eq!(every(&["--sync-interval=30m"]).unwrap(), Some(1_800));
        assert_eq!(every(&["--sync-interval=off"]).unwrap(), None);
        assert!(every(&["--sync-interval=0s"]).is_err() && every(&["--sync-interval=often"]).is_err());
    }

    #[test]
    fn another_content_is_refused_and_categories_are_objects_unless_the_operator_says_otherwise() {
        let read = |flags: &[&str]| {
            let (settings, _) = settings(&[&["--data-dir=/d"], flags].concat()).unwrap();
            (settings.marketplace.checksum, settings.categories)
        };
        assert_eq!(read(&[]), (ChecksumRule::Fail, Categories::Objects));
        let other = ["--marketplace-checksum=warn", "--compat-dify-categories=strings"];
        assert_eq!(read(&other), (ChecksumRule::Warn, Categories::Strings));
    }
}
