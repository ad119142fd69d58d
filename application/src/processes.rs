//! What happens without anybody asking: work is done, lost work is noticed, old results go, erasures come to their end,
//! what could not be checked is checked, milestones are noticed and news is told.

pub mod announce_milestones;
mod attempt;
pub mod expire_artifacts;
pub mod finish_erasures;
pub mod post_notices;
pub mod reap_attempts;
pub mod recheck_quarantine;
mod reporter;
pub mod run_operations;
pub mod run_tasks;
pub mod sync_repositories;
pub mod watch_tasks;
