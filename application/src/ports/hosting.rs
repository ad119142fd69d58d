//! Plugins at work: processes that are started, watched, talked to and ended on this node. Everything is keyed by
//! instance, because two versions of one installation may be up at once while one takes over from the other.

use std::{collections::BTreeSet, fmt, path::PathBuf, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

mod happening;
mod sandboxing;

pub use happening::{Exit, Happening, Happenings, Level, LogLine, Reported, Sample, State};
pub use sandboxing::{Control, SandboxReport, Tier};

pub use domain::installation::Runtime;

use super::vault::Secret;

/// One process of an installation, and all that it starts. Ids are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub Uuid);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All that is needed to start a plugin, again and again.
#[derive(Debug, Clone)]
pub struct Launch {
    pub instance: InstanceId,
    /// Whose user on the system it runs as: instances of one installation share their data.
    pub installation: Uuid,
    pub runtime: Runtime,
    /// As the manifest calls it; a plugin that calls itself otherwise is refused.
    pub name: String,
    pub version: String,
    /// The directory of the package's content, which it can read.
    pub code: PathBuf,
    /// The directory of its virtual environment, if it has one.
    pub environment: Option<PathBuf>,
    /// The one directory that it can write to and that stays.
    pub data: PathBuf,
    /// Native: `main.py`, `module:Class` (whose `run` is called) or a program of the package. Dify: a module.
    /// `LangBot`: not looked at.
    pub entry_point: String,
    /// Native: `python` unless the manifest says otherwise; anything else is run as a program.
    pub language: String,
    /// With its secrets in the clear: it is told on standard input and nowhere else.
    pub configuration: Secret<Map<String, Value>>,
    /// Never to be seen in a log line, whatever form they come in.
    pub secrets: Vec<Secret>,
    /// Granted, not only wished for.
    pub permissions: BTreeSet<String>,
    pub limits: Limits,
    /// Whether it may reach the network; without this there is none for it.
    pub network: bool,
    /// Without a sandbox that was proven to hold it is not started.
    pub require_sandbox: bool,
    /// How long it may take until it is ready; the protocol's own patience unless said.
    pub ready_within: Option<Duration>,
    pub locale: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub memory_mb: u32,
    /// Of one core.
    pub cpu_percent: u32,
    pub file_handles: u32,
    /// Threads included.
    pub processes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mb: 256, cpu_percent: 100, file_handles: 256, processes: 64 }
    }
}

/// A plugin that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    pub process: u32,
    pub after: Duration,
    pub sandboxed: bool,
    pub capabilities: Capabilities,
}

/// What it says it can do; never more than it was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub health: bool,
    /// Empty: it does not say.
    pub message_types: Vec<String>,
    pub subscribes: Vec<String>,
    /// Changes of its configuration can be told while it runs.
    pub config_reload: bool,
}

/// Why a plugin did not get ready. Nothing of it is left running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartFault {
    #[error("The plugin ended before it was ready: {exit}")]
    Exited {
        exit: Exit,
        /// The end of what it said.
        stderr: String,
    },
    #[error("The plugin was not ready within {} s", .after.as_secs())]
    TimedOut { after: Duration, stderr: String },
    /// In the plugin's words.
    #[error("The plugin refuses to start: {0}")]
    Refused(String),
    #[error("The plugin is not what it was installed as: {0}")]
    Impostor(String),
    #[error("The plugin does not keep to its protocol: {0}")]
    Broken(String),
    #[error("The plugin needs a sandbox, and this host cannot enforce: {}", .missing.join(", "))]
    NoSandbox { missing: Vec<&'static str> },
    /// The step that failed and why, without any path.
    #[error("The plugin's process could not be made: {0}")]
    NotMade(String),
    #[error("The plugin was stopped while it was starting")]
    Stopped,
    #[error("The instance is running already")]
    AlreadyRunning,
    #[error("There is no such instance")]
    Unknown,
}

/// How to end a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// How long calls that are under way are waited for.
    pub drain: Duration,
    /// False: it is not asked but killed.
    pub graceful: bool,
}

impl Stop {
    pub const AT_ONCE: Self = Self { drain: Duration::ZERO, graceful: false };

    pub fn after(drain: Duration) -> Self {
        Self { drain, graceful: true }
    }
}

/// A message for a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub message_id: String,
    pub message_type: String,
    pub data: Value,
    /// Such as `user:u1`; counted among the plugin's users.
    pub caller: Option<String>,
    pub source_plugin: Option<String>,
    pub deadline: Duration,
}

/// What the plugin made of it. An error of the plugin is an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub answer: Result<Value, PluginError>,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PluginError {
    /// As in JSON-RPC: -32601 for a message that it does not know.
    pub code: i64,
    pub message: String,
    pub data: Value,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    #[error("The plugin is not running")]
    NotRunning,
    #[error("The plugin has as many calls under way as it may have")]
    Busy,
    #[error("The plugin did not answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("The plugin ended before it answered")]
    Died,
    #[error("The message is too large for the plugin's protocol")]
    TooLarge,
}

