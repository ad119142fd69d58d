//! What owners and operators do with a plugin that is there.

use domain::publisher::{PublisherCommand, PublisherRegistered};
use domain::{
    plugin::{HeldFor, PluginCommand, PluginError},
    recorded::Cursor,
    values::{AccountId, ClaimKey, Dialect, PluginId, PluginIdentity, PluginName, PublisherName},
};
use serde_json::json;

use super::{
    Asker, Change, NO_PLUGIN, Publishing,
    checking::{Candidate, taken_for},
    claiming::Claimant,
    naming::{ONE_WORD, must_not_be_anothers, personal_publisher},
    publishers::BY_PUBLISHER,
};
use crate::{
    commands::{CommandError, Outcome},
    error::{Error, Kind},
    policy::{Action, Owner, Standing, Verdict},
    ports::packages::Numbered,
    principal::Principal,
    queries::catalogue::{self, PluginView},
    texts::one_line,
};

impl Change {
    /// Owners may do the first; only operators the rest.
    fn action(&self) -> Action {
        match self {
            Self::Yank { .. }
            | Self::Unyank { .. }
            | Self::Deprecate { .. }
            | Self::Undeprecate
            | Self::Unlist { .. }
            | Self::Transfer { .. } => Action::PublishPackage,
            Self::RemoveRelease { .. } | Self::Remove { .. } => Action::RemovePackage,
            Self::Verify { .. }
            | Self::Unverify { .. }
            | Self::Feature
            | Self::Unfeature
            | Self::Quarantine { .. }
            | Self::Clear { .. } => Action::Operate,
        }
    }

    /// What the log keeps and others read.
    fn is_bounded(&self) -> Result<(), Error> {
        match self {
            Self::Yank { reason, .. }
            | Self::RemoveRelease { reason, .. }
            | Self::Remove { reason }
            | Self::Unlist { reason, .. }
            | Self::Unverify { reason }
            | Self::Quarantine { reason, .. } => one_line("reason", reason),
            Self::Deprecate { reason, replacement } => {
                one_line("reason", reason)?;
                replacement.as_deref().map_or(Ok(()), |text| one_line("replacement", text))
            }
            Self::Verify { method, evidence } => {
                one_line("method", method)?;
                one_line("evidence", evidence)
            }
            Self::Clear { evidence, .. } => one_line("evidence", evidence),
            Self::Unyank { .. }
            | Self::Undeprecate
            | Self::Transfer { .. }
            | Self::Feature
            | Self::Unfeature => Ok(()),
        }
    }

    fn command(self) -> PluginCommand {
        use PluginCommand as C;
        match self {
            Self::Yank { version, reason } => C::Yank { version, reason },
            Self::Unyank { version } => C::Unyank { version },
            Self::RemoveRelease { version, reason } => C::RemoveRelease { version, reason },
            Self::Remove { reason } => C::Remove { reason },
            Self::Deprecate { reason, replacement } => C::Deprecate { reason, replacement },
            Self::Undeprecate => C::Undeprecate,
            Self::Unlist { dialect, reason } => C::Unlist { dialect, reason },
            Self::Transfer { to_owner, to_publisher } => C::Transfer { to_owner, to_publisher },
            Self::Verify { method, evidence } => C::Verify { method, evidence },
            Self::Unverify { reason } => C::Unverify { reason },
            Self::Feature => C::Feature,
            Self::Unfeature => C::Unfeature,
            Self::Quarantine { version: None, reason } => C::Quarantine { reason },
            Self::Quarantine { version: Some(version), reason } => C::QuarantineRelease { version, reason },
            Self::Clear { version: None, evidence } => C::Clear { evidence, held_for: HeldFor::Whatever },
            Self::Clear { version: Some(version), evidence } => {
                C::ClearRelease { version, evidence, held_for: HeldFor::Whatever }
            }
        }
    }
}

