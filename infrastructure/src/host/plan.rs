//! How plugins of each protocol are started, greeted, waited for and ended.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use application::ports::hosting::{Launch, Runtime, StartFault};

mod program;

use program::{command, is_dotted, python};

#[cfg(feature = "langbot-runtime")]
use super::channel::langbot::Langbot;
use super::{
    channel::{Channel, Greeting, dify::Dify, native::Native},
    kin::MARK,
};
use crate::sandbox::Shown;

/// One start of one plugin.
pub(super) struct Plan {
    pub(super) channel: Box<dyn Channel>,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) readable: Vec<Shown>,
    pub(super) writable: Vec<Shown>,
    pub(super) ready_within: Duration,
    /// How often it tells that it is there, where it does.
    pub(super) beat: Option<Duration>,
}

/// What a plan is made of, besides the launch.
pub(super) struct Ground<'a> {
    /// Where it has its temporary files.
    pub(super) private: &'a Path,
    pub(super) mark: String,
    /// For plugins that bring no environment.
    pub(super) python: Option<&'a Path>,
    pub(super) capability: String,
}

const NATIVE: Duration = Duration::from_secs(10);
#[cfg(feature = "langbot-runtime")]
const LANGBOT: Duration = Duration::from_secs(30);
const DIFY: Duration = Duration::from_mins(2);
/// Three of them fit into the time that a new version has to prove itself.
const DIFY_BEAT: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_mins(5);

/// What programs look up; read-only, and only where it exists.
const TRUST: [&str; 6] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/localtime",
    "/etc/mime.types",
    "/usr/share/zoneinfo",
];
const NAMES: [&str; 5] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf"];

impl Plan {
    pub(super) fn of(launch: &Launch, ground: &Ground<'_>) -> Result<Self, StartFault> {
        match launch.runtime {
            Runtime::Native => native(launch, ground),
            Runtime::Dify => dify(launch, ground),
            #[cfg(feature = "langbot-runtime")]
            Runtime::Langbot => langbot(launch, ground),
            #[cfg(not(feature = "langbot-runtime"))]
            Runtime::Langbot => Err(not_made("this build of the host does not speak LangBot's protocol")),
        }
    }
}

fn native(launch: &Launch, ground: &Ground<'_>) -> Result<Plan, StartFault> {
    let (program, arguments, mut readable) = command(launch, ground)?;
    readable.extend(shown(launch)?);
    Ok(Plan {
        channel: Box::new(Native::new(greeting(launch, ground))),
        program,
        arguments,
        environment: environment(launch, ground),
        readable,
        writable: writable(launch, ground)?,
        ready_within: launch.ready_within.unwrap_or(NATIVE).min(LONGEST),
        beat: None,
    })
}

