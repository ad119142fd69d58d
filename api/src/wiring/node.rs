//! One node: its readers of the log, its workers, its housekeeping.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use application::{
    commands::Commands,
    known_state::Noticing,
    observing::Recording,
    ports::{blobs::Blobs, freshness::Freshness, packages::ReleasedTarballs},
    processes::{
        announce_milestones::AnnounceMilestones, expire_artifacts::ExpireArtifacts,
        finish_erasures::FinishErasures, post_notices::PostNotices, reap_attempts::ReapAttempts,
        recheck_quarantine::RecheckQuarantine, run_operations::RunOperations, run_tasks::RunTasks,
        watch_tasks::WatchTasks,
    },
    queries::tasks::TaskQueries,
    removing::Removing,
    repackaging::Repackaging,
    signal::Signal,
};
use domain::task::Task;
use futures::{FutureExt as _, future::BoxFuture};
use infrastructure::{
    database::Database,
    event_log::{LogCommands, LogWriter, share_nudges},
    housekeeping::keep_house,
    jobs::PgJobs,
    notices::PgNotices,
    subscription::{Freshly, Runner, Signals},
    system::System,
    turns::PgTurns,
    uv::Uv,
};
use projections::PgTasks;
use tokio_util::task::TaskTracker;

use super::{
    Operator, build_repackaging, build_tools,
    catalogue::build_cataloguing,
    heads, hook,
    hosting::{Ground, Hosts, build_hosting},
    identity::build_identity,
    marketplace::{one_marketplace, sync_repositories},
    open_database,
    packaging::{any_packages, released_tarballs},
    signing_key,
};
use crate::{
    services::{Cataloguing, Hosted, Identifying, Ports, SigningPublicKey},
    settings::{Role, Settings},
    shutdown::Shutdown,
    telemetry::Telemetry,
};

/// Longer than any upload takes: another process may be taking one in here.
const ABANDONED: Duration = Duration::from_hours(1);

