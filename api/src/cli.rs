//! What people run in a terminal.

mod output;
mod progress;
pub(crate) mod projections;
pub(crate) mod repackage;
mod workspace;