impl Publishing {
    pub(super) async fn make(
        &self,
        plugin: PluginId,
        change: Change,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let action = change.action();
        by.principal.must(action, Owner::Own, NO_PLUGIN)?;
        change.is_bounded()?;
        let view = self.catalogue.current(plugin).await?.ok_or_else(|| Error::not_found(NO_PLUGIN))?;
        must_be_own(&view, action, by.principal)?;
        must_not_be_locked(&view, by.principal)?;
        if let Change::Transfer { to_owner, to_publisher } = &change {
            self.prepare_transfer(&view, *to_owner, to_publisher, by).await?;
        }
        let position = self.command(plugin, change.clone().command(), by).await?;
        self.settle_names(&view, &change, by).await?;
        let position = if let Change::Transfer { to_publisher, .. } = &change {
            self.verified_by(plugin, to_publisher, by).await?.or(position)
        } else {
            position
        };
        self.show(position).await;
        Ok(position)
    }

    /// What a verified publisher has is verified.
    async fn verified_by(
        &self,
        plugin: PluginId,
        publisher: &PublisherName,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let view = self.catalogue.publisher(publisher.as_str()).await?;
        if view.is_none_or(|view| view.verified.is_none()) {
            return Ok(None);
        }
        let (method, evidence) = (BY_PUBLISHER.to_owned(), publisher.to_string());
        let command = PluginCommand::Verify { method, evidence };
        Ok(self.plugins.execute(&plugin.to_string(), command, by.caller.metadata.clone()).await?)
    }

    async fn command(
        &self,
        plugin: PluginId,
        command: PluginCommand,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let (stream, metadata) = (plugin.to_string(), by.caller.metadata.clone());
        match by.caller.once("change_plugin", json!({"plugin": plugin})) {
            None => Ok(self.plugins.execute(&stream, command, metadata).await?),
            Some(once) => match self.plugins.execute_once(&stream, command, metadata, once).await? {
                Outcome::Written(position) => Ok(position),
                Outcome::Repeated(_) => Ok(None),
            },
        }
    }

    /// The names it will have are its own before it has them.
    async fn prepare_transfer(
        &self,
        view: &PluginView,
        to_owner: AccountId,
        to_publisher: &PublisherName,
        by: &Asker<'_>,
    ) -> Result<(), Error> {
        must_not_be_anothers(to_publisher, Some(to_owner))?;
        self.may_be_named(view, to_owner, to_publisher, by.principal).await?;
        let number = match self.catalogue.publisher(to_publisher.as_str()).await? {
            Some(view) => view.number,
            None => self.numbers.next(Numbered::Publisher).await?,
        };
        let at = self.clock.now();
        let registered =
            PublisherRegistered { name: to_publisher.clone(), number, owner: Some(to_owner), at };
        let command = PublisherCommand::Register(registered);
        let metadata = by.caller.metadata.clone();
        if let Some(position) = self.publishers.execute(&to_publisher.folded(), command, metadata).await? {
            self.freshness.reached(catalogue::PUBLISHERS, position).await;
        }
        let claimant =
            Claimant { plugin: view.id, owner: Some(to_owner), is_settled: true, caller: &by.caller };
        let key = ClaimKey::pair(to_publisher, &name_of(view)?);
        self.claim(&key, &claimant).await.map(drop)
    }

    /// Nobody gets a plugin under a name he did not choose, and no name comes by a transfer that a publication would not
    /// be given. An operator has judged it himself.
    async fn may_be_named(
        &self,
        view: &PluginView,
        to_owner: AccountId,
        to_publisher: &PublisherName,
        by: &Principal,
    ) -> Result<(), Error> {
        if view.listed.contains(&Dialect::Dify) && !suits_dify(to_publisher, view) {
            return Err(Error::invalid(
                "Dify does not take this publisher's name: it is of a-z, 0-9, _ and -",
            ));
        }
        if by.standing == Standing::Admin {
            return Ok(());
        }
        if by.account != Some(to_owner) && *to_publisher != personal_publisher(Some(to_owner))? {
            return Err(Error::new(
                Kind::Forbidden,
                "Leave the publisher out: its new owner gets the plugin under a name of his own, and moves it to his \
                 publisher himself",
            ));
        }
        for dialect in &view.listed {
            let candidate = Candidate {
                plugin: Some(view.id),
                publisher: to_publisher.as_str(),
                name: &view.name,
                dialect: *dialect,
                owner: Some(to_owner),
            };
            if let Some(other) = self.resembles(&candidate).await? {
                return Err(Error::new(Kind::Forbidden, taken_for(&other)));
            }
        }
        Ok(())
    }

