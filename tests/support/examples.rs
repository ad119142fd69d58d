//! Executable examples: `.http` files with `###` between requests, `{{name}}` for values, `# @name n` to refer
//! to an answer later as `{{n.response.body.member}}`, `# after n` to wait until that task has ended, `< file` for a
//! file's bytes, `# expect 200` for the status.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Example {
    pub title: String,
    pub name: Option<String>,
    /// The answer whose task must have ended before.
    pub after: Option<String>,
    pub expect: u16,
    pub method: Method,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// The examples of one file, in order.
pub fn parse(text: &str) -> Vec<Example> {
    text.split("\n###").skip(1).map(one).collect()
}

fn one(block: &str) -> Example {
    let mut lines = block.lines();
    let title = lines.next().unwrap_or_default().trim().to_owned();
    let (mut name, mut after, mut expect, mut request) = (None, None, None, None);
    for line in lines.by_ref() {
        if let Some(comment) = line.strip_prefix('#') {
            let comment = comment.trim();
            name = comment.strip_prefix("@name ").map(str::to_owned).or(name);
            after = comment.strip_prefix("after ").map(str::to_owned).or(after);
            expect = comment.strip_prefix("expect ").map(str::to_owned).or(expect);
        } else if !line.trim().is_empty() {
            request = line.split_once(' ');
            break;
        }
    }
    let (method, target) = request.unwrap_or_else(|| panic!("{title}: no request line"));
    let headers = lines.by_ref().take_while(|line| !line.is_empty());
    let headers =
        headers.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{title}: header {line}")));
    let headers: Vec<(String, String)> = headers.map(|(name, value)| (name.into(), value.into())).collect();
    let body = lines.collect::<Vec<_>>().join("\n").trim_end().to_owned();
    Example {
        expect: expect
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{title}: no # expect")),
        method: method.parse().expect("a method"),
        target: target.trim().to_owned(),
        title,
        name,
        after,
        headers,
        body,
    }
}

/// Values that examples refer to.
#[derive(Debug, Default)]
pub struct Values {
    plain: BTreeMap<String, String>,
    answers: BTreeMap<String, Value>,
}

impl Values {
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.plain.insert(name.into(), value.into());
        self
    }

    pub fn remember(&mut self, name: &str, answer: Value) {
        self.answers.insert(name.into(), answer);
    }

    pub fn answer(&self, name: &str) -> &Value {
        self.answers.get(name).unwrap_or_else(|| panic!("no answer is named {name}"))
    }

    /// The text with every `{{..}}` replaced; panics at an unknown one.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}").expect("closing braces");
            out.push_str(before);
            out.push_str(&self.value(name));
            rest = tail;
        }
        out + rest
    }

    /// The body with its `< file` lines replaced by the files' bytes.
    pub fn body(&self, text: &str) -> Vec<u8> {
        let multipart = text.starts_with("--");
        let end = if multipart { "\r\n" } else { "\n" };
        let mut out = Vec::new();
        for line in self.fill(text).lines() {
            match line.strip_prefix("< ") {
                Some(path) => out.extend(std::fs::read(path).expect("the file of the example")),
                None => out.extend(line.as_bytes()),
            }
            out.extend(end.as_bytes());
        }
        out
    }

    fn value(&self, name: &str) -> String {
        if let Some(value) = self.plain.get(name) {
            return value.clone();
        }
        let known = name.split_once(".response.body.");
        let member = known.and_then(|(answer, path)| {
            let answer = self.answers.get(answer)?;
            path.split('.').try_fold(answer, |value, member| value.get(member))?.as_str()
        });
        member.unwrap_or_else(|| panic!("no value for {{{{{name}}}}}")).to_owned()
    }
}
