use std::sync::Mutex;

use async_trait::async_trait;
use domain::values::Sealed;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::ports::vault::{Opened, Vault};

fn langbot() -> SecretRule {
    SecretRule::langbot(&json!([{"name": "pin", "type": "secret"}, {"name": "mode", "type": "string"}]))
}

fn nexus() -> SecretRule {
    SecretRule::nexus(&json!({
        "jwt_secret": {"type": "string", "secret": true},
        "api_key": {"type": "string", "secret": false},
        "database": {"type": "object", "properties": {"word": {"type": "string", "secret": true}}},
        "retries": {"type": "integer"},
    }))
}

fn stored(rule: &SecretRule, configuration: Value) -> Parted<Secret<Value>> {
    rule.part(configuration)
}

#[test]
fn langbot_hides_by_type_and_by_name_and_leaves_empty_values() {
    let shown = langbot().masked(
        json!({
            "pin": 1234, "mode": "fast", "api_key": "sk-1", "password": "", "token": null,
            "credentials": {"user": "u", "list": ["a", "", {"b": false}]},
            "deep": [{"botToken": "t", "pin": "no secret below the top", "name": "n"}],
        }),
        Mask::LANGBOT,
    );
    assert_eq!(
        shown,
        json!({
            "pin": "***", "mode": "fast", "api_key": "***", "password": "", "token": null,
            "credentials": {"user": "***", "list": ["***", "", {"b": "***"}]},
            "deep": [{"botToken": "***", "pin": "no secret below the top", "name": "n"}],
        })
    );
}

#[test]
fn nexus_hides_what_the_schema_calls_secret_and_nothing_else() {
    let configuration = json!({
        "jwt_secret": "s", "api_key": "shown", "password": "shown too", "retries": 3,
        "database": {"word": "w", "host": "h"},
    });
    assert_eq!(
        nexus().masked(configuration, Mask::NEXUS),
        json!({
            "jwt_secret": "***hidden***", "api_key": "shown", "password": "shown too", "retries": 3,
            "database": {"word": "***hidden***", "host": "***hidden***"},
        })
    );
}

#[test]
fn secrets_leave_the_configuration_and_come_back_to_their_places() {
    let configuration = json!({"a/b~c": {"token": ["x", {"y": 2}]}, "mode": "fast", "key": ""});
    let parted = stored(&langbot(), configuration.clone());
    assert_eq!(parted.plain, json!({"a/b~c": {"token": [null, {"y": null}]}, "mode": "fast", "key": ""}));
    let places: Vec<&str> = parted.secrets.keys().map(String::as_str).collect();
    assert_eq!(places, ["/a~1b~0c/token/0", "/a~1b~0c/token/1/y"]);
    assert!(!format!("{parted:?}").contains('x'), "no debug line shows one");
    assert_eq!(parted.whole(), configuration);
}

#[test]
fn a_mask_that_comes_back_keeps_what_is_stored_and_a_new_value_takes_its_place() {
    let rule = langbot();
    let old = stored(&rule, json!({"token": "old", "password": "p", "mode": "slow", "gone": "g"}));
    let new = json!({"token": "***", "password": "changed", "mode": "***", "secret": "added"});
    let written = rule.written(new, &old, Mask::LANGBOT).unwrap();
    assert_eq!(written.plain, json!({"token": null, "password": null, "mode": "***", "secret": null}));
    assert_eq!(written.secrets["/token"], Written::Kept(json!("old").into()));
    assert_eq!(written.secrets["/password"], Written::New(json!("changed").into()));
    assert_eq!(written.secrets["/secret"], Written::New(json!("added").into()));
}

#[test]
fn one_mask_keeps_a_whole_branch() {
    let rule = langbot();
    let old = stored(&rule, json!({"credentials": {"user": "u", "empty": "", "list": ["a"]}}));
    let written = rule.written(json!({"credentials": "***"}), &old, Mask::LANGBOT).unwrap();
    assert_eq!(written.plain, old.plain);
    assert_eq!(written.secrets.keys().collect::<Vec<_>>(), old.secrets.keys().collect::<Vec<_>>());
    assert!(written.secrets.values().all(|secret| matches!(secret, Written::Kept(_))));
}

#[test]
fn a_mask_with_nothing_behind_it_is_refused_in_the_words_of_the_dialect() {
    let old = stored(&langbot(), json!({"token": "t", "keys": {"password": ["a"]}}));
    for new in [
        json!({"password": "***"}),
        json!({"token": {"below": "***"}}),
        json!({"keys": {"password": ["***", "***"]}}),
    ] {
        let error = langbot().written(new, &old, Mask::LANGBOT).unwrap_err();
        assert_eq!(error, Error::invalid("Masked plugin secret has no existing value"));
    }
    let empty = stored(&langbot(), json!({"password": ""}));
    let kept = langbot().written(json!({"password": "***"}), &empty, Mask::LANGBOT).unwrap();
    assert_eq!(kept.plain, json!({"password": ""}), "an empty value is one");
    let nothing = stored(&nexus(), json!({}));
    let error = nexus().written(json!({"jwt_secret": "***hidden***"}), &nothing, Mask::NEXUS).unwrap_err();
    assert_eq!(error.message, "A masked secret has no stored value to keep");
}

