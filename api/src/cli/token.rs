//! `plugyard token`: keys for programs and people, made, listed and revoked on the database of the settings, with or
//! without a server beside it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io::Write as _,
};

use anyhow::Context as _;
use application::{
    authenticating::is_live,
    identity::{Identity, IssuedKey, KeyWish, LabelledKey},
    ports::system::Clock as _,
    principal::Principal,
    queries::keys::KeyView,
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    api_key::KeyKind,
    values::{Dialect, KeyId},
};
use infrastructure::system::System;
use serde_json::{Value, json};

use super::table::{aligned, plain};
use crate::{
    settings::{Settings, TokenArguments, TokenCommand},
    wiring::{by_command, with_identity},
};

const AT_A_TIME: u32 = 500;

pub(crate) async fn run(settings: &Settings, command: TokenCommand) -> anyhow::Result<()> {
    with_identity(settings, async |identity: &Identity| match command {
        TokenCommand::Create(arguments) => create(identity, arguments).await,
        TokenCommand::List { json } => list(identity, json).await,
        TokenCommand::Revoke { id, reason } => revoke(identity, id, &reason).await,
    })
    .await
}

async fn create(identity: &Identity, arguments: TokenArguments) -> anyhow::Result<()> {
    let expires_at = match arguments.expires {
        Some(expiry) => Some(expiry.after(System.now()).context("no key lasts until then")?),
        None => None,
    };
    let scopes = arguments.scopes;
    let wish = KeyWish {
        owner: Some(arguments.name.clone()),
        dialects: arguments.dialects.iter().copied().collect(),
        role: arguments.role,
        scopes: (!scopes.is_empty()).then(|| scopes.into_iter().collect()),
        label: arguments.label,
        expires_at,
        allowance: arguments.rate,
    };
    let key = identity.issue(&Principal::bootstrap(), wish, by_command()).await?;
    if arguments.json {
        writeln!(std::io::stdout(), "{:#}", body(&key, &arguments.dialects))?;
        return Ok(());
    }
    writeln!(std::io::stdout(), "{}", key.secret.reveal())?;
    // When nobody reads, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "\n{}", explained(&key, arguments.name.as_str()));
    Ok(())
}

/// What is sent is called a token by some clients and a secret by others.
fn body(key: &IssuedKey, dialects: &[Dialect]) -> Value {
    let mut seen = BTreeSet::new();
    let given = dialects.iter().filter(|dialect| seen.insert(**dialect)).map(|dialect| dialect.as_str());
    json!({
        "id": key.id,
        "token": key.secret.reveal(),
        "secret": key.secret.reveal(),
        "dialect": given.collect::<Vec<_>>().join(","),
        "role": key.role,
        "expires_at": key.expires_at.map(moment),
    })
}

fn explained(key: &IssuedKey, owner: &str) -> String {
    let expiry =
        key.expires_at.map_or_else(|| "never expires".to_owned(), |end| format!("until {}", moment(end)));
    let basic = if key.dialects.contains(&Dialect::Inkdrop) {
        format!(", or for inkdrop Basic with the user name {} and the token as password", key.id)
    } else {
        String::new()
    };
    format!(
        "Key {} of {owner}: {} as {} ({}), {expiry}.\n\
         The line above is the token. It is not shown again. Send it as Authorization: Bearer TOKEN{basic}.",
        key.id,
        words(key.dialects.iter().map(|dialect| dialect.as_str())),
        key.role,
        words(key.scopes.iter().map(|scope| scope.as_str())),
    )
}

async fn list(identity: &Identity, as_json: bool) -> anyhow::Result<()> {
    let mut keys = Vec::new();
    loop {
        let offset = u32::try_from(keys.len()).context("too many keys to list")?;
        let page = identity.keys(&Principal::bootstrap(), AT_A_TIME, offset).await?;
        let is_last = page.keys.len() < AT_A_TIME as usize;
        keys.extend(page.keys);
        if is_last {
            break;
        }
    }
    let mut names = BTreeMap::new();
    for LabelledKey { view: key, .. } in &keys {
        if let Entry::Vacant(place) = names.entry(key.account) {
            place.insert(identity.name_of(Some(key.account)).await?.unwrap_or_default());
        }
    }
    let now = System.now();
    let name = |key: &LabelledKey| names.get(&key.view.account).cloned().unwrap_or_default();
    let text = if as_json {
        let listed: Value = keys.iter().map(|key| listed(key, &name(key), now)).collect();
        format!("{listed:#}\n")
    } else {
        let head = ["ID", "OWNER", "KIND", "DIALECTS", "ROLE", "SCOPES", "EXPIRES", "STATE", "LABEL"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(keys.iter().map(|key| row(key, name(key), now)));
        aligned(&rows.iter().map(|row| &row[..]).collect::<Vec<_>>())
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn listed(labelled: &LabelledKey, name: &str, now: DateTime<Utc>) -> Value {
    let key = &labelled.view;
    json!({
        "id": key.id,
        "account_id": key.account,
        "name": name,
        "kind": key.kind,
        "dialects": key.dialects,
        "role": key.role,
        "scopes": key.scopes,
        "label": labelled.label,
        "rate": key.allowance,
        "issued_at": moment(key.issued_at),
        "expires_at": key.expires_at.map(moment),
        "revoked_at": key.revoked_at.map(moment),
        "state": state(key, now),
    })
}

fn row(labelled: &LabelledKey, name: String, now: DateTime<Utc>) -> [String; 9] {
    let key = &labelled.view;
    [
        key.id.to_string(),
        name,
        match key.kind {
            KeyKind::Token => "token".to_owned(),
            KeyKind::Session => "session".to_owned(),
        },
        words(key.dialects.iter().map(|dialect| dialect.as_str())),
        key.role.to_string(),
        words(key.scopes.iter().map(|scope| scope.as_str())),
        key.expires_at.map_or_else(|| "never".to_owned(), moment),
        state(key, now).to_owned(),
        plain(labelled.label.as_deref().unwrap_or("-")),
    ]
}

fn state(key: &KeyView, now: DateTime<Utc>) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if is_live(key, now) {
        "live"
    } else {
        "expired"
    }
}

async fn revoke(identity: &Identity, id: KeyId, reason: &str) -> anyhow::Result<()> {
    let changed = identity.revoke(&Principal::bootstrap(), id, reason, by_command()).await?;
    let told = if changed.is_some() {
        "is revoked; every node knows it within two seconds"
    } else {
        "was revoked before"
    };
    writeln!(std::io::stdout(), "{id} {told}")?;
    Ok(())
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(",")
}

pub(super) fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
