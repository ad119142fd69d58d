//! Who somebody is, on one node: the vault and what is sealed in it, passwords, tokens, tickets, limits.

use std::sync::Arc;

use application::{
    authenticating::{Authenticating, Rereading},
    caller::Caller,
    identity::Identity,
    ports::{
        credentials::SignedTokens,
        freshness::Freshness,
        system::Ids as _,
        vault::{Secret, Vault},
    },
    principal::Principal,
};
use domain::values::{Actor, Dialect, Metadata};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    passwords::Argon2Passwords,
    postgres::Pools,
    quotas::PgQuotas,
    signed_tokens::JwtTokens,
    subscription::{Freshly, Projection, Runner, Signals},
    system::System,
    tickets::PgTickets,
    vault::{LockedVault, PgVault, VaultError},
};
use projections::{PgAccounts, PgDeviceLogins, PgKeys};
use sha2::{Digest as _, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{keyring, open_database};
use crate::{services::Identifying, settings::Settings};

/// `freshness` must know the readers of `projections::identity`.
pub(super) async fn build_identity(
    settings: &Settings,
    pools: &Pools,
    writer: &LogWriter,
    freshness: Arc<dyn Freshness>,
) -> anyhow::Result<Identifying> {
    let Opened { vault, tokens, address_key } = open_vault(settings, pools).await?;
    let tickets = Arc::new(PgTickets::new(pools.writes.clone()));
    let keys = Arc::new(PgKeys::new(pools.reads.clone()));
    let authenticating = Arc::new(Authenticating::new(
        keys.clone(),
        tokens.clone(),
        tickets.clone(),
        Arc::new(System),
        settings.admin_token.as_ref().map(|token| Sha256::digest(token.reveal()).into()),
    ));
    let freshness = Arc::new(Rereading { freshness, authenticating: authenticating.clone() });
    let identity = Identity {
        account_commands: Arc::new(LogCommands::new(pools, writer.clone())),
        key_commands: Arc::new(LogCommands::new(pools, writer.clone())),
        device_commands: Arc::new(LogCommands::new(pools, writer.clone())),
        accounts: Arc::new(PgAccounts::new(pools.reads.clone())),
        keys,
        device_logins: Arc::new(PgDeviceLogins::new(pools.reads.clone())),
        vault,
        passwords: Arc::new(Argon2Passwords::new()),
        tokens,
        tickets,
        freshness,
        randomness: Arc::new(System),
        ids: Arc::new(System),
        clock: Arc::new(System),
    };
    let quotas = Arc::new(PgQuotas::new(pools.writes.clone()));
    Ok(Identifying { identity, authenticating, quotas, address_key })
}

/// What comes out of the vault at the start.
struct Opened {
    vault: Arc<dyn Vault>,
    tokens: Arc<dyn SignedTokens>,
    address_key: Secret<[u8; 32]>,
}

/// A master key that was given and does not fit ends the start. A machine that was never given one, beside others that
/// have theirs, goes on without: keys and tasks need nothing that is sealed.
async fn open_vault(settings: &Settings, pools: &Pools) -> anyhow::Result<Opened> {
    let ring = keyring(settings)?;
    let vault = match PgVault::open(pools, ring.clone()).await {
        Ok(vault) => Arc::new(vault),
        Err(error @ VaultError::UnknownMaster { .. }) if settings.keyring.is_none() => {
            tracing::error!(%error, "sessions, passwords and names cannot be read on this node");
            let locked = Arc::new(LockedVault::new(&ring));
            let address_key = locked.derived_key("addresses").await?;
            return Ok(Opened { vault: locked.clone(), tokens: locked, address_key });
        }
        Err(error) => return Err(error.into()),
    };
    let tokens = Arc::new(JwtTokens::new(vault.derived_key("sessions").await?.into_inner()));
    let address_key = vault.derived_key("addresses").await?;
    Ok(Opened { vault, tokens, address_key })
}

/// Accounts and keys for one command.
pub(crate) async fn with_identity<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Identity) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    beside_the_log(settings, projections::identity(), async |standing: Standing<'_>| {
        work(&standing.identifying.identity).await
    })
    .await
}

/// What a command stands on.
pub(super) struct Standing<'a> {
    pub(super) pools: &'a Pools,
    pub(super) writer: &'a LogWriter,
    pub(super) signals: &'a Signals,
    pub(super) freshness: Arc<dyn Freshness>,
    pub(super) identifying: Identifying,
}

/// One command on the database of the settings. It follows the log itself, so that what the command writes shows when it
/// returns, with or without a server beside it.
pub(super) async fn beside_the_log<T>(
    settings: &Settings,
    readers: Vec<Arc<dyn Projection>>,
    work: impl AsyncFnOnce(Standing<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let database = open_database(settings).await?;
    let signals = Signals::default();
    let (writer, writing) = LogWriter::new(&database.pools, &signals);
    let (running, stop) = (TaskTracker::new(), CancellationToken::new());
    running.spawn(writing);
    let runner =
        |projection| Arc::new(Runner::new(projection, database.pools.writes.clone(), signals.clone()));
    let runners: Vec<_> = readers.into_iter().map(runner).collect();
    for runner in &runners {
        let (runner, stop) = (runner.clone(), stop.clone());
        running.spawn(async move { runner.run(stop).await });
    }
    let freshness: Arc<dyn Freshness> = Arc::new(Freshly::new(&runners, database.pools.reads.clone()));
    let done = async {
        let identifying = build_identity(settings, &database.pools, &writer, freshness.clone()).await?;
        let (pools, writer, signals) = (&database.pools, &writer, &signals);
        work(Standing { pools, writer, signals, freshness, identifying }).await
    };
    let done = done.await;
    drop(writer);
    stop.cancel();
    running.close();
    running.wait().await;
    database.close().await;
    done
}

/// The operator at a terminal.
pub(crate) fn by_command() -> Caller {
    let actor = Actor { principal: Principal::bootstrap().id(), dialect: Dialect::Cli, ip_hash: None };
    let metadata = Metadata::of_request(&actor, &format!("cli-{}", System.secret()));
    Caller { dialect: Dialect::Cli, metadata, once: None }
}
