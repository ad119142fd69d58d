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

/// Of this many the sum still fits into a column, whatever they are.
const ADDED_UP: i64 = 1_000_000;

/// For an integer column where the caller may have given more than it holds.
pub(crate) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).min(i64::MAX / ADDED_UP)
}
