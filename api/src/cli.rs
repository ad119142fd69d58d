//! What people run in a terminal.

pub(crate) mod events;
mod outcome;
mod output;
mod password;
mod progress;
pub(crate) mod policy;
pub(crate) mod projections;
pub(crate) mod repackage;
pub(crate) mod sign;
mod table;
pub(crate) mod token;
pub(crate) mod user;
