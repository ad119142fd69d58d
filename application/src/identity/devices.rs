//! Logins of devices that have no browser (RFC 8628): a device shows a code, the holder of an account approves it
//! elsewhere, and the device, which polls, gets a session of its own. What it gets is never more than what approved it,
//! and ends by itself.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    device_login::{DeviceGrant, DeviceLoginCommand, DeviceLoginError, DeviceLoginRequested},
    recorded::Cursor,
    values::{DeviceLoginId, Dialect, KeyId, Role},
};
use sha2::{Digest as _, Sha256};

use super::{Identity, NO_KEY, OpenedSession, sessions::Beginning};
use crate::{
    authenticating::{is_live, refused},
    caller::Caller,
    commands::CommandError,
    error::{Error, Kind},
    policy::{Action, Owner, Standing},
    ports::vault::Secret,
    principal::Principal,
    secret_text::{SecretKind, fingerprint},
};

/// How long the codes of a device are good.
pub const CODES_LAST: Duration = Duration::from_mins(15);
/// How long what a device gets is good.
pub const DEVICE_LASTS: Duration = Duration::from_hours(30 * 24);
/// Neither vowels, which make words, nor digits, which look like letters.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const HALF: usize = 4;
/// Codes that were in use, one after the other, before something else must be wrong.
const TRIES: usize = 5;

/// What a device is given to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCodes {
    /// The device keeps it to itself.
    pub device: Secret,
    /// For people: `BCDF-GHJK`.
    pub user: String,
}

