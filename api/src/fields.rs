//! Reading a request's members: all that is malformed is listed at once, and unknown members are ignored.

mod inner;

use std::{collections::BTreeSet, fmt, str::FromStr};

use axum::{body::Body, http::Uri};
use infrastructure::json::Unambiguous;
use serde_json::{Map, Value, json};

use crate::{
    arrival::whole,
    refusal::{Issue, Refusal},
};

const NUL: &str = "Value error, the character U+0000 is not allowed";

/// The members of one request.
pub(crate) struct Fields {
    members: Map<String, Value>,
    issues: Vec<Issue>,
    /// `body` or `query`, as the list of issues names it.
    place: &'static str,
}

impl Fields {
    pub(crate) async fn of_json(body: Body) -> Result<Self, Refusal> {
        let bytes = whole(body).await?;
        if bytes.is_empty() {
            return Err(Refusal::malformed(vec![Issue::missing(&["body"])]));
        }
        Self::of_bytes(&bytes)
    }

    /// Of a body that may be left out.
    pub(crate) async fn of_json_or_nothing(body: Body) -> Result<Self, Refusal> {
        let bytes = whole(body).await?;
        if bytes.is_empty() { Ok(Self::new(Map::new(), "body")) } else { Self::of_bytes(&bytes) }
    }

