//! What this program can be told to do.

mod credentials;
mod packages;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use domain::values::{Floor, Platform, PythonVersion, Suffix};

pub(crate) use self::credentials::{SecretsCommand, SignCommand, TokenArguments, TokenCommand, UserCommand};
pub(crate) use self::packages::{PackageCommand, PackageName, PublishArguments, PublisherCommand};

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Migrations, API, workers and read models in one process (the default)
    Serve {
        /// Which part of the work this process does [default: as `PLUGYARD_ROLE` says]
        #[arg(long, value_enum)]
        role: Option<Role>,
    },
    /// Makes offline packages of plugins, without a server
    Repackage(RepackageArguments),
    /// Brings the schema of the database up to date
    Migrate {
        /// The database was restored from a dump: begin a new epoch
        #[arg(long)]
        new_epoch: bool,
    },
    /// Read models: where they stand, build one anew, let a parked event through again
    Projections {
        #[command(subcommand)]
        command: ProjectionsCommand,
    },
    /// The event log
    Events {
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// Credentials of the dialects that ask for one
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Accounts that log in with a password
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Publishes a package in the catalogue, without a server
    Publish(PublishArguments),
    /// Packages of the catalogue: shown, and changed on behalf of the operator
    Package {
        #[command(subcommand)]
        command: PackageCommand,
    },
    /// Publishers of packages
    Publisher {
        #[command(subcommand)]
        command: PublisherCommand,
    },
    /// Catalogues elsewhere that are shown here too
    Repository {
        #[command(subcommand)]
        command: RepositoryCommand,
    },
    /// Loads the demonstration catalogue; a second time it changes nothing
    Seed(SeedArguments),
    /// Who may do what
    Policy {
        /// Print the table as JSON
        #[arg(long)]
        json: bool,
    },
    /// Keys that sign packages, and what they signed
    Sign {
        #[command(subcommand)]
        command: SignCommand,
    },
    /// The master key that seals what the database holds of secrets
    Secrets {
        #[command(subcommand)]
        command: SecretsCommand,
    },
    /// Prints the description of the API, as an `OpenAPI` document
    Openapi,
    /// Reads one hostile package on behalf of a parent process
    #[command(name = "__isolated", hide = true)]
    Isolated {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Runs third-party code on behalf of a parent process
    #[command(name = "__sandbox", hide = true)]
    Sandboxed {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Becomes a plugin on behalf of a parent process
    #[command(name = "__plugin", hide = true)]
    Plugin {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Runs a tool that ends with a parent process
    #[command(name = "__attended", hide = true)]
    Attended {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ProjectionsCommand {
    /// Every read model with its cursor and lag
    List,
    /// Builds the read model anew beside the old one, which serves until then
    Rebuild { name: String },
    /// Applies the parked events of the read model again
    Retry { name: String },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EventsCommand {
    /// Prints the newest events as JSON lines
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value = "100")]
        lines: u32,
        /// Goes on with every new one
        #[arg(short, long)]
        follow: bool,
    },
    /// Checks the hash chain of every stream and the signed heads of the log
    Verify,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RepositoryCommand {
    /// Adds one; it is read at the next occasion
    Add {
        /// 1 to 64 of a-z, 0-9, - and _
        name: String,
        /// Base of its API, such as `https://marketplace.example.org/api/v1`
        url: String,
        /// A line to tell it from others
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        /// Listed and served by this service itself: nothing is read elsewhere
        #[arg(long)]
        nexus: bool,
    },
    /// Every repository, and when it was read
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows what it lists
    Enable { name: String },
    /// Hides what it lists, and asks nothing of it
    Disable {
        name: String,
        /// For the log
        #[arg(long, value_name = "TEXT", default_value = "disabled by command")]
        reason: String,
    },
    /// Reads it now
    Sync {
        name: String,
        /// Everything, not only what is newer than the last time
        #[arg(long)]
        whole: bool,
        /// Print what was done as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RepackageArguments {
    /// .difypkg files, URLs of such, plugins of the marketplace as `author/name@version` or `author/name`, or their
    /// pages
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    /// Machine to package for, such as `manylinux2014_x86_64`; may be given several times [default: this one]
    #[arg(long = "platform", value_name = "P")]
    pub(crate) platforms: Vec<Platform>,
    /// Word before the extension of the result
    #[arg(long, value_name = "S", default_value = "offline")]
    pub(crate) suffix: Suffix,
    /// Interpreter that the plugin will run on
    #[arg(long, value_name = "V", default_value = "3.12")]
    pub(crate) python: PythonVersion,
    /// Take the floor in the platform's name literally
    #[arg(long)]
    pub(crate) strict: bool,
    /// Oldest glibc the result must run on, such as 2.28
    #[arg(long, value_name = "F")]
    pub(crate) glibc: Option<Floor>,
    /// Oldest macOS the result must run on, such as 13.0
    #[arg(long, value_name = "F")]
    pub(crate) macos: Option<Floor>,
    /// One package for all the platforms instead of one for each
    #[arg(long)]
    pub(crate) combined: bool,
    /// Install the result offline and start it, where this machine can
    #[arg(long, value_name = "HOW", value_enum, default_value = "none")]
    pub(crate) verify: Verify,
    /// Choose the versions of a package without a lock anew, instead of those of the last time
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Directory for the result
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SeedArguments {
    /// Instead: this many plugins that nobody made, for load tests
    #[arg(long, value_name = "N")]
    pub(crate) synthetic: Option<u64>,
    /// Which ones: the same number gives the same plugins
    #[arg(long, value_name = "S", default_value = "1", requires = "synthetic")]
    pub(crate) seed: u64,
    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a result is tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    None,
    Install,
}

/// What this process takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Api,
    Worker,
    All,
}

/// What holds installed plugins in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginSandbox {
    Required,
    Available,
    Off,
}

/// Whose the list of plugins is that two dialects document under one path, when nothing else tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginsDialect {
    Langbot,
    Nexus,
}
