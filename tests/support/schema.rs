//! JSON Schema as the published description uses it: whether a value fits. A keyword that is not known here is a defect
//! of the tests, so that none is taken for kept.

use serde_json::Value;

/// Keywords that say nothing about a value by themselves.
const NOTES: [&str; 6] = ["description", "default", "examples", "format", "title", "pattern"];

/// The first thing that does not fit, with its place. References lead into `document`.
pub fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let members = schema.as_object().unwrap_or_else(|| panic!("{schema} is no schema"));
    members.iter().find_map(|(keyword, rule)| {
        let wrong = |kept: bool| (!kept).then(|| format!("{value} breaks {keyword} {rule}"));
        match keyword.as_str() {
            "$ref" => misfit(document, followed(document, rule), value),
            "type" => wrong(one_or_many(rule).any(|kind| is(value, kind))),
            "enum" => wrong(rule.as_array().unwrap().contains(value)),
            "const" => wrong(rule == value),
            "required" => {
                let names = rule.as_array().unwrap().iter().filter_map(Value::as_str);
                wrong(
                    value
                        .as_object()
                        .is_none_or(|object| names.into_iter().all(|name| object.contains_key(name))),
                )
            }
            "properties" => rule.as_object().unwrap().iter().find_map(|(name, schema)| {
                value.get(name).and_then(|member| misfit(document, schema, member))
            }),
            "additionalProperties" => {
                let known = schema["properties"].as_object();
                let more = value.as_object().into_iter().flatten();
                let mut more = more.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                match rule.as_bool() {
                    Some(allowed) => wrong(allowed || more.next().is_none()),
                    None => more.find_map(|(_, member)| misfit(document, rule, member)),
                }
            }
            "items" => value.as_array().into_iter().flatten().find_map(|item| misfit(document, rule, item)),
            "allOf" => rule.as_array().unwrap().iter().find_map(|part| misfit(document, part, value)),
            "oneOf" | "anyOf" => {
                let fits = |part: &&Value| misfit(document, part, value).is_none();
                let fitting = rule.as_array().unwrap().iter().filter(fits).count();
                wrong(fitting == 1 || (fitting > 1 && keyword == "anyOf"))
            }
            "not" => wrong(misfit(document, rule, value).is_some()),
            "minimum" => wrong(value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap())),
            "maximum" => wrong(value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap())),
            "minItems" => wrong(value.as_array().is_none_or(|items| items.len() >= size(rule))),
            "maxItems" => wrong(value.as_array().is_none_or(|items| items.len() <= size(rule))),
            "minLength" => wrong(value.as_str().is_none_or(|text| text.chars().count() >= size(rule))),
            "maxLength" => wrong(value.as_str().is_none_or(|text| text.chars().count() <= size(rule))),
            known if NOTES.contains(&known) => None,
            other => panic!("the keyword {other} is not known here"),
        }
    })
}

/// What a reference names, or the value itself.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value.get("$ref").map_or(value, |target| followed(document, target))
}

fn followed<'a>(document: &'a Value, target: &Value) -> &'a Value {
    let pointer = target.as_str().and_then(|target| target.strip_prefix('#')).expect("a reference within");
    document.pointer(pointer).unwrap_or_else(|| panic!("{target} leads nowhere"))
}

fn one_or_many(rule: &Value) -> impl Iterator<Item = &str> {
    rule.as_str().into_iter().chain(rule.as_array().into_iter().flatten().filter_map(Value::as_str))
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

fn size(rule: &Value) -> usize {
    rule.as_u64().and_then(|size| size.try_into().ok()).expect("a size")
}
