//! What a request for a key asks for.

use std::{collections::BTreeSet, time::Duration};

use application::identity::{AccountName, KeyWish};
use chrono::{DateTime, Utc};
use domain::values::{Allowance, Dialect, Role, Scope};
use serde_json::{Value, json};

use crate::{fields::Fields, refusal::Refusal};

const MOST_DIALECTS: usize = Dialect::WITH_CREDENTIALS.len();

/// As it was sent: a repeat of the same request is the same, although the time has moved.
pub(super) struct Wish {
    owner: Option<AccountName>,
    dialects: BTreeSet<Dialect>,
    role: Role,
    scopes: Option<BTreeSet<Scope>>,
    label: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    /// Seconds.
    expires_in: Option<u32>,
    rate: Option<Allowance>,
}

impl Wish {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let wish = Self {
            owner: fields.parsed("owner"),
            dialects: fields.all_parsed("dialects", MOST_DIALECTS).unwrap_or_default(),
            role: fields.parsed("role").unwrap_or(Role::User),
            scopes: fields.all_parsed("scopes", Scope::ALL.len()),
            label: fields.text("label"),
            expires_at: fields.parsed("expires_at"),
            expires_in: fields.count("expires_in", u32::MAX),
            rate: fields.parsed("rate"),
        };
        fields.nothing_else()?;
        if wish.expires_at.is_some() && wish.expires_in.is_some() {
            return Err(Refusal::meaningless("Send expires_at or expires_in, not both"));
        }
        Ok(wish)
    }

    pub(super) fn canonical(&self) -> Value {
        json!({
            "owner": self.owner.as_ref().map(AccountName::as_str),
            "dialects": self.dialects,
            "role": self.role,
            "scopes": self.scopes,
            "label": self.label,
            "expires_at": self.expires_at,
            "expires_in": self.expires_in,
            "rate": self.rate,
        })
    }

    pub(super) fn at(self, now: DateTime<Utc>) -> KeyWish {
        let span = self.expires_in.map(|seconds| Duration::from_secs(seconds.into()));
        KeyWish {
            owner: self.owner,
            dialects: self.dialects,
            role: self.role,
            scopes: self.scopes,
            label: self.label,
            expires_at: self.expires_at.or(span.map(|span| now + span)),
            allowance: self.rate,
        }
    }
}
