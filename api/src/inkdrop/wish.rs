//! What is to be published: a form with the tarball, as ipm sends it, or JSON that says where the tarball was released.

use std::{path::Path, sync::Arc};

use application::ports::packages::ReleasedTarballs;
use axum::extract::{FromRef, Request};
use domain::values::Digest;
use serde_json::Value;
use url::Url;

use super::body::owner_and_name;
use crate::{
    fields::Fields,
    package_form::{PackageFile, PackageForm, Wanted, is_form, new_file, stored},
    refusal::{Issue, Refusal},
    services::Services,
};

const LARGEST: u64 = 30 * 1024 * 1024;
const FORM: Wanted = Wanted { part: "tarball", largest: LARGEST };
const LONGEST_NAME: usize = 100;

pub(super) struct Wish {
    pub(super) package: PackageFile,
    /// `owner/name`; none where the package alone says it.
    pub(super) repository: Option<String>,
    pub(super) dry_run: bool,
}

/// The way to tarballs that are elsewhere.
#[derive(Clone)]
pub(super) struct Fetching(Arc<dyn ReleasedTarballs>);

impl FromRef<Services> for Fetching {
    fn from_ref(services: &Services) -> Self {
        Self(services.released_tarballs.clone())
    }
}

impl Wish {
    pub(super) async fn read(request: Request, dir: &Path, fetching: &Fetching) -> Result<Self, Refusal> {
        if is_form(request.headers()) {
            let form = PackageForm::read(request, dir, FORM).await?;
            let mut fields = Fields::of_form(form.texts);
            let (repository, dry_run) = common(&mut fields);
            fields.well_formed()?;
            return Ok(Self { package: form.file, repository: checked(repository)?, dry_run });
        }
        let mut fields = Fields::of_json(request.into_body()).await?;
        let (repository, dry_run) = common(&mut fields);
        let (tag, url) = (fields.text("tag"), fields.text("url"));
        fields.well_formed()?;
        let repository = checked(repository)?;
        let url = match (url, &repository, tag) {
            (Some(url), _, None) => url,
            (None, Some(repository), Some(tag)) => archive(repository, &tag)?.into(),
            (Some(_), _, Some(_)) | (None, _, _) => {
                let told = "Send the package as a form with the part \"tarball\", or as JSON with \"url\", or with \
                            \"repository\" and \"tag\"";
                return Err(Refusal::meaningless(told));
            }
        };
        Ok(Self { package: fetched(&url, dir, fetching).await?, repository, dry_run })
    }
}

/// What both forms have. Empty is nothing.
fn common(fields: &mut Fields) -> (Option<String>, bool) {
    let repository = fields.text("repository").filter(|text| !text.is_empty());
    (repository, fields.flag("dryrun").unwrap_or(false))
}

fn checked(repository: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(text) = repository else { return Ok(None) };
    let is_word = |word: &str| {
        (1..=LONGEST_NAME).contains(&word.len())
            && !matches!(word, "." | "..")
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let repository = owner_and_name(&text);
    let read = repository.filter(|text| text.split('/').all(is_word));
    read.map(Some).ok_or_else(|| {
        let issue =
            Issue::new("value_error", &["body", "repository"], "write it as owner/name", Value::String(text));
        Refusal::malformed(vec![issue])
    })
}

/// What GitHub makes of a tag.
fn archive(repository: &str, tag: &str) -> Result<Url, Refusal> {
    let fits = (1..=LONGEST_NAME).contains(&tag.len())
        && tag.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && tag.chars().all(|c| !c.is_control());
    let mut url = Url::parse("https://github.com").map_err(|_never| Refusal::internal())?;
    let path = url.path_segments_mut();
    if let (true, Ok(mut path)) = (fits, path) {
        path.extend(repository.split('/')).extend(["archive", "refs", "tags"]);
        let (before, last) = tag.rsplit_once('/').map_or((None, tag), |(before, last)| (Some(before), last));
        path.extend(before.into_iter().flat_map(|before| before.split('/'))).push(&format!("{last}.tar.gz"));
    } else {
        let issue =
            Issue::new("value_error", &["body", "tag"], "this is no tag", Value::String(tag.to_owned()));
        return Err(Refusal::malformed(vec![issue]));
    }
    Ok(url)
}

async fn fetched(url: &str, dir: &Path, Fetching(tarballs): &Fetching) -> Result<PackageFile, Refusal> {
    let (_, path) = new_file(dir).await.map_err(|error| stored(&error))?;
    let received = tarballs.fetch(url, &path, LARGEST).await.map_err(application::Error::from)?;
    let sha256: Digest = received.sha256;
    Ok(PackageFile { path, sha256, name: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_leads_to_the_archive_that_github_makes_of_it() {
        let url = |tag| archive("inkdropapp/math", tag).map(String::from).ok();
        let tags = "https://github.com/inkdropapp/math/archive/refs/tags";
        assert_eq!(url("v1.2.0"), Some(format!("{tags}/v1.2.0.tar.gz")));
        assert_eq!(url("release/1.0"), Some(format!("{tags}/release/1.0.tar.gz")));
        assert_eq!(url("a?b#c"), Some(format!("{tags}/a%3Fb%23c.tar.gz")));
        for tag in ["", "..", "a/../b", "a//b", "/", "a\nb", &"a".repeat(101)] {
            assert_eq!(url(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name_and_nothing_else() {
        let read = |text: &str| checked(Some(text.to_owned())).ok().flatten();
        assert_eq!(read("inkdropapp/math").as_deref(), Some("inkdropapp/math"));
        assert_eq!(read("https://github.com/inkdropapp/math.git").as_deref(), Some("inkdropapp/math"));
        for text in ["math", "a/..", "a b/c", "<script>/x", "\u{e4}/b"] {
            assert!(checked(Some(text.to_owned())).is_err(), "{text}");
        }
        assert_eq!(checked(None).unwrap(), None);
    }
}