impl Identity {
    pub async fn begin_device_login(&self, dialect: Dialect, caller: Caller) -> Result<DeviceCodes, Error> {
        let device = SecretKind::Device.write(self.randomness.bytes()?);
        for _ in 0..TRIES {
            let user = self.user_code()?;
            let at = self.clock.now();
            let command = DeviceLoginCommand::Request(DeviceLoginRequested {
                device_sha256: fingerprint(device.reveal()),
                dialect,
                at,
                expires_at: at + CODES_LAST,
            });
            let id = self.device_login_id(&user).await?.ok_or_else(Error::unavailable)?;
            match self.command_device(id, command, &caller).await {
                Ok(_) => return Ok(DeviceCodes { device, user }),
                Err(CommandError::Refused(DeviceLoginError::Taken)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable())
    }

    /// In the name of whoever asks. The device may publish and review where it asked to, and nothing of what an admin
    /// may.
    pub async fn approve_device(
        &self,
        principal: &Principal,
        user_code: &str,
        caller: Caller,
    ) -> Result<(), Error> {
        principal.must(Action::IssueKey, Owner::Own, NO_KEY)?;
        let account = principal
            .account
            .ok_or_else(|| Error::invalid("Send the credential of an account: a device speaks for one"))?;
        let role = match principal.standing {
            Standing::Anonymous | Standing::User => Role::User,
            Standing::Publisher | Standing::Admin => Role::Publisher,
        };
        let lasts = self.clock.now() + DEVICE_LASTS;
        let grant = DeviceGrant {
            account_uid: account,
            role,
            scopes: role.scopes().intersection(&principal.scopes).copied().collect(),
            by_key: principal.key,
            ends_at: principal.expires_at.map_or(lasts, |end| end.min(lasts)),
        };
        self.approve(grant, user_code, &caller).await
    }

    /// The same for whoever has a password. `Unauthenticated` for a wrong one.
    pub async fn approve_device_with_password(
        &self,
        name: &str,
        password: Secret,
        user_code: &str,
        caller: Caller,
    ) -> Result<(), Error> {
        let account = self.person(name, password).await?;
        let role = account.role.min(Role::Publisher);
        let grant = DeviceGrant {
            account_uid: account.id,
            role,
            scopes: role.scopes(),
            by_key: None,
            ends_at: self.clock.now() + DEVICE_LASTS,
        };
        self.approve(grant, user_code, &caller).await
    }

    async fn approve(&self, grant: DeviceGrant, user_code: &str, caller: &Caller) -> Result<(), Error> {
        let id = self.device_login_id(user_code).await?.ok_or_else(unknown)?;
        let command = DeviceLoginCommand::Approve { grant, at: self.clock.now() };
        self.command_device(id, command, caller).await?;
        Ok(())
    }

    /// None: nobody has approved it yet. Once, for the device that asked; `Unauthenticated` for everything else.
    pub async fn collect_device_login(
        &self,
        device: &Secret,
        user_code: &str,
        dialect: Dialect,
        caller: Caller,
    ) -> Result<Option<OpenedSession>, Error> {
        let now = self.clock.now();
        let device_sha256 = fingerprint(device.reveal());
        let id = self.device_login_id(user_code).await?.ok_or_else(over)?;
        let login = self.device_logins.device_login(id).await?;
        let login = login.filter(|login| login.device_sha256 == device_sha256 && now < login.expires_at);
        let Some(grant) = login.ok_or_else(over)?.grant else { return Ok(None) };
        if !self.is_still_good(grant.by_key, now).await? {
            return Err(over());
        }
        let key = KeyId(self.ids.secret());
        let command = DeviceLoginCommand::Redeem { device_sha256, key, at: now };
        self.command_device(id, command, &caller).await.map_err(|error| match error {
            CommandError::Refused(_) => over(),
            CommandError::Contended
            | CommandError::KeyReused
            | CommandError::Full
            | CommandError::Unavailable => error.into(),
        })?;
        let DeviceGrant { account_uid, role, scopes, ends_at, .. } = grant;
        let beginning = Beginning { key, account: account_uid, role, scopes, ends_at, dialect };
        let session = self.begin_session(beginning, caller.clone()).await?;
        if self.erased_meanwhile(session.account, session.session, caller).await? {
            return Err(over());
        }
        Ok(Some(session))
    }

    /// Another token for a device. What it has for that stays as it is, because such devices keep the first one; the end
    /// of the session does not move.
    pub async fn renew_device(&self, secret: &Secret, dialect: Dialect) -> Result<Secret, Error> {
        if SecretKind::read(secret.reveal()) != Some(SecretKind::Refresh) {
            return Err(refused());
        }
        let key = self.keys.by_secret(&fingerprint(secret.reveal())).await?.ok_or_else(refused)?;
        let fits = key.kind == domain::api_key::KeyKind::Session && key.dialects == BTreeSet::from([dialect]);
        if !fits || !is_live(&key, self.clock.now()) {
            return Err(refused());
        }
        self.access(key.id, key.account, key.role, dialect)
    }

    async fn is_still_good(&self, key: Option<KeyId>, now: DateTime<Utc>) -> Result<bool, Error> {
        match key {
            None => Ok(true),
            Some(id) => Ok(self.keys.by_id(id).await?.is_some_and(|key| is_live(&key, now))),
        }
    }

    fn user_code(&self) -> Result<String, Error> {
        let mut letters = String::new();
        while letters.len() < 2 * HALF {
            // What is above the last whole round would make some letters likelier.
            let fair = self.randomness.bytes()?.into_iter().filter(|byte| *byte < 240);
            letters.extend(fair.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])));
            letters.truncate(2 * HALF);
        }
        letters.insert(HALF, '-');
        Ok(letters)
    }

    /// None: it is no code. People write them in either case, with or without what stands between the halves.
    async fn device_login_id(&self, user_code: &str) -> Result<Option<DeviceLoginId>, Error> {
        let apart = |c: &char| !c.is_whitespace() && *c != '-';
        let letters: String =
            user_code.chars().filter(apart).map(|c| c.to_ascii_uppercase()).take(9).collect();
        if letters.len() != 2 * HALF || !letters.bytes().all(|letter| LETTERS.contains(&letter)) {
            return Ok(None);
        }
        let key = self.vault.derived_key("device-codes").await?;
        let digest = Sha256::new().chain_update(key.reveal()).chain_update(&letters).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Ok(Some(DeviceLoginId(uuid::Builder::from_random_bytes(bytes).into_uuid())))
    }

    async fn command_device(
        &self,
        id: DeviceLoginId,
        command: DeviceLoginCommand,
        caller: &Caller,
    ) -> Result<Option<Cursor>, CommandError<DeviceLoginError>> {
        self.device_commands.execute(&id.to_string(), command, caller.metadata.clone()).await
    }
}

fn unknown() -> Error {
    CommandError::Refused(DeviceLoginError::Unknown).into()
}

/// The device has to begin anew, whatever the reason.
fn over() -> Error {
    Error::new(Kind::Unauthenticated, "This login is over: its codes are used or expired. Begin a new one")
}

impl From<CommandError<DeviceLoginError>> for Error {
    fn from(error: CommandError<DeviceLoginError>) -> Self {
        error.told("login", |refusal| match refusal {
            DeviceLoginError::Unknown => Self::not_found(refusal.to_string()),
            DeviceLoginError::Taken | DeviceLoginError::AlreadyApproved | DeviceLoginError::Waiting => {
                Self::new(Kind::Conflict, refusal.to_string())
            }
        })
    }
}
