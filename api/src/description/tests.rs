use std::collections::BTreeSet;

use application::policy::Action::ReadCatalogue;
use axum::http::Method;
use serde_json::json;

use super::{merge::Written, *};
use crate::operations::{get, later};

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                found.insert(target.to_owned());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_is_served_is_described_with_its_method_and_path() {
    let document = document().unwrap();
    let mut count = 0;
    for Source { mount, operations, .. } in &SOURCES {
        for operation in operations().iter().filter(|operation| operation.built) {
            let method = operation.method.as_str().to_ascii_lowercase();
            let written = &document["paths"][format!("{mount}{}", operation.template())][method];
            assert!(written["summary"].is_string(), "{} {mount}{}", operation.method, operation.path);
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn a_description_that_does_not_fit_is_a_fault() {
    let part = |paths: Value| {
        let written = json!({"tag": {"name": "space"}, "refusal": {}, "paths": paths});
        let written: Written = serde_json::from_value(written).unwrap();
        let operations = vec![
            get("/one", ReadCatalogue, async || ""),
            get("/two", ReadCatalogue, async || ""),
            later(Method::GET, "/three", ReadCatalogue),
        ];
        let part = Part { name: "space", mount: "/space", voice: &space::VOICE, operations, written };
        part.merge_into(&mut json!({})).unwrap_err().to_string()
    };
    let written = || json!({"get": {"summary": "x"}});
    assert_eq!(part(json!({"/one": written()})), "GET /two is not described");
    let told = part(json!({"/one": written(), "/two": written(), "/three": written()}));
    assert_eq!(told, "get /three is described and not served");
}

#[test]
fn every_reference_leads_somewhere_and_every_path_names_its_parameters() {
    let document = document().unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/dify.Task"), "{found:?}");
    for target in found {
        assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        let in_path: BTreeSet<_> =
            path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        let named = item["parameters"].as_array().into_iter().flatten();
        let named: BTreeSet<_> = named.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(in_path, named, "{path}");
    }
}

#[test]
fn what_the_edge_does_is_derived() {
    let document = document().unwrap();
    let created = &document["paths"]["/dify/api/v1/tasks"]["post"];
    assert_eq!(created["security"], json!([]));
    for status in ["200", "400", "404", "414", "415", "422", "429", "431", "500", "503"] {
        assert!(created["responses"][status]["description"].is_string(), "{status}: {created}");
    }
    assert!(created["responses"]["429"]["headers"]["X-RateLimit-Reset"].is_object());
    let listed = &document["paths"]["/dify/api/v1/tasks"]["get"]["responses"];
    assert_eq!((&listed["429"], &listed["401"], &listed["413"]), (&Value::Null, &Value::Null, &Value::Null));
    let rebuilt = &document["paths"]["/admin/projections/{name}/rebuild"]["post"];
    assert_eq!(rebuilt["security"], json!([{"yard.bearer": []}, {"yard.key": []}]));
    assert!(rebuilt["responses"]["403"]["content"]["application/problem+json"].is_object());
}

#[test]
fn the_page_names_every_path_and_runs_nothing() {
    let document = document().unwrap();
    let page = page::rendered(&document);
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("src="));
    assert!(page::policy().starts_with("default-src 'none'; style-src 'sha256-"));
}
