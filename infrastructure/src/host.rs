//! Plugins at work. A plugin is a process of its own, never a part of ours: started by a launcher that takes all
//! rights off itself first, watched by one loop that never waits for it, and ended with everything it has started.
//!
//! A *channel* knows a protocol and nothing else; an *instance* is looked after by an *actor*, from *life* to life;
//! the *supervisor* knows all of them. What holds plugins in is tried out before the first is started.

mod backoff;
mod canary;
mod cgroups;
pub mod channel;
mod errors;
mod examining;
mod figures;
mod instance;
mod journal;
mod kin;
mod launcher;
mod order;
mod plan;
mod process;
mod redact;
mod sampler;
mod supervisor;
mod users;

pub use launcher::serve_launcher;
pub use supervisor::{Host, Settings};

/// The hidden argument that turns the binary into a launcher of plugins.
pub const LAUNCHER_ARGUMENT: &str = "__plugin";
