//! The protocol of Dify's plugins: JSON values one after the other, heartbeats by themselves, and sessions in which
//! an answer comes in pieces. What the plugin asks back is answered in the same session.

use std::collections::{BTreeSet, HashMap, HashSet};

use application::ports::hosting::{Ask, Call, Capabilities, Delivery, Denied, Level, PluginError};
use serde_json::{Map, Value, json};

use super::{Channel, Effect, Farewell, Greeting, Line, Lines, Number, level, plain};

mod pieces;

use pieces::Pieces;

const LONGEST_LINE: usize = 5 * 1024 * 1024;
/// What its own reader takes is not known to be bounded; this is what we take ourselves.
const LONGEST_CALL: usize = 5 * 1024 * 1024;
const MOST_ASKED: usize = 64;
/// Sessions that were answered and may still be spoken of.
const MOST_FORGOTTEN: usize = 1024;

const NO_METHOD: i64 = -32601;
const BAD_PARAMS: i64 = -32602;
const PLUGIN_ERROR: i64 = -32000;

pub struct Dify {
    greeting: Greeting,
    lines: Lines,
    is_known: bool,
    is_ready: bool,
    sessions: HashMap<Number, Pieces>,
    /// Answered already, and about to end.
    forgotten: HashSet<Number>,
    asked: HashMap<Number, (String, String)>,
    last_asked: Number,
}

impl Dify {
    pub fn new(greeting: Greeting) -> Self {
        Self {
            greeting,
            lines: Lines::up_to(LONGEST_LINE),
            is_known: false,
            is_ready: false,
            sessions: HashMap::new(),
            forgotten: HashSet::new(),
            asked: HashMap::new(),
            last_asked: 0,
        }
    }

    /// Text and end of line may come apart, so a line can hold several values, and what plugins print.
    fn heard(&mut self, line: &[u8]) -> Vec<Effect> {
        let mut values = serde_json::Deserializer::from_slice(line).into_iter::<Map<String, Value>>();
        let mut effects = Vec::new();
        loop {
            let from = values.byte_offset();
            match values.next() {
                None => return effects,
                Some(Ok(message)) => effects.extend(self.message(&message)),
                Some(Err(_noise)) => {
                    let text =
                        String::from_utf8_lossy(line.get(from..).unwrap_or_default()).trim().to_owned();
                    effects.push(Effect::Log(Level::Info, text, Map::new()));
                    return effects;
                }
            }
        }
    }

    fn message(&mut self, message: &Map<String, Value>) -> Vec<Effect> {
        let data = message.get("data").unwrap_or(&Value::Null);
        match message.get("event").and_then(Value::as_str) {
            Some("heartbeat") => vec![self.beat()],
            Some("log") => {
                let text = data["message"].as_str().unwrap_or_default().to_owned();
                vec![Effect::Log(level(&data["level"]), text, Map::new())]
            }
            Some("session") => self.session(message, data),
            Some("error") => {
                let said = data["error"].as_str().map_or_else(|| data.to_string(), str::to_owned);
                vec![Effect::Log(Level::Error, said, Map::new())]
            }
            Some(_) => vec![stray(message)],
            None if self.is_known => vec![stray(message)],
            None => self.introduced(message),
        }
    }

    /// The first that it says is its manifest.
    fn introduced(&mut self, manifest: &Map<String, Value>) -> Vec<Effect> {
        self.is_known = true;
        for (field, ours) in [("name", &self.greeting.name), ("version", &self.greeting.version)] {
            let theirs = manifest.get(field).unwrap_or(&Value::Null);
            if theirs.as_str() != Some(ours) {
                let theirs = plain(&theirs.to_string(), 128);
                return vec![Effect::Impostor(format!(
                    "it says that its {field} is {theirs} and not {ours:?}"
                ))];
            }
        }
        Vec::new()
    }

    fn beat(&mut self) -> Effect {
        if self.is_ready || !self.is_known {
            return Effect::Heartbeat;
        }
        self.is_ready = true;
        Effect::Ready(Capabilities { health: true, ..Capabilities::default() })
    }

