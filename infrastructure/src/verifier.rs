//! Trying a finished package out: installed offline and started, in a sandbox.

use std::path::Path;

use application::{
    failure::Failure,
    ports::packaging::{Note, Verdict, Verifier},
};
use async_trait::async_trait;
use domain::values::Target;
use tokio_util::sync::CancellationToken;

/// Trying out is off.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVerifier;

#[async_trait]
impl Verifier for NoVerifier {
    async fn verify(
        &self,
        _: &Path,
        _: &[Target],
        _: &Path,
        _: &CancellationToken,
    ) -> Result<Verdict, Failure> {
        let note = Note::new("verified_install", "Verified installs are disabled on this server.");
        Ok(Verdict { works: None, notes: vec![note] })
    }
}
