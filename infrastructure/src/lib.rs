//! Adapters: the event log, package fetching and packing, blobs, PostgreSQL. Knows no dialect.

pub mod archive;
pub mod wheels;