/// Removes uploads that a killed process was taking in; their requests are gone with it.
fn sweep_uploads(settings: &Settings) {
    for entry in std::fs::read_dir(settings.uploads_dir()).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|data| data.modified());
        if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED)) {
            // What cannot be removed now can be at the next start.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Opens the database, starts what the role asks for, and returns what the handlers need.
pub(super) async fn start(
    settings: &Settings,
    shutdown: &Shutdown,
    telemetry: &Telemetry,
) -> anyhow::Result<(Ports, BoxFuture<'static, ()>)> {
    sweep_uploads(settings);
    let database = Arc::new(open_database(settings).await?);
    let node = match Node::new(settings, shutdown, database.clone()).await {
        Ok(node) => node,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    node.follow_the_log();
    let uv = node.uv.clone();
    node.until_stopping(async move { uv.probe().await });
    telemetry.watch_log(database.pools.clone(), node.writer.clone())?;
    if settings.role != Role::Api {
        node.work(settings)?;
    }
    let ports = node.ports();
    let close = async move { database.close().await }.boxed();
    Ok((ports, close))
}

struct Node {
    shutdown: Shutdown,
    database: Arc<Database>,
    signals: Signals,
    writer: LogWriter,
    commands: Arc<dyn Commands<Task>>,
    tasks: Arc<dyn TaskQueries>,
    freshness: Arc<dyn Freshness>,
    runners: Vec<Arc<Runner>>,
    uv: Arc<Uv>,
    repackaging: Arc<Repackaging>,
    released_tarballs: Arc<dyn ReleasedTarballs>,
    watch: Arc<WatchTasks>,
    cataloguing: Cataloguing,
    hosted: Hosted,
    /// Taken by whoever hosts plugins.
    recording: Mutex<Option<Recording>>,
    identifying: Identifying,
    signing: SigningPublicKey,
}

impl Node {
    async fn new(settings: &Settings, shutdown: &Shutdown, database: Arc<Database>) -> anyhow::Result<Self> {
        let (pools, signals) = (database.pools.clone(), Signals::default());
        let (writer, writing) = LogWriter::new(&pools, &signals);
        // Ends with its last handle; what it has accepted was awaited by whoever asked.
        TaskTracker::new().spawn(writing);
        let tasks: Arc<dyn TaskQueries> = Arc::new(PgTasks::new(pools.reads.clone()));
        let runner = |projection| Arc::new(Runner::new(projection, pools.writes.clone(), signals.clone()));
        let runners: Vec<_> = projections::all().into_iter().map(runner).collect();
        let uv = Arc::new(build_tools(settings)?);
        let noticed = Signal::default();
        let freshness: Arc<dyn Freshness> = Arc::new(Noticing {
            freshness: Arc::new(Freshly::new(&runners, pools.reads.clone())),
            noticed: noticed.clone(),
        });
        let identifying = build_identity(settings, &pools, &writer, freshness.clone()).await?;
        let mut repackaging = build_repackaging(settings, &uv)?;
        let blobs: Arc<dyn Blobs> = repackaging.blobs.clone();
        let cataloguing = build_cataloguing(
            settings,
            &pools,
            &writer,
            &freshness,
            &blobs,
            &identifying,
            &[&signals.projected, &noticed],
        )?;
        repackaging.marketplace = Arc::new(one_marketplace(&cataloguing, &blobs));
        let Hosts { hosted, recording } = build_hosting(Ground {
            settings,
            pools: &pools,
            writer: &writer,
            freshness: &freshness,
            identifying: &identifying,
            cataloguing: &cataloguing,
            repackaging: &repackaging,
            downloads: Arc::new(any_packages(settings)?),
            uv: &uv,
            moved: &signals.projected,
        })?;
        Ok(Self {
            cataloguing,
            hosted,
            recording: Mutex::new(Some(recording)),
            shutdown: shutdown.clone(),
            commands: Arc::new(LogCommands::new(&pools, writer.clone())),
            signing: SigningPublicKey::new(signing_key(settings)?.map(|key| key.public().pem())),
            identifying,
            freshness,
            watch: Arc::new(WatchTasks::new(tasks.clone(), signals.projected.clone())),
            repackaging: Arc::new(repackaging),
            released_tarballs: Arc::new(released_tarballs(settings)?),
            uv,
            tasks,
            runners,
            writer,
            signals,
            database,
        })
    }

    fn follow_the_log(&self) {
        for runner in &self.runners {
            let (runner, stop) = (runner.clone(), self.shutdown.stopping.clone());
            self.shutdown.background.spawn(async move { runner.run(stop).await });
        }
        let stop = &self.shutdown.stopping;
        let nudges = share_nudges(self.database.pools.clone(), self.signals.clone(), stop.clone());
        self.shutdown.background.spawn(nudges);
        let (authenticating, projected) =
            (self.identifying.authenticating.clone(), self.signals.projected.clone());
        let follow_stop = stop.clone();
        self.shutdown.background.spawn(async move { authenticating.follow(projected, follow_stop).await });
        let (watch, watch_stop) = (self.watch.clone(), stop.clone());
        self.shutdown.background.spawn(async move { watch.run(watch_stop).await });
        let (database, alive_stop) = (self.database.clone(), stop.clone());
        self.shutdown.background.spawn(async move { database.keep_alive(alive_stop).await });
    }

    fn work(&self, settings: &Settings) -> anyhow::Result<()> {
        let jobs =
            Arc::new(PgJobs::new(self.database.pools.writes.clone(), self.database.pools.leases.clone()));
        let work = settings.work_dir();
        std::fs::create_dir_all(&work)?;
        let run = Arc::new(RunTasks {
            jobs: jobs.clone(),
            commands: self.commands.clone(),
            repackaging: self.repackaging.clone(),
            ids: Arc::new(System),
            queued: self.signals.projected.clone(),
            progressed: self.signals.projected.clone(),
            work: work.clone(),
            worker: format!("{}-{}", host_name(), std::process::id()),
            slots: settings.workers,
        });
        self.shutdown.foreground.spawn(run.run(self.shutdown.draining.clone()));
        let reap = ReapAttempts { jobs, commands: self.commands.clone(), work };
        let stop = self.shutdown.stopping.clone();
        self.shutdown.background.spawn(reap.run(stop.clone()));
        let expire = ExpireArtifacts {
            removing: Removing {
                tasks: self.tasks.clone(),
                catalogue: self.cataloguing.catalogue.clone(),
                installations: self.hosted.operating.hosting.installations.clone(),
                commands: self.commands.clone(),
                blobs: self.repackaging.blobs.clone(),
                freshness: self.freshness.clone(),
                retention: settings.retention,
            },
            clock: Arc::new(System),
        };
        self.until_stopping(expire.run(stop.clone()));
        self.tell(settings)?;
        self.host();
        let finish = FinishErasures { identity: self.identifying.identity.clone() };
        self.until_stopping(finish.run(stop.clone()));
        let recheck = RecheckQuarantine {
            publishing: self.cataloguing.publishing.clone(),
            directory: settings.uploads_dir(),
        };
        self.until_stopping(recheck.run(stop.clone()));
        let sync = sync_repositories(settings, &self.cataloguing.syncing);
        self.until_stopping(sync.run(stop.clone()));
        self.until_stopping(keep_house(self.database.pools.writes.clone(), stop.clone()));
        self.until_stopping(heads(settings)?.keep(self.database.pools.loads.clone(), stop));
        Ok(())
    }

    /// Installed plugins: one node of all has them.
    fn host(&self) {
        let run = RunOperations {
            operating: self.hosted.operating.clone(),
            turns: Arc::new(PgTurns::new(self.database.pools.clone())),
            node: format!("{}-{}", host_name(), std::process::id()),
        };
        self.shutdown.foreground.spawn(run.run(self.shutdown.draining.clone()));
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(recording) = recording {
            self.shutdown.background.spawn(recording.run(self.shutdown.stopping.clone()));
        }
    }

    /// Milestones, and news for the operator's hook.
    fn tell(&self, settings: &Settings) -> anyhow::Result<()> {
        let projected = &self.signals.projected;
        let milestones = AnnounceMilestones {
            downloads: self.cataloguing.downloads.clone(),
            plugins: self.cataloguing.publishing.plugins.clone(),
            projected: projected.clone(),
        };
        self.until_stopping(milestones.run());
        if let Some(hook) = hook(settings)? {
            let news = PostNotices {
                notices: Arc::new(PgNotices::new(self.database.pools.writes.clone())),
                hook: Arc::new(hook),
                catalogue: self.cataloguing.catalogue.clone(),
                projected: projected.clone(),
            };
            self.until_stopping(news.run());
        }
        Ok(())
    }

    /// For work that may be dropped between two steps.
    fn until_stopping(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.shutdown.stopping.clone();
        self.shutdown.background.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    fn ports(&self) -> Ports {
        let operator =
            Operator::new(self.database.pools.clone(), projections::all(), self.signals.projected.clone());
        let operator = Arc::new(operator.with_tools(self.uv.clone()));
        let blobs: Arc<dyn Blobs> = self.repackaging.blobs.clone();
        Ports {
            commands: self.commands.clone(),
            downloads: self.repackaging.downloads.clone(),
            marketplace: self.repackaging.marketplace.clone(),
            inspector: self.repackaging.inspector.clone(),
            blobs,
            released_tarballs: self.released_tarballs.clone(),
            freshness: self.freshness.clone(),
            clock: Arc::new(System),
            ids: Arc::new(System),
            task_queries: self.tasks.clone(),
            watch: self.watch.clone(),
            cataloguing: self.cataloguing.clone(),
            hosted: self.hosted.clone(),
            identifying: self.identifying.clone(),
            signing: self.signing.clone(),
            health: operator.clone(),
            projections: operator,
        }
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
