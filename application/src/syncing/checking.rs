//! What may be said of a repository.

use domain::repository::RepositoryAdded;
use url::Url;

use super::MARKETPLACE;
use crate::error::Error;

/// A name is a word of a path, and an address one that can be asked.
pub(super) fn checked(mut repository: RepositoryAdded) -> Result<RepositoryAdded, Error> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name = &repository.name;
    if !(1..=64).contains(&name.len()) || !name.chars().all(is_word) {
        return Err(Error::invalid("A repository's name is 1 to 64 of a-z, 0-9, - and _"));
    }
    if !matches!(repository.kind.as_str(), MARKETPLACE | "nexus") {
        return Err(Error::invalid("The kind of a repository is dify or nexus"));
    }
    let url = Url::parse(&repository.url).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.as_str().len() <= 2_048);
    let url = url.ok_or_else(|| Error::invalid("The address of a repository is an http or https URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid(
            "The address of a repository holds no credential: PLUGYARD_MARKETPLACE_URL may, others are read without",
        ));
    }
    repository.url = url.into();
    repository.description = plain(&repository.description, 500);
    Ok(repository)
}

pub(super) fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that cannot have user info.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

pub(super) fn plain(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}
