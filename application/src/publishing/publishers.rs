//! Publishers: described by their owners, verified by operators.

use domain::{
    plugin::{PluginCommand, PluginError},
    publisher::{PublisherCommand, PublisherProfile},
    recorded::Cursor,
    values::PublisherName,
};
use futures::future::join_all;

use super::{Asker, Publishing};
use crate::{
    commands::CommandError,
    error::Error,
    policy::{Action, Owner},
    queries::catalogue::{self, PublisherView},
    texts::one_line,
};

const NO_PUBLISHER: &str = "No such publisher";
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
        let mut newest = self.command_publisher(name, command, by).await?;
        let plugins = self.catalogue.of_publisher(name.as_str()).await?;
        for some in plugins.chunks(AT_ONCE) {
            let verify = some.iter().map(async |plugin| {
                let (method, evidence) = ("publisher".to_owned(), name.to_string());
                let command = PluginCommand::Verify { method, evidence };
                self.plugins.execute(&plugin.to_string(), command, by.caller.metadata.clone()).await
            });
            for verified in join_all(verify).await {
                match verified {
                    Ok(position) => newest = newest.max(position),
                    Err(CommandError::Refused(PluginError::Removed)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.show(newest).await;
        Ok(newest)
    }

    pub(super) async fn describe(
        &self,
        name: &PublisherName,
        profile: PublisherProfile,
        by: &Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        by.principal.must(Action::PublishPackage, Owner::Own, NO_PUBLISHER)?;
        let view = self.publisher(name).await?;
        by.principal.must(Action::PublishPackage, by.principal.owner_of(view.owner), NO_PUBLISHER)?;
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
