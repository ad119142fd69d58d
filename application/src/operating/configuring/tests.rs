use domain::{installation::Origin, plugin::PackageFormat, values::Digest};

use super::*;

fn release(schema: Value) -> InstalledRelease {
    InstalledRelease {
        name: "echo".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        runtime: Runtime::Native,
        format: PackageFormat::Zip,
        digest: Digest::of_bytes([0; 32]),
        origin: Origin::Folder { file: "x".to_owned() },
        manifest: json!({}),
        schema: Some(schema),
        permissions: std::collections::BTreeSet::new(),
        dependencies: BTreeMap::new(),
        is_exclusive: false,
    }
}

fn nothing() -> Parted<Sealed> {
    Parted { plain: Value::Null, secrets: BTreeMap::new() }
}

fn refusal(schema: Value, sent: &Value) -> Option<String> {
    let sent = sent.as_object().unwrap().clone();
    merged(&release(schema), sent, &nothing()).err().map(|fault| fault.message)
}

#[test]
fn every_rule_of_the_schema_holds() {
    let schema = || {
        json!({
            "batch": {"type": "integer", "min": 10, "max": 1000},
            "ratio": {"type": "number", "min": 0, "max": 1},
            "name": {"type": "string", "required": true, "min": 2},
            "on": {"type": "boolean"},
            "backend": {"type": "string", "enum": ["database", "file"]},
            "other": {"type": "string", "options": [{"value": "a"}, "b"]},
            "list": {"type": "array", "max": 1}
        })
    };
    assert_eq!(refusal(schema(), &json!({"name": "ok", "batch": 10, "ratio": 0.5, "more": [1]})), None);
    for (sent, why) in [
        (json!({}), "The field name is required"),
        (json!({"name": null}), "The field name is required"),
        (json!({"name": "x"}), "The field name has to be at least 2"),
        (json!({"name": 5}), "The field name has to be of type string"),
        (json!({"name": "ok", "batch": 5}), "The field batch has to be at least 10"),
        (json!({"name": "ok", "batch": 1001}), "The field batch has to be at most 1000"),
        (json!({"name": "ok", "batch": 10.5}), "The field batch has to be of type integer"),
        (json!({"name": "ok", "ratio": 2}), "The field ratio has to be at most 1"),
        (json!({"name": "ok", "on": "yes"}), "The field on has to be of type boolean"),
        (
            json!({"name": "ok", "backend": "redis"}),
            "The field backend has to be one of \"database\", \"file\"",
        ),
        (json!({"name": "ok", "list": [1, 2]}), "The field list has to be at most 1"),
    ] {
        assert_eq!(refusal(schema(), &sent).as_deref(), Some(why), "{sent}");
    }
    assert_eq!(refusal(schema(), &json!({"name": "ok", "other": "a"})), None);
    assert_eq!(refusal(schema(), &json!({"name": "ok", "other": "b"})), None);
}

#[test]
fn a_mask_keeps_what_is_there_and_nothing_else() {
    let schema =
        json!({"key": {"type": "string", "secret": true, "required": true}, "size": {"type": "integer"}});
    let sealed: Sealed = "sealed:v1:123e4567-e89b-42d3-a456-426614174000:AbC-_9".parse().unwrap();
    let stored = Parted {
        plain: json!({"key": null, "size": 1}),
        secrets: BTreeMap::from([("/key".to_owned(), sealed.clone())]),
    };
    let send = |sent: Value| merged(&release(schema.clone()), sent.as_object().unwrap().clone(), &stored);
    for sent in [json!({"size": 2}), json!({"size": 2, "key": "***hidden***"})] {
        let written = send(sent).unwrap();
        assert_eq!(written.plain["size"], 2);
        assert_eq!(written.secrets["/key"], Written::Kept(sealed.clone()));
    }
    let Written::New(new) = &send(json!({"key": "fresh"})).unwrap().secrets["/key"] else { panic!() };
    assert_eq!(new.reveal(), &json!("fresh"));
    let masked = json!({"key": "***hidden***"});
    assert!(refusal(schema.clone(), &masked).is_some(), "there is nothing to keep");
    let wrong = refusal(schema, &json!({"key": 5})).unwrap();
    assert!(!wrong.contains('5'), "{wrong}");
}

#[test]
fn defaults_stand_where_nothing_was_set() {
    let release = release(json!({"size": {"type": "integer", "default": 50}, "name": {"type": "string"}}));
    let opened = |plain: Value| Parted { plain, secrets: BTreeMap::new() };
    assert_eq!(Value::Object(complete(&release, opened(json!({})))), json!({"size": 50}));
    let own = complete(&release, opened(json!({"size": 1, "x": true})));
    assert_eq!(Value::Object(own), json!({"size": 1, "x": true}));
}
