//! Members within members, lists that may be left out, and values whose type is the one JSON has for it: in a body a
//! number or a flag is not a text that looks like one.

use infrastructure::json::Unambiguous;
use serde_json::{Map, Value};

use super::{Fields, holds_nul};
use crate::refusal::{Issue, Refusal};

impl Fields {
    /// The members of a member, or none at all; what is wrong with them comes back with [`Fields::take_back`].
    pub(crate) fn members_of(&mut self, name: &str) -> Self {
        let members = self.object(name).unwrap_or_default();
        Self { members, issues: Vec::new(), place: self.place }
    }

    /// After its members were read.
    pub(crate) fn take_back(&mut self, name: &str, inner: Self) {
        self.issues.extend(inner.issues.into_iter().map(|mut issue| {
            issue.loc.insert(1, name.into());
            issue
        }));
    }

    /// Up to `most` texts of up to `longest` characters; no such member is an empty list.
    pub(crate) fn words(&mut self, name: &str, most: usize, longest: usize) -> Vec<String> {
        if self
            .members
            .get(name)
            .is_none_or(|value| value.is_null() || value.as_array().is_some_and(Vec::is_empty))
        {
            self.members.remove(name);
            return Vec::new();
        }
        let words = self.texts(name, most).unwrap_or_default();
        if words.iter().any(|word| word.chars().count() > longest) {
            let msg = format!("Each should have at most {longest} characters");
            self.found("string_too_long", name, &msg, Value::Null);
            return Vec::new();
        }
        words
    }

    /// A number with or without a fraction, within these bounds.
    pub(crate) fn decimal(&mut self, name: &str, least: f64, most: f64) -> Option<f64> {
        let value = self.take(name)?;
        let number: Option<f64> = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if self.place == "query" => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let Some(number) = number.filter(|number| number.is_finite()) else {
            self.found("float_parsing", name, "Input should be a valid number", value);
            return None;
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let msg = format!("Input should be from {least} to {most}");
        self.found("out_of_range", name, &msg, value);
        None
    }

    /// `true` or `false` and no other spelling.
    pub(crate) fn exact_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        let flag = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if self.place == "query" => text.parse().ok(),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if flag.is_none() {
            self.found("bool_type", name, "Input should be true or false", value);
        }
        flag
    }

    /// As [`Fields::count`], but in a body only a JSON number.
    pub(crate) fn exact_count(&mut self, name: &str, most: u32) -> Option<u32> {
        if self.place == "body" && self.members.get(name).is_some_and(Value::is_string) {
            let value = self.take(name).unwrap_or_default();
            self.found("int_type", name, "Input should be a number", value);
            return None;
        }
        self.count(name, most)
    }

    /// Whatever it is.
    pub(crate) fn any(&mut self, name: &str) -> Option<Value> {
        self.take(name)
    }

    /// Whether it was sent, be it empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Of a form: what has commas between its words becomes a list.
    pub(crate) fn split(&mut self, name: &str) {
        let Some(Value::String(text)) = self.members.get(name) else { return };
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let words: Vec<Value> = words.map(Value::from).collect();
        self.members.insert(name.to_owned(), words.into());
    }

    /// Of a form: an object that is written as a text.
    pub(crate) fn json_object(&mut self, name: &str) -> Option<Map<String, Value>> {
        let text = self.text(name)?;
        match serde_json::from_str(&text).map(|Unambiguous(value)| value) {
            Ok(Value::Object(members)) if !holds_nul(&Value::Object(members.clone())) => Some(members),
            Ok(_) | Err(_) => {
                self.found("json_invalid", name, "Input should be the text of a JSON object", Value::Null);
                None
            }
        }
    }

    /// All members as they came, where any name is one.
    pub(crate) fn into_members(mut self) -> Result<Map<String, Value>, Refusal> {
        let members = std::mem::take(&mut self.members);
        self.well_formed().map(|()| members)
    }

