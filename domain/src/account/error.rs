//! Why an account refuses.

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("No such account")]
    Unknown,
    #[error("This name is taken")]
    AlreadyRegistered,
    #[error("This account was erased")]
    Erased,
}
