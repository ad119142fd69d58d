//! Adapters: the event log, package fetching and packing, blobs, PostgreSQL. Knows no dialect.

pub mod archive;
pub mod fetch;
pub mod isolation;
pub mod packaging;
pub mod wheels;