/// An event that the plugin may have subscribed to. Not answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub event_id: String,
    pub event_type: String,
    pub source_plugin: Option<String>,
    pub data: Value,
}

/// What became of a changed configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    Applied,
    /// It keeps what it has until it is started again.
    RestartRequired,
    /// In the plugin's words; the old one stays in force.
    Refused(String),
}

/// One look at an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub state: State,
    pub health: Health,
    pub checks: Vec<Check>,
    pub process: Option<u32>,
    /// Since it was last ready.
    pub uptime: Duration,
    pub restarts: u32,
    pub counters: Counters,
    pub rss: u64,
    /// Of one core, over the last look.
    pub cpu_percent: f64,
    pub file_handles: u32,
    pub processes: u32,
    /// Whether its process is in the sandbox that was proven.
    pub sandboxed: bool,
    /// The last words of a plugin that has failed.
    pub why: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub requests: u64,
    pub ok: u64,
    pub errors: u64,
    pub timeouts: u64,
    /// Replies to nothing, or after their deadline.
    pub late: u64,
    pub in_flight: u32,
    pub log_lines: u64,
    pub log_dropped: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Unknown,
    Healthy,
    Warning,
    Unhealthy,
}

/// One thing that was looked at: by the host, or by the plugin, whose text is only text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub status: CheckStatus,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    Pass,
    Warning,
    Fail,
}

/// What a plugin asks of the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// `event/emit`, `message/send`, `storage/get`, `storage/put`, `storage/delete`, `storage/list`,
    /// `metrics/report`; others are the protocol's own words for a call back.
    pub method: String,
    pub params: Value,
}

/// Why it does not get it; told to the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// It was not granted this.
    Permission(String),
    Unknown,
    Invalid(String),
    Unavailable(String),
}

/// Answers what plugins ask. The only way from a plugin to anything of the host; each answer is checked against what
/// the instance was granted.
#[async_trait]
pub trait Broker: Send + Sync {
    async fn asked(&self, instance: InstanceId, ask: Ask) -> Result<Value, Denied>;
}

/// Some lines of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    pub lines: Vec<LogLine>,
    /// Ask for what follows after this.
    pub next: u64,
}

#[async_trait]
pub trait PluginHost: Send + Sync {
    /// Returns when the plugin is ready, by the rule of its protocol. From then on it is started again whenever it
    /// ends by itself, until it is stopped or has failed too often.
    ///
    /// # Errors
    /// Why not; then nothing of it runs, and nothing will.
    async fn start(&self, launch: Launch) -> Result<Started, StartFault>;

    /// Returns when no process of the instance is left. An instance that is not there is stopped.
    async fn stop(&self, instance: InstanceId, how: Stop);

    /// Stops it and starts it as it was, or with what [`Self::relaunch`] said; its failures are forgotten.
    ///
    /// # Errors
    /// As [`Self::start`]; the instance then has failed, and can be restarted again.
    async fn restart(&self, instance: InstanceId, how: Stop) -> Result<Started, StartFault>;

    /// What it is to be started with from the next time on. False when there is no such instance.
    fn relaunch(&self, launch: Launch) -> bool;

    /// # Errors
    /// Why there is no answer. At most 64 are under way at a time; a late answer is dropped and counted.
    async fn call(&self, instance: InstanceId, call: Call) -> Result<Reply, CallFault>;

    /// # Errors
    /// When it cannot take it now.
    async fn deliver(&self, instance: InstanceId, event: Delivery) -> Result<(), CallFault>;

    /// Tells a changed configuration. What was applied is also what it is started with the next time.
    ///
    /// # Errors
    /// When it cannot be told.
    async fn configure(
        &self,
        instance: InstanceId,
        changed: Secret<Map<String, Value>>,
        secrets: Vec<Secret>,
    ) -> Result<Configured, CallFault>;

    /// What it is granted from now on.
    ///
    /// # Errors
    /// When it cannot be told.
    async fn permit(&self, instance: InstanceId, granted: BTreeSet<String>) -> Result<(), CallFault>;

    /// Asks after its health now, and waits for at most three seconds. Whoever wants to know of an instance that
    /// nobody is sent to yet asks several times.
    ///
    /// # Errors
    /// When it cannot be asked, or does not answer.
    async fn probe(&self, instance: InstanceId) -> Result<Health, CallFault>;

    fn snapshot(&self, instance: InstanceId) -> Option<Snapshot>;

    /// The lines after this one, of those that are still kept; from the oldest for 0.
    fn tail(&self, instance: InstanceId, after: u64) -> Option<Tail>;

    /// What the last self-test has shown.
    fn sandbox(&self) -> SandboxReport;

    /// Tests it again.
    async fn examine(&self) -> SandboxReport;

    /// Ends every process that an earlier run of this host has left behind, and says how many. To be called before
    /// anything is started.
    async fn sweep(&self) -> usize;

    /// Stops everything in parallel, in 12 seconds at most, and starts nothing any more: the host itself ends.
    async fn drain(&self);

    /// The instances that are not stopped, each with the time of its last start.
    fn instances(&self) -> Vec<(InstanceId, DateTime<Utc>)>;
}
