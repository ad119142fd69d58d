//! Read models: one file each, with its table's writer and its reader.

mod job_queue;
mod tasks;

use std::sync::Arc;

use infrastructure::subscription::Projection;

pub use tasks::PgTasks;

/// Every subscription of the product; the only registration.
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(tasks::Tasks), Arc::new(job_queue::JobQueue)]
}
