//! The host of plugins with real processes: the samples, which are written to be good and bad at it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod dify;
mod langbot;
mod logs;
mod native;
mod sandbox;
mod supervising;
mod support;
