//! Which installation a path means: the one whose name, or its last word, it is, in any case. The default scope comes
//! before all others, in it the name without an author before those with one, and then what was installed first; a name
//! with its author (`author%2Fname`) is always the one meant.

use application::{
    Kind,
    hosting::{Hosting, Shown},
};
use axum::{
    body::Body,
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use domain::values::{InstallScope, InstallationId, InstalledName};

use crate::{guard, refusal::Refusal};

/// The word of a path, whatever it is.
pub(super) struct Slug(String);

impl<S: Send + Sync> FromRequestParts<S> for Slug {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(slug)| Self(slug)).map_err(|_not_utf8| unknown())
    }
}

impl Slug {
    /// What is installed under it.
    pub(super) async fn find(&self, hosting: &Hosting) -> Result<Shown, Refusal> {
        named(hosting, &self.0).await
    }

    /// The same, and the body, which is not looked at before.
    pub(super) async fn find_before(&self, hosting: &Hosting, body: Body) -> Result<(Shown, Body), Refusal> {
        match self.find(hosting).await {
            Ok(shown) => Ok((shown, body)),
            Err(refusal) => {
                guard::read_on(body).await;
                Err(refusal)
            }
        }
    }
}

pub(super) async fn named(hosting: &Hosting, slug: &str) -> Result<Shown, Refusal> {
    let Ok(name) = slug.parse::<InstalledName>() else { return Err(unknown()) };
    // Most are there, and need no look at all the others.
    match hosting.shown(InstallationId::of(&InstallScope::default(), &name)).await {
        Ok(shown) => return Ok(shown),
        Err(error) if error.kind == Kind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let all = hosting.all_shown().await?;
    let meant = all.into_iter().filter(|shown| is_meant(&shown.view.name, &name));
    meant.min_by_key(place).ok_or_else(unknown)
}

fn is_meant(installed: &InstalledName, asked: &InstalledName) -> bool {
    match asked.author {
        Some(_) => installed.folded() == asked.folded(),
        None => installed.name.as_str().eq_ignore_ascii_case(asked.name.as_str()),
    }
}

/// The first is meant.
fn place(shown: &Shown) -> impl Ord + use<> {
    (shown.view.scope != InstallScope::default(), shown.live.installed_at, shown.view.id)
}

/// What paths and bodies call it.
pub(super) fn slug(name: &InstalledName) -> String {
    name.name.as_str().to_ascii_lowercase()
}

pub(super) fn unknown() -> Refusal {
    Refusal::not_found("Plugin not found").coded("PLUGIN_NOT_FOUND")
}
