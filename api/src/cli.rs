//! What people run in a terminal.

mod outcome;
mod output;
mod progress;
pub(crate) mod projections;
pub(crate) mod repackage;
mod workspace;
