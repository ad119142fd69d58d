//! Everything that can be set, parsed once: flags first, then the environment, then defaults. The environment is
//! read here and nowhere else.

mod arguments;
mod commands;
mod environment;
mod index;
mod keyring;
mod marketplace;
mod values;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use domain::values::{Arch, FloorPolicy, Os};
use infrastructure::{
    builder::BuildMode, fetch::FetchAllow, scanner::ScanCommand, signing::Category, vault::Keyring,
};
use ipnet::IpNet;
use tracing::Level;
use url::Url;

pub(crate) use application::ports::vault::Secret;
pub(crate) use arguments::Options;
pub(crate) use commands::{
    Command, EventsCommand, PackageCommand, PackageName, PluginSandbox, PluginsDialect, ProjectionsCommand,
    PublishArguments, PublisherCommand, RepackageArguments, RepositoryCommand, Role, SecretsCommand,
    SeedArguments, SignCommand, TokenArguments, TokenCommand, UserCommand, Verify,
};
pub(crate) use environment::Environment;
pub(crate) use marketplace::{Categories, ChecksumRule, Market};

pub(crate) use index::Index;

use crate::{cors::Origin, limits::RateLimits};

use arguments::Arguments;
use index::{index_url, mirrors};
use keyring::keyring;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// None: the embedded PostgreSQL.
    pub(crate) database_url: Option<Secret>,
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    /// None: a directory inside the data directory.
    pub(crate) blobs: Option<Secret<Url>>,
    /// Credentials and region of the store, by the names of its own ecosystem.
    pub(crate) blob_options: Secret<Vec<(String, String)>>,
    pub(crate) role: Role,
    pub(crate) admin_token: Option<Secret>,
    /// For the command that sets one.
    pub(crate) user_password: Option<Secret>,
    /// None: the master key is kept in the data directory.
    pub(crate) keyring: Option<Keyring>,
    pub(crate) fetch_allow: FetchAllow,
    /// Exact names, or suffixes that begin with a dot; empty: any public host.
    pub(crate) fetch_hosts: Vec<String>,
    pub(crate) index: Index,
    pub(crate) tools: Tools,
    pub(crate) marketplace: Market,
    /// How the Dify dialect lists categories.
    pub(crate) categories: Categories,
    /// Whose list the one path of two dialects shows.
    pub(crate) plugins_dialect: PluginsDialect,
    /// None: results are not signed.
    pub(crate) signing_key: Option<PathBuf>,
    pub(crate) signing_category: Category,
    pub(crate) rate_limits: RateLimits,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// None: links lead to the host that a request named.
    pub(crate) public_url: Option<Url>,
    /// None: news of the catalogue is told to nobody.
    pub(crate) discord_webhook: Option<Secret<Url>>,
    /// Whose pages may ask.
    pub(crate) cors_origins: Vec<Origin>,
    pub(crate) floors: FloorPolicy,
    pub(crate) workers: usize,
    pub(crate) retention: Duration,
    pub(crate) wheel_cache_bytes: u64,
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) sockets: SocketCaps,
    pub(crate) building: Building,
    /// Whether results may be installed and started here.
    pub(crate) verify_install: bool,
    /// None: packages are not scanned.
    pub(crate) scan_command: Option<ScanCommand>,
    pub(crate) hosting: HostingSettings,
    pub(crate) log: Option<Level>,
}

/// Installed plugins at work.
#[derive(Debug, Clone)]
pub(crate) struct HostingSettings {
    pub(crate) sandbox: PluginSandbox,
    /// None: no file of this machine is installed by its path.
    pub(crate) imports: Option<PathBuf>,
}

/// What is built from source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Building {
    pub(crate) mode: BuildMode,
    pub(crate) git: bool,
}

/// Programs of others.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) uv: Option<PathBuf>,
    pub(crate) interpreter: Option<PathBuf>,
    /// What these may read of the environment; proxies and indexes may hold credentials.
    pub(crate) environment: Secret<Vec<(String, String)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketCaps {
    pub(crate) in_all: usize,
    pub(crate) per_address: usize,
}

/// What this process was started with. Ends the process itself on `--help`, `--version` and flags that make no
/// sense.
pub(crate) fn of_process() -> (Options, Environment, Command) {
    let arguments = Arguments::try_parse().unwrap_or_else(|refusal| {
        // When nobody reads, there is nobody to tell.
        let _ = refusal.print();
        std::process::exit(i32::from(refusal.use_stderr()))
    });
    let (options, command) = arguments.parts();
    (options, Environment::of_process(), command)
}

