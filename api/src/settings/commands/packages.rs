//! What can be told to be done with packages.

use std::{path::PathBuf, str::FromStr};

use application::{identity::AccountName, queries::catalogue::Which};
use clap::{Args, Subcommand};
use domain::values::{PluginId, PublisherName, ReleaseVersion};

use crate::packages_api::Place;

#[derive(Debug, Clone, Args)]
pub(crate) struct PublishArguments {
    /// A .difypkg, .lbpkg, tarball or zip
    pub(crate) file: PathBuf,
    /// Where it is shown: dify, inkdrop, backstage, nexus, space; several by commas or by repetition, the first one
    /// names it
    #[arg(long = "dialect", value_name = "D", required = true, value_delimiter = ',')]
    pub(crate) dialects: Vec<Place>,
    /// Whose name it gets where the package says none
    #[arg(long, value_name = "P")]
    pub(crate) publisher: Option<String>,
    /// The account it belongs to [default: the operator]
    #[arg(long = "as", value_name = "ACCOUNT")]
    pub(crate) account: Option<AccountName>,
    /// What is new in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) changelog: Option<String>,
    /// Checks everything and stores nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An id, or publisher and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageName(pub(crate) Which);

impl FromStr for PackageName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse::<PluginId>() {
            return Ok(Self(Which::Id(id)));
        }
        match text.split_once('/') {
            Some((publisher, name)) if !publisher.is_empty() && !name.is_empty() => {
                Ok(Self(Which::Pair { publisher: publisher.to_owned(), name: name.to_owned() }))
            }
            Some(_) | None => Err("a package is named by its id or as publisher/name"),
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PackageCommand {
    /// What a dialect shows, what a publisher has, or what is in quarantine
    #[command(group = clap::ArgGroup::new("which").required(true))]
    List {
        /// dify, inkdrop, backstage, nexus or space
        #[arg(long, value_name = "D", group = "which")]
        dialect: Option<Place>,
        /// Everything of this publisher, shown or not
        #[arg(long, value_name = "P", group = "which")]
        publisher: Option<String>,
        /// What waits for a check or a decision
        #[arg(long, group = "which")]
        quarantined: bool,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// All of one package, as JSON
    Show { package: PackageName },
    /// Takes a version out of what is offered; it can still be had by its number
    Yank {
        package: PackageName,
        version: ReleaseVersion,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Offers a yanked version again
    Unyank { package: PackageName, version: ReleaseVersion },
    /// Tells its users to use something else
    Deprecate {
        package: PackageName,
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// What to use instead
        #[arg(long, value_name = "NAME")]
        replacement: Option<String>,
    },
    /// Takes that back
    Undeprecate { package: PackageName },
    /// Removes a version, or without one the package
    Remove {
        package: PackageName,
        version: Option<ReleaseVersion>,
        #[arg(long, value_name = "TEXT", default_value = "removed by command")]
        reason: String,
    },
    /// Gives it to another account
    Transfer {
        package: PackageName,
        /// Name of the account
        #[arg(long, value_name = "ACCOUNT")]
        to: AccountName,
        /// Publisher it belongs to from then on [default: one made from the account]
        #[arg(long, value_name = "P")]
        publisher: Option<PublisherName>,
    },
    /// Says that somebody has proved whose it is
    Verify {
        package: PackageName,
        /// Such as domain, oidc, manual
        #[arg(long, value_name = "M", default_value = "manual")]
        method: String,
        #[arg(long, value_name = "TEXT")]
        evidence: String,
    },
    /// Takes that back
    Unverify {
        package: PackageName,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Shows it among the featured
    Feature { package: PackageName },
    /// Does not any more
    Unfeature { package: PackageName },
    /// Hides it, or one version, until it is cleared
    Quarantine {
        package: PackageName,
        version: Option<ReleaseVersion>,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lets it, or one version, out of quarantine
    Clear {
        package: PackageName,
        version: Option<ReleaseVersion>,
        #[arg(long, value_name = "TEXT")]
        evidence: String,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PublisherCommand {
    /// Verifies a publisher with everything it has, and will have, published
    Verify {
        name: PublisherName,
        /// Such as domain, oidc, manual
        #[arg(long, value_name = "M")]
        method: String,
        /// What proves it
        #[arg(long, value_name = "TEXT")]
        evidence: String,
    },
    /// Takes that back, from what was verified with it too
    Unverify {
        name: PublisherName,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Gives it to another account with everything under its name
    Transfer {
        name: PublisherName,
        /// Name of the account
        #[arg(long, value_name = "ACCOUNT")]
        to: AccountName,
    },
    /// Says who it is; what is left out is not said any more
    Describe {
        name: PublisherName,
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// All of one publisher, as JSON
    Show { name: PublisherName },
}

impl PackageName {
    /// As it was given.
    pub(crate) fn told(&self) -> String {
        match &self.0 {
            Which::Id(id) => id.to_string(),
            Which::Number(number) => number.to_string(),
            Which::Pair { publisher, name } => format!("{publisher}/{name}"),
            Which::Word { name, .. } => name.clone(),
        }
    }
}
