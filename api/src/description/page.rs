//! The description for people: one page, grouped by dialect, without scripts.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h2{margin-top:3rem;border-bottom:1px solid #d0d7de}\
details{margin:.25rem 0;padding:.25rem .5rem;border:1px solid #d0d7de;border-radius:.25rem}\
summary{cursor:pointer}\
code{font-family:ui-monospace,monospace}\
b{display:inline-block;width:4.5rem}\
td{padding:.1rem 1rem .1rem 0;vertical-align:top}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#58a6ff}}";

/// The style of the page and nothing else.
pub(super) fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

pub(super) fn rendered(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>plugyard</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>plugyard</h1><p>{}</p><p>For programs: <a href=\"/openapi.json\">openapi.json</a></p>",
        plain(&document["info"]["description"])
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = plain(&tag["name"]);
        // Writing to a String cannot fail.
        let _ = write!(page, "<h2 id=\"{name}\">{name}</h2><p>{}</p>", plain(&tag["description"]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in ["get", "post", "put", "delete"] {
                let operation = &item[method];
                if operation["tags"][0] == tag["name"] {
                    describe(&mut page, document, (method, path), operation, &item["parameters"]);
                }
            }
        }
    }
    page.push_str("</body></html>");
    page
}

fn describe(
    page: &mut String,
    document: &Value,
    (method, path): (&str, &str),
    operation: &Value,
    shared: &Value,
) {
    let method = method.to_ascii_uppercase();
    let (path, summary) = (escaped(path), plain(&operation["summary"]));
    let _ = write!(
        page,
        "<details><summary><b>{method}</b> <code>{path}</code> {summary}</summary><p>{}</p><table>",
        credentials(&operation["security"])
    );
    let own = operation["parameters"].as_array().into_iter().flatten();
    for parameter in shared.as_array().into_iter().flatten().chain(own) {
        let parameter = followed(document, parameter);
        row(page, &plain(&parameter["name"]), &plain(&parameter["in"]), &told(&parameter["schema"]));
    }
    for (kind, media) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        members(page, document, &escaped(kind), &media["schema"]);
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        row(page, status, "answer", &plain(&response["description"]));
    }
    page.push_str("</table></details>");
}

/// The members of a body, through references and compositions.
fn members(page: &mut String, document: &Value, kind: &str, schema: &Value) {
    let schema = followed(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(page, document, kind, part);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        row(page, &escaped(name), kind, &told(followed(document, member)));
    }
}

fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| document.pointer(target)).unwrap_or(value)
}

fn row(page: &mut String, name: &str, place: &str, text: &str) {
    let _ = write!(page, "<tr><td><code>{name}</code></td><td>{place}</td><td>{text}</td></tr>");
}

fn credentials(security: &Value) -> String {
    let ways = security.as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> =
        ways.iter().filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str).collect();
    match (ways.is_empty(), ways.iter().any(|way| way == &Value::Object(Map::new()))) {
        (true, _) => "Open.".to_owned(),
        (false, true) => format!("Open; a credential may be sent: {}.", escaped(&names.join(", "))),
        (false, false) => format!("Needs a credential: {}.", escaped(&names.join(" or "))),
    }
}

/// A schema in a line.
fn told(schema: &Value) -> String {
    let Some(members) = schema.as_object() else { return String::new() };
    let shown =
        members.iter().filter(|(name, _)| !["properties", "items", "required"].contains(&name.as_str()));
    let parts: Vec<String> = shown
        .map(|(name, value)| match value.as_str() {
            Some(text) if name == "type" || name == "description" => text.to_owned(),
            _ => format!("{name} {value}"),
        })
        .collect();
    escaped(&parts.join(", "))
}

fn plain(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
