//! The black-box suite: what plugyard does, as statements of fact. Through HTTP, WebSocket and the command
//! line; through SQL only where the contract is about the database.
#![cfg(test)]

mod batch;
mod building;
mod cli;
mod cli_many;
mod combined;
mod crash;
mod description;
mod determinism;
mod dify;
mod downloads;
mod embedded;
mod fallback;
mod faults;
mod fetching;
mod files_api;
mod ground;
mod headers;
mod hostile;
mod hostile_doors;
mod hostile_locks;
mod hostile_packages;
mod hostile_records;
mod hostile_wheels;
mod http_files;
mod idempotency;
mod log;
mod marketplace;
mod nodes;
mod offline;
mod pitfalls;
mod read_models;
mod repackaging;
mod sandbox;
mod signing;
mod tokens;
mod verifying;
mod websocket;
