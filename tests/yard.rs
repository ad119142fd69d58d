//! The black-box suite: what plugyard does, as statements of fact. Through HTTP, WebSocket and the command
//! line; through SQL only where the contract is about the database.
#![cfg(test)]

mod audit;
mod batch;
mod building;
mod cli;
mod cli_many;
mod combined;
mod crash;
mod credentials;
mod determinism;
mod dify;
mod downloads;
mod embedded;
mod envelopes;
mod fallback;
mod faults;
mod fetching;
mod files_api;
mod ground;
mod headers;
mod hostile;
mod hostile_doors;
mod hostile_http;
mod hostile_locks;
mod hostile_packages;
mod hostile_records;
mod hostile_wheels;
mod http_files;
mod limits;
mod log;
mod marketplace;
mod nodes;
mod offline;
mod pitfalls;
mod policy;
mod read_models;
mod readme;
mod repackaging;
mod sandbox;
mod secrets;
mod signing;
mod tokens;
mod verifying;
mod websocket;
