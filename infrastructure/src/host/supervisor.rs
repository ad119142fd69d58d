//! The port [`PluginHost`]: knows every instance, and what they all share.

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use application::ports::{
    hosting::{
        Broker, CallFault, Happening, Happenings, InstanceId, Launch, SandboxReport, StartFault, State,
    },
    system::Clock,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    LAUNCHER_ARGUMENT,
    cgroups::Groups,
    instance::Instance,
    kin::{self, Family},
    order::{Caps, Order, Walls},
    plan::{Ground, Plan},
    process::Nursery,
    sampler,
    users::Users,
};

mod port;

/// At most so many plugins start at a time.
const LAUNCHES: usize = 2;
const MIB: u64 = 1024 * 1024;
/// What a runtime reserves and does not use, and its libraries.
const UNUSED_ADDRESSES: u64 = 512 * MIB;
const LARGEST_FILE: u64 = 1024 * MIB;

/// What a host needs to know.
pub struct Settings {
    /// A directory of its own, which tells hosts on one machine apart.
    pub state: PathBuf,
    /// The binary whose `main` calls [`super::serve_launcher`] for [`LAUNCHER_ARGUMENT`]; usually the running one.
    pub executable: PathBuf,
    /// For plugins that bring no environment.
    pub python: Option<PathBuf>,
    /// Off: plugins run as we do, with limits and nothing else.
    pub sandbox: bool,
}

/// Supervises plugins on this node. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    common: Arc<Common>,
}

/// What all instances share.
pub(super) struct Common {
    name: String,
    pub(super) state: PathBuf,
    python: Option<PathBuf>,
    pub(super) clock: Arc<dyn Clock>,
    happenings: Arc<dyn Happenings>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) nursery: Nursery,
    pub(super) launches: Arc<Semaphore>,
    pub(super) groups: Option<Groups>,
    pub(super) users: Users,
    pub(super) tasks: TaskTracker,
    pub(super) ending: CancellationToken,
    instances: Mutex<HashMap<InstanceId, Arc<Instance>>>,
    walls: Mutex<(Walls, SandboxReport)>,
    pub(super) allowed: bool,
}

/// All that a life begins with.
pub(super) struct Prepared {
    pub(super) order: Order,
    pub(super) plan: Plan,
    pub(super) family: Family,
}

impl Host {
    /// Looks at nothing yet: [`PluginHost::sweep`] and [`PluginHost::examine`] come first.
    ///
    /// # Errors
    /// When its directory or its thread cannot be made.
    pub fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        happenings: Arc<dyn Happenings>,
        broker: Arc<dyn Broker>,
    ) -> io::Result<Self> {
        let nursery = Nursery::new(settings.executable.clone(), vec![LAUNCHER_ARGUMENT.into()])?;
        Self::with(settings, nursery, clock, happenings, broker)
    }

    /// With a launcher that is started in another way.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn launched_by(
        settings: Settings,
        arguments: &[&str],
        clock: Arc<dyn Clock>,
        happenings: Arc<dyn Happenings>,
        broker: Arc<dyn Broker>,
    ) -> io::Result<Self> {
        let arguments = arguments.iter().map(Into::into).collect();
        let nursery = Nursery::new(settings.executable.clone(), arguments)?;
        Self::with(settings, nursery, clock, happenings, broker)
    }

    fn with(
        settings: Settings,
        nursery: Nursery,
        clock: Arc<dyn Clock>,
        happenings: Arc<dyn Happenings>,
        broker: Arc<dyn Broker>,
    ) -> io::Result<Self> {
        fs::create_dir_all(settings.state.join("instances"))?;
        let state = settings.state.canonicalize()?;
        let digest = Sha256::digest(state.as_os_str().as_encoded_bytes());
        let name = hex::encode(&digest[..6]);
        let groups = settings.sandbox.then(|| Groups::find(&format!("plugyard-{name}"))).flatten();
        let common = Arc::new(Common {
            users: Users::of(state.join("users")),
            name,
            state,
            python: settings.python,
            clock,
            happenings,
            broker,
            nursery,
            launches: Arc::new(Semaphore::new(LAUNCHES)),
            groups,
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            instances: Mutex::default(),
            walls: Mutex::new((Walls::None, SandboxReport::UNTESTED)),
            allowed: settings.sandbox,
        });
        common.tasks.spawn(sampler::sample(Arc::downgrade(&common), common.ending.clone()));
        Ok(Self { common })
    }

    fn instance(&self, id: InstanceId) -> Option<Arc<Instance>> {
        self.common.instances().get(&id).cloned()
    }

    /// Somebody who can be asked something now.
    fn running(&self, id: InstanceId) -> Result<Arc<Instance>, CallFault> {
        let instance = self.instance(id).filter(|instance| instance.state() == State::Running);
        instance.ok_or(CallFault::NotRunning)
    }
}

impl Drop for Common {
    fn drop(&mut self) {
        if let Some(groups) = &self.groups {
            groups.remove();
        }
    }
}

