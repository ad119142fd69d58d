//! What people come for, in terms of ports: services, queries and process managers. Names no adapter.

pub mod failure;
pub mod ports;
