//! The command line as it is typed, and the variables behind each flag.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser};
use domain::values::Floor;
use infrastructure::{builder::BuildMode, fetch::FetchAllow, signing::Category};
use tracing::Level;

use crate::cors::Origin;

use super::commands::{Command, PluginSandbox, PluginsDialect, Role};
use super::marketplace::{Categories, ChecksumRule};
use super::values::{Bytes, Interval, List, Network, PublicAddress, Span};
use crate::limits::RateLimits;

/// Secrets are no flags: everybody on the machine could read them.
const SECRETS: &str = "\
Secrets, by environment alone:
  DATABASE_URL               PostgreSQL to use; without it, the embedded one in the data directory
  PLUGYARD_ADMIN_TOKEN       Bootstrap credential; without it there is no admin API
  PLUGYARD_ADMIN_TOKEN_FILE  A file that holds it instead
  PLUGYARD_SECRET_KEY        Master key of everything sealed, 32 bytes in base64 or hex (openssl rand -base64 32);
                             without it, secret.key in the data directory, made at the first start
  PLUGYARD_SECRET_KEY_PREVIOUS
                             The one before it, until `plugyard secrets rotate` has run
  PLUGYARD_SECRET_KEY_FILE, PLUGYARD_SECRET_KEY_PREVIOUS_FILE
                             Files that hold them instead
  PLUGYARD_DISCORD_WEBHOOK   Where news of the catalogue is posted, in the form that Discord takes
  PLUGYARD_DISCORD_WEBHOOK_FILE
                             A file that holds it instead
  PLUGYARD_USER_PASSWORD     Password for `user set`; without it, a line of standard input
  AWS_*                      Credentials and region of an S3 store";

