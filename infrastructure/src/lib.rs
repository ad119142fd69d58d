//! Adapters: the event log, package fetching and packing, blobs, PostgreSQL. Knows no dialect.

pub mod archive;
pub mod blobs;
pub mod builder;
pub mod database;
pub mod discord;
mod disk;
pub mod embedded_postgres;
pub mod event_log;
pub mod fetch;
// Plugins are held in by what Linux alone has.
#[cfg(target_os = "linux")]
pub mod host;
pub mod housekeeping;
pub mod isolation;
pub mod jobs;
pub mod json;
pub mod marketplace;
pub mod notices;
pub mod numbers;
pub mod packages;
pub mod packaging;
pub mod passwords;
pub mod plugin_storage;
pub mod postgres;
pub mod quotas;
pub mod resolver;
pub mod sandbox;
pub mod scanner;
pub mod signed_tokens;
pub mod signing;
pub mod subscription;
pub mod system;
pub mod tickets;
pub mod turns;
pub mod upcasters;
pub mod uv;
pub mod vault;
pub mod verifier;
pub mod wheels;
pub mod workplace;
pub mod workspace;
