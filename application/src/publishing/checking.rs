//! The checks that stand between a package and the catalogue. One that could not run holds the release back: it never
//! lets it through.

use std::path::Path;

use domain::values::{AccountId, Dialect, skeleton};

use super::{Publishing, naming::Named};
use crate::{
    error::Error,
    failure::Reason,
    policy::Standing,
    ports::packages::Scan,
    principal::Principal,
    queries::catalogue::{Origin, PluginView},
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
        let own = format!("{}/{}", new.publisher, new.name).to_ascii_lowercase();
        let others = self.catalogue.look_alikes(new.name, new.owner).await?;
        let others = others.into_iter().map(|other| format!("{}/{}", other.publisher, other.name));
        if let Some(other) = { others }.find(|other| other.to_ascii_lowercase() != own) {
            return Ok(Some(other));
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

    /// Another catalogue has a plugin of this name: it must not be hidden by somebody else's.
    async fn listed_upstream(&self, new: &Candidate<'_>) -> Result<Option<String>, Error> {
        let (publisher, name) = (new.publisher.to_owned(), new.name.to_owned());
        let which = crate::queries::catalogue::Which::Pair { publisher, name };
        let view = self.catalogue.plugin(&which).await?;
        Ok(view.and_then(|view| match &view.origin {
            Origin::Own => None,
            Origin::Upstream(repository) => {
                Some(format!("{}/{} of the repository {repository}", view.publisher, view.name))
            }
        }))
    }
}

impl<'a> Candidate<'a> {
    pub(crate) fn of(view: &'a PluginView) -> Self {
        let dialect = view.listed.iter().next().copied().unwrap_or(Dialect::Dify);
        Self { publisher: &view.publisher, name: &view.name, dialect, owner: view.owner }
    }
}

pub(crate) fn refused_by_scanner(what: &str) -> String {
    format!("The scanner refuses this package: {what}")
}

pub(crate) fn taken_for(other: &str) -> String {
    format!("Its name could be taken for {other}; an operator decides")
}