    /// What was read, where it must not be missing.
    pub(crate) fn needed<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        let known = self.issues.len();
        let value = read(self, name);
        if value.is_none() && self.issues.len() == known {
            self.issues.push(Issue::missing(&[self.place, name]));
        }
        value
    }

    /// What was read, if all of it was well formed.
    pub(crate) fn checked<T>(self, read: Option<T>) -> Result<T, Refusal> {
        self.well_formed()?;
        read.ok_or_else(Refusal::internal)
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Uri};

    use super::*;

    async fn json(text: &str) -> Fields {
        Fields::of_json(Body::from(text.to_owned())).await.unwrap()
    }

    fn query(text: &str) -> Fields {
        Fields::of_query(&Uri::try_from(format!("/x?{text}")).unwrap())
    }

    #[tokio::test]
    async fn what_is_wrong_within_a_member_is_told_with_the_way_to_it() {
        let mut fields = json(r#"{"filters": {"rating": 9}}"#).await;
        let mut inner = fields.members_of("filters");
        assert_eq!(inner.decimal("rating", 0.0, 5.0), None);
        fields.take_back("filters", inner);
        let refusal = fields.well_formed().unwrap_err();
        assert_eq!(refusal.issues[0].loc, ["body", "filters", "rating"]);
        assert_eq!(refusal.issues[0].place(), "filters.rating");
        let mut fields = json(r#"{"filters": []}"#).await;
        assert!(fields.members_of("filters").well_formed().is_ok());
        assert!(fields.well_formed().is_err(), "a list has no members");
    }

    #[tokio::test]
    async fn a_body_has_numbers_and_flags_and_a_query_their_spellings() {
        let read = |mut fields: Fields| {
            let read = (fields.decimal("n", 0.0, 5.0), fields.exact_flag("f"), fields.exact_count("c", 9));
            fields.well_formed().ok().map(|()| read)
        };
        let given = Some((Some(4.5), Some(true), Some(2)));
        assert_eq!(read(json(r#"{"n": 4.5, "f": true, "c": 2}"#).await), given);
        assert_eq!(read(query("n=4.5&f=true&c=2")), given);
        for odd in [r#"{"n": "4"}"#, r#"{"n": 5.1}"#, r#"{"f": "true"}"#, r#"{"f": 1}"#, r#"{"c": "2"}"#] {
            assert_eq!(read(json(odd).await), None, "{odd}");
        }
        for odd in ["n=NaN", "n=inf", "n=-0.1", "n=", "n=x", "f=yes", "f=1", "f=", "c=0", "c=x"] {
            assert_eq!(read(query(odd)), None, "{odd}");
        }
    }

    #[tokio::test]
    async fn a_list_may_be_missing_or_empty_and_never_too_long() {
        let words = async |text: &str| {
            let mut fields = json(text).await;
            let words = fields.words("w", 2, 3);
            fields.well_formed().ok().map(|()| words.len())
        };
        for (text, count) in [
            ("{}", Some(0)),
            (r#"{"w": null}"#, Some(0)),
            (r#"{"w": []}"#, Some(0)),
            (r#"{"w": ["a", "abc"]}"#, Some(2)),
            (r#"{"w": ["abcd"]}"#, None),
            (r#"{"w": ["a", "b", "c"]}"#, None),
            (r#"{"w": "a"}"#, None),
            (r#"{"w": [1]}"#, None),
        ] {
            assert_eq!(words(text).await, count, "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_needed_is_missed_once() {
        let mut fields = json("{}").await;
        let helpful = fields.needed("helpful", Fields::exact_flag);
        assert_eq!(fields.checked(helpful).unwrap_err().issues.len(), 1);
        let mut fields = json(r#"{"helpful": false}"#).await;
        let helpful = fields.needed("helpful", Fields::exact_flag);
        assert_eq!(fields.checked(helpful).ok(), Some(false));
        let mut fields = json(r#"{"helpful": 1}"#).await;
        let helpful = fields.needed("helpful", Fields::exact_flag);
        assert_eq!(fields.checked(helpful).unwrap_err().issues.len(), 1, "a wrong type is no missing member");
    }
}
