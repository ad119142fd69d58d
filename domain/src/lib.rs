//! What the yard is: the rules of plugin packages, with no clock, no I/O and no ids made up here.
//!
//! One aggregate so far: [`task::Task`], a piece of work somebody asked for. Each aggregate is one stream of
//! events; [`recorded::Event`] is the union of all events the log may hold.

pub mod recorded;
pub mod task;
pub mod values;
