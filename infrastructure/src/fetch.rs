//! Getting bytes from the network. URLs of callers and packages go through [`GuardedClient`]; what the operator
//! configured through [`OperatorClient`]. Two types, so that code which holds a caller's URL cannot reach the
//! second one by accident.

pub mod allow;
pub mod clients;
pub mod download;
pub mod guard;
pub mod tarballs;
pub mod transfer;

#[cfg(test)]
pub(crate) mod stub;

pub use allow::{FetchAllow, InvalidAllow};
pub use clients::{ClientError, GuardedClient, OperatorClient};
pub use download::{GuardedDownloads, Packages};
pub use guard::FetchPolicy;
pub use tarballs::GuardedTarballs;
