//! What happens without anybody asking: work is done, lost work is noticed, old results go, erasures come to their end.

mod attempt;
pub mod expire_artifacts;
pub mod finish_erasures;
pub mod reap_attempts;
mod reporter;
pub mod run_tasks;
pub mod sync_repositories;
pub mod watch_tasks;
