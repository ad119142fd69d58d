//! The protocol of LangBot's plugins: actions and their responses as lines of JSON, in two spaces of numbers, large
//! ones in pieces; whatever else is on standard output is what the plugin printed. Written from what goes over the
//! wire alone: the code of its Runtime has terms of its own.

use std::collections::{BTreeSet, HashMap};

use application::ports::hosting::{Ask, Call, Capabilities, Delivery, Denied, Level, PluginError};
use serde_json::{Map, Value, json};

use super::{Channel, Effect, Farewell, Greeting, Line, Lines, Number, plain};

mod chunks;

use chunks::Chunks;

const LONGEST_LINE: usize = 1024 * 1024;
const MOST_ASKED: usize = 64;
const MOST_PIECES: usize = 10_000;
const PLUGIN_ERROR: i64 = -32000;
/// Answered piece by piece; the last says that it is.
const GENERATORS: [&str; 2] = ["execute_command", "run_runner"];

#[derive(Debug)]
enum Wanted {
    FirstPing,
    Initialized,
    Health,
    Call { number: Number, is_generator: bool, pieces: Vec<Value> },
    Farewell,
}

pub struct Langbot {
    greeting: Greeting,
    lines: Lines,
    chunks: Chunks,
    is_registered: bool,
    last: u64,
    wanted: HashMap<u64, Wanted>,
    asked: HashMap<Number, Value>,
    last_asked: Number,
    capabilities: Capabilities,
}

impl Langbot {
    pub fn new(greeting: Greeting) -> Self {
        Self {
            greeting,
            lines: Lines::up_to(LONGEST_LINE),
            chunks: Chunks::default(),
            is_registered: false,
            last: 0,
            wanted: HashMap::new(),
            asked: HashMap::new(),
            last_asked: 0,
            capabilities: Capabilities::default(),
        }
    }

    fn ask(&mut self, wanted: Wanted, action: &str, data: &Value) -> Option<Vec<Effect>> {
        let seq = self.last + 1;
        let sent = told(&json!({"seq_id": seq, "action": action, "data": data}))?;
        self.last = seq;
        self.wanted.insert(seq, wanted);
        Some(sent)
    }

    fn heard(&mut self, line: &[u8]) -> Vec<Effect> {
        let Ok(message) = serde_json::from_slice::<Map<String, Value>>(line) else {
            let text = String::from_utf8_lossy(line).into_owned();
            return vec![Effect::Log(Level::Info, text, Map::new())];
        };
        if !message.contains_key("type") {
            return self.message(&message);
        }
        match self.chunks.add(&message) {
            Ok(None) => Vec::new(),
            Ok(Some(whole)) => match serde_json::from_slice::<Map<String, Value>>(&whole) {
                Ok(message) => self.message(&message),
                Err(_nonsense) => vec![Effect::Broken("its pieces make no message".to_owned())],
            },
            Err(why) => vec![Effect::Broken(why.to_owned())],
        }
    }

    fn message(&mut self, message: &Map<String, Value>) -> Vec<Effect> {
        let data = message.get("data").unwrap_or(&Value::Null);
        let Some(seq) = message.get("seq_id") else { return vec![stray(message)] };
        if message.contains_key("code") {
            return self.answered(seq, message, data);
        }
        match message.get("action").and_then(Value::as_str) {
            Some("register_plugin") => self.registers(seq, data),
            Some("__ping") => respond(seq, &Ok(json!({"alive": true}))),
            Some(action) => self.wishes(action, seq, data),
            None => vec![stray(message)],
        }
    }