#[test]
fn a_rule_that_changes_uncovers_nothing() {
    let open = SecretRule::nexus(&json!({}));
    let was_secret = stored(&nexus(), json!({"jwt_secret": "s", "mode": "m"}));
    assert_eq!(open.shown(&was_secret, Mask::NEXUS), json!({"jwt_secret": "***hidden***", "mode": "m"}));
    let kept = open.written(json!({"jwt_secret": "***hidden***"}), &was_secret, Mask::NEXUS).unwrap();
    assert_eq!(kept.secrets["/jwt_secret"], Written::Kept(json!("s").into()));
    let was_open = stored(&open, json!({"jwt_secret": "s"}));
    assert_eq!(nexus().shown(&was_open, Mask::NEXUS), json!({"jwt_secret": "***hidden***"}));
    let kept = nexus().written(json!({"jwt_secret": "***hidden***"}), &was_open, Mask::NEXUS).unwrap();
    assert_eq!(kept.secrets["/jwt_secret"], Written::New(json!("s").into()), "it is sealed from now on");
}

/// Seals by number.
#[derive(Default)]
struct Numbered(Mutex<Vec<String>>);

#[async_trait]
impl Vault for Numbered {
    async fn seal(&self, _: &str, use_: &str, value: &Secret) -> Result<Sealed, Error> {
        let mut kept = self.0.lock().unwrap();
        kept.push(format!("{use_}:{}", value.reveal()));
        Ok(Sealed::new(Uuid::nil(), (kept.len() - 1).to_string()).unwrap())
    }

    async fn open(&self, sealed: &Sealed, use_: &str) -> Result<Opened, Error> {
        let kept = self.0.lock().unwrap();
        let number: usize = sealed.text().parse().unwrap();
        let text = kept.get(number).and_then(|text| text.strip_prefix(&format!("{use_}:")));
        Ok(text.map_or(Opened::Erased, |text| Opened::Plain(text.to_owned().into())))
    }

    async fn erase(&self, _: &str) -> Result<bool, Error> {
        self.0.lock().unwrap().clear();
        Ok(true)
    }

    async fn derived_key(&self, _: &str) -> Result<Secret<[u8; 32]>, Error> {
        Ok([0; 32].into())
    }
}

#[tokio::test]
async fn what_is_stored_is_sealed_and_opens_with_its_type_until_its_subject_is_erased() {
    let (rule, vault) = (langbot(), Numbered::default());
    let nothing: Parted<Sealed> = Parted { plain: json!({}), secrets: BTreeMap::new() };
    let configuration = json!({"pin": 1234, "token": "t", "mode": "fast"});
    let written = rule.written(configuration.clone(), &nothing, Mask::LANGBOT).unwrap();
    let first = written.sealed(&vault, "installation/1").await.unwrap();
    assert_eq!(first.opened(&vault).await.unwrap().whole(), configuration);
    let again = rule.written(rule.shown(&first, Mask::LANGBOT), &first, Mask::LANGBOT).unwrap();
    let again = again.sealed(&vault, "installation/1").await.unwrap();
    assert_eq!(again, first, "nothing is sealed anew, nothing is opened");
    vault.erase("installation/1").await.unwrap();
    assert_eq!(first.opened(&vault).await.unwrap().whole()["token"], "[erased]");
}

fn configuration() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        "[a-z~/]{0,3}",
        Just("pin".into()),
        Just("token".into()),
        Just("apiKey".into()),
        Just("0".into())
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z*]{0,4}".prop_map(Value::from),
        Just(json!("***")),
    ];
    let below = leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::hash_map("pin|token|mode|[a-z]{1,4}", below, 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn masking_and_writing_back_changes_nothing(configuration in configuration()) {
        let rule = langbot();
        let old = rule.part(configuration.clone());
        let shown = rule.shown(&old, Mask::LANGBOT);
        prop_assert_eq!(&shown, &rule.masked(configuration.clone(), Mask::LANGBOT));
        let written = rule.written(shown, &old, Mask::LANGBOT).unwrap();
        prop_assert_eq!(&written.plain, &old.plain);
        let kept = written.secrets.into_iter().map(|(place, secret)| match secret {
            Written::Kept(secret) => (place, secret),
            Written::New(secret) => panic!("{place} is new: {}", secret.reveal()),
        });
        let kept = Parted { plain: written.plain, secrets: kept.collect() };
        prop_assert_eq!(kept.whole(), configuration);
    }

    #[test]
    fn no_secret_is_left_in_the_plain_part(configuration in configuration()) {
        let parted = langbot().part(configuration);
        prop_assert!(langbot().part(parted.plain.clone()).secrets.is_empty());
        for place in parted.secrets.keys() {
            prop_assert_eq!(parted.plain.pointer(place), Some(&Value::Null));
        }
    }
}
