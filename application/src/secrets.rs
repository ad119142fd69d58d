//! Secrets inside a configuration: told apart by rule, stored away from the rest, masked on the way out, and kept when
//! a mask is written back. Pure but for sealing; no secret value is ever in an error or a debug line.

mod names;
mod rule;
mod sealing;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{error::Error, ports::vault::Secret};

pub use rule::SecretRule;

/// Where a value stands in its configuration (RFC 6901).
pub type Pointer = String;

/// What a dialect shows in the place of a secret, and what it says of a mask that stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    pub text: &'static str,
    pub nothing_stored: &'static str,
}

/// A configuration without its secrets, and these by their places. In the plain part `null` holds their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parted<T> {
    pub plain: Value,
    pub secrets: BTreeMap<Pointer, T>,
}

/// A secret of a configuration that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written<T> {
    New(Secret<Value>),
    /// Its mask came back.
    Kept(T),
}

impl Mask {
    pub const LANGBOT: Self =
        Self { text: "***", nothing_stored: "Masked plugin secret has no existing value" };
    pub const NEXUS: Self =
        Self { text: "***hidden***", nothing_stored: "A masked secret has no stored value to keep" };

    fn stands_in(self, value: &Value) -> bool {
        value.as_str() == Some(self.text)
    }
}

impl SecretRule {
    pub fn part(&self, configuration: Value) -> Parted<Secret<Value>> {
        let mut secrets = BTreeMap::new();
        let mut take = |place: &str, leaf: Value| {
            secrets.insert(place.to_owned(), leaf.into());
            Value::Null
        };
        let plain = self.each_secret(configuration, &mut take);
        Parted { plain, secrets }
    }

    /// Every leaf of a secret member that is not empty, masked. For anything that is shown, stored secrets or not.
    pub fn masked(&self, shown: Value, mask: Mask) -> Value {
        self.each_secret(shown, &mut |_, _| mask.text.into())
    }

    /// What is shown of a stored configuration. What the rule of today calls secret is masked, whatever was the rule
    /// when it was stored; what was stored as a secret is masked whatever is the rule today.
    pub fn shown<T>(&self, stored: &Parted<T>, mask: Mask) -> Value {
        let mut shown = self.masked(stored.plain.clone(), mask);
        for place in stored.secrets.keys() {
            if let Some(leaf) = shown.pointer_mut(place) {
                *leaf = mask.text.into();
            }
        }
        shown
    }

    /// The configuration as it is to be stored: a mask keeps what is stored in its place, be it a leaf or a branch.
    /// `Invalid` for a mask in whose place nothing is stored.
    pub fn written<T: Clone>(
        &self,
        configuration: Value,
        stored: &Parted<T>,
        mask: Mask,
    ) -> Result<Parted<Written<T>>, Error> {
        let mut secrets = BTreeMap::new();
        let mut refused = None;
        let plain = self.each_place(configuration, stored, &mut |place, leaf| {
            if !mask.stands_in(&leaf) {
                secrets.insert(place.to_owned(), Written::New(leaf.into()));
                return Value::Null;
            }
            stored.branch(place, &mut secrets).unwrap_or_else(|| {
                refused = Some(Error::invalid(mask.nothing_stored));
                Value::Null
            })
        });
        match refused {
            Some(refusal) => Err(refusal),
            None => Ok(Parted { plain, secrets }),
        }
    }

    /// Leaves that the rule calls secret, and leaves that were secret when they were stored.
    fn each_place<T>(
        &self,
        configuration: Value,
        stored: &Parted<T>,
        act: &mut dyn FnMut(&str, Value) -> Value,
    ) -> Value {
        rule::each_leaf(
            configuration,
            "",
            false,
            &mut |place, leaf, secret| {
                let was_secret = stored.secrets.contains_key(place);
                if (secret || was_secret) && !is_empty(&leaf) { act(place, leaf) } else { leaf }
            },
            &|depth, name| self.covers(depth, name),
        )
    }

    fn each_secret(&self, value: Value, act: &mut dyn FnMut(&str, Value) -> Value) -> Value {
        let nothing: Parted<Value> = Parted { plain: Value::Null, secrets: BTreeMap::new() };
        self.each_place(value, &nothing, act)
    }
}

impl<T> Parted<T> {
    /// The stored branch at this place; its secrets go into `secrets`, and so does what was stored before it was one.
    fn branch(&self, place: &str, secrets: &mut BTreeMap<Pointer, Written<T>>) -> Option<Value>
    where
        T: Clone,
    {
        let branch = self.plain.pointer(place)?.clone();
        let mut keep = |place: &str, leaf: Value, _: bool| {
            let kept = match self.secrets.get(place) {
                Some(secret) => Written::Kept(secret.clone()),
                None if is_empty(&leaf) => return leaf,
                None => Written::New(leaf.into()),
            };
            secrets.insert(place.to_owned(), kept);
            Value::Null
        };
        Some(rule::each_leaf(branch, place, true, &mut keep, &|_, _| true))
    }
}

impl Parted<Secret<Value>> {
    /// With every secret in its place again.
    pub fn whole(self) -> Value {
        let mut whole = self.plain;
        for (place, secret) in self.secrets {
            if let Some(leaf) = whole.pointer_mut(&place) {
                *leaf = secret.into_inner();
            }
        }
        whole
    }
}

/// Shown as it is: there is nothing to hide.
fn is_empty(leaf: &Value) -> bool {
    leaf.is_null() || leaf.as_str() == Some("")
}

#[cfg(test)]
mod tests;
