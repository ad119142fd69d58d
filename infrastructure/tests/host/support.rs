//! A host of its own for each test, and everything that it tells.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use application::ports::{
    hosting::{
        Ask, Broker, Call, CallFault, Denied, Exit, Happening, Happenings, InstanceId, Launch, Limits,
        LogLine, PluginHost, Reply, Runtime, StartFault, Started, State, Stop,
    },
    vault::Secret,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use infrastructure::{
    host::{Host, LAUNCHER_ARGUMENT, Settings},
    system::System,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// This very binary is the launcher, with the one test that serves as one when it is told to.
const LAUNCHER: [&str; 7] = [
    "support::this_binary_launches_plugins",
    "--exact",
    "--quiet",
    "--nocapture",
    "--test-threads=1",
    "--skip",
    LAUNCHER_ARGUMENT,
];

#[test]
fn this_binary_launches_plugins() {
    if std::env::args().any(|argument| argument == LAUNCHER_ARGUMENT) {
        let code = infrastructure::host::serve_launcher();
        std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
    }
    assert_ne!(LAUNCHER_ARGUMENT, "");
}

pub(crate) const NOBODY: [u32; 0] = [];
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What the host has told, in order.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(InstanceId, DateTime<Utc>, Happening)>>);

impl Happenings for Heard {
    fn happened(&self, instance: InstanceId, at: DateTime<Utc>, happening: Happening) {
        self.0.lock().unwrap().push((instance, at, happening));
    }
}

impl Heard {
    pub(crate) fn all(&self, of: InstanceId) -> Vec<Happening> {
        let heard = self.0.lock().unwrap();
        heard
            .iter()
            .filter(|(instance, _, _)| *instance == of)
            .map(|(_, _, happening)| happening.clone())
            .collect()
    }

    pub(crate) fn lines(&self, of: InstanceId) -> Vec<LogLine> {
        let lines = self.all(of).into_iter().filter_map(|happening| {
            if let Happening::Logged { lines, .. } = happening { Some(lines) } else { None }
        });
        lines.flatten().collect()
    }

    pub(crate) fn states(&self, of: InstanceId) -> Vec<State> {
        let states = self.all(of).into_iter().filter_map(|happening| {
            if let Happening::State { to, .. } = happening { Some(to) } else { None }
        });
        states.collect()
    }

    pub(crate) fn exits(&self, of: InstanceId) -> Vec<(Exit, String)> {
        let exits = self.all(of).into_iter().filter_map(|happening| {
            if let Happening::State { exit: Some(exit), stderr, .. } = happening {
                Some((exit, stderr))
            } else {
                None
            }
        });
        exits.collect()
    }
}

/// Grants `event/emit`, keeps what it was asked.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) Mutex<Vec<Ask>>);

#[async_trait]
impl Broker for Asked {
    async fn asked(&self, _: InstanceId, ask: Ask) -> Result<Value, Denied> {
        self.0.lock().unwrap().push(ask.clone());
        match ask.method.as_str() {
            "event/emit" => Ok(json!({"emitted": true})),
            "storage/put" => Err(Denied::Permission("storage:write".to_owned())),
            _ => Err(Denied::Unknown),
        }
    }
}

pub(crate) struct Yard {
    pub(crate) host: Host,
    pub(crate) heard: Arc<Heard>,
    pub(crate) asked: Arc<Asked>,
    pub(crate) root: PathBuf,
    kept: Option<TempDir>,
}

impl Yard {
    /// Without any walls: what they cost and hold is tried elsewhere.
    pub(crate) fn open() -> Self {
        Self::with(false)
    }

    pub(crate) fn with(sandbox: bool) -> Self {
        let root = tempfile::Builder::new().prefix("host-").tempdir().unwrap();
        let mut yard = Self::at(root.path(), sandbox);
        yard.kept = Some(root);
        yard
    }

