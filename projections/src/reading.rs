//! What every reader of rows does the same way.

use application::error::Error;

/// What the database says stays here.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err takes")]
pub(crate) fn unavailable(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "a read model cannot be read");
    Error::unavailable()
}

/// A count is never negative; what does not fit is not there.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The bound of an integer column where the caller gave more.
pub(crate) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
