//! Which members of a configuration are secret. Everything below a secret member is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::names;

/// By the members that a plugin declares as secret, and for some kinds of plugin by the names of members too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretRule {
    declared: BTreeSet<String>,
    by_name: bool,
}

impl SecretRule {
    /// `fields` is `spec.config` of a `LangBot` manifest: a list of `{name, type, ..}`. Secret is what has the type
    /// `secret`, and at any depth what has a name that says so.
    pub fn langbot(fields: &Value) -> Self {
        let fields = fields.as_array().into_iter().flatten().filter(|field| field["type"] == "secret");
        let declared = fields.filter_map(|field| field["name"].as_str().map(str::to_owned)).collect();
        Self { declared, by_name: true }
    }

    /// `schema` is `configuration.schema` of a Nexus manifest: members by name. Secret is what has `"secret": true`,
    /// or has it somewhere below: rather too much is hidden than too little.
    pub fn nexus(schema: &Value) -> Self {
        let members = schema.as_object().into_iter().flatten();
        let declared = members.filter(|(_, member)| is_declared(member)).map(|(name, _)| name.clone());
        Self { declared: declared.collect(), by_name: false }
    }

    pub(super) fn covers(&self, depth: usize, name: &str) -> bool {
        (depth == 0 && self.declared.contains(name)) || (self.by_name && names::is_secret(name))
    }
}

fn is_declared(member: &Value) -> bool {
    member.get("secret") == Some(&Value::Bool(true))
        || member.as_object().into_iter().flatten().any(|(_, below)| is_declared(below))
        || member.as_array().into_iter().flatten().any(is_declared)
}

/// Every leaf with its place and whether it stands below a secret member, replaced by what `act` makes of it.
/// `covers` says of the name of a member, and of how many members it stands in, whether it is secret.
pub(super) fn each_leaf(
    value: Value,
    place: &str,
    secret: bool,
    act: &mut dyn FnMut(&str, Value, bool) -> Value,
    covers: &dyn Fn(usize, &str) -> bool,
) -> Value {
    let depth = place.matches('/').count();
    match value {
        Value::Object(members) => {
            let each = members.into_iter().map(|(name, member)| {
                let below = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
                let secret = secret || covers(depth, &name);
                let member = each_leaf(member, &below, secret, act, covers);
                (name, member)
            });
            Value::Object(each.collect())
        }
        Value::Array(items) => {
            let each = items.into_iter().enumerate();
            let each =
                each.map(|(number, item)| each_leaf(item, &format!("{place}/{number}"), secret, act, covers));
            Value::Array(each.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => act(place, value, secret),
    }
}
