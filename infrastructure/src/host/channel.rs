//! What plugins say and are told, as pure machines: bytes in, effects out. No channel reads, writes, waits or knows
//! the time, so each can be tried with what was once recorded, and with noise.

use std::collections::BTreeSet;

use application::ports::hosting::{
    Ask, Call, Capabilities, Check, CheckStatus, Delivery, Denied, Level, PluginError,
};
use serde_json::{Map, Value};

pub mod dify;
#[cfg(test)]
mod fixture;
#[cfg(feature = "langbot-runtime")]
pub mod langbot;
mod lines;
pub mod native;
mod text;

pub use lines::{Line, Lines};
pub(super) use text::plain;

/// The host's own number for something that it wants an answer to.
pub type Number = u64;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Send(Vec<u8>),
    /// It was greeted and answered as it must.
    Ready(Capabilities),
    /// It does not want to start.
    Refused(String),
    /// It is another plugin, or another version of it.
    Impostor(String),
    Answered(Number, Result<Value, PluginError>),
    /// What it says of itself when asked; empty when it is merely there.
    Healthy(Vec<Check>),
    /// A sign of life that nobody asked for.
    Heartbeat,
    Log(Level, String, Map<String, Value>),
    Asked(Number, Ask),
    /// Figures that it gave names to.
    Reported(Vec<(String, f64)>),
    /// An answer to nothing, or to what is not waited for any more.
    Late,
    /// It cannot be understood any more and must end.
    Broken(String),
}

/// What a plugin is greeted with.
#[derive(Debug, Clone)]
pub struct Greeting {
    pub name: String,
    pub version: String,
    pub configuration: Map<String, Value>,
    pub permissions: BTreeSet<String>,
    pub data_dir: String,
    pub memory_mb: u32,
    pub file_handles: u32,
    pub locale: String,
    /// Fresh and random; for protocols whose plugins prove with it that they were started by us.
    pub capability: String,
}

/// The last words of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Farewell {
    pub send: Vec<u8>,
    pub close: bool,
    /// Whether it ends by these words alone, and so is worth waiting for.
    pub heeded: bool,
}

/// One plugin process, from its first byte to its last.
pub trait Channel: Send {
    /// What it is told first.
    fn open(&mut self) -> Vec<Effect>;

    /// What it said on its standard output.
    fn hear(&mut self, bytes: &[u8]) -> Vec<Effect>;

    /// `None`: it is too large for the protocol.
    fn call(&mut self, number: Number, call: &Call) -> Option<Vec<Effect>>;

    /// Nobody waits for it any more.
    fn forget(&mut self, number: Number) -> Vec<Effect>;

    /// Asks after its health; nothing where it tells that by itself.
    fn examine(&mut self) -> Vec<Effect>;

    fn deliver(&mut self, event: &Delivery) -> Vec<Effect>;

    /// `None`: it cannot be told while it runs.
    fn configure(&mut self, number: Number, changed: &Map<String, Value>) -> Option<Vec<Effect>>;

    fn permit(&mut self, granted: &BTreeSet<String>) -> Vec<Effect>;

    /// What became of something it asked for.
    fn answer(&mut self, asked: Number, answer: Result<Value, Denied>) -> Vec<Effect>;

    fn close(&mut self, deadline_ms: u64) -> Farewell;
}

/// What plugins say of their health is text of strangers: so many checks, so long.
const MOST_CHECKS: usize = 64;
const LONGEST_CHECK: usize = 1024;

/// Checks as a plugin names them, and its own summary of them as the first.
fn checks(report: &Value) -> Vec<Check> {
    let own = Check {
        name: "plugin".to_owned(),
        status: status(&report["status"]),
        message: plain(report["message"].as_str().unwrap_or_default(), LONGEST_CHECK),
    };
    let others = report["checks"].as_array().into_iter().flatten().take(MOST_CHECKS).map(|check| Check {
        name: plain(check["name"].as_str().unwrap_or("unnamed"), 128),
        status: status(&check["status"]),
        message: plain(check["message"].as_str().unwrap_or_default(), LONGEST_CHECK),
    });
    std::iter::once(own).chain(others).collect()
}

fn status(word: &Value) -> CheckStatus {
    match word.as_str() {
        Some("fail" | "unhealthy" | "error" | "critical") => CheckStatus::Fail,
        Some("warning" | "warn" | "degraded") => CheckStatus::Warning,
        Some(_) | None => CheckStatus::Pass,
    }
}

fn level(word: &Value) -> Level {
    match word.as_str().map(str::to_ascii_uppercase).as_deref() {
        Some("DEBUG" | "TRACE") => Level::Debug,
        Some("WARNING" | "WARN") => Level::Warning,
        Some("ERROR" | "CRITICAL" | "FATAL") => Level::Error,
        Some(_) | None => Level::Info,
    }
}
