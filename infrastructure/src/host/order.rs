//! What a launcher is told to become, and what it says before it has become it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::canary::Attempts;
use crate::sandbox::Shown;

/// What a launcher is started for. Comes first on the standard input that then is the plugin's own: eight hexadecimal
/// digits of length, and this as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Become(Box<Order>),
    /// Try to break out; from inside already.
    Escape(Attempts),
}

/// A program and what stands around it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Nothing else is in its environment.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) cwd: PathBuf,
    pub(super) walls: Walls,
    /// Its own user, where we are root.
    pub(super) user: Option<u32>,
    /// `cgroup.procs` of the groups that it is to be in.
    pub(super) groups: Vec<PathBuf>,
    pub(super) network: bool,
    pub(super) readable: Vec<Shown>,
    pub(super) writable: Vec<Shown>,
    /// What everybody writes to, of its own.
    pub(super) temporary: PathBuf,
    pub(super) caps: Caps,
    /// Who starts it; it ends with that process.
    pub(super) parent: u32,
}

/// How it is held in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Walls {
    None,
    /// Files and system calls by rules alone.
    Rules,
    /// Namespaces and a root of its own as well.
    Namespaces,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Caps {
    pub(super) address_space: Option<u64>,
    pub(super) file_size: u64,
    pub(super) open_files: u64,
    pub(super) processes: Option<u64>,
}

/// The launcher's only line on standard output: what follows is the plugin's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    Entered,
    Refused { step: String, cause: String },
}

/// How many digits the length before an order has.
pub(super) const LENGTH: usize = 8;

impl Request {
    pub(super) fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        let request = serde_json::to_vec(self)?;
        let mut bytes = format!("{:0width$x}", request.len(), width = LENGTH).into_bytes();
        bytes.extend(request);
        Ok(bytes)
    }
}
