//! What the host tells of its plugins, as it happens.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Check, Health, InstanceId};

/// Hears what happens. Called from where plugins are read: it must not wait for anything, and keeps what it needs.
/// Lines and samples come in batches, seldom more often than once a second for an instance.
pub trait Happenings: Send + Sync {
    fn happened(&self, instance: InstanceId, at: DateTime<Utc>, happening: Happening);
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    State {
        from: State,
        to: State,
        /// How its process ended, where this is why.
        exit: Option<Exit>,
        /// The last kilobyte of what it said.
        stderr: String,
        /// Until it is started again, where it will be.
        wait: Option<Duration>,
    },
    Health {
        from: Health,
        to: Health,
        checks: Vec<Check>,
    },
    /// At most 200 lines or 48 KiB.
    Logged {
        lines: Vec<LogLine>,
        /// Lines since the last batch that nobody will see.
        dropped: u64,
    },
    Measured(Box<Sample>),
    /// Figures of its own, which nobody vouches for.
    Reported(Reported),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Starting,
    Running,
    /// It ended by itself and is started again after a while.
    Waiting,
    Stopping,
    Stopped,
    /// It failed too often, or could not be started again: nothing but a restart starts it.
    Failed,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Its memory was more than its limit.
    OutOfMemory,
    /// The host ended it: it did not answer questions after its health any more.
    Unresponsive,
    /// The host ended it: it broke its protocol.
    Broken,
    /// The host ended it: far above its share of the processor for long.
    OutOfCpu,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::OutOfMemory => write!(f, "killed at its memory limit"),
            Self::Unresponsive => write!(f, "killed because it did not answer any more"),
            Self::Broken => write!(f, "killed because it broke its protocol"),
            Self::OutOfCpu => write!(f, "killed far above its share of the processor"),
        }
    }
}

/// One line of a plugin, made harmless: no control characters, no known secret, at most 16 KiB.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Counts the instance's lines from 1.
    pub number: u64,
    pub at: DateTime<Utc>,
    pub level: Level,
    pub text: String,
    pub metadata: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// What the host itself measured, since the sample before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    pub window_start: DateTime<Utc>,
    pub window: Duration,
    pub requests: u64,
    pub ok: u64,
    pub errors: u64,
    pub timeouts: u64,
    /// How often a latency fell into the bucket of this number: bucket `n` ends at `0.05 * 1.05^n` milliseconds.
    pub latency: Vec<(u16, u32)>,
    /// Sum of all latencies.
    pub latency_sum: Duration,
    pub rss_max: u64,
    pub rss_mean: u64,
    pub cpu: Duration,
    pub file_handles_max: u32,
    /// Callers in this window, as the first 8 bytes of their sha256; at most 1,000.
    pub callers: Vec<u64>,
    /// More callers than are listed.
    pub more_callers: bool,
}

/// Figures that the plugin gave a name itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reported {
    pub custom: Vec<(String, f64)>,
}