    /// In a directory that may have been another run's.
    pub(crate) fn at(root: &Path, sandbox: bool) -> Self {
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        let (heard, asked) = (Arc::new(Heard::default()), Arc::new(Asked::default()));
        let settings = Settings {
            state: root.join("host"),
            executable: std::env::current_exe().unwrap(),
            python: Some("/usr/bin/python3".into()),
            sandbox,
        };
        let host =
            Host::launched_by(settings, &LAUNCHER, Arc::new(System), heard.clone(), asked.clone()).unwrap();
        Self { host, heard, asked, root: root.to_owned(), kept: None }
    }

    /// A sample as it would be installed.
    pub(crate) fn launch(&self, sample: &str, configuration: Value) -> Launch {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plugins");
        let instance = InstanceId(Uuid::new_v4());
        let base = self.root.join("installations").join(instance.to_string());
        let (code, data) = (base.join("code"), base.join("data"));
        fs::create_dir_all(&code).unwrap();
        fs::create_dir_all(&data).unwrap();
        fs::copy(samples.join("helper.py"), code.join("helper.py")).unwrap();
        copy(&samples.join(sample), &code);
        let Value::Object(configuration) = configuration else { panic!("a configuration is an object") };
        Launch {
            instance,
            installation: instance.0,
            runtime: Runtime::Native,
            name: sample.to_owned(),
            version: "1.0.0".to_owned(),
            code,
            environment: None,
            data,
            entry_point: "main.py".to_owned(),
            language: "python".to_owned(),
            configuration: configuration.into(),
            secrets: Vec::new(),
            permissions: BTreeSet::new(),
            limits: Limits::default(),
            network: false,
            require_sandbox: false,
            ready_within: None,
            locale: "en".to_owned(),
        }
    }

    pub(crate) async fn start(&self, sample: &str, configuration: Value) -> InstanceId {
        let launch = self.launch(sample, configuration);
        let instance = launch.instance;
        self.started(launch).await.unwrap();
        instance
    }

    pub(crate) async fn started(&self, launch: Launch) -> Result<Started, StartFault> {
        self.host.start(launch).await
    }

    pub(crate) async fn say(
        &self,
        to: InstanceId,
        message_type: &str,
        data: Value,
    ) -> Result<Reply, CallFault> {
        self.host.call(to, call(message_type, data, LONG)).await
    }

    /// What a plugin answers that is glad to.
    pub(crate) async fn answer(&self, to: InstanceId, message_type: &str, data: Value) -> Value {
        self.say(to, message_type, data).await.unwrap().answer.unwrap()
    }

    pub(crate) async fn stop(&self, instance: InstanceId) {
        self.host.stop(instance, Stop::after(Duration::from_secs(2))).await;
    }

    pub(crate) fn state(&self, instance: InstanceId) -> Option<State> {
        self.host.snapshot(instance).map(|snapshot| snapshot.state)
    }

    pub(crate) async fn until_state(&self, instance: InstanceId, state: State) {
        until(|| self.state(instance) == Some(state)).await;
    }

    /// The numbers of all processes that carry the mark of an instance or run its code.
    pub(crate) fn processes(instance: InstanceId) -> Vec<u32> {
        let wanted = instance.to_string();
        let numbers =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_its = |id: &u32| {
            let about =
                ["environ", "cmdline"].map(|file| fs::read(format!("/proc/{id}/{file}")).unwrap_or_default());
            about.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(&wanted))
        };
        numbers.filter(is_its).collect()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        // Whatever a test has left.
        let instances = self.host.instances();
        for id in instances.into_iter().flat_map(|(instance, _)| Self::processes(instance)) {
            let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

pub(crate) fn call(message_type: &str, data: Value, deadline: Duration) -> Call {
    Call {
        message_id: Uuid::new_v4().to_string(),
        message_type: message_type.to_owned(),
        data,
        caller: Some("user:u1".to_owned()),
        source_plugin: None,
        deadline,
    }
}

pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn secret(value: &str) -> Secret {
    value.to_owned().into()
}

pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// How many sleep for so long, which nobody else does.
pub(crate) fn sleepers(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| *line == format!("sleep\0{mark}\0").as_bytes()).count()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let into = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &into);
        } else {
            fs::copy(entry.path(), into).unwrap();
        }
    }
}
