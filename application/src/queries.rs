//! What can be asked: one small trait and plain views per read model.

pub mod activity;
pub mod catalogue;
pub mod device_logins;
pub mod downloads;
pub mod installations;
pub mod keys;
pub mod listings;
pub mod operations;
pub mod repositories;
pub mod reviews;
pub mod tasks;
pub mod telemetry;
