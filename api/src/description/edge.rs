//! What the edge does to every operation, whatever its handler is: credentials, limits, refusals, headers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use anyhow::anyhow;
use application::{
    policy::{Action, Reach},
    principal::Principal,
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::{
    address::Client,
    credential::Accepts,
    limits::{Charge, Limits, ResetForm},
    operations::Operation,
    refusal::{Fault, Refusal},
    voice::{Heard, Voice},
};

const PLACE: &str = "the answer of the handler";

pub(super) struct Edge {
    pub(super) name: &'static str,
    voice: &'static Voice,
    /// With the limits that nobody has changed.
    limits: Limits,
}

impl Edge {
    pub(super) fn of(name: &'static str, voice: &'static Voice) -> anyhow::Result<Self> {
        let rates = "".parse().map_err(|error: String| anyhow!(error))?;
        Ok(Self { name, voice, limits: Limits::new(rates) })
    }

    /// The forms of credentials, by their names in the document.
    pub(super) fn schemes(&self, schemes: &mut Value) {
        let Accepts { bearer, api_key, basic } = self.voice.accepts;
        let name = self.name;
        if bearer {
            schemes[format!("{name}.bearer")] = json!({"type": "http", "scheme": "bearer"});
        }
        if api_key {
            schemes[format!("{name}.key")] = json!({"type": "apiKey", "in": "header", "name": "X-API-Key"});
        }
        if basic {
            schemes[format!("{name}.basic")] = json!({"type": "http", "scheme": "basic"});
        }
    }

    pub(super) fn complete(&self, written: &mut Map<String, Value>, operation: &Operation) {
        written.insert("tags".to_owned(), json!([self.name]));
        written.insert("security".to_owned(), self.security(operation.action));
        let own = match written.remove("refusals") {
            Some(Value::Object(own)) => own,
            _ => Map::new(),
        };
        let mut refusals: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (status, text) in own {
            refusals.entry(status).or_default().push(text.as_str().unwrap_or_default().to_owned());
        }
        for (fault, text) in self.faults(written, operation) {
            let texts = refusals.entry(self.status(fault).as_u16().to_string()).or_default();
            texts.push(text.to_owned());
        }
        let limited = self.is_any_limited(&operation.charges);
        let headers = self.headers(limited || self.is_limited(Charge::Shown));
        let refusal_type = self.voice.refusal_type.to_str().unwrap_or("application/json");
        let Some(Value::Object(responses)) = written.get_mut("responses") else { return };
        for response in responses.values_mut() {
            response["headers"] = headers.clone();
            if operation.action.rule().is_some_and(|rule| rule.scope != domain::values::Scope::Read) {
                response["headers"]["X-Log-Position"] = json!({"$ref": "#/components/headers/LogPosition"});
            }
        }
        for (status, texts) in refusals {
            let mut headers = headers.clone();
            if status == "429" || status == "503" {
                headers["Retry-After"] = json!({"$ref": "#/components/headers/RetryAfter"});
            }
            let response = json!({
                "description": texts.join("; "),
                "headers": headers,
                "content": {refusal_type: {"schema": {"$ref": "#/components/schemas/Refusal"}}},
            });
            responses.entry(status).or_insert(response);
        }
    }

    /// A schema inside what the dialect puts around answers of shared handlers.
    pub(super) fn enveloped(&self, schema: &Value) -> Value {
        let envelope = (self.voice.accept)(PLACE.into(), &Heard::of_nobody());
        around(&envelope, schema)
    }

    /// What says that something was done and nothing else.
    pub(super) fn nothing(&self) -> (&'static str, Value) {
        if (self.voice.accept)(Value::Null, &Heard::of_nobody()).is_null() {
            return ("204", json!({"description": "Done"}));
        }
        ("200", json!({"description": "Done", "said": {"type": "object"}}))
    }

    fn security(&self, action: Action) -> Value {
        let Accepts { bearer, api_key, basic } = self.voice.accepts;
        let forms = [("bearer", bearer), ("key", api_key), ("basic", basic)];
        let forms = forms.iter().filter(|(_, taken)| *taken);
        let mut ways: Vec<Value> =
            forms.map(|(form, _)| json!({format!("{}.{form}", self.name): []})).collect();
        if is_open(action) && !ways.is_empty() {
            ways.insert(0, json!({}));
        }
        ways.into()
    }

    fn faults(&self, written: &Map<String, Value>, operation: &Operation) -> Vec<(Fault, &'static str)> {
        let parameters = written.get("parameters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let in_query = parameters.iter().any(|parameter| parameter["in"] == "query");
        let key = "#/components/parameters/IdempotencyKey";
        let once = parameters.iter().any(|parameter| parameter["$ref"] == key);
        let body = written.contains_key("requestBody");
        let credentials = self.voice.accepts != Accepts::NOTHING;
        let possible = [
            (true, Fault::Meaningless, "The request makes no sense"),
            (body || in_query, Fault::Malformed, "The request is malformed"),
            (credentials, Fault::BadCredential, "The credential is missing or not good"),
            (!is_open(operation.action), Fault::Forbidden, "The credential has not the right"),
            (operation.path.contains('{'), Fault::UnknownPath, "The path cannot be read"),
            (body, Fault::Late, "The body did not arrive in time"),
            (body, Fault::TooLarge, "The body is too large"),
            (true, Fault::UrlTooLong, "The URL is longer than 8 KiB"),
            (true, Fault::MediaType, "The body is packed, or of a wrong type"),
            (once, Fault::KeyReused, "The idempotency key was used for another request"),
            // Whoever shows bad credentials has to wait everywhere.
            (credentials || self.is_any_limited(&operation.charges), Fault::Limited, "Too many requests"),
            (true, Fault::HeadersTooLarge, "The headers are larger than 16 KiB"),
            (true, Fault::Internal, "A fault of ours"),
            (true, Fault::Unavailable, "Not now; try again"),
        ];
        possible.into_iter().filter(|(can, ..)| *can).map(|(_, fault, text)| (fault, text)).collect()
    }

    fn status(&self, fault: Fault) -> StatusCode {
        (self.voice.refuse)(&Refusal::new(fault, ""), &Heard::of_nobody()).0
    }

    fn is_any_limited(&self, charges: &[Charge]) -> bool {
        charges.iter().any(|charge| self.is_limited(*charge))
    }

    fn is_limited(&self, charge: Charge) -> bool {
        let client = Client(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let standing =
            self.limits.take(self.voice.dialect, charge, &Principal::anonymous(), client, Instant::now());
        standing.is_some()
    }

    fn headers(&self, limited: bool) -> Value {
        let mut headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
        let mut stamped = HeaderMap::new();
        (self.voice.stamp)(&mut stamped);
        for (name, value) in &stamped {
            let value = value.to_str().unwrap_or_default();
            headers[name.as_str()] = json!({"schema": {"const": value}});
        }
        if limited {
            for (name, header) in
                [("Limit", "RateLimit"), ("Remaining", "RateRemaining"), ("Reset", "RateReset")]
            {
                headers[format!("X-RateLimit-{name}")] =
                    json!({"$ref": format!("#/components/headers/{header}")});
            }
            if self.voice.reset == ResetForm::UnixSecondsAndWindow {
                headers["X-RateLimit-Window"] = json!({"$ref": "#/components/headers/RateWindow"});
            }
        }
        headers
    }
}

fn is_open(action: Action) -> bool {
    action.rule().is_some_and(|rule| rule.anonymous != Reach::Nobody)
}

/// The schema of a sample in which one place stands for the answer.
fn around(sample: &Value, schema: &Value) -> Value {
    match sample {
        Value::String(text) if text == PLACE => schema.clone(),
        Value::Object(members) => {
            let names: Vec<_> = members.keys().collect();
            let properties: Map<String, Value> =
                members.iter().map(|(name, member)| (name.clone(), around(member, schema))).collect();
            json!({"type": "object", "required": names, "properties": properties})
        }
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(_) => json!({"type": "number"}),
        Value::String(_) => json!({"type": "string"}),
        Value::Array(_) => json!({"type": "array"}),
        Value::Null => json!({}),
    }
}
