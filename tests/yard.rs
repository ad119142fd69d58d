//! The black-box suite: what plugyard does, as statements of fact. Through HTTP, WebSocket and the command
//! line; through SQL only where the contract is about the database.
#![cfg(test)]

mod cli;
mod determinism;
mod dify;
mod downloads;
mod headers;
mod repackaging;
mod websocket;
