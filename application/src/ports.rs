//! What the services need from the outside, as traits: the seams where adapters plug in.

pub mod packaging;
