//! Faults of the disk under us.

use std::io;

use application::failure::{Failure, Reason};

/// What a fault of the disk means for a task; a [`Failure`] that travelled inside the error comes out again.
pub(crate) fn failure(error: io::Error) -> Failure {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return Failure::transient(Reason::DiskFull, "Not enough disk space");
    }
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => {
            tracing::warn!(%error, "a file could not be read or written");
            Failure::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_and_a_failure_inside_comes_out_again() {
        for full in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert_eq!(failure(full.into()).reason, Reason::DiskFull);
        }
        assert_eq!(failure(io::Error::other(Failure::cancelled())), Failure::cancelled());
        assert_eq!(failure(io::ErrorKind::NotFound.into()), Failure::internal());
    }
}
