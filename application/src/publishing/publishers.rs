//! Publishers: described by their owners, verified by operators.

use domain::{
    plugin::{PluginCommand, PluginError},
    publisher::{PublisherCommand, PublisherProfile},
    recorded::Cursor,
    values::{AccountId, PluginId, PublisherName},
};
use futures::future::join_all;

use super::{Asker, Change, Publishing, changing::pair_of, naming::must_not_be_anothers};
use crate::{
    caller::Caller,
    commands::CommandError,
    error::Error,
    policy::{Action, Owner},
    principal::Principal,
    queries::catalogue::{self, PublisherView},
    texts::one_line,
};

pub const NO_PUBLISHER: &str = "No such publisher";
/// How a plugin is verified of which nothing was proved but whose it is.
pub(super) const BY_PUBLISHER: &str = "publisher";
/// Commands on their way at the same time: the log stores them together.
const AT_ONCE: usize = 32;

impl Publishing {
    /// A second time it verifies what the first one, cut short, left out.
    pub(super) async fn verify_all(
        &self,
        name: &PublisherName,
        method: String,
        evidence: String,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        by.principal.must(Action::Operate, Owner::Foreign, NO_PUBLISHER)?;
        one_line("method", &method)?;
        one_line("evidence", &evidence)?;
        let command = PublisherCommand::Verify { method, evidence };
        let newest = self.command_publisher(name, command, by).await?;
        let verify = |plugin| {
            let (method, evidence) = (BY_PUBLISHER.to_owned(), name.to_string());
            (plugin, PluginCommand::Verify { method, evidence })
        };
        let plugins = self.catalogue.of_publisher(name.as_str()).await?;
        let with_all = self.command_all(plugins.into_iter().map(verify).collect(), by).await?;
        self.show(with_all).await;
        Ok(newest.max(with_all))
    }

    /// What was verified with its publisher is not any more; what somebody has proved of a plugin itself stays. A second
    /// time it finishes what the first one, cut short, left out.
    pub(super) async fn unverify_all(
        &self,
        name: &PublisherName,
        reason: String,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        by.principal.must(Action::Operate, Owner::Foreign, NO_PUBLISHER)?;
        one_line("reason", &reason)?;
        let newest = self.command_publisher(name, PublisherCommand::Unverify { reason }, by).await?;
        let mut with_it = Vec::new();
        for plugin in self.catalogue.of_publisher(name.as_str()).await? {
            let view = self.catalogue.current(plugin).await?;
            let by_publisher = view.and_then(|view| view.verified).is_some_and(|verified| {
                verified.method == BY_PUBLISHER && verified.evidence.eq_ignore_ascii_case(name.as_str())
            });
            if by_publisher {
                let reason = "its publisher is not verified any more".to_owned();
                with_it.push((plugin, PluginCommand::Unverify { reason }));
            }
        }
        let with_all = self.command_all(with_it, by).await?;
        self.show(with_all).await;
        Ok(newest.max(with_all))
    }

    /// The name with everything under it. What was proved of its old owner is not proved of the new one. A second time it
    /// finishes what the first one, cut short, left out.
    pub(super) async fn hand_publisher_over(
        &self,
        name: &PublisherName,
        to_owner: AccountId,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        by.principal.must(Action::Operate, Owner::Foreign, NO_PUBLISHER)?;
        self.publisher(name).await?;
        must_not_be_anothers(name, Some(to_owner))?;
        let newest = self.command_publisher(name, PublisherCommand::Transfer { to_owner }, by).await?;
        let asker = Asker { principal: by.principal, caller: Caller { once: None, ..by.caller.clone() } };
        let mut with_all = None;
        // One after the other: each of them moves its names too.
        for plugin in self.catalogue.of_publisher(name.as_str()).await? {
            let view = self.catalogue.current(plugin).await?;
            let Some(view) = view.filter(|view| view.removed.is_none()) else { continue };
            let change = Change::Transfer { to_owner, to_publisher: name.clone() };
            let moved = Box::pin(self.make(plugin, change, &asker)).await?;
            self.hand_over(&pair_of(&view)?, &view, to_owner, &asker.caller).await?;
            with_all = with_all.max(moved);
        }
        Ok(newest.max(with_all))
    }

    /// As whoever may change it sees it.
    pub async fn own_publisher(
        &self,
        name: &PublisherName,
        principal: &Principal,
    ) -> Result<PublisherView, Error> {
        principal.must(Action::PublishPackage, Owner::Own, NO_PUBLISHER)?;
        let view = self.publisher(name).await?;
        principal.must(Action::PublishPackage, principal.owner_of(view.owner), NO_PUBLISHER)?;
        Ok(view)
    }

    /// Those that are removed meanwhile are left alone; answers the newest position.
    async fn command_all(
        &self,
        commands: Vec<(PluginId, PluginCommand)>,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let mut newest = None;
        for some in commands.chunks(AT_ONCE) {
            let changes = some.iter().map(async |(plugin, command)| {
                let metadata = by.caller.metadata.clone();
                self.plugins.execute(&plugin.to_string(), command.clone(), metadata).await
            });
            for changed in join_all(changes).await {
                match changed {
                    Ok(position) => newest = newest.max(position),
                    Err(CommandError::Refused(PluginError::Removed)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(newest)
    }

    pub(super) async fn describe(
        &self,
        name: &PublisherName,
        profile: PublisherProfile,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        self.own_publisher(name, by.principal).await?;
        let PublisherProfile { display_name, email, url } = &profile;
        for (what, text) in [("display name", display_name), ("mail address", email), ("address", url)] {
            text.as_deref().map_or(Ok(()), |text| one_line(what, text))?;
        }
        self.command_publisher(name, PublisherCommand::Describe(profile), by).await
    }

    async fn publisher(&self, name: &PublisherName) -> Result<PublisherView, Error> {
        let view = self.catalogue.publisher(name.as_str()).await?;
        view.ok_or_else(|| Error::not_found(NO_PUBLISHER))
    }

    async fn command_publisher(
        &self,
        name: &PublisherName,
        command: PublisherCommand,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let position = self.publishers.execute(&name.folded(), command, by.caller.metadata.clone()).await?;
        if let Some(position) = position {
            self.freshness.reached(catalogue::PUBLISHERS, position).await;
        }
        Ok(position)
    }
}
