//! The configuration of an installation: what was sent over what is there, held to the plugin's own schema.

use std::collections::BTreeMap;

use domain::{
    installation::{Configuration, InstalledRelease, Runtime},
    operation::OperationFault,
    values::Sealed,
};
use serde_json::{Map, Value, json};

use super::faults::{Code, Halt};
use crate::{
    ports::vault::{Opened, Secret},
    secrets::{Mask, Parted, Pointer, SecretRule, Written},
};

/// What a configuration is made of.
pub(super) struct Order {
    /// As JSON.
    pub(super) sent: Option<Opened>,
    pub(super) before: Option<Configuration>,
    /// Fields that the schema does not have are left out of what is there.
    pub(super) drops_unknown: bool,
}

pub(super) fn written(release: &InstalledRelease, order: Order) -> Result<Parted<Written<Sealed>>, Halt> {
    let sent = match order.sent {
        Some(Opened::Plain(text)) => serde_json::from_str(text.reveal()).ok(),
        Some(Opened::Erased) | None => Some(Value::Object(Map::new())),
    };
    let Some(Value::Object(sent)) = sent else {
        return Err(Code::Configuration.fault("A configuration is an object").into());
    };
    let before = order.before.unwrap_or_default();
    let mut stored = Parted { plain: before.plain, secrets: before.secrets };
    if order.drops_unknown {
        drop_unknown(release, &mut stored);
    }
    Ok(merged(release, sent, &stored)?)
}

fn drop_unknown(release: &InstalledRelease, stored: &mut Parted<Sealed>) {
    let Some(schema) = release.schema.as_ref().and_then(Value::as_object) else { return };
    if let Some(members) = stored.plain.as_object_mut() {
        members.retain(|name, _| schema.contains_key(name));
    }
    let plain = stored.plain.clone();
    stored.secrets.retain(|place, _| plain.pointer(place).is_some());
}

/// The rule by which secrets of such a plugin are told apart, and how they are shown.
pub fn rule_of(release: &InstalledRelease) -> (SecretRule, Mask) {
    let schema = release.schema.clone().unwrap_or(Value::Null);
    match release.runtime {
        Runtime::Native => (SecretRule::nexus(&schema), Mask::NEXUS),
        Runtime::Dify | Runtime::Langbot => (SecretRule::langbot(&schema), Mask::LANGBOT),
    }
}

/// What is sent replaces fields; a mask keeps what is there. Then all of it is held to the schema.
pub fn merged(
    release: &InstalledRelease,
    sent: Map<String, Value>,
    stored: &Parted<Sealed>,
) -> Result<Parted<Written<Sealed>>, OperationFault> {
    let (rule, mask) = rule_of(release);
    let mut whole = match rule.shown(stored, mask) {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    whole.extend(sent);
    let mut checked = whole.clone();
    for place in stored.secrets.keys() {
        // A kept secret was checked when it came.
        if checked.get(place.trim_start_matches('/')).and_then(Value::as_str) == Some(mask.text) {
            checked.remove(place.trim_start_matches('/'));
        }
    }
    if release.runtime == Runtime::Native {
        let kept: Vec<&Pointer> = stored.secrets.keys().collect();
        let is_kept = |name: &str| kept.iter().any(|place| place.trim_start_matches('/') == name);
        check(release.schema.as_ref(), &checked, &is_kept)?;
    }
    rule.written(Value::Object(whole), stored, mask).map_err(|error| Code::Configuration.fault(error.message))
}

/// Holds a configuration to a schema in the documented form: a member for each field, with `type`, `required`, `min`,
/// `max`, `enum` or `options`. Fields that it does not have are let through.
fn check(
    schema: Option<&Value>,
    sent: &Map<String, Value>,
    is_kept: &dyn Fn(&str) -> bool,
) -> Result<(), OperationFault> {
    let fields = schema.and_then(Value::as_object).into_iter().flatten();
    for (name, field) in fields {
        match sent.get(name) {
            None | Some(Value::Null) => {
                let is_required = field["required"].as_bool().unwrap_or(false);
                if is_required && field["default"].is_null() && !is_kept(name) {
                    return Err(wrong(name, "is required", field));
                }
            }
            Some(value) => fits(field, value).map_err(|why| wrong(name, &why, field))?,
        }
    }
    Ok(())
}

/// The value of a secret is never in it.
fn wrong(name: &str, why: &str, field: &Value) -> OperationFault {
    let details = json!({"field": name, "expected": field["type"]});
    Code::Configuration.because(format!("The field {name} {why}"), details)
}

fn fits(field: &Value, value: &Value) -> Result<(), String> {
    let kind = field["type"].as_str().unwrap_or("any");
    let is_of_kind = match kind {
        "string" | "text" | "secret" => value.is_string(),
        "integer" | "int" => value.is_i64() || value.is_u64(),
        "number" | "float" => value.is_number(),
        "boolean" | "bool" => value.is_boolean(),
        "array" | "list" => value.is_array(),
        "object" | "dict" => value.is_object(),
        _ => true,
    };
    if !is_of_kind {
        return Err(format!("has to be of type {kind}"));
    }
    let size = value.as_f64().or_else(|| {
        let length =
            value.as_str().map(|text| text.chars().count()).or_else(|| value.as_array().map(Vec::len));
        length.and_then(|length| u32::try_from(length).ok()).map(f64::from)
    });
    if let (Some(size), Some(min)) = (size, field["min"].as_f64())
        && size < min
    {
        return Err(format!("has to be at least {min}"));
    }
    if let (Some(size), Some(max)) = (size, field["max"].as_f64())
        && size > max
    {
        return Err(format!("has to be at most {max}"));
    }
    let options = field["enum"].as_array().or_else(|| field["options"].as_array());
    match options {
        Some(options) if !options.iter().any(|option| option == value || option["value"] == *value) => {
            let options: Vec<String> = options.iter().map(ToString::to_string).collect();
            Err(format!("has to be one of {}", options.join(", ")))
        }
        Some(_) | None => Ok(()),
    }
}

/// With the defaults of the schema where nothing was set; secrets opened.
pub fn complete(release: &InstalledRelease, opened: Parted<Secret<Value>>) -> Map<String, Value> {
    let mut whole = defaults(release);
    let mut plain = opened.plain;
    for (place, secret) in opened.secrets {
        if let Some(leaf) = plain.pointer_mut(&place) {
            *leaf = secret.into_inner();
        }
    }
    if let Value::Object(members) = plain {
        whole.extend(members);
    }
    whole
}

/// What a field is when nobody has said.
pub fn defaults(release: &InstalledRelease) -> Map<String, Value> {
    let by_member = release.schema.as_ref().and_then(Value::as_object).into_iter().flatten();
    let by_member = by_member.map(|(name, field)| (name.clone(), field["default"].clone()));
    let listed = release.schema.as_ref().and_then(Value::as_array).into_iter().flatten();
    let listed =
        listed.filter_map(|field| Some((field["name"].as_str()?.to_owned(), field["default"].clone())));
    let all: BTreeMap<String, Value> = by_member.chain(listed).collect();
    all.into_iter().filter(|(_, default)| !default.is_null()).collect()
}

#[cfg(test)]
mod tests;
