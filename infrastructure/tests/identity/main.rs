//! Keys, tickets, quotas and numbers on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

#[path = "../log/cluster.rs"]
mod cluster;
mod numbers;
mod quotas;
mod rotation;
mod support;
mod tickets;
mod vault;
