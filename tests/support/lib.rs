//! Verbs, builders and fakes for the black-box tests. Everything goes through the binary's HTTP, WebSocket and
//! command line, and through SQL where the contract is about the database.
//!
//! Whatever is started here ends with the test process, also when that is killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    reason = "support of tests: a panic is how a test learns that its ground gave way"
)]

pub mod archive;
pub mod binary;
pub mod cluster;
pub mod command_line;
pub mod dialect;
pub mod examples;
pub mod files;
pub mod hook;
pub mod http_exchange;
pub mod index;
pub mod lock;
pub mod marketplace;
pub mod packages;
pub mod plugin;
pub mod process;
pub mod python;
pub mod raw;
pub mod records;
pub mod samples;
pub mod schema;
pub mod shelved;
pub mod socket;
pub mod source;
pub mod tar;
pub mod tree;
pub mod unpacked;
pub mod waiting;
pub mod wheel;
pub mod yard;

pub use archive::{Archive, Entry};
pub use cluster::{Cluster, Database};
pub use command_line::Cli;
pub use dialect::{Dialect, Refused};
pub use files::{Act, Files};
pub use hook::Hook;
pub use http_exchange::Answer;
pub use index::Index;
pub use lock::{Lock, Locked};
pub use packages::Package;
pub use plugin::Plugin;
pub use records::Records;
pub use samples::Sample;
pub use shelved::Shelved;
pub use socket::Socket;
pub use source::Source;
pub use unpacked::Unpacked;
pub use waiting::until;
pub use wheel::Wheel;
pub use yard::{Plan, Token, Upload, Yard};

/// The two Linux targets that most tests package for.
pub const X86_64: &str = "manylinux2014_x86_64";
pub const AARCH64: &str = "manylinux2014_aarch64";

/// Lower-case hex sha256.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}
