//! What can be told to be done with credentials, accounts and keys.

use std::path::PathBuf;

use application::identity::AccountName;
use clap::{Args, Subcommand};
use domain::values::{Allowance, Dialect, KeyId, Scope};

use crate::settings::values::Expiry;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Which master keys are known, and how many data keys each of them wraps
    Status {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Changes the master key: a new one in the data directory, or the one of `PLUGYARD_SECRET_KEY` for that of
    /// `PLUGYARD_SECRET_KEY_PREVIOUS`; may be run beside a server
    Rotate,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SignCommand {
    /// Makes a pair of keys: `plugyard.private.pem` and `plugyard.public.pem`
    Keygen {
        /// Directory for them
        #[arg(long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
    /// Checks the signature of a package; exit 0 only when it is right
    Verify {
        /// A .difypkg file
        file: PathBuf,
        /// Public key of whoever should have signed it
        #[arg(long, value_name = "PEM")]
        key: PathBuf,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a credential and prints it, once
    Create(TokenArguments),
    /// Every credential and session, without its secret
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Ends a credential or a session, on every node within two seconds
    Revoke {
        /// As `token list` shows it
        id: KeyId,
        /// For the log
        #[arg(long, value_name = "TEXT", default_value = "revoked by command")]
        reason: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TokenArguments {
    /// Where it is good: inkdrop, backstage, langbot, space, nexus; several by commas or by repetition
    #[arg(long = "dialect", value_name = "D", required = true, value_delimiter = ',')]
    pub(crate) dialects: Vec<Dialect>,
    /// What it may do: user, publisher, admin
    #[arg(long, value_name = "R")]
    pub(crate) role: domain::values::Role,
    /// Whose it is; two names are two owners
    #[arg(long, value_name = "N", default_value = "default")]
    pub(crate) name: AccountName,
    /// A line to tell it from others
    #[arg(long, value_name = "L")]
    pub(crate) label: Option<String>,
    /// Restricts it to a part of what the role may: read, write, admin [default: all that the role has]
    #[arg(long = "scope", value_name = "S", value_delimiter = ',')]
    pub(crate) scopes: Vec<Scope>,
    /// A rate limit of its own, such as 5000/3600 [default: the dialect's]
    #[arg(long, value_name = "REQUESTS/SECONDS")]
    pub(crate) rate: Option<Allowance>,
    /// When it ends: after 30d, 12h, 30m or 45s, or at 2030-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "T")]
    pub(crate) expires: Option<Expiry>,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum UserCommand {
    /// Registers an account or changes it; the password comes from standard input or `PLUGYARD_USER_PASSWORD`
    Set {
        name: AccountName,
        /// user, publisher or admin [default: as it is; a new one is a user]
        #[arg(long, value_name = "R")]
        role: Option<domain::values::Role>,
    },
    /// Every account
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Revokes the keys of an account and destroys what makes its name and password readable, for good
    Erase {
        name: AccountName,
        /// For the log
        #[arg(long, value_name = "TEXT", default_value = "erased by command")]
        reason: String,
    },
}
