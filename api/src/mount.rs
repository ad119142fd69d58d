//! Where a request came in; links in its answer lead back the same way.

/// What stands before the documented paths: nothing at the root, else the dialect's mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mount(pub(crate) &'static str);

impl Mount {
    pub(crate) const ROOT: Self = Self("");
    /// Of two dialects.
    pub(crate) const LANGBOT: Self = Self("/langbot");

    pub(crate) fn prefix(self) -> &'static str {
        self.0
    }
}