    /// Names follow the plugin. What a crash leaves undone here is done when somebody wants the name.
    async fn settle_names(&self, view: &PluginView, change: &Change, by: &Asker<'_>) -> Result<(), Error> {
        let name = name_of(view)?;
        let words = ONE_WORD.map(|dialect| (dialect, ClaimKey::word(dialect, &name)));
        match change {
            Change::Remove { .. } => {
                self.give_back(&pair_of(view)?, view.id, "its plugin was removed", &by.caller).await?;
                for (_, key) in words {
                    self.give_back(&key, view.id, "its plugin was removed", &by.caller).await?;
                }
            }
            Change::Unlist { dialect, .. } => {
                for (_, key) in words.into_iter().filter(|(word, _)| word == dialect) {
                    self.give_back(&key, view.id, "its plugin is not listed here any more", &by.caller)
                        .await?;
                }
            }
            Change::Transfer { to_owner, to_publisher } => {
                if !to_publisher.as_str().eq_ignore_ascii_case(&view.publisher) {
                    self.give_back(&pair_of(view)?, view.id, "its plugin was transferred", &by.caller)
                        .await?;
                }
                for (_, key) in words.into_iter().filter(|(word, _)| view.listed.contains(word)) {
                    self.hand_over(&key, view, *to_owner, &by.caller).await?;
                }
            }
            Change::Yank { .. }
            | Change::Unyank { .. }
            | Change::RemoveRelease { .. }
            | Change::Deprecate { .. }
            | Change::Undeprecate
            | Change::Verify { .. }
            | Change::Unverify { .. }
            | Change::Feature
            | Change::Unfeature
            | Change::Quarantine { .. }
            | Change::Clear { .. } => {}
        }
        Ok(())
    }
}

fn suits_dify(publisher: &PublisherName, view: &PluginView) -> bool {
    PluginIdentity::new(publisher.as_str(), &view.name, "0.0.1").is_ok()
}

/// What everybody sees is no secret: to whom it does not belong it is forbidden, and what nobody sees is not there.
fn must_be_own(view: &PluginView, action: Action, by: &Principal) -> Result<(), Error> {
    let verdict = by.verdict(action, by.owner_of(view.owner));
    if verdict == Verdict::Hidden && view.listed.iter().any(|dialect| view.is_visible(*dialect)) {
        return Err(Error::new(Kind::Forbidden, format!("{} belongs to somebody else", view.name)));
    }
    verdict.enforced(NO_PLUGIN)
}

/// Its owner must not change what an operator has to decide about.
pub(super) fn must_not_be_locked(view: &PluginView, by: &Principal) -> Result<(), Error> {
    match &view.quarantine {
        Some(reason) if by.standing != Standing::Admin => Err(Error::new(
            Kind::Conflict,
            format!("{} is in quarantine, and nothing of it can be changed: {reason}", view.name),
        )),
        Some(_) | None => Ok(()),
    }
}

fn name_of(view: &PluginView) -> Result<PluginName, Error> {
    PluginName::new(&view.name).map_err(|_unreadable| Error::unavailable())
}

pub(super) fn pair_of(view: &PluginView) -> Result<ClaimKey, Error> {
    let publisher = PublisherName::new(&view.publisher).map_err(|_unreadable| Error::unavailable())?;
    Ok(ClaimKey::pair(&publisher, &name_of(view)?))
}

impl From<CommandError<PluginError>> for Error {
    fn from(error: CommandError<PluginError>) -> Self {
        error.told("plugin", |refusal| match refusal {
            PluginError::Unknown | PluginError::Removed | PluginError::NoSuchVersion(_) => {
                Self::not_found(refusal.to_string())
            }
            PluginError::AlreadyRegistered
            | PluginError::ChangedMeanwhile
            | PluginError::VersionTaken(_)
            | PluginError::TooManyReleases => Self::new(Kind::Conflict, refusal.to_string()),
        })
    }
}
