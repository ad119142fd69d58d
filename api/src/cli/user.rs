//! `plugyard user`: accounts with a name, a role and perhaps a password, for the dialects that log in.

use std::io::Write as _;

use anyhow::Context as _;
use application::{
    identity::{AccountName, Identity, NamedAccount},
    ports::vault::Secret,
    principal::Principal,
};
use domain::values::Role;
use serde_json::{Value, json};

use super::{password, table::aligned, token::moment};
use crate::{
    settings::{Settings, UserCommand},
    wiring::{by_command, with_identity},
};

const AT_A_TIME: u32 = 500;

pub(crate) async fn run(settings: &Settings, command: UserCommand) -> anyhow::Result<()> {
    let given = match (&command, &settings.user_password) {
        (UserCommand::Set { .. }, Some(password)) => Some(Secret::from(password.reveal().clone())),
        (UserCommand::Set { .. }, None) => password::read().await?,
        (UserCommand::List { .. } | UserCommand::Erase { .. }, _) => None,
    };
    with_identity(settings, async |identity: &Identity| match command {
        UserCommand::Set { name, role } => set(identity, &name, role, given).await,
        UserCommand::List { json } => list(identity, json).await,
        UserCommand::Erase { name, reason } => erase(identity, &name, &reason).await,
    })
    .await
}

async fn set(
    identity: &Identity,
    name: &AccountName,
    role: Option<Role>,
    password: Option<Secret>,
) -> anyhow::Result<()> {
    let has_password = password.is_some();
    let id = identity.set_account(&Principal::bootstrap(), name, role, password, &by_command()).await?;
    let told = if has_password { "has this password now" } else { "is set; no password was given" };
    writeln!(std::io::stdout(), "{} {told} ({id})", name.as_str())?;
    Ok(())
}

async fn list(identity: &Identity, as_json: bool) -> anyhow::Result<()> {
    let mut accounts = Vec::new();
    loop {
        let offset = u32::try_from(accounts.len()).context("too many accounts to list")?;
        let (page, _) = identity.accounts(&Principal::bootstrap(), AT_A_TIME, offset).await?;
        let is_last = page.len() < AT_A_TIME as usize;
        accounts.extend(page);
        if is_last {
            break;
        }
    }
    let text = if as_json {
        format!("{:#}\n", accounts.iter().map(listed).collect::<Value>())
    } else {
        let mut rows = vec![["ID", "NAME", "ROLE", "PASSWORD", "REGISTERED"].map(str::to_owned)];
        rows.extend(accounts.iter().map(row));
        aligned(&rows.iter().map(|row| &row[..]).collect::<Vec<_>>())
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn listed(account: &NamedAccount) -> Value {
    json!({
        "id": account.view.id,
        "name": account.name,
        "role": account.view.role,
        "has_password": account.view.password.is_some(),
        "registered_at": moment(account.view.registered_at),
        "erased_at": account.view.erased_at.map(moment),
    })
}

fn row(account: &NamedAccount) -> [String; 5] {
    [
        account.view.id.to_string(),
        account.name.clone(),
        account.view.role.to_string(),
        if account.view.password.is_some() { "yes" } else { "no" }.to_owned(),
        moment(account.view.registered_at),
    ]
}

async fn erase(identity: &Identity, name: &AccountName, reason: &str) -> anyhow::Result<()> {
    let id = identity.account_named(name).await?;
    identity.erase(&Principal::bootstrap(), id, reason, &by_command()).await?;
    writeln!(
        std::io::stdout(),
        "{id} is erased: its keys are revoked, and nobody can read its name and password again"
    )?;
    Ok(())
}