    fn of_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |issue| Err(Refusal::malformed(vec![issue]));
        match serde_json::from_slice(bytes).map(|Unambiguous(value)| value) {
            Ok(Value::Object(members)) => Ok(Self::new(members, "body")),
            Ok(other) => {
                let text = "Input should be a valid dictionary or object to extract fields from";
                malformed(Issue::new("model_attributes_type", &["body"], text, other))
            }
            Err(error) => malformed(Issue::new(
                "json_invalid",
                &["body"],
                format!("JSON decode error: {error}"),
                json!({}),
            )),
        }
    }

    pub(crate) fn of_query(uri: &Uri) -> Self {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self::new(pairs.map(|(name, value)| (name.into_owned(), value.into())).collect(), "query")
    }

    pub(crate) fn of_form(texts: Vec<(String, String)>) -> Self {
        Self::new(texts.into_iter().map(|(name, value)| (name, value.into())).collect(), "body")
    }

    fn new(members: Map<String, Value>, place: &'static str) -> Self {
        let issues = members
            .iter()
            .filter(|(name, value)| name.contains('\0') || holds_nul(value))
            .map(|(name, value)| Issue::new("value_error", &[place, name], NUL, value.clone()))
            .collect();
        Self { members, issues, place }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    fn found(&mut self, kind: &'static str, name: &str, msg: &str, input: Value) {
        self.issues.push(Issue::new(kind, &[self.place, name], msg, input));
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.take(name)?;
        if let Value::String(text) = value {
            return Some(text);
        }
        self.found("string_type", name, "Input should be a valid string", value);
        None
    }

    /// Empty is missing.
    pub(crate) fn needed_text(&mut self, name: &str) -> String {
        let known = self.issues.len();
        let text = self.text(name).unwrap_or_default();
        if text.is_empty() && self.issues.len() == known {
            self.issues.push(Issue::missing(&[self.place, name]));
        }
        text
    }

    /// At most `most` characters.
    pub(crate) fn short_text(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() <= most {
            return Some(text);
        }
        let msg = format!("String should have at most {most} characters");
        self.found("string_too_long", name, &msg, text.into());
        None
    }

    /// Leaves the member where it is.
    pub(crate) fn one_of(&mut self, name: &str, known: &[&str]) {
        let Some(Value::String(text)) = self.members.get(name) else { return };
        if known.contains(&text.as_str()) {
            return;
        }
        let input = text.clone().into();
        self.found("enum", name, &one_of(known), input);
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        let flag = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "on" | "yes" => Some(true),
                "false" | "0" | "off" | "no" => Some(false),
                _ => None,
            },
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if flag.is_none() {
            self.found("bool_parsing", name, "Input should be a valid boolean", value);
        }
        flag
    }

    pub(crate) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        let value = self.take(name)?;
        if let Value::Object(members) = value {
            return Some(members);
        }
        self.found("model_attributes_type", name, "Input should be a valid dictionary", value);
        None
    }

    /// From 1 to `most` texts.
    pub(crate) fn texts(&mut self, name: &str, most: usize) -> Option<Vec<String>> {
        let Some(value) = self.take(name) else {
            self.issues.push(Issue::missing(&[self.place, name]));
            return None;
        };
        let Value::Array(values) = value else {
            self.found("list_type", name, "Input should be a valid list", value);
            return None;
        };
        let count = values.len();
        if count == 0 {
            let msg = "List should have at least 1 item after validation, not 0";
            self.found("too_short", name, msg, json!([]));
        } else if count > most {
            let msg = format!("List should have at most {most} items after validation, not {count}");
            self.found("too_long", name, &msg, Value::Array(values));
            return None;
        }
        let mut texts = Vec::with_capacity(count);
        for (number, value) in values.into_iter().enumerate() {
            if let Value::String(text) = value {
                texts.push(text);
            } else {
                let issue =
                    Issue::new("string_type", &[self.place, name], "Input should be a valid string", value);
                self.issues.push(issue.at(number));
            }
        }
        Some(texts)
    }

    /// At most `most` texts; none where there is no such member, or nothing in it.
    pub(crate) fn some_texts(&mut self, name: &str, most: usize) -> Vec<String> {
        match self.members.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) if values.is_empty() => Vec::new(),
            Some(
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            ) => self.texts(name, most).unwrap_or_default(),
        }
    }

    /// A whole number from 1 to `most`, as query strings or JSON write it.
    pub(crate) fn count(&mut self, name: &str, most: u32) -> Option<u32> {
        self.number(name, 1, most)
    }

    pub(crate) fn number(&mut self, name: &str, least: u32, most: u32) -> Option<u32> {
        let value = self.take(name)?;
        let text = match &value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let msg = "Input should be a valid integer, unable to parse string as an integer";
            self.found("int_parsing", name, msg, value);
            return None;
        }
        let is_zero = digits.bytes().all(|byte| byte == b'0');
        let number = digits.parse().ok().filter(|number| *number <= most);
        let below = (text.starts_with('-') && !is_zero) || number.is_some_and(|number| number < least);
        match number {
            _ if below => {
                let msg = format!("Input should be greater than or equal to {least}");
                self.found("greater_than_equal", name, &msg, value);
                None
            }
            None => {
                let msg = format!("Input should be less than or equal to {most}");
                self.found("less_than_equal", name, &msg, value);
                None
            }
            Some(number) => Some(number),
        }
    }

    /// The member read by its own rules; they say what it should have been.
    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(read) => Some(read),
            Err(refusal) => {
                self.found("value_error", name, &format!("Value error, {refusal}"), text.into());
                None
            }
        }
    }

    /// From 1 to `most` different values, each by its own rules; none where there is no such member.
    pub(crate) fn all_parsed<T: FromStr<Err: fmt::Display> + Ord>(
        &mut self,
        name: &str,
        most: usize,
    ) -> Option<BTreeSet<T>> {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.members.remove(name);
            return None;
        }
        let texts = self.texts(name, most)?;
        let mut read = BTreeSet::new();
        for (number, text) in texts.into_iter().enumerate() {
            match text.parse() {
                Ok(value) => {
                    read.insert(value);
                }
                Err(refusal) => {
                    let msg = format!("Value error, {refusal}");
                    let issue = Issue::new("value_error", &[self.place, name], msg, text.into());
                    self.issues.push(issue.at(number));
                }
            }
        }
        Some(read)
    }

    /// After everything was read, where nothing else may be sent.
    pub(crate) fn nothing_else(mut self) -> Result<(), Refusal> {
        let rest: Vec<(String, Value)> = std::mem::take(&mut self.members).into_iter().collect();
        for (name, value) in rest {
            self.found("extra_forbidden", &name, "Extra inputs are not permitted", value);
        }
        self.well_formed()
    }

    /// After everything was read: what is malformed, if anything is.
    pub(crate) fn well_formed(self) -> Result<(), Refusal> {
        if self.issues.is_empty() { Ok(()) } else { Err(Refusal::malformed(self.issues)) }
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("Input should be one of {}", quoted.join(", "))
}

/// PostgreSQL text cannot hold it. The parser has bounded the depth.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
    }
}

#[cfg(test)]
mod tests;
