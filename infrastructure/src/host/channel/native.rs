//! The native protocol, version 1: JSON-RPC 2.0, one line a message, at most 1 MiB. Standard output is the protocol's
//! alone; a line that is not of it is a warning in the log, a line without end is the end of the plugin.

use std::collections::{BTreeSet, HashMap};

use application::ports::hosting::{Ask, Call, Capabilities, Delivery, Denied, Level, PluginError};
use serde_json::{Map, Value, json};

use super::{Channel, Effect, Farewell, Greeting, Line, Lines, Number, checks, level, plain};

pub const LONGEST_LINE: usize = 1024 * 1024;
const VERSION: u64 = 1;
/// What the plugin may want of the host at a time.
const MOST_ASKED: usize = 64;

const NO_METHOD: i64 = -32601;
const BAD_PARAMS: i64 = -32602;
const PLUGIN_ERROR: i64 = -32000;
const DENIED: i64 = -32003;
const OVERLOADED: i64 = -32029;

/// What an answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Greeting,
    Health,
    Call(Number),
    Configuration(Number),
    Farewell,
}

/// One side of a conversation.
pub struct Native {
    greeting: Greeting,
    lines: Lines,
    /// The last id that was given to a call of ours.
    last: u64,
    wanted: HashMap<u64, Wanted>,
    /// Of the plugin's calls, under our own numbers.
    asked: HashMap<Number, Value>,
    last_asked: Number,
    has_health: bool,
    can_reload: bool,
}

impl Native {
    pub fn new(greeting: Greeting) -> Self {
        Self {
            greeting,
            lines: Lines::up_to(LONGEST_LINE),
            last: 0,
            wanted: HashMap::new(),
            asked: HashMap::new(),
            last_asked: 0,
            has_health: false,
            can_reload: false,
        }
    }

    fn ask(&mut self, wanted: Wanted, method: &str, params: &Value) -> Option<Effect> {
        let id = self.last + 1;
        let sent = line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        self.last = id;
        self.wanted.insert(id, wanted);
        Some(sent)
    }

    fn heard(&mut self, bytes: &[u8]) -> Vec<Effect> {
        let Some(message) = message(bytes) else { return stray(bytes) };
        match (message.get("method").and_then(Value::as_str), message.get("id")) {
            (Some(method), id) => self.told(method, id.filter(|id| !id.is_null()), &message),
            (None, Some(id)) => vec![self.answered(id, &message)],
            (None, None) => stray(bytes),
        }
    }

    /// A call or a notification of the plugin.
    fn told(&mut self, method: &str, id: Option<&Value>, message: &Map<String, Value>) -> Vec<Effect> {
        let params = message.get("params").unwrap_or(&Value::Null);
        let effect = match method {
            "log" => {
                let text =
                    params["message"].as_str().map_or_else(|| params["message"].to_string(), str::to_owned);
                let metadata = params["metadata"].as_object().cloned().unwrap_or_default();
                Effect::Log(level(&params["level"]), text, metadata)
            }
            "health/changed" => Effect::Healthy(checks(params)),
            "metrics/report" => Effect::Reported(figures(params)),
            _ => return self.wishes(method, id, params),
        };
        let done = id.and_then(|id| line(&json!({"jsonrpc": "2.0", "id": id, "result": {}})));
        std::iter::once(effect).chain(done).collect()
    }

    fn wishes(&mut self, method: &str, id: Option<&Value>, params: &Value) -> Vec<Effect> {
        if self.asked.len() >= MOST_ASKED {
            let told = id.and_then(|id| refusal(id, OVERLOADED, "Too many calls under way"));
            return told.into_iter().collect();
        }
        self.last_asked += 1;
        if let Some(id) = id {
            self.asked.insert(self.last_asked, id.clone());
        }
        vec![Effect::Asked(self.last_asked, Ask { method: plain(method, 128), params: params.clone() })]
    }

    fn answered(&mut self, id: &Value, message: &Map<String, Value>) -> Effect {
        let Some(wanted) = id.as_u64().and_then(|id| self.wanted.remove(&id)) else { return Effect::Late };
        let outcome = outcome(message);
        match wanted {
            Wanted::Greeting => self.greeted(outcome),
            // Whoever says that it does not know the question is there.
            Wanted::Health => Effect::Healthy(outcome.map(|report| checks(&report)).unwrap_or_default()),
            Wanted::Call(number) => Effect::Answered(number, outcome.and_then(spoken)),
            Wanted::Configuration(number) => Effect::Answered(number, outcome),
            Wanted::Farewell => Effect::Heartbeat,
        }
    }

