//! Everything the handlers may ask for; each names the one thing it uses.

use std::{path::PathBuf, sync::Arc};

use application::{
    authenticating::Authenticating,
    commands::Commands,
    counting::Counting,
    hosting::Hosting,
    identity::Identity,
    operating::Operating,
    passing::Passing,
    ports::{
        blobs::Blobs,
        freshness::Freshness,
        marketplace::Marketplace,
        packages::ReleasedTarballs,
        packaging::{Downloads, Inspector},
        quotas::Quotas,
        system::{Clock, Ids},
        vault::Secret,
    },
    processes::watch_tasks::WatchTasks,
    publishing::Publishing,
    queries::{
        activity::ActivityQueries,
        catalogue::CatalogueQueries,
        downloads::DownloadQueries,
        repositories::RepositoryQueries,
        reviews::ReviewQueries,
        tasks::TaskQueries,
        telemetry::{LogQueries, MetricQueries},
    },
    removing::Removing,
    reviewing::Reviewing,
    syncing::Syncing,
    tasks::Tasks,
};
use axum::extract::FromRef;
use domain::task::Task;

use crate::{
    address::Addresses,
    admin::Projections,
    conditional::Validators,
    cors::CrossOrigin,
    health::Health,
    limits::{Limits, SharedLimits},
    links::PublicUrl,
    proving::Proving,
    settings::{Categories, PluginsDialect, Settings},
    shutdown::Shutdown,
    sockets::Sockets,
    telemetry::Telemetry,
    work::Work,
};

#[derive(Clone, FromRef)]
pub(crate) struct Services {
    pub(crate) tasks: Tasks,
    pub(crate) removing: Removing,
    pub(crate) identity: Identity,
    pub(crate) authenticating: Arc<Authenticating>,
    pub(crate) quotas: Arc<dyn Quotas>,
    pub(crate) marketplace: Arc<dyn Marketplace>,
    pub(crate) catalogue: Arc<dyn CatalogueQueries>,
    pub(crate) reviews: Arc<dyn ReviewQueries>,
    pub(crate) download_queries: Arc<dyn DownloadQueries>,
    pub(crate) activity: Arc<dyn ActivityQueries>,
    pub(crate) repositories: Arc<dyn RepositoryQueries>,
    pub(crate) publishing: Publishing,
    pub(crate) reviewing: Reviewing,
    pub(crate) counting: Counting,
    pub(crate) syncing: Syncing,
    pub(crate) passing: Arc<Passing>,
    pub(crate) operating: Operating,
    pub(crate) hosting: Hosting,
    pub(crate) logs: Arc<dyn LogQueries>,
    pub(crate) metrics: Arc<dyn MetricQueries>,
    pub(crate) validators: Arc<Validators>,
    pub(crate) public_url: PublicUrl,
    pub(crate) categories: Categories,
    pub(crate) plugins_dialect: PluginsDialect,
    pub(crate) task_queries: Arc<dyn TaskQueries>,
    pub(crate) watch: Arc<WatchTasks>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) released_tarballs: Arc<dyn ReleasedTarballs>,
    pub(crate) freshness: Arc<dyn Freshness>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) projections: Arc<dyn Projections>,
    pub(crate) limits: SharedLimits,
    pub(crate) addresses: Addresses,
    pub(crate) cross_origin: CrossOrigin,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) signing: SigningPublicKey,
    pub(crate) uploads: Uploads,
    pub(crate) work: Work,
    pub(crate) shutdown: Shutdown,
    pub(crate) telemetry: Arc<Telemetry>,
}

impl FromRef<Services> for Proving {
    fn from_ref(services: &Services) -> Self {
        Self { authenticating: services.authenticating.clone(), limits: services.limits.clone() }
    }
}

/// The public half of the key that signs results, as PEM; none where they are not signed.
#[derive(Debug, Clone)]
pub(crate) struct SigningPublicKey(pub(crate) Option<Arc<str>>);

impl SigningPublicKey {
    pub(crate) fn new(pem: Option<String>) -> Self {
        Self(pem.map(Into::into))
    }
}

/// The directory that uploads arrive in.
#[derive(Debug, Clone)]
pub(crate) struct Uploads(pub(crate) PathBuf);

