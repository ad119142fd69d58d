//! What happens without anybody asking: work is done, lost work is noticed, old results go, erasures come to their end,
//! what could not be checked is checked.

mod attempt;
pub mod expire_artifacts;
pub mod finish_erasures;
pub mod reap_attempts;
pub mod recheck_quarantine;
mod reporter;
pub mod run_tasks;
pub mod watch_tasks;