    fn greeted(&mut self, outcome: Result<Value, PluginError>) -> Effect {
        let said = match outcome {
            Ok(said) => said,
            Err(error) => return Effect::Refused(error.message),
        };
        if said["protocol_version"].as_u64() != Some(VERSION) {
            let theirs = plain(&said["protocol_version"].to_string(), 64);
            return Effect::Impostor(format!(
                "it speaks version {theirs} of the protocol instead of {VERSION}"
            ));
        }
        for (field, ours) in [("id", &self.greeting.name), ("version", &self.greeting.version)] {
            let theirs = &said["plugin"][field];
            if theirs.as_str() != Some(ours) {
                let theirs = plain(&theirs.to_string(), 128);
                return Effect::Impostor(format!("it says that its {field} is {theirs} and not {ours:?}"));
            }
        }
        let own = &said["capabilities"];
        let capabilities = Capabilities {
            health: own["health"].as_bool().unwrap_or(false),
            message_types: words(&own["message_types"]),
            subscribes: words(&own["subscribes"]),
            config_reload: own["config_reload"].as_bool().unwrap_or(false),
        };
        self.has_health = capabilities.health;
        self.can_reload = capabilities.config_reload;
        Effect::Ready(capabilities)
    }
}

impl Channel for Native {
    fn open(&mut self) -> Vec<Effect> {
        let greeting = &self.greeting;
        let params = json!({
            "protocol_version": VERSION,
            "plugin_id": greeting.name,
            "host": {"name": "plugyard", "version": env!("CARGO_PKG_VERSION")},
            "config": greeting.configuration,
            "granted_permissions": greeting.permissions,
            "data_dir": greeting.data_dir,
            "limits": {"memory_mb": greeting.memory_mb, "file_handles": greeting.file_handles},
            "locale": greeting.locale,
        });
        let too_large = || Effect::Broken("its configuration is larger than a message may be".to_owned());
        vec![self.ask(Wanted::Greeting, "initialize", &params).unwrap_or_else(too_large)]
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<Effect> {
        let lines = self.lines.feed(bytes);
        let heard = lines.into_iter().flat_map(|line| match line {
            Line::Whole(line) if line.trim_ascii().is_empty() => Vec::new(),
            Line::Whole(line) => self.heard(&line),
            Line::TooLong => vec![Effect::Broken("it sent a line of more than 1 MiB".to_owned())],
        });
        heard.collect()
    }

    fn call(&mut self, number: Number, call: &Call) -> Option<Vec<Effect>> {
        let params = json!({
            "message_id": call.message_id,
            "message_type": call.message_type,
            "data": call.data,
            "source_plugin": call.source_plugin,
            "caller": call.caller,
            "deadline_ms": u64::try_from(call.deadline.as_millis()).unwrap_or(u64::MAX),
        });
        self.ask(Wanted::Call(number), "message/deliver", &params).map(|sent| vec![sent])
    }

    fn forget(&mut self, number: Number) -> Vec<Effect> {
        let same =
            |wanted: &Wanted| *wanted == Wanted::Call(number) || *wanted == Wanted::Configuration(number);
        let Some(id) = self.wanted.iter().find(|(_, wanted)| same(wanted)).map(|(id, _)| *id) else {
            return Vec::new();
        };
        self.wanted.remove(&id);
        line(&json!({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": id}})).into_iter().collect()
    }

    fn examine(&mut self) -> Vec<Effect> {
        // An old question that was never answered is not to be answered any more.
        self.wanted.retain(|_, wanted| *wanted != Wanted::Health);
        let method = if self.has_health { "health/check" } else { "ping" };
        self.ask(Wanted::Health, method, &json!({})).into_iter().collect()
    }

    fn deliver(&mut self, event: &Delivery) -> Vec<Effect> {
        let params = json!({
            "event_id": event.event_id,
            "event_type": event.event_type,
            "source_plugin": event.source_plugin,
            "data": event.data,
        });
        line(&json!({"jsonrpc": "2.0", "method": "event/deliver", "params": params})).into_iter().collect()
    }

    fn configure(&mut self, number: Number, changed: &Map<String, Value>) -> Option<Vec<Effect>> {
        let asked = self
            .can_reload
            .then(|| self.ask(Wanted::Configuration(number), "config/update", &json!({"changed": changed})));
        asked.flatten().map(|sent| vec![sent])
    }

    fn permit(&mut self, granted: &BTreeSet<String>) -> Vec<Effect> {
        let params = json!({"granted_permissions": granted});
        line(&json!({"jsonrpc": "2.0", "method": "permissions/changed", "params": params}))
            .into_iter()
            .collect()
    }

    fn answer(&mut self, asked: Number, answer: Result<Value, Denied>) -> Vec<Effect> {
        let Some(id) = self.asked.remove(&asked) else { return Vec::new() };
        let told = match answer {
            Ok(value) => line(&json!({"jsonrpc": "2.0", "id": id, "result": value}))
                .or_else(|| refusal(&id, PLUGIN_ERROR, "The answer is larger than a message may be")),
            Err(Denied::Permission(name)) => refusal(&id, DENIED, &format!("Permission denied: {name}")),
            Err(Denied::Unknown) => refusal(&id, NO_METHOD, "Method not found"),
            Err(Denied::Invalid(why)) => refusal(&id, BAD_PARAMS, &why),
            Err(Denied::Unavailable(why)) => refusal(&id, PLUGIN_ERROR, &why),
        };
        told.into_iter().collect()
    }

    fn close(&mut self, deadline_ms: u64) -> Farewell {
        let told = self.ask(Wanted::Farewell, "shutdown", &json!({"deadline_ms": deadline_ms}));
        let bytes = if let Some(Effect::Send(bytes)) = told { bytes } else { Vec::new() };
        Farewell { send: bytes, close: false, heeded: true }
    }
}

/// `None` for what is larger than a message may be.
fn line(message: &Value) -> Option<Effect> {
    let mut bytes = serde_json::to_vec(message).ok()?;
    bytes.push(b'\n');
    (bytes.len() <= LONGEST_LINE).then_some(Effect::Send(bytes))
}

fn refusal(id: &Value, code: i64, message: &str) -> Option<Effect> {
    line(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}))
}

fn message(bytes: &[u8]) -> Option<Map<String, Value>> {
    let message: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    (message.get("jsonrpc").and_then(Value::as_str) == Some("2.0")).then_some(message)
}

fn stray(bytes: &[u8]) -> Vec<Effect> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    vec![Effect::Log(Level::Warning, format!("on standard output: {text}"), Map::new())]
}

fn outcome(message: &Map<String, Value>) -> Result<Value, PluginError> {
    match message.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(PluginError {
            code: error["code"].as_i64().unwrap_or(PLUGIN_ERROR),
            message: plain(error["message"].as_str().unwrap_or("no reason given"), 4096),
            data: error.get("data").cloned().unwrap_or_default(),
        }),
        None => Ok(message.get("result").cloned().unwrap_or_default()),
    }
}

/// The data of an answer, or the error that it says it is.
fn spoken(result: Value) -> Result<Value, PluginError> {
    let Value::Object(mut said) = result else { return Ok(result) };
    match said.get("status").and_then(Value::as_str) {
        Some("success") if said.contains_key("data") => Ok(said.remove("data").unwrap_or_default()),
        Some("error" | "failed") => {
            let message = said.get("message").or_else(|| said.get("error")).and_then(Value::as_str);
            let message = plain(message.unwrap_or("no reason given"), 4096);
            Err(PluginError { code: PLUGIN_ERROR, message, data: said.remove("data").unwrap_or_default() })
        }
        Some(_) | None => Ok(Value::Object(said)),
    }
}

fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.take(256).map(|word| plain(word, 128)).collect()
}

fn figures(params: &Value) -> Vec<(String, f64)> {
    let figures = params.get("metrics").and_then(Value::as_object).or_else(|| params.as_object());
    let named =
        figures.into_iter().flatten().filter_map(|(name, value)| Some((plain(name, 64), value.as_f64()?)));
    named.take(64).collect()
}

#[cfg(test)]
mod tests;
