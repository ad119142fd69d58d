//! What happens without anybody asking: work is done, lost work is noticed, old results go.

mod attempt;
pub mod expire_artifacts;
pub mod reap_attempts;
mod reporter;
pub mod run_tasks;
pub mod watch_tasks;