impl Common {
    fn instances(&self) -> MutexGuard<'_, HashMap<InstanceId, Arc<Instance>>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Arc<Instance>> {
        self.instances().values().cloned().collect()
    }

    pub(super) fn tell(&self, instance: InstanceId, happening: Happening) {
        self.happenings.happened(instance, self.clock.now(), happening);
    }

    pub(super) fn bounds_memory(&self) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.controls("memory"))
    }

    pub(super) fn bounds_cpu(&self) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.controls("cpu"))
    }

    pub(super) fn walls(&self) -> MutexGuard<'_, (Walls, SandboxReport)> {
        self.walls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mark(&self, instance: InstanceId) -> String {
        format!("{}/{instance}", self.name)
    }

    pub(super) fn private(&self, instance: InstanceId) -> PathBuf {
        self.state.join("instances").join(instance.to_string())
    }

    /// Everything that has to be there before a launcher is started.
    pub(super) fn prepare(&self, launch: &Launch) -> Result<Prepared, StartFault> {
        let (walls, report) = *self.walls();
        let missing = report.missing(launch.network);
        if launch.require_sandbox && !missing.is_empty() {
            return Err(StartFault::NoSandbox { missing });
        }
        let broken = |what: &'static str| {
            move |error: io::Error| {
                tracing::error!(%error, what, "a plugin cannot be started");
                StartFault::NotMade(what.to_owned())
            }
        };
        let private = self.private(launch.instance);
        for part in ["home", "tmp"] {
            fs::create_dir_all(private.join(part)).map_err(broken("private directory"))?;
        }
        let is_root = walls != Walls::None && rustix::process::geteuid().is_root();
        let user =
            is_root.then(|| self.users.user(launch.installation)).transpose().map_err(broken("user"))?;
        let ground = Ground {
            private: &private,
            mark: self.mark(launch.instance),
            python: self.python.as_deref(),
            capability: hex::encode(
                crate::system::random::<24>()
                    .map_err(|_none| StartFault::NotMade("randomness".to_owned()))?,
            ),
        };
        let plan = Plan::of(launch, &ground)?;
        let name = launch.instance.to_string();
        let group = self.groups.as_ref().map(|groups| groups.make(&name, &launch.limits)).transpose();
        let group = group.map_err(broken("control group"))?;
        let caps = Caps {
            address_space: (!self.bounds_memory())
                .then(|| u64::from(launch.limits.memory_mb) * MIB + UNUSED_ADDRESSES),
            file_size: LARGEST_FILE,
            open_files: u64::from(launch.limits.file_handles),
            processes: user.is_some().then(|| u64::from(launch.limits.processes)),
        };
        let order = Order {
            program: plan.program.clone(),
            arguments: plan.arguments.clone(),
            environment: plan.environment.clone(),
            cwd: launch.code.clone(),
            walls,
            user,
            groups: group.iter().flat_map(super::cgroups::Group::doors).collect(),
            network: launch.network,
            readable: plan.readable.clone(),
            writable: plan.writable.clone(),
            temporary: private.join("tmp"),
            caps,
            parent: std::process::id(),
        };
        let place = (walls == Walls::Namespaces).then(|| private.clone());
        let homes =
            [&private, &launch.data, &launch.code].into_iter().filter_map(|home| home.canonicalize().ok());
        let homes = homes.collect();
        let family = Family { group, user, mark: ground.mark, place, homes, ..Family::default() };
        Ok(Prepared { order, plan, family })
    }

    /// Ends whoever is left of an instance, and removes what only it used.
    pub(super) async fn clear(&self, launch: &Launch, mut family: Family) {
        let others = self
            .all()
            .into_iter()
            .any(|other| other.id != launch.instance && other.launch().installation == launch.installation);
        if others {
            // Another instance is the same user, and at work in the same places but for the first.
            family.user = None;
            family.homes.truncate(1);
        }
        let private = self.private(launch.instance);
        let cleared = tokio::task::spawn_blocking(move || {
            kin::end(&family);
            let gone = family.group.as_ref().is_none_or(super::cgroups::Group::remove);
            // A plugin may have made it hard to remove; it is tried again at the next start of the host.
            let _ = fs::remove_dir_all(private);
            gone
        });
        if !cleared.await.unwrap_or(false) {
            tracing::warn!(instance = %launch.instance, "the control groups of a plugin could not be removed");
        }
    }
}

impl Common {
    /// By groups, by users and by marks: whatever an earlier run of this host has started.
    fn sweep(&self) -> usize {
        let place = Some(self.state.join("instances"));
        let homes = place.iter().cloned().collect();
        let everybody = Family { mark: format!("{}/*", self.name), place, homes, ..Family::default() };
        let mut ended = kin::end(&everybody);
        for group in self.groups.iter().flat_map(Groups::left) {
            ended += kin::end(&Family {
                group: Some(group.clone()),
                mark: everybody.mark.clone(),
                ..Family::default()
            });
            group.remove();
        }
        for user in self.users.known() {
            ended +=
                kin::end(&Family { user: Some(user), mark: everybody.mark.clone(), ..Family::default() });
        }
        let left = fs::read_dir(self.state.join("instances")).into_iter().flatten().flatten();
        for private in left {
            // A file that cannot be removed is nobody's process.
            let _ = fs::remove_dir_all(private.path());
        }
        ended
    }
}
