//! What holds plugins in on this node: only what a self-test has just shown.

use chrono::{DateTime, Utc};

/// How much the system lets the host do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Processes of the same user, and a group of their own.
    None,
    /// Rules on files and system calls.
    Rules,
    /// Namespaces of an unprivileged user as well.
    Namespaces,
    /// A user of its own for each installation, and control groups where they can be written.
    Users,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// By the kernel; an attempt to get past it failed for the expected reason.
    Enforced,
    /// The host looks every second and ends what is over.
    Watchdog,
    /// The host looks and tells.
    Measured,
    Unavailable,
    /// It could not be tested.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxReport {
    pub tier: Tier,
    pub filesystem: Control,
    pub network: Control,
    /// No right of the system, and none to be had.
    pub privileges: Control,
    pub memory: Control,
    pub cpu: Control,
    pub file_handles: Control,
    pub processes: Control,
    pub checked_at: Option<DateTime<Utc>>,
}

impl SandboxReport {
    pub const UNTESTED: Self = Self {
        tier: Tier::None,
        filesystem: Control::Unknown,
        network: Control::Unknown,
        privileges: Control::Unknown,
        memory: Control::Unknown,
        cpu: Control::Unknown,
        file_handles: Control::Unknown,
        processes: Control::Unknown,
        checked_at: None,
    };

    /// What a plugin that requires a sandbox misses here; a network that it was granted is not missed.
    pub fn missing(&self, network: bool) -> Vec<&'static str> {
        [
            ("filesystem", self.filesystem, true),
            ("network", self.network, !network),
            ("privileges", self.privileges, true),
        ]
        .into_iter()
        .filter(|(_, control, needed)| *needed && *control != Control::Enforced)
        .map(|(name, _, _)| name)
        .collect()
    }
}
