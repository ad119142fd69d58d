//! Which packer this is.

/// Raised whenever the same inputs would give other bytes: another layout, another compressor.
pub const VERSION: &str = "plugyard-2";