    fn session(&mut self, message: &Map<String, Value>, data: &Value) -> Vec<Effect> {
        let session = message.get("session_id").and_then(Value::as_str).unwrap_or_default();
        let Some(number) = session.strip_prefix('s').and_then(|number| number.parse::<Number>().ok()) else {
            return vec![Effect::Late];
        };
        let kind = data["type"].as_str().unwrap_or_default();
        let Some(pieces) = self.sessions.get_mut(&number) else {
            // The end of what was answered already is no answer; of what was given up it is a late one.
            let is_late = kind == "end" && !self.forgotten.remove(&number);
            return is_late.then_some(Effect::Late).into_iter().collect();
        };
        match kind {
            "stream" => match pieces.add(&data["data"]) {
                Ok(()) => Vec::new(),
                Err(why) => self.fail(number, PLUGIN_ERROR, why.to_owned(), Value::Null),
            },
            "error" => self.failed(number, &data["data"]),
            "end" => self.ended(number),
            "invoke" => self.invoked(number, session, &data["data"]),
            _ => vec![stray(message)],
        }
    }

    fn ended(&mut self, number: Number) -> Vec<Effect> {
        let Some(pieces) = self.sessions.remove(&number) else { return Vec::new() };
        let answer = pieces.whole().ok_or_else(|| PluginError {
            code: NO_METHOD,
            message: "the plugin ended the session without an answer: it does not know this type or action"
                .to_owned(),
            data: Value::Null,
        });
        vec![Effect::Answered(number, answer)]
    }

    /// Where it happened in the plugin is for its log; it names places of this machine.
    fn failed(&mut self, number: Number, said: &Value) -> Vec<Effect> {
        let message = said["message"].as_str().unwrap_or("no reason given");
        let kind = said["error_type"].as_str().unwrap_or("error");
        let mut details = said["args"].clone();
        let place = details.as_object_mut().and_then(|details| details.remove("traceback"));
        let place = place.as_ref().and_then(Value::as_str).map(str::to_owned);
        let mut effects =
            self.fail(number, PLUGIN_ERROR, plain(&format!("{kind}: {message}"), 4096), details);
        effects.extend(place.map(|place| Effect::Log(Level::Error, place, Map::new())));
        effects
    }

    fn fail(&mut self, number: Number, code: i64, message: String, data: Value) -> Vec<Effect> {
        self.sessions.remove(&number);
        self.set_aside(number);
        vec![Effect::Answered(number, Err(PluginError { code, message, data }))]
    }

    fn set_aside(&mut self, number: Number) {
        if self.forgotten.len() >= MOST_FORGOTTEN {
            self.forgotten.clear();
        }
        self.forgotten.insert(number);
    }

    fn invoked(&mut self, number: Number, session: &str, data: &Value) -> Vec<Effect> {
        let request = data["backwards_request_id"].as_str().unwrap_or_default();
        let (session, request) = (session.to_owned(), request.to_owned());
        if self.asked.len() >= MOST_ASKED {
            return backwards(&session, &request, "error", "Too many calls under way", &Value::Null);
        }
        self.last_asked += 1;
        self.asked.insert(self.last_asked, (session, request));
        let method = format!("invoke/{}", plain(data["type"].as_str().unwrap_or_default(), 64));
        let params = json!({"session": number, "request": data["request"]});
        vec![Effect::Asked(self.last_asked, Ask { method, params })]
    }

