//! What can be asked: one small trait and plain views per read model.

pub mod tasks;