impl Settings {
    pub(crate) fn new(options: Options, environment: &Environment) -> anyhow::Result<Self> {
        let floors = FloorPolicy {
            glibc: options.glibc_floor,
            macos: options.macos_floor,
            host: (host_os(), host_arch()),
        };
        let simple = options.index.or_else(|| environment.text("UV_INDEX_URL"));
        let simple = simple.or_else(|| environment.text("PIP_INDEX_URL"));
        Ok(Self {
            database_url: environment.secret("DATABASE_URL"),
            listen: options.listen,
            data_dir: match options.data_dir {
                Some(dir) => std::path::absolute(dir).context("PLUGYARD_DATA_DIR is not a usable path")?,
                None => default_data_dir(environment)?,
            },
            blobs: filled(options.blobs)
                .map(|url| Url::parse(&url).map(Secret::from))
                .transpose()
                .context("PLUGYARD_BLOBS")?,
            blob_options: environment.beginning_with("AWS_").into(),
            role: options.role,
            admin_token: environment.secret_or_file("PLUGYARD_ADMIN_TOKEN")?,
            user_password: environment.secret("PLUGYARD_USER_PASSWORD"),
            keyring: keyring(environment)?,
            fetch_allow: options.fetch_allow,
            fetch_hosts: options.fetch_hosts.0,
            index: Index {
                simple: filled(simple)
                    .map(|named| index_url(&named, environment))
                    .transpose()?
                    .map(Secret::from),
                files: mirrors(options.index_files.as_deref().unwrap_or_default())?.into(),
                files_only: options.index_files_only,
            },
            tools: Tools {
                uv: program(options.uv).context("PLUGYARD_UV is not a usable path")?,
                interpreter: program(options.interpreter).context("PLUGYARD_PYTHON is not a usable path")?,
                environment: environment.for_tools().into(),
            },
            marketplace: Market::new(
                options.marketplace_url,
                options.marketplace_checksum,
                options.sync_interval.0,
            )?,
            categories: options.compat_dify_categories,
            plugins_dialect: options.default_plugins_dialect,
            signing_key: options.signing_key.filter(|file| !file.as_os_str().is_empty()),
            signing_category: options.signing_category,
            rate_limits: options.rate_limits,
            public_url: options.public_url.map(|address| address.0),
            discord_webhook: webhook(environment)?,
            trusted_proxies: options.trusted_proxies.0.into_iter().map(|network| network.0).collect(),
            cors_origins: options.cors_origins.0,
            floors,
            workers: options.workers,
            retention: options.retention.0,
            wheel_cache_bytes: options.wheel_cache_bytes.0,
            connections: options.connections,
            connections_per_address: options.connections_per_address,
            sockets: SocketCaps { in_all: options.sockets, per_address: options.sockets_per_address },
            building: building(options.build, options.allow_git)?,
            verify_install: options.verify_install,
            scan_command: options.scan_command.and_then(|line| scan_command(&line, environment)),
            hosting: HostingSettings {
                sandbox: options.plugin_sandbox,
                imports: program(options.import_dir).context("PLUGYARD_IMPORT_DIR is not a usable path")?,
            },
            log: options.log,
        })
    }

    /// Where uploads arrive.
    pub(crate) fn uploads_dir(&self) -> PathBuf {
        self.data_dir.join("uploads")
    }

    /// Where files wait that are not yet anything: uploads, work of attempts and of the command line.
    pub(crate) fn work_dir(&self) -> PathBuf {
        self.data_dir.join("work")
    }
}

/// Its path is a credential: nobody reads it back.
fn webhook(environment: &Environment) -> anyhow::Result<Option<Secret<Url>>> {
    let Some(text) = environment.secret_or_file("PLUGYARD_DISCORD_WEBHOOK")? else { return Ok(None) };
    match Url::parse(text.reveal()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url.into())),
        Ok(_) | Err(_) => bail!("PLUGYARD_DISCORD_WEBHOOK is not an address that begins with https://"),
    }
}

/// What comes from git comes as source.
fn building(mode: BuildMode, git: bool) -> anyhow::Result<Building> {
    if git && mode == BuildMode::Off {
        bail!("PLUGYARD_ALLOW_GIT needs PLUGYARD_BUILD=pure or PLUGYARD_BUILD=native");
    }
    Ok(Building { mode, git })
}

/// Root's own directories are closed to the unprivileged user that PostgreSQL must run as.
fn default_data_dir(environment: &Environment) -> anyhow::Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/plugyard"));
    }
    let dir = |name: &str| environment.text(name).map(PathBuf::from);
    let base = dir("XDG_DATA_HOME")
        .filter(|base| base.is_absolute())
        .or_else(|| Some(dir("HOME")?.join(".local/share")))
        .context("neither XDG_DATA_HOME nor HOME is set: give --data-dir or PLUGYARD_DATA_DIR")?;
    Ok(base.join("plugyard"))
}

/// Tools run in directories of their own.
fn program(path: Option<PathBuf>) -> std::io::Result<Option<PathBuf>> {
    path.filter(|path| !path.as_os_str().is_empty()).map(std::path::absolute).transpose()
}

fn scan_command(line: &str, environment: &Environment) -> Option<ScanCommand> {
    let mut words = line.split_whitespace();
    Some(ScanCommand {
        program: words.next()?.into(),
        arguments: words.map(Into::into).collect(),
        path: environment.text("PATH").map(Into::into),
        attendant: None,
    })
}

/// An empty value means: not set.
fn filled(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn host_os() -> Os {
    if cfg!(target_os = "macos") { Os::Macos } else { Os::Linux }
}

fn host_arch() -> Arch {
    if cfg!(target_arch = "aarch64") { Arch::Aarch64 } else { Arch::X86_64 }
}

#[cfg(test)]
pub(crate) mod tests;
