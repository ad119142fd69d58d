//! What identity looks like as JSON. No secret but those of a new key or ticket, no hash, no sealed text.

use application::{
    identity::{IssuedKey, LabelledKey, NamedAccount, Ticket},
    policy::{Rule, Standing, TABLE},
    principal::{Principal, Proof},
    queries::keys::KeyView,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

pub(super) fn who(principal: &Principal, name: Option<&str>, key: Option<&KeyView>) -> Value {
    let proof = match principal.proof {
        Proof::Nothing => "nothing",
        Proof::Bootstrap => "bootstrap",
        Proof::Token => "token",
        Proof::Session => "session",
    };
    json!({
        "principal": principal.id(),
        "standing": principal.standing.as_str(),
        "proof": proof,
        "dialects": principal.dialects,
        "scopes": principal.scopes,
        "key": principal.key,
        "account": principal.account.map(|id| json!({"id": id, "name": name})),
        "rate": principal.allowance,
        "expires_at": key.and_then(|key| key.expires_at).map(moment),
    })
}

pub(super) fn key(key: &LabelledKey) -> Value {
    let view = &key.view;
    json!({
        "id": view.id,
        "account": view.account,
        "kind": view.kind,
        "dialects": view.dialects,
        "role": view.role,
        "scopes": view.scopes,
        "label": key.label,
        "rate": view.allowance,
        "issued_at": moment(view.issued_at),
        "expires_at": view.expires_at.map(moment),
        "revoked_at": view.revoked_at.map(moment),
    })
}

/// What is sent is called a token by some clients and a secret by others.
pub(super) fn issued(key: &IssuedKey) -> Value {
    let dialects: Vec<&str> = key.dialects.iter().map(|dialect| dialect.as_str()).collect();
    json!({
        "id": key.id,
        "token": key.secret.reveal(),
        "secret": key.secret.reveal(),
        "account": key.account,
        "dialect": dialects.join(","),
        "dialects": dialects,
        "role": key.role,
        "scopes": key.scopes,
        "label": key.label,
        "expires_at": key.expires_at.map(moment),
    })
}

pub(super) fn ticket(ticket: &Ticket) -> Value {
    json!({"ticket": ticket.secret.reveal(), "expires_at": moment(ticket.expires_at)})
}

pub(super) fn account(account: &NamedAccount) -> Value {
    json!({
        "id": account.view.id,
        "name": account.name,
        "role": account.view.role,
        "registered_at": moment(account.view.registered_at),
        "erased_at": account.view.erased_at.map(moment),
    })
}

pub(super) fn policy() -> Value {
    let line = |rule: &Rule| {
        let mut line = Map::new();
        line.insert("action".to_owned(), rule.name.into());
        line.insert("scope".to_owned(), rule.scope.as_str().into());
        line.extend(Standing::ALL.map(|who| (who.as_str().to_owned(), rule.reach(who).as_str().into())));
        Value::Object(line)
    };
    json!({"policy": TABLE.iter().map(line).collect::<Vec<_>>()})
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
