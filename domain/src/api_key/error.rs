//! Why a key refuses.

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    #[error("No such key")]
    Unknown,
    #[error("This key exists already")]
    AlreadyIssued,
    #[error("A key needs at least one dialect")]
    NoDialect,
    #[error("A key cannot have a scope that its role does not have, nor none at all")]
    ScopeBeyondRole,
    #[error("Only a session can be refreshed")]
    NotASession,
    #[error("This secret was used already")]
    SecretUsed,
    #[error("This key was revoked")]
    Revoked,
}
