//! What the yard is: the rules of plugin packages, with no clock, no I/O and no ids made up here.
//!
//! The aggregates: [`task::Task`], a piece of work somebody asked for; [`account::Account`], somebody who acts;
//! [`api_key::ApiKey`], a credential; [`device_login::DeviceLogin`], how a device gets one; [`plugin::Plugin`] with its releases, [`publisher::Publisher`] and
//! [`name_claim::NameClaim`], whose a name is; [`review::Review`]; [`repository::Repository`], a catalogue elsewhere;
//! [`download_log::DownloadLog`], who fetched what; [`installation::Installation`], a plugin at work, and
//! [`operation::Operation`], the work on one. Each aggregate is one stream of events; [`recorded::Event`] is the union of all
//! events the log may hold.

#[macro_use]
mod aggregate;

pub mod account;
pub mod api_key;
pub mod device_login;
pub mod download_log;
pub mod installation;
pub mod name_claim;
pub mod operation;
pub mod plugin;
pub mod publisher;
pub mod recorded;
pub mod repository;
pub mod review;
pub mod task;
pub mod values;
