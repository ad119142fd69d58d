//! Read models on a real PostgreSQL: given these events, they show this; made again from the log, they are the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod activity;
mod catalogue;
#[path = "../../../infrastructure/tests/log/cluster.rs"]
mod cluster;
mod finding;
mod given;
mod notices;
mod repositories;
mod reviews;
mod yard;