    /// It must prove that it is the process that we have started, and be the plugin that was meant.
    fn registers(&mut self, seq: &Value, data: &Value) -> Vec<Effect> {
        if self.is_registered {
            return respond(seq, &Err("It is registered already".to_owned()));
        }
        if data["registration_capability"].as_str() != Some(&self.greeting.capability) {
            return vec![Effect::Impostor("it does not know what it was started with".to_owned())];
        }
        let manifest = &data["plugin_container"]["manifest"];
        let manifest = manifest.get("manifest").unwrap_or(manifest);
        for (field, ours) in [("name", &self.greeting.name), ("version", &self.greeting.version)] {
            let theirs = &manifest["metadata"][field];
            if theirs.as_str() != Some(ours) {
                let theirs = plain(&theirs.to_string(), 128);
                return vec![Effect::Impostor(format!(
                    "it says that its {field} is {theirs} and not {ours:?}"
                ))];
            }
        }
        self.is_registered = true;
        self.capabilities = capabilities(&data["plugin_container"]["components"]);
        let mut effects = respond(seq, &Ok(json!({})));
        effects.extend(self.ask(Wanted::FirstPing, "__ping", &json!({})).into_iter().flatten());
        effects
    }

    fn initialize(&mut self) -> Vec<Effect> {
        let settings = json!({"enabled": true, "priority": 0, "plugin_config": self.greeting.configuration});
        let asked = self.ask(Wanted::Initialized, "initialize_plugin", &json!({"plugin_settings": settings}));
        asked.unwrap_or_else(|| {
            vec![Effect::Broken("its configuration is larger than a message may be".to_owned())]
        })
    }

    fn answered(&mut self, seq: &Value, message: &Map<String, Value>, data: &Value) -> Vec<Effect> {
        let seq = seq.as_u64().unwrap_or_default();
        let Some(wanted) = self.wanted.remove(&seq) else { return vec![Effect::Late] };
        let is_last = message.get("chunk_status").and_then(Value::as_str) == Some("end");
        let answer = if message.get("code").and_then(Value::as_i64) == Some(0) {
            Ok(data.clone())
        } else {
            Err(plain(message.get("message").and_then(Value::as_str).unwrap_or("no reason given"), 4096))
        };
        match wanted {
            Wanted::FirstPing => match answer {
                Ok(said) if said["alive"] == true => self.initialize(),
                Ok(_) | Err(_) => vec![Effect::Broken("it says that it is not alive".to_owned())],
            },
            Wanted::Initialized => vec![match answer {
                Ok(_) => Effect::Ready(self.capabilities.clone()),
                Err(why) => Effect::Refused(why),
            }],
            Wanted::Health => vec![Effect::Heartbeat],
            Wanted::Farewell => Vec::new(),
            Wanted::Call { number, is_generator, pieces } => {
                self.piece(seq, (number, is_generator, pieces), answer, is_last)
            }
        }
    }

    fn piece(
        &mut self,
        seq: u64,
        (number, is_generator, mut pieces): (Number, bool, Vec<Value>),
        answer: Result<Value, String>,
        is_last: bool,
    ) -> Vec<Effect> {
        let error = |message: String| {
            vec![Effect::Answered(
                number,
                Err(PluginError { code: PLUGIN_ERROR, message, data: Value::Null }),
            )]
        };
        match answer {
            Err(why) => error(why),
            Ok(data) if !is_generator => vec![Effect::Answered(number, Ok(data))],
            Ok(data) => {
                if data.as_object().is_some_and(|data| !data.is_empty()) {
                    pieces.push(data);
                }
                if is_last {
                    return vec![Effect::Answered(number, Ok(joined(&pieces)))];
                }
                if pieces.len() > MOST_PIECES {
                    return error("its answer has more than 10000 pieces".to_owned());
                }
                self.wanted.insert(seq, Wanted::Call { number, is_generator, pieces });
                Vec::new()
            }
        }
    }

    fn wishes(&mut self, action: &str, seq: &Value, data: &Value) -> Vec<Effect> {
        if self.asked.len() >= MOST_ASKED {
            return respond(seq, &Err("Too many actions under way".to_owned()));
        }
        self.last_asked += 1;
        self.asked.insert(self.last_asked, seq.clone());
        let method = format!("invoke/{}", plain(action, 64));
        vec![Effect::Asked(self.last_asked, Ask { method, params: data.clone() })]
    }
}