/// The adapters behind the services.
pub(crate) struct Ports {
    pub(crate) commands: Arc<dyn Commands<Task>>,
    pub(crate) downloads: Arc<dyn Downloads>,
    pub(crate) marketplace: Arc<dyn Marketplace>,
    pub(crate) inspector: Arc<dyn Inspector>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) released_tarballs: Arc<dyn ReleasedTarballs>,
    pub(crate) freshness: Arc<dyn Freshness>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) task_queries: Arc<dyn TaskQueries>,
    /// Running already.
    pub(crate) watch: Arc<WatchTasks>,
    pub(crate) cataloguing: Cataloguing,
    pub(crate) hosted: Hosted,
    pub(crate) identifying: Identifying,
    pub(crate) signing: SigningPublicKey,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) projections: Arc<dyn Projections>,
}

/// Plugins: how they are read, and how they are changed.
#[derive(Clone)]
pub(crate) struct Cataloguing {
    pub(crate) catalogue: Arc<dyn CatalogueQueries>,
    pub(crate) reviews: Arc<dyn ReviewQueries>,
    pub(crate) downloads: Arc<dyn DownloadQueries>,
    pub(crate) activity: Arc<dyn ActivityQueries>,
    pub(crate) repositories: Arc<dyn RepositoryQueries>,
    pub(crate) publishing: Publishing,
    pub(crate) reviewing: Reviewing,
    pub(crate) counting: Counting,
    pub(crate) syncing: Syncing,
    pub(crate) validators: Arc<Validators>,
}

/// Plugins that are installed: how they are changed, and what they say.
#[derive(Clone)]
pub(crate) struct Hosted {
    pub(crate) operating: Operating,
    pub(crate) logs: Arc<dyn LogQueries>,
    pub(crate) metrics: Arc<dyn MetricQueries>,
}

/// What a service needs to know who asks, and how much of it.
#[derive(Clone)]
pub(crate) struct Identifying {
    pub(crate) identity: Identity,
    pub(crate) authenticating: Arc<Authenticating>,
    pub(crate) quotas: Arc<dyn Quotas>,
    /// Makes the hashes of addresses: the same on every node.
    pub(crate) address_key: Secret<[u8; 32]>,
}

impl Services {
    pub(crate) fn new(
        settings: &Settings,
        shutdown: &Shutdown,
        telemetry: Arc<Telemetry>,
        ports: Ports,
    ) -> Self {
        let Identifying { identity, authenticating, quotas, address_key } = ports.identifying;
        let cataloguing = ports.cataloguing;
        let Hosted { operating, logs, metrics } = ports.hosted;
        Self {
            catalogue: cataloguing.catalogue.clone(),
            reviews: cataloguing.reviews,
            download_queries: cataloguing.downloads,
            activity: cataloguing.activity,
            repositories: cataloguing.repositories,
            publishing: cataloguing.publishing,
            reviewing: cataloguing.reviewing,
            counting: cataloguing.counting,
            syncing: cataloguing.syncing,
            passing: Arc::new(Passing::new(ports.blobs.clone(), ports.ids.clone(), settings.uploads_dir())),
            validators: cataloguing.validators,
            public_url: PublicUrl::new(settings.public_url.as_ref()),
            identity,
            authenticating,
            quotas,
            removing: Removing {
                tasks: ports.task_queries.clone(),
                catalogue: cataloguing.catalogue,
                installations: operating.hosting.installations.clone(),
                commands: ports.commands.clone(),
                blobs: ports.blobs.clone(),
                freshness: ports.freshness.clone(),
                retention: settings.retention,
            },
            tasks: Tasks {
                commands: ports.commands,
                downloads: ports.downloads,
                inspector: ports.inspector,
                blobs: ports.blobs.clone(),
                freshness: ports.freshness.clone(),
                ids: ports.ids.clone(),
                policy: settings.floors,
                verifies_installs: settings.verify_install,
            },
            hosting: operating.hosting.clone(),
            operating,
            logs,
            metrics,
            marketplace: ports.marketplace,
            categories: settings.categories,
            plugins_dialect: settings.plugins_dialect,
            task_queries: ports.task_queries,
            watch: ports.watch,
            blobs: ports.blobs,
            released_tarballs: ports.released_tarballs,
            freshness: ports.freshness,
            clock: ports.clock,
            ids: ports.ids,
            health: ports.health,
            projections: ports.projections,
            limits: Arc::new(Limits::new(settings.rate_limits.clone())),
            addresses: Addresses::new(&settings.trusted_proxies, address_key.into_inner()),
            cross_origin: CrossOrigin::new(&settings.cors_origins),
            sockets: Arc::new(Sockets::new(settings.sockets, telemetry.sockets.clone())),
            signing: ports.signing,
            uploads: Uploads(settings.uploads_dir()),
            work: Work::default(),
            shutdown: shutdown.clone(),
            telemetry,
        }
    }
}