/// Repackages Dify plugins so that they install offline: as a service, or in one shot.
#[derive(Debug, Parser)]
#[command(name = "plugyard", version, max_term_width = 110, after_help = SECRETS)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Options {
    /// Address and port of the API; port 0 takes a free one
    #[arg(
        long,
        env = "PLUGYARD_LISTEN",
        global = true,
        value_name = "ADDR",
        default_value = "127.0.0.1:8000"
    )]
    pub(super) listen: SocketAddr,
    /// Everything this machine keeps [default: `$XDG_DATA_HOME/plugyard` or `~/.local/share/plugyard`; for root
    /// `/var/lib/plugyard`]
    #[arg(long, env = "PLUGYARD_DATA_DIR", global = true, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Store of the results, such as `s3://bucket/prefix` [default: a directory in the data directory]
    #[arg(long, env = "PLUGYARD_BLOBS", global = true, value_name = "URL", hide_env_values = true)]
    pub(super) blobs: Option<String>,
    /// Which part of the work this process does
    #[arg(long, env = "PLUGYARD_ROLE", value_enum, default_value = "all")]
    pub(super) role: Role,
    /// Networks that callers' URLs may lead to although they are not public: `CIDR` or `CIDR:PORT`, by commas
    #[arg(
        long,
        env = "PLUGYARD_FETCH_ALLOW",
        global = true,
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) fetch_allow: FetchAllow,
    /// Hosts that callers' URLs are restricted to: names, or suffixes with a leading dot, by commas
    #[arg(
        long,
        env = "PLUGYARD_FETCH_HOSTS",
        global = true,
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) fetch_hosts: List<String>,
    /// Simple package index, `URL` or `NAME=URL`; else `UV_INDEX_URL`, else `PIP_INDEX_URL`
    #[arg(long, env = "UV_DEFAULT_INDEX", global = true, value_name = "URL", hide_env_values = true)]
    pub(super) index: Option<String>,
    /// Your own mirrors of the index's files, tried before the addresses in a lock, by commas
    #[arg(long, env = "PLUGYARD_INDEX_FILES", global = true, value_name = "URLS", hide_env_values = true)]
    pub(super) index_files: Option<String>,
    /// Refuse every other host of wheels
    #[arg(long, env = "PLUGYARD_INDEX_FILES_ONLY", global = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) index_files_only: bool,
    /// A uv to choose versions with, for packages without a usable lock [default: a pinned one, fetched when needed]
    #[arg(long, env = "PLUGYARD_UV", global = true, value_name = "FILE")]
    pub(super) uv: Option<PathBuf>,
    /// A Python for uv [default: python3.12 or python3 of the search path]
    #[arg(long = "python-interpreter", env = "PLUGYARD_PYTHON", global = true, value_name = "FILE")]
    pub(super) interpreter: Option<PathBuf>,
    /// Base of the marketplace's API, or of a mirror of it [default: the documented one]
    #[arg(long, env = "PLUGYARD_MARKETPLACE_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub(super) marketplace_url: Option<String>,
    /// How often repositories of plugins are read, the marketplace among them: `1h`, `30m`, or `off`
    #[arg(long, env = "PLUGYARD_SYNC_INTERVAL", global = true, value_name = "TIME", default_value = "1h")]
    pub(super) sync_interval: Interval,
    /// Packages with another content than the marketplace promised: refused, or made with a note
    #[arg(
        long,
        env = "PLUGYARD_MARKETPLACE_CHECKSUM",
        global = true,
        value_enum,
        value_name = "RULE",
        default_value = "fail"
    )]
    pub(super) marketplace_checksum: ChecksumRule,
    /// Categories of the Dify dialect: as documented, or as its reference web front end reads them
    #[arg(
        long,
        env = "PLUGYARD_COMPAT_DIFY_CATEGORIES",
        global = true,
        value_enum,
        value_name = "FORM",
        default_value = "objects"
    )]
    pub(super) compat_dify_categories: Categories,
    /// Whose list `GET /api/v1/plugins` shows at the root, where neither the credential nor the query tells
    #[arg(
        long,
        env = "PLUGYARD_DEFAULT_PLUGINS_DIALECT",
        global = true,
        value_enum,
        value_name = "DIALECT",
        default_value = "langbot"
    )]
    pub(super) default_plugins_dialect: PluginsDialect,
    /// File with the private key that signs results (RSA, PEM) [default: they are not signed]
    #[arg(long, env = "PLUGYARD_SIGNING_KEY", global = true, value_name = "FILE")]
    pub(super) signing_key: Option<PathBuf>,
    /// For whom the signature vouches: `langgenius`, `partner` or `community`
    #[arg(
        long,
        env = "PLUGYARD_SIGNING_CATEGORY",
        global = true,
        value_name = "WORD",
        default_value = "community"
    )]
    pub(super) signing_category: Category,
    /// `off`, or limits other than the documented ones, by commas: `NAME=REQUESTS/SECONDS` or `NAME=off`, of `dify`,
    /// `inkdrop`, `backstage`, `backstage.authenticated`, `nexus`, `nexus.authenticated`, `login`,
    /// `identity` (changes of keys, tickets and accounts), `credentials` (refused ones)
    #[arg(
        long,
        env = "PLUGYARD_RATE_LIMITS",
        global = true,
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) rate_limits: RateLimits,
    /// Networks or addresses whose `X-Forwarded-For` is believed, by commas
    #[arg(
        long,
        env = "PLUGYARD_TRUSTED_PROXIES",
        global = true,
        value_name = "CIDRS",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) trusted_proxies: List<Network>,
    /// Where people reach this service, such as `https://plugins.example.org`: absolute links in answers begin with
    /// it; else with the scheme and host of the request
    #[arg(long, env = "PLUGYARD_PUBLIC_URL", global = true, value_name = "URL")]
    pub(super) public_url: Option<PublicAddress>,
    /// Origins whose pages may use the API, such as `https://app.example.org`, by commas
    #[arg(
        long,
        env = "PLUGYARD_CORS_ORIGINS",
        global = true,
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) cors_origins: List<Origin>,
    /// What the documented Linux platforms mean
    #[arg(long, env = "PLUGYARD_GLIBC_FLOOR", global = true, value_name = "F", default_value = "2.39")]
    pub(super) glibc_floor: Floor,
    /// What the documented macOS platforms mean
    #[arg(long, env = "PLUGYARD_MACOS_FLOOR", global = true, value_name = "F", default_value = "14.0")]
    pub(super) macos_floor: Floor,
    /// Jobs that run at the same time
    #[arg(long, env = "PLUGYARD_WORKERS", global = true, value_name = "N", default_value = "2", value_parser = at_least_one)]
    pub(super) workers: usize,
    /// How long results stay: `7d`, `12h`, `30m`, `45s`
    #[arg(long, env = "PLUGYARD_RETENTION", global = true, value_name = "TIME", default_value = "7d")]
    pub(super) retention: Span,
    /// Size of the wheel cache: `20GiB`, `500MiB`, or bytes
    #[arg(
        long,
        env = "PLUGYARD_WHEEL_CACHE_BYTES",
        global = true,
        value_name = "SIZE",
        default_value = "20GiB"
    )]
    pub(super) wheel_cache_bytes: Bytes,
    /// Connections at the same time; more wait to be accepted
    #[arg(long, env = "PLUGYARD_CONNECTIONS", global = true, value_name = "N", default_value = "16384", value_parser = at_least_one)]
    pub(super) connections: usize,
    /// Connections at the same time from one address, trusted proxies and task sockets not counted; more are closed
    #[arg(long, env = "PLUGYARD_CONNECTIONS_PER_ADDRESS", global = true, value_name = "N", default_value = "256", value_parser = at_least_one)]
    pub(super) connections_per_address: usize,
    /// Task sockets at the same time
    #[arg(long, env = "PLUGYARD_SOCKETS", global = true, value_name = "N", default_value = "12000", value_parser = at_least_one)]
    pub(super) sockets: usize,
    /// Task sockets at the same time from one address
    #[arg(long, env = "PLUGYARD_SOCKETS_PER_ADDRESS", global = true, value_name = "N", default_value = "256", value_parser = at_least_one)]
    pub(super) sockets_per_address: usize,
    /// Whether packages without a wheel are built from source, in a sandbox: off, pure (Python only), native
    #[arg(long, env = "PLUGYARD_BUILD", global = true, value_name = "MODE", default_value = "off")]
    pub(super) build: BuildMode,
    /// Build packages that come from git too: the locked commit, fetched from its forge
    #[arg(long, env = "PLUGYARD_ALLOW_GIT", global = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) allow_git: bool,
    /// Let tasks ask that the result is installed and started in a sandbox
    #[arg(long, env = "PLUGYARD_VERIFY_INSTALL", global = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) verify_install: bool,
    /// A program that looks at every package before it is shown, with its arguments, split at spaces; the path of the
    /// file follows. It ends with 0 for clean, 1 for found; whatever else happens keeps the package hidden
    #[arg(long, env = "PLUGYARD_SCAN_COMMAND", global = true, value_name = "COMMAND")]
    pub(super) scan_command: Option<String>,
    /// Installed plugins run in a sandbox: required (nothing is started without one that was proven here), available
    /// (as much of one as there is), or off
    #[arg(
        long,
        env = "PLUGYARD_PLUGIN_SANDBOX",
        global = true,
        value_name = "MODE",
        default_value = "required"
    )]
    pub(super) plugin_sandbox: PluginSandbox,
    /// A directory of this machine that plugins may be installed from, by the name of a file in it
    #[arg(long, env = "PLUGYARD_IMPORT_DIR", global = true, value_name = "DIR")]
    pub(super) import_dir: Option<PathBuf>,
    /// How much to log: error, warn, info, debug, trace [default: info for the service, error for commands]
    #[arg(long, env = "PLUGYARD_LOG", global = true, value_name = "LEVEL")]
    pub(super) log: Option<Level>,
}

