//! What nobody may read in a log: known secrets, as they are and as they are often written.

use application::ports::vault::Secret;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// Shorter ones stand in too many words that are none.
const SHORTEST: usize = 6;
const INSTEAD: &str = "***";

#[derive(Clone, Default)]
pub(super) struct Redactor {
    forms: Vec<String>,
}

impl Redactor {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let mut redactor = Self::default();
        redactor.learn(secrets);
        redactor
    }

    pub(super) fn learn(&mut self, secrets: &[Secret]) {
        for secret in secrets.iter().map(Secret::reveal).filter(|secret| secret.len() >= SHORTEST) {
            self.forms.extend(forms(secret));
        }
        // The longest first: a form may be part of another.
        self.forms.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.forms.dedup();
    }

    pub(super) fn clean(&self, mut text: String) -> String {
        for form in &self.forms {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), INSTEAD);
            }
        }
        text
    }

    pub(super) fn clean_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.clean(text)),
            Value::Array(list) => list.into_iter().map(|value| self.clean_value(value)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.clean(name), self.clean_value(value))).collect()
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
        }
    }
}

fn forms(secret: &str) -> Vec<String> {
    let quoted = Value::from(secret).to_string();
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let hex = hex::encode(secret);
    let mut forms = vec![
        secret.to_owned(),
        quoted.trim_matches('"').to_owned(),
        encoded.replace('+', "%20"),
        encoded,
        hex.to_uppercase(),
        hex,
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ];
    // Inside of something longer it begins at any of three places; what its neighbours change is left out.
    for lead in 1..3_usize {
        let shifted = BASE64_STANDARD_NO_PAD.encode([&b"\0\0"[..lead], secret.as_bytes()].concat());
        let inner = shifted.get(4..shifted.len().saturating_sub(2)).unwrap_or_default();
        forms.push(inner.to_owned());
    }
    let inner = BASE64_STANDARD_NO_PAD.encode(secret);
    forms.push(inner.get(..inner.len().saturating_sub(2)).unwrap_or_default().to_owned());
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cr&t \"värde\" 42";

    #[test]
    fn a_secret_is_hidden_in_every_usual_form() {
        let redactor = Redactor::new(&[SECRET.to_owned().into(), "short".to_owned().into()]);
        let within = |form: &str| redactor.clean(format!("a {form} b"));
        for form in [
            SECRET.to_owned(),
            json!(SECRET).to_string().trim_matches('"').to_owned(),
            hex::encode(SECRET),
            BASE64_STANDARD.encode(SECRET),
            BASE64_URL_SAFE_NO_PAD.encode(SECRET),
            "s3cr%26t+%22v%C3%A4rde%22+42".to_owned(),
            "s3cr%26t%20%22v%C3%A4rde%22%2042".to_owned(),
        ] {
            let cleaned = within(&form);
            assert!(cleaned.contains("***") && cleaned.len() < 12, "{form}: {cleaned}");
        }
        for before in ["user:", "me:", "us:"] {
            let header = BASE64_STANDARD.encode(format!("{before}{SECRET}"));
            assert!(within(&header).contains("***"), "{before}");
        }
        assert_eq!(within("short"), "a short b", "too short to be told from a word");
    }

    #[test]
    fn names_and_values_are_cleaned_alike() {
        let redactor = Redactor::new(&["hunter22".to_owned().into()]);
        let cleaned = redactor.clean_value(json!({"hunter22": ["x", {"a": "is hunter22"}], "n": 1}));
        assert_eq!(cleaned, json!({"***": ["x", {"a": "is ***"}], "n": 1}));
    }
}
