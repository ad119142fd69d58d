//! What can be asked: one small trait and plain views per read model.

pub mod keys;
pub mod tasks;
