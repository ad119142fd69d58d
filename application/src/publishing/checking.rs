//! The checks that stand between a package and the catalogue. One that could not run holds the release back: it never
//! lets it through.

use std::path::Path;

use domain::values::{AccountId, Dialect, PluginId, skeleton};

use super::{Publishing, naming::Named};
use crate::{
    error::Error, failure::Reason, policy::Standing, ports::packages::Scan, principal::Principal,
    queries::catalogue::PluginView,
};

/// How a hold begins that ends by itself once the check has run.
pub(crate) const UNCHECKED: &str = "Not checked yet: ";

/// What is held back, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) plugin: Option<String>,
    pub(super) release: Option<String>,
}

impl Held {
    pub(super) fn reason(&self) -> Option<String> {
        self.plugin.clone().or_else(|| self.release.clone())
    }
}

/// Who could be deceived by a name.
pub(crate) struct Candidate<'a> {
    /// What it is already, where it is one: nothing is taken for itself.
    pub(crate) plugin: Option<PluginId>,
    pub(crate) publisher: &'a str,
    pub(crate) name: &'a str,
    pub(crate) dialect: Dialect,
    pub(crate) owner: Option<AccountId>,
}

impl Publishing {
    /// Refuses what the scanner found something in. Names are judged once, when the plugin is new, and not an operator's.
    pub(super) async fn check(
        &self,
        file: &Path,
        named: &Named,
        is_new: bool,
        by: &Principal,
    ) -> Result<Held, Error> {
        let release = match self.scanner.scan(file).await {
            Scan::Clean => None,
            Scan::Found(what) => {
                return Err(Error {
                    reason: Some(Reason::PackageInvalid),
                    ..Error::invalid(refused_by_scanner(&what))
                });
            }
            Scan::NotRun(why) => Some(format!("{UNCHECKED}the scanner could not run ({why})")),
        };
        if !is_new || by.standing == Standing::Admin {
            return Ok(Held { plugin: None, release });
        }
        let candidate = Candidate {
            plugin: None,
            publisher: named.publisher.as_str(),
            name: named.name.as_str(),
            dialect: named.first,
            owner: by.account,
        };
        let plugin = match self.resembles(&candidate).await {
            Ok(None) => None,
            Ok(Some(other)) => Some(taken_for(&other)),
            Err(_down) => Some(format!("{UNCHECKED}its name could not be compared with others")),
        };
        Ok(Held { plugin, release })
    }

    /// Whom this plugin could be taken for.
    pub(crate) async fn resembles(&self, new: &Candidate<'_>) -> Result<Option<String>, Error> {
        let others = self.catalogue.look_alikes(new.name, new.owner).await?;
        if let Some(other) = others.into_iter().find(|other| Some(other.plugin) != new.plugin) {
            return Ok(Some(format!("{}/{}", other.publisher, other.name)));
        }
        if let Some(listed) = self.listed_upstream(new).await? {
            return Ok(Some(listed));
        }
        let alike = |other: &String| {
            !other.eq_ignore_ascii_case(new.publisher) && skeleton(other) == skeleton(new.publisher)
        };
        for other in self.catalogue.publishers(new.dialect).await?.into_iter().filter(alike) {
            let view = self.catalogue.publisher(&other).await?;
            if view.is_none_or(|view| view.owner.is_none() || view.owner != new.owner) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// Another catalogue has plugins of this author: only who has proved to be the same may go on there, and nobody hides
    /// what is listed.
    async fn listed_upstream(&self, new: &Candidate<'_>) -> Result<Option<String>, Error> {
        let Some(listed) = self.catalogue.upstream_author(new.publisher).await? else { return Ok(None) };
        let view = self.catalogue.publisher(new.publisher).await?;
        let is_proved = view.is_some_and(|view| view.verified.is_some() && view.owner == new.owner);
        Ok((!is_proved).then(|| format!("{} of the repository {}", new.publisher, listed)))
    }
}

impl<'a> Candidate<'a> {
    pub(crate) fn of(view: &'a PluginView) -> Self {
        let dialect = view.listed.iter().next().copied().unwrap_or(Dialect::Dify);
        Self {
            plugin: Some(view.id),
            publisher: &view.publisher,
            name: &view.name,
            dialect,
            owner: view.owner,
        }
    }
}

pub(crate) fn refused_by_scanner(what: &str) -> String {
    format!("The scanner refuses this package: {what}")
}

pub(crate) fn taken_for(other: &str) -> String {
    format!("Its name could be taken for {other}; an operator decides")
}
