//! The event log and its readers on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod append;
mod cluster;
mod feed;
mod subscription;
mod support;