impl Channel for Langbot {
    fn open(&mut self) -> Vec<Effect> {
        Vec::new()
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
        let is_generator = GENERATORS.contains(&call.message_type.as_str());
        let wanted = Wanted::Call { number, is_generator, pieces: Vec::new() };
        self.ask(wanted, &call.message_type, &call.data)
    }

    fn forget(&mut self, number: Number) -> Vec<Effect> {
        let is_it =
            |wanted: &Wanted| matches!(wanted, Wanted::Call { number: other, .. } if *other == number);
        let Some(seq) = self.wanted.iter().find(|(_, wanted)| is_it(wanted)).map(|(seq, _)| *seq) else {
            return Vec::new();
        };
        self.wanted.remove(&seq);
        // What it answers to that is of no interest.
        self.ask(Wanted::Farewell, "__cancel_action", &json!({"seq_id": seq})).unwrap_or_default()
    }

    fn examine(&mut self) -> Vec<Effect> {
        self.wanted.retain(|_, wanted| !matches!(wanted, Wanted::Health));
        self.ask(Wanted::Health, "__ping", &json!({})).unwrap_or_default()
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
        let Some(seq) = self.asked.remove(&asked) else { return Vec::new() };
        let answer = answer.map_err(|denied| match denied {
            Denied::Permission(name) => format!("Permission denied: {name}"),
            Denied::Unknown => "This host does not offer that".to_owned(),
            Denied::Invalid(why) | Denied::Unavailable(why) => why,
        });
        respond(&seq, &answer)
    }

    /// It only says that it has heard the word; the end of its input ends it.
    fn close(&mut self, _: u64) -> Farewell {
        let effects = self.ask(Wanted::Farewell, "shutdown", &json!({})).unwrap_or_default();
        let bytes = effects
            .into_iter()
            .filter_map(|effect| if let Effect::Send(bytes) = effect { Some(bytes) } else { None });
        Farewell { send: bytes.flatten().collect(), close: true, heeded: true }
    }
}

fn respond(seq: &Value, answer: &Result<Value, String>) -> Vec<Effect> {
    let (code, message, data) = match answer {
        Ok(data) => (0, "success", data.clone()),
        Err(why) => (1, why.as_str(), json!({})),
    };
    let response =
        json!({"seq_id": seq, "code": code, "message": message, "data": data, "chunk_status": "continue"});
    told(&response).unwrap_or_default()
}

/// `None` for what is too large even in pieces.
fn told(message: &Value) -> Option<Vec<Effect>> {
    let text = message.to_string();
    Some(chunks::split(&text)?.into_iter().map(Effect::Send).collect())
}

fn joined(pieces: &[Value]) -> Value {
    let texts = pieces.iter().filter_map(|piece| piece["command_response"]["text"].as_str());
    let text: String = texts.collect();
    json!({"text": text, "messages": pieces})
}

/// What its components are called is what it can be told.
fn capabilities(components: &Value) -> Capabilities {
    let kinds = components.as_array().into_iter().flatten().filter_map(|component| {
        let manifest = component["manifest"].get("manifest").unwrap_or(&component["manifest"]);
        manifest["kind"].as_str()
    });
    let mut types: Vec<String> = kinds
        .filter_map(|kind| match kind {
            "Command" => Some("execute_command"),
            "Tool" => Some("call_tool"),
            "EventListener" => Some("emit_event"),
            _ => None,
        })
        .map(str::to_owned)
        .collect();
    types.sort();
    types.dedup();
    Capabilities { health: true, message_types: types, ..Capabilities::default() }
}

fn stray(message: &Map<String, Value>) -> Effect {
    Effect::Log(Level::Warning, format!("unknown message: {}", Value::Object(message.clone())), Map::new())
}

#[cfg(test)]
mod tests;
