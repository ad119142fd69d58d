//! Values for parameters and bodies: some that the schema allows, some at its edges, and some that nobody should send.
//! The same seed gives the same values.

use plugyard_tests::schema::resolved;
use serde_json::{Map, Value, json};

/// A sequence that looks random (xorshift64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end as u64)).unwrap()
    }

    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn word(&mut self, most: usize) -> String {
        let letters: Vec<char> = ('a'..='z').chain('0'..='9').collect();
        (0..=self.below(most.clamp(1, 24))).map(|_| *self.one(&letters)).collect()
    }
}

/// One that the schema allows.
pub(super) fn fitting(dice: &mut Dice, document: &Value, schema: &Value, name: &str) -> Value {
    let schema = resolved(document, schema);
    if let Some(allowed) = schema["enum"].as_array() {
        return dice.one(allowed).clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = fitting(dice, document, part, name) {
                whole.extend(members);
            }
        }
        return whole.into();
    }
    match schema["type"].as_str().unwrap_or("object") {
        "integer" => {
            let (least, most) =
                (schema["minimum"].as_u64().unwrap_or(0), schema["maximum"].as_u64().unwrap_or(99));
            let any = least + dice.below(1_000) as u64 % (most - least + 1);
            (*dice.one(&[least, most, any])).into()
        }
        "boolean" => (dice.below(2) == 0).into(),
        "array" => {
            let (least, most) =
                (schema["minItems"].as_u64().unwrap_or(0), schema["maxItems"].as_u64().unwrap_or(3));
            let count = *dice.one(&[least, most]);
            (0..count).map(|_| fitting(dice, document, &schema["items"], name)).collect()
        }
        "object" => {
            let mut members = Map::new();
            for (name, member) in schema["properties"].as_object().into_iter().flatten() {
                let needed =
                    schema["required"].as_array().is_some_and(|names| names.contains(&name.as_str().into()));
                if needed || dice.below(3) == 0 {
                    members.insert(name.clone(), fitting(dice, document, member, name));
                }
            }
            members.into()
        }
        _ => text(dice, schema, name).into(),
    }
}

fn text(dice: &mut Dice, schema: &Value, name: &str) -> String {
    let most = schema["maxLength"].as_u64().map_or(24, |most| usize::try_from(most).unwrap());
    match (name, schema["format"].as_str()) {
        // What the marketplace of the test lists, and is installed.
        ("author", _) => (*dice.one(&["yard", "nobody"])).to_owned(),
        ("name" | "plugin_id" | "target_plugin", _) => (*dice.one(&["listed", "unlisted"])).to_owned(),
        ("version", _) => (*dice.one(&["0.0.1", "9.9.9"])).to_owned(),
        // What is in the catalogue.
        ("pluginId", _) => (*dice.one(&["plugin_123", "plugin_9"])).to_owned(),
        ("package_name", _) => (*dice.one(&["solarized-dark-ui", "unlisted"])).to_owned(),
        ("version_name", _) => (*dice.one(&["1.0.0", "9.9.9"])).to_owned(),
        ("glibc", _) => "2.28".to_owned(),
        ("macos", _) => "13.0".to_owned(),
        ("python", _) => "3.12".to_owned(),
        ("rate", _) => "10/60".to_owned(),
        (_, Some("uuid")) => format!("123e4567-e89b-42d3-a456-{:012}", dice.below(1 << 30)),
        (_, Some("date-time")) => "2099-01-01T00:00:00Z".to_owned(),
        (_, Some("uri")) => format!("https://packages.example/{}.difypkg", dice.word(9)),
        _ => match dice.below(4) {
            0 if most <= 300 && schema["pattern"].is_null() => "x".repeat(most),
            _ => {
                let least = schema["minLength"].as_u64().map_or(0, |least| usize::try_from(least).unwrap());
                format!("{}{}", "a".repeat(least), dice.word(most.saturating_sub(least).min(12)))
            }
        },
    }
}

/// One that nobody should send there, as text.
pub(super) fn odd_text(dice: &mut Dice) -> String {
    let fixed = [
        "",
        "-1",
        "0",
        "-0",
        "+7",
        "9e18",
        "99999999999999999999",
        "1.5",
        "NaN",
        "null",
        "true",
        "[]",
        "{}",
        "\0",
        "a\0b",
        "\u{1}",
        "\u{7f}",
        "\u{202e}abc",
        "\u{feff}",
        "ÀÉÎ",
        "日本語",
        "👩‍💻",
        "x'; drop table es.events; --",
        "name;select",
        "%00",
        "%ff",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "<script>",
        "\r\nX-Injected: 1",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "*",
        "?",
        "#",
        "&=",
        ",",
        " ",
    ];
    match dice.below(8) {
        0 => "x".repeat(*dice.one(&[257, 1025, 6_000])),
        1 => "é".repeat(300),
        _ => (*dice.one(&fixed)).to_owned(),
    }
}

/// One that nobody should send there, as JSON.
pub(super) fn odd_json(dice: &mut Dice) -> Value {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let fixed = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e308),
        json!([]),
        json!({}),
        json!([null]),
        json!({"a": {"b": []}}),
        json!("x".repeat(10_000)),
        deep,
        json!((0..500).collect::<Vec<_>>()),
        json!({"\0": 1}),
        json!(["\0"]),
    ];
    if dice.below(3) == 0 { odd_text(dice).into() } else { dice.one(&fixed).clone() }
}

/// A body that is no JSON of the schema at all.
pub(super) fn odd_bytes(dice: &mut Dice) -> Vec<u8> {
    let fixed: [&[u8]; 14] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"7",
        b"NaN",
        b"\xff\xfe",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1e999}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\\u0000\"}",
        b"\xef\xbb\xbf{}",
    ];
    match dice.below(16) {
        0 => b"[".repeat(100_000),
        1 => format!("{{\"a\":\"{}\"}}", "a".repeat(1 << 20)).into_bytes(),
        _ => dice.one(&fixed).to_vec(),
    }
}
