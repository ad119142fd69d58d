//! Puts what was written of one dialect into the document: below its mount, with names of its own, and with everything
//! that the edge adds.

use anyhow::{Context as _, bail, ensure};
use axum::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::edge::Edge;
use crate::{operations::Operation, voice::Voice};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];
const SCHEMAS: &str = "#/components/schemas/";

/// One file. `answer` is the JSON of a 200, `said` the same before the dialect's envelope, `nothing` an answer that says
/// nothing; a response may name its schema as `json` or `said`; `body` is a JSON body; `refusals` are statuses with what
/// they mean here.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    tag: Option<Value>,
    /// The schema of a refusal.
    #[serde(default)]
    refusal: Option<Value>,
    #[serde(default)]
    schemas: Map<String, Value>,
    #[serde(default)]
    paths: Map<String, Value>,
    /// Served beside the operations, without credentials and limits.
    #[serde(default)]
    probes: Map<String, Value>,
}

pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) mount: &'static str,
    pub(super) voice: &'static Voice,
    pub(super) operations: Vec<Operation>,
    pub(super) written: Written,
}

impl Written {
    pub(super) fn add(&mut self, other: Self) {
        self.tag = self.tag.take().or(other.tag);
        self.refusal = self.refusal.take().or(other.refusal);
        self.schemas.extend(other.schemas);
        self.paths.extend(other.paths);
        self.probes.extend(other.probes);
    }
}

impl Part {
    pub(super) fn merge_into(mut self, document: &mut Value) -> anyhow::Result<()> {
        let edge = Edge::of(self.name, self.voice)?;
        let Written { tag, refusal, schemas, mut paths, probes } = std::mem::take(&mut self.written);
        let missing = |what: &str| format!("{}: no {what} is written", edge.name);
        tagged(&mut document["tags"], tag.with_context(|| missing("tag"))?);
        let mut named = schemas;
        named.insert("Refusal".to_owned(), refusal.with_context(|| missing("refusal"))?);
        for (name, mut schema) in named {
            own_names(&mut schema, edge.name);
            document["components"]["schemas"][format!("{}.{name}", edge.name)] = schema;
        }
        edge.schemes(&mut document["components"]["securitySchemes"]);
        for operation in self.operations.iter().filter(|operation| operation.built) {
            let item = paths.get_mut(&operation.template());
            let method = operation.method.as_str().to_ascii_lowercase();
            let written = item.and_then(|item| item.get_mut(&method)).and_then(Value::as_object_mut);
            let Some(written) = written else {
                bail!("{} {} is not described", operation.method, operation.path)
            };
            ensure!(!written.contains_key("operationId"), "{method} {} is there twice", operation.path);
            shape(written, &edge);
            edge.complete(written, operation);
            written.insert(
                "operationId".to_owned(),
                id(self.mount, &operation.method, &operation.template()).into(),
            );
        }
        for (path, mut item) in paths {
            for method in METHODS {
                let idle = item.get(method).is_some_and(|written| written.get("operationId").is_none());
                ensure!(!idle, "{method} {path} is described and not served");
            }
            own_names(&mut item, edge.name);
            document["paths"][format!("{}{path}", self.mount)] = item;
        }
        for (path, mut item) in probes {
            if let Some(written) = item.get_mut("get").and_then(Value::as_object_mut) {
                shape(written, &edge);
                written.insert("operationId".to_owned(), id("", &Method::GET, &path).into());
                written.insert("tags".to_owned(), json!([edge.name]));
                written.insert("security".to_owned(), json!([]));
            }
            own_names(&mut item, edge.name);
            document["paths"][path] = item;
        }
        Ok(())
    }
}

/// Turns the short forms into those of the standard.
fn shape(written: &mut Map<String, Value>, edge: &Edge) {
    if let Some(schema) = written.remove("body") {
        written.insert("requestBody".to_owned(), json!({"required": true, "content": content(&schema)}));
    }
    let mut responses = match written.remove("responses") {
        Some(Value::Object(responses)) => responses,
        _ => Map::new(),
    };
    if let Some(schema) = written.remove("answer") {
        responses.insert("200".to_owned(), json!({"description": "OK", "json": schema}));
    }
    if let Some(schema) = written.remove("said") {
        responses.insert("200".to_owned(), json!({"description": "OK", "said": schema}));
    }
    if written.remove("nothing").is_some() {
        let (status, response) = edge.nothing();
        responses.insert(status.to_owned(), response);
    }
    for response in responses.values_mut().filter_map(Value::as_object_mut) {
        let plain = response.remove("json");
        if let Some(schema) = plain.or_else(|| response.remove("said").map(|schema| edge.enveloped(&schema)))
        {
            response.insert("content".to_owned(), content(&schema));
        }
    }
    written.insert("responses".to_owned(), responses.into());
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

/// `post-dify-api-v1-tasks-id-cancel`.
fn id(mount: &str, method: &Method, path: &str) -> String {
    let end = if path.ends_with('/') { "slash" } else { "" };
    let words = format!("{}{mount}{path}{end}", method.as_str().to_ascii_lowercase());
    let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The schemas of a dialect are its own, whatever they are called elsewhere.
fn own_names(value: &mut Value, dialect: &str) {
    if let Some(Value::String(target)) = value.get_mut("$ref")
        && let Some(schema) = target.strip_prefix(SCHEMAS)
    {
        *target = format!("{SCHEMAS}{dialect}.{schema}");
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| own_names(member, dialect)),
        Value::Array(values) => values.iter_mut().for_each(|value| own_names(value, dialect)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A dialect has one tag, however many mounts it has.
fn tagged(tags: &mut Value, tag: Value) {
    let Value::Array(known) = tags else {
        *tags = Value::Array(vec![tag]);
        return;
    };
    if !known.contains(&tag) {
        known.push(tag);
    }
}