impl Arguments {
    /// `--role` stands before or behind `serve`: other commands have a role of another kind.
    pub(super) fn parts(self) -> (Options, Command) {
        let Self { mut options, command } = self;
        let command = command.unwrap_or(Command::Serve { role: None });
        if let Command::Serve { role: Some(role) } = command {
            options.role = role;
        }
        (options, command)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("not a number above 0".to_owned()),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{TokenCommand, UserCommand};

    fn parts(line: &str) -> Result<(Options, Command), clap::Error> {
        Arguments::try_parse_from(["plugyard"].into_iter().chain(line.split(' '))).map(Arguments::parts)
    }

    #[test]
    fn the_role_of_a_process_is_no_role_of_a_credential() {
        for line in ["serve --role worker", "--role worker serve", "--role worker --workers 3"] {
            let (options, command) = parts(line).unwrap();
            assert_eq!(options.role, Role::Worker, "{line}");
            assert!(matches!(command, Command::Serve { .. }), "{line}");
        }
        let (options, command) = parts("token create --dialect nexus --role admin").unwrap();
        assert_eq!(options.role, Role::All);
        let Command::Token { command: TokenCommand::Create(arguments) } = command else {
            panic!("{command:?}")
        };
        assert_eq!(arguments.role, domain::values::Role::Admin);
        let (_, command) = parts("user set ann --role publisher").unwrap();
        let Command::User { command: UserCommand::Set { role, .. } } = command else { panic!("{command:?}") };
        assert_eq!(role, Some(domain::values::Role::Publisher));
        assert!(parts("serve --role admin").is_err());
        assert!(parts("token create --dialect nexus --role worker").is_err());
    }

    #[test]
    fn a_token_is_for_one_dialect_or_several_and_for_none_that_needs_no_credential() {
        use domain::values::Dialect;
        for line in ["--dialect nexus,backstage", "--dialect nexus --dialect backstage"] {
            let (_, command) = parts(&format!("token create --role user {line}")).unwrap();
            let Command::Token { command: TokenCommand::Create(arguments) } = command else {
                panic!("{line}")
            };
            assert_eq!(arguments.dialects, [Dialect::Nexus, Dialect::Backstage]);
            assert_eq!((arguments.name.as_str(), arguments.scopes.len()), ("default", 0));
        }
        for dialect in ["dify", "cli", "yard", "nexus,"] {
            assert!(parts(&format!("token create --role user --dialect {dialect}")).is_err(), "{dialect}");
        }
    }
}