/// Its SDK gives up when its parent is the first of all processes, takes settings from a file of its author, ends by a
/// signal alone, and tells every few seconds that it is there.
fn dify(launch: &Launch, ground: &Ground<'_>) -> Result<Plan, StartFault> {
    if std::process::id() == 1 {
        return Err(not_made(
            "Dify plugins end under a host that is the first process: run it under an init",
        ));
    }
    if !is_dotted(&launch.entry_point) {
        return Err(not_made("its entry point is no module"));
    }
    let (program, mut readable) = python(launch, ground)?;
    readable.extend(shown(launch)?);
    let settings = launch.code.join(".env");
    if settings.is_file() {
        readable.push(Shown { outside: "/dev/null".into(), inside: settings });
    }
    let mut variables = environment(launch, ground);
    let fixed = [
        ("INSTALL_METHOD", "local".to_owned()),
        ("HEARTBEAT_INTERVAL", DIFY_BEAT.as_secs().to_string()),
        ("MAX_REQUEST_TIMEOUT", "300".to_owned()),
        ("MAX_INVOCATION_TIMEOUT", "250".to_owned()),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    Ok(Plan {
        channel: Box::new(Dify::new(greeting(launch, ground))),
        program,
        arguments: vec!["-m".to_owned(), launch.entry_point.clone()],
        environment: variables,
        readable,
        writable: writable(launch, ground)?,
        ready_within: launch.ready_within.unwrap_or(DIFY).min(LONGEST),
        beat: Some(DIFY_BEAT),
    })
}

/// Its SDK is the program, and finds the plugin where it is started. It proves that it was started by us with a word
/// that nobody else knows, which is no secret of anybody.
#[cfg(feature = "langbot-runtime")]
fn langbot(launch: &Launch, ground: &Ground<'_>) -> Result<Plan, StartFault> {
    let (program, mut readable) = python(launch, ground)?;
    readable.extend(shown(launch)?);
    let mut variables = environment(launch, ground);
    let fixed = [
        ("LANGBOT_PLUGIN_REGISTRATION_CAPABILITY", ground.capability.clone()),
        ("LANGBOT_PLUGIN_RUNTIME_PROFILE", "oss_dev".to_owned()),
        ("LANGBOT_PLUGIN_FILE_STORAGE_DIR", launch.data.to_string_lossy().into_owned()),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    Ok(Plan {
        channel: Box::new(Langbot::new(greeting(launch, ground))),
        program,
        arguments: ["-m", "langbot_plugin.cli.__init__", "run", "-s", "--prod"].map(str::to_owned).to_vec(),
        environment: variables,
        readable,
        writable: writable(launch, ground)?,
        ready_within: launch.ready_within.unwrap_or(LANGBOT).min(LONGEST),
        beat: None,
    })
}

fn greeting(launch: &Launch, ground: &Ground<'_>) -> Greeting {
    Greeting {
        name: launch.name.clone(),
        version: launch.version.clone(),
        configuration: launch.configuration.reveal().clone(),
        permissions: launch.permissions.clone(),
        data_dir: launch.data.to_string_lossy().into_owned(),
        memory_mb: launch.limits.memory_mb,
        file_handles: launch.limits.file_handles,
        locale: launch.locale.clone(),
        capability: ground.capability.clone(),
    }
}

fn not_made(why: &str) -> StartFault {
    StartFault::NotMade(why.to_owned())
}

/// Under its own name, whatever links stand in for it out here.
pub(super) fn as_it_is(path: &Path) -> io::Result<Shown> {
    Ok(Shown { outside: path.canonicalize()?, inside: path.to_owned() })
}

pub(super) fn shown(launch: &Launch) -> Result<Vec<Shown>, StartFault> {
    let gone = |_error: io::Error| not_made("its code or environment is not there");
    let mut shown = vec![as_it_is(&launch.code).map_err(gone)?];
    if let Some(environment) = &launch.environment {
        shown.push(as_it_is(environment).map_err(gone)?);
    }
    let names = NAMES.iter().filter(|_| launch.network);
    shown.extend(TRUST.iter().chain(names).filter_map(|path| as_it_is(Path::new(path)).ok()));
    Ok(shown)
}

pub(super) fn writable(launch: &Launch, ground: &Ground<'_>) -> Result<Vec<Shown>, StartFault> {
    let gone = |_error: io::Error| not_made("its data directory is not there");
    Ok(vec![as_it_is(&launch.data).map_err(gone)?, as_it_is(ground.private).map_err(gone)?])
}

pub(super) fn environment(launch: &Launch, ground: &Ground<'_>) -> BTreeMap<String, String> {
    let private = |part: &str| ground.private.join(part).to_string_lossy().into_owned();
    let mut path = "/usr/local/bin:/usr/bin:/bin".to_owned();
    let mut variables = BTreeMap::new();
    if let Some(environment) = &launch.environment {
        let environment = environment.to_string_lossy();
        path = format!("{environment}/bin:{path}");
        variables.insert("VIRTUAL_ENV".to_owned(), environment.into_owned());
    }
    let fixed = [
        ("PATH", path),
        ("HOME", private("home")),
        ("TMPDIR", private("tmp")),
        ("LANG", "C.UTF-8".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        // Code is read-only to it.
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        (MARK, ground.mark.clone()),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    variables
}
