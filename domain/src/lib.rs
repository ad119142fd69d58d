//! What the yard is: the rules of plugin packages, with no clock, no I/O and no ids made up here.
//!
//! The aggregates: [`task::Task`], a piece of work somebody asked for; [`account::Account`], somebody who acts;
//! [`api_key::ApiKey`], a credential. Each aggregate is one stream of events; [`recorded::Event`] is the union of all
//! events the log may hold.

pub mod account;
pub mod api_key;
pub mod recorded;
pub mod task;
pub mod values;
