//! Adapters: the event log, package fetching and packing, blobs, PostgreSQL. Knows no dialect.

pub mod archive;
pub mod blobs;
pub mod builder;
pub mod database;
mod disk;
pub mod embedded_postgres;
pub mod event_log;
pub mod fetch;
pub mod housekeeping;
pub mod isolation;
pub mod jobs;
pub mod marketplace;
pub mod packaging;
pub mod postgres;
pub mod resolver;
pub mod sandbox;
pub mod signing;
pub mod subscription;
pub mod system;
pub mod upcasters;
pub mod uv;
pub mod verifier;
pub mod wheels;
pub mod workspace;
