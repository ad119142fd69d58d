//! What people run in a terminal.

mod counted;
pub(crate) mod events;
pub(crate) mod openapi;
mod outcome;
mod output;
pub(crate) mod package;
mod password;
pub(crate) mod policy;
mod progress;
pub(crate) mod projections;
pub(crate) mod publish;
pub(crate) mod publisher;
pub(crate) mod repackage;
pub(crate) mod repository;
pub(crate) mod secrets;
pub(crate) mod seed;
pub(crate) mod sign;
mod table;
pub(crate) mod token;
pub(crate) mod user;