    /// What is asked, with what every request has.
    fn request(&self, call: &Call) -> Result<Value, (i64, &'static str)> {
        let (kind, action) = call
            .message_type
            .split_once('.')
            .ok_or((NO_METHOD, "a message type is a type, a dot and an action"))?;
        let Value::Object(mut data) = call.data.clone() else {
            return Err((BAD_PARAMS, "the data of a request is an object"));
        };
        data.insert("type".to_owned(), kind.into());
        data.insert("action".to_owned(), action.into());
        let caller = call.caller.as_deref().unwrap_or("anonymous");
        data.entry("user_id").or_insert_with(|| caller.into());
        let own = &self.greeting.configuration;
        if !data.contains_key("credentials") {
            data.insert("credentials".to_owned(), Value::Object(own.clone()));
            let kind = if own.is_empty() { "unauthorized" } else { "api-key" };
            data.entry("credential_type").or_insert_with(|| kind.into());
        }
        Ok(Value::Object(data))
    }
}

impl Channel for Dify {
    fn open(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<Effect> {
        let lines = self.lines.feed(bytes);
        let heard = lines.into_iter().flat_map(|line| match line {
            Line::Whole(line) if line.trim_ascii().is_empty() => Vec::new(),
            Line::Whole(line) => self.heard(&line),
            Line::TooLong => vec![Effect::Broken("it sent a line of more than 5 MiB".to_owned())],
        });
        heard.collect()
    }

    fn call(&mut self, number: Number, call: &Call) -> Option<Vec<Effect>> {
        let data = match self.request(call) {
            Ok(data) => data,
            Err((code, why)) => {
                let error = PluginError { code, message: why.to_owned(), data: Value::Null };
                return Some(vec![Effect::Answered(number, Err(error))]);
            }
        };
        let sent = line(&json!({
            "session_id": format!("s{number}"),
            "conversation_id": null,
            "message_id": null,
            "app_id": null,
            "endpoint_id": null,
            "context": null,
            "event": "request",
            "data": data,
        }))?;
        self.sessions.insert(number, Pieces::default());
        Some(vec![sent])
    }

    fn forget(&mut self, number: Number) -> Vec<Effect> {
        self.sessions.remove(&number);
        Vec::new()
    }

    fn examine(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    fn deliver(&mut self, _: &Delivery) -> Vec<Effect> {
        Vec::new()
    }

    fn configure(&mut self, _: Number, _: &Map<String, Value>) -> Option<Vec<Effect>> {
        None
    }

    fn permit(&mut self, _: &BTreeSet<String>) -> Vec<Effect> {
        Vec::new()
    }

    fn answer(&mut self, asked: Number, answer: Result<Value, Denied>) -> Vec<Effect> {
        let Some((session, request)) = self.asked.remove(&asked) else { return Vec::new() };
        let refused = |why: &str| backwards(&session, &request, "error", why, &Value::Null);
        match answer {
            Ok(value) => {
                let mut told = backwards(&session, &request, "response", "ok", &value);
                if told.is_empty() {
                    return refused("The answer is larger than a message may be");
                }
                told.extend(backwards(&session, &request, "end", "", &json!({})));
                told
            }
            Err(Denied::Permission(name)) => refused(&format!("Permission denied: {name}")),
            Err(Denied::Unknown) => refused("This host does not offer that"),
            Err(Denied::Invalid(why) | Denied::Unavailable(why)) => refused(&why),
        }
    }

    /// No words: it ends by a signal, and goes mad at the end of its input.
    fn close(&mut self, _: u64) -> Farewell {
        Farewell::default()
    }
}

/// `message` must be a text, or the plugin waits for minutes.
fn backwards(session: &str, request: &str, event: &str, message: &str, data: &Value) -> Vec<Effect> {
    let data = json!({"backwards_request_id": request, "event": event, "message": message, "data": data});
    let told = json!({"session_id": session, "event": "backwards_response", "data": data});
    line(&told).into_iter().collect()
}

fn line(message: &Value) -> Option<Effect> {
    let mut bytes = serde_json::to_vec(message).ok()?;
    bytes.push(b'\n');
    (bytes.len() <= LONGEST_CALL).then_some(Effect::Send(bytes))
}

fn stray(message: &Map<String, Value>) -> Effect {
    Effect::Log(Level::Warning, format!("unknown message: {}", Value::Object(message.clone())), Map::new())
}

#[cfg(test)]
mod tests;
