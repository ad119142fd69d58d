//! Which installation a path means: a plugin of this dialect's own format, by author and name, in any case. The default
//! scope comes before all others, and then what was installed first.

use application::{
    Kind,
    hosting::{Hosting, Shown},
};
use axum::{
    body::Body,
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use domain::{
    installation::Runtime,
    values::{InstallScope, InstallationId, InstalledName},
};

use crate::{guard, refusal::Refusal};

/// Two words of a path, and what follows them.
pub(super) struct Pair {
    name: Option<InstalledName>,
    pub(super) rest: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Pair {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Path(words) = path.map_err(|_not_utf8| unknown())?;
        let word = |name: &str| {
            let found = words.iter().find(|(known, _)| known == name);
            found.map(|(_, word)| word.clone()).unwrap_or_default()
        };
        let (author, plugin) = (word("author"), word("plugin_name"));
        Ok(Self { name: format!("{author}/{plugin}").parse().ok(), rest: word("path") })
    }
}

impl Pair {
    /// As installed plugins are named; what is no name is not there.
    pub(super) fn name(&self) -> Result<&InstalledName, Refusal> {
        self.name.as_ref().ok_or_else(unknown)
    }

    /// What is installed under it.
    pub(super) async fn find(&self, hosting: &Hosting) -> Result<Shown, Refusal> {
        installed(hosting, self.name()?).await?.filter(is_ours).ok_or_else(unknown)
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

/// Whatever its format.
pub(super) async fn installed(hosting: &Hosting, name: &InstalledName) -> Result<Option<Shown>, Refusal> {
    // Most are there, and need no look at all the others.
    match hosting.shown(InstallationId::of(&InstallScope::default(), name)).await {
        Ok(shown) => return Ok(Some(shown)),
        Err(error) if error.kind == Kind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let all = hosting.all_shown().await?;
    let meant = all.into_iter().filter(|shown| shown.view.name.folded() == name.folded());
    Ok(meant.min_by_key(|shown| (shown.live.installed_at, shown.view.id)))
}

pub(super) fn is_ours(shown: &Shown) -> bool {
    shown.live.release.runtime == Runtime::Langbot
}

pub(super) fn unknown() -> Refusal {
    Refusal::not_found("plugin not found")
}
