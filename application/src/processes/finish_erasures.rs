//! Erasure: an account whose erasure was cut short, by a crash or by a store that did not answer, is brought to its end.

use std::time::Duration;

use domain::values::Metadata;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{error::Error, identity::Identity};

const EVERY: Duration = Duration::from_mins(1);
const AT_A_TIME: u32 = 1000;

pub struct FinishErasures {
    pub identity: Identity,
}

impl FinishErasures {
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.finish().await {
                warn!(%error, "accounts that are not wholly erased could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// One that cannot be finished does not keep the others.
    pub async fn finish(&self) -> Result<(), Error> {
        for id in self.identity.accounts.half_erased(AT_A_TIME).await? {
            let by = Metadata::of_process("finish_erasures", id.to_string(), id.to_string());
            match self.identity.finish_erasing(id, &by).await {
                Ok(()) => info!(account = %id, "an erasure was brought to its end"),
                Err(error) => warn!(account = %id, %error, "an erasure could not be brought to its end"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        account::AccountCommand,
        values::{Dialect, Role},
    };

    use super::*;
    use crate::{
        fakes::{Registry, caller, wish},
        ports::vault::Opened,
        principal::Principal,
    };

    #[tokio::test]
    async fn an_erasure_that_was_cut_short_is_finished() {
        let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
        let identity = registry.identity();
        let admin = Principal::bootstrap();
        let ann = identity.issue(&admin, wish("ann", Dialect::Nexus, Role::User), caller()).await.unwrap();
        let bob = identity.issue(&admin, wish("bob", Dialect::Nexus, Role::User), caller()).await.unwrap();
        let command = AccountCommand::Erase { by: "ann".to_owned(), reason: "leaving".to_owned() };
        let commands = &identity.account_commands;
        commands.execute(&ann.account.to_string(), command, caller().metadata).await.unwrap();
        let name = identity.accounts.account(ann.account).await.unwrap().unwrap().name;
        let shown = identity.name_of(Some(ann.account)).await.unwrap();
        assert_eq!(shown.as_deref(), Some("[erased]"), "whether its key is destroyed yet or not");
        assert_ne!(identity.vault.open(&name, "name").await.unwrap(), Opened::Erased);

        let finish = FinishErasures { identity: identity.clone() };
        finish.finish().await.unwrap();
        assert_eq!(identity.vault.open(&name, "name").await.unwrap(), Opened::Erased);
        let is_revoked = async |id| identity.key(&admin, id).await.unwrap().view.revoked_at.is_some();
        assert_eq!((is_revoked(ann.id).await, is_revoked(bob.id).await), (true, false));
        assert_eq!(identity.name_of(Some(bob.account)).await.unwrap().as_deref(), Some("bob"));
        assert_eq!(identity.accounts.half_erased(10).await.unwrap(), []);
    }
}
