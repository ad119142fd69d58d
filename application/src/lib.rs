//! What people come for, in terms of ports: services, queries and process managers. Names no adapter.

pub mod authenticating;
pub mod brokering;
pub mod caller;
pub mod catalogue;
pub mod commands;
pub mod counting;
pub mod directories;
pub mod error;
pub mod failure;
// Its fakes are written as seen from outside, because the api includes them too.
#[cfg(test)]
extern crate self as application;
#[cfg(test)]
mod fakes;
#[cfg(test)]
#[path = "fakes/far.rs"]
mod far;
pub mod hosting;
pub mod identity;
pub mod known_state;
pub mod marketplace;
pub mod observing;
pub mod operating;
pub mod passing;
pub mod policy;
pub mod ports;
pub mod principal;
pub mod processes;
pub mod publishing;
pub mod queries;
pub mod removing;
pub mod repackaging;
pub mod reviewing;
pub mod secret_text;
pub mod secrets;
#[cfg(test)]
#[path = "fakes/shelf.rs"]
mod shelf;
pub mod signal;
pub mod syncing;
pub mod tasks;
mod texts;
#[cfg(test)]
#[path = "fakes/yard.rs"]
mod yard;

pub use error::{Error, Kind};
