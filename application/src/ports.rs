//! What the services need from the outside, as traits: the seams where adapters plug in.

pub mod blobs;
pub mod credentials;
pub mod freshness;
pub mod hosting;
pub mod jobs;
pub mod marketplace;
pub mod notices;
pub mod packages;
pub mod packaging;
pub mod quotas;
pub mod storage;
pub mod system;
pub mod telemetry;
pub mod turns;
pub mod vault;
pub mod workplace;
