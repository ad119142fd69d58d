use std::collections::HashMap;

use domain::{
    plugin::{
        Artifact, Described, Description, ImportedStatistics, PackageFormat, Plugin, PluginCommand,
        PluginKind, PluginRegistered, Publication, ReleasePublished,
    },
    repository::{Repository, RepositoryCommand},
    values::{Digest, PluginId},
};
use uuid::Uuid;

use super::*;
use crate::{
    commands::Commands,
    fakes::{Registry, caller},
    far::{Far, listed},
    ports::{blobs::Body, marketplace::Listing, vault::Secret},
    queries::catalogue::{Order, Sort},
    shelf::Shelf,
    syncing::{CONFIGURED, MARKETPLACE},
};

/// Blobs in memory.
#[derive(Default)]
struct Stored(HashMap<Digest, Bytes>);

#[async_trait]
impl Blobs for Stored {
    async fn put(&self, _: &Path, _: &Digest) -> Result<(), Failure> {
        Err(Failure::internal())
    }

    async fn open(
        &self,
        digest: &Digest,
        _: u64,
        _: Option<std::ops::Range<u64>>,
    ) -> Result<Option<Body>, Failure> {
        let bytes = self.0.get(digest).cloned();
        Ok(bytes.map(|bytes| Box::pin(futures::stream::iter([Ok(bytes)])) as Body))
    }

    async fn copy(&self, digest: &Digest, into: &Path) -> Result<bool, Failure> {
        let Some(bytes) = self.0.get(digest) else { return Ok(false) };
        std::fs::write(into, bytes).unwrap();
        Ok(true)
    }

    async fn delete(&self, _: &Digest, _: std::time::Duration) -> Result<(), Failure> {
        Err(Failure::internal())
    }

    async fn older_than(&self, _: std::time::Duration) -> Result<Vec<Digest>, Failure> {
        Ok(Vec::new())
    }
}

struct Ground {
    shelf: Arc<Shelf>,
    far: Arc<Far>,
    market: OneMarketplace,
}

const BYTES: &[u8] = b"the package";

fn digest(n: u8) -> Digest {
    Digest::of_bytes([n; 32])
}

fn ground(listings: Vec<Listing>) -> Ground {
    let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
    let (shelf, far) = (Shelf::new(registry.clone()), Far::with(listings));
    let (counting, recording) = Counting::new(
        shelf.clone(),
        registry.clone(),
        registry.clone(),
        registry.clone(),
        Secret::from([0; 32]),
    );
    tokio_util::task::TaskTracker::new().spawn(recording);
    let market = OneMarketplace {
        catalogue: shelf.clone(),
        listings: shelf.clone(),
        repositories: shelf.clone(),
        blobs: Arc::new(Stored(HashMap::from([(digest(1), Bytes::from_static(BYTES))]))),
        counting,
        upstream: far.clone(),
        upstreams: Arc::new(far.clone()),
    };
    Ground { shelf, far, market }
}

impl Ground {
    async fn plugin(&self, id: u128, command: PluginCommand) {
        let id = PluginId(Uuid::from_u128(id)).to_string();
        Commands::<Plugin>::execute(&*self.shelf, &id, command, caller().metadata).await.unwrap();
    }

    async fn publish(&self, id: u128, name: &str, version: &str, sha256: Digest) {
        let plugin_uid = PluginId(Uuid::from_u128(id));
        let at = chrono::DateTime::UNIX_EPOCH;
        let description = Description {
            display_name: format!("The {name}"),
            summary: "Does things".to_owned(),
            category: Some("agent".to_owned()),
            license: Some("MIT".to_owned()),
            homepage: Some("https://example.com/".to_owned()),
            ..Description::default()
        };
        let publication = Publication {
            registered: PluginRegistered {
                plugin_uid,
                number: 1_000,
                owner: None,
                publisher: "yard".parse().unwrap(),
                name: name.parse().unwrap(),
                kind: PluginKind::Plugin,
                at,
            },
            described: Some(Described { plugin_uid, at, description }),
            release: ReleasePublished {
                plugin_uid,
                version: version.parse().unwrap(),
                at,
                artifact: Artifact {
                    sha256,
                    size: BYTES.len() as u64,
                    format: PackageFormat::Difypkg,
                    content_checksum: Some("ab".repeat(32)),
                },
                manifest: serde_json::json!({"resource": {"memory": 7}}),
                engines: std::collections::BTreeMap::new(),
                dependencies: [("requests".to_owned(), ">=2".to_owned())].into(),
                peer_dependencies: std::collections::BTreeMap::new(),
                permissions: Vec::new(),
                config_schema: None,
                changelog: Some("First".to_owned()),
                readme: Some("# Mine".to_owned()),
                prerelease: false,
                quarantine: None,
                described: None,
            },
            dialects: [Dialect::Dify].into(),
            verified: None,
            quarantine: None,
            may_begin: true,
        };
        self.plugin(id, PluginCommand::Publish(Box::new(publication))).await;
    }

    async fn repository(&self, command: RepositoryCommand) {
        let by = caller().metadata;
        Commands::<Repository>::execute(&*self.shelf, CONFIGURED, command, by).await.unwrap();
    }

    /// As the far one lists it now.
    async fn read(&self) {
        self.repository(RepositoryCommand::Add(domain::repository::RepositoryAdded {
            name: CONFIGURED.to_owned(),
            url: "https://far.example/".to_owned(),
            description: String::new(),
            kind: MARKETPLACE.to_owned(),
        }))
        .await;
        let listings = self.far.lock().listings.clone();
        self.repository(RepositoryCommand::Observe { listings, gone: Vec::new() }).await;
        let done = RepositoryCommand::Sync { cursor: String::new(), added: 1, updated: 0, removed: 0 };
        self.repository(done).await;
    }

    async fn page(&self, page: u32, per_page: u32) -> (Vec<String>, u64, bool) {
        let search = Search { page, per_page, ..Search::default() };
        let Answer { value, stale } = self.market.search(&search).await.unwrap();
        let name = |shown: Shown| format!("{}/{}", shown.listing.author, shown.listing.name);
        (value.plugins.into_iter().map(name).collect(), value.total, stale)
    }

    async fn versions(&self, name: &str) -> Answer<Vec<ListedVersion>> {
        self.market.versions("yard", name).await.unwrap()
    }
}

fn far(names: &[&str]) -> Vec<Listing> {
    names.iter().map(|name| listed("yard", name, "9.0.0", chrono::DateTime::UNIX_EPOCH)).collect()
}

fn identity(name: &str, version: &str) -> PluginIdentity {
    PluginIdentity::new("yard", name, version).unwrap()
}

#[tokio::test]
async fn what_is_published_here_is_told_of_in_full_and_hides_its_namesake() {
    let ground = ground(far(&["agent"]));
    ground.publish(1, "agent", "0.0.8", digest(1)).await;
    ground.publish(1, "agent", "0.0.9", digest(1)).await;
    let statistics = ImportedStatistics {
        downloads: 1_234,
        downloads_by_version: [("0.0.9".to_owned(), 500)].into(),
        ..ImportedStatistics::default()
    };
    ground.plugin(1, PluginCommand::ImportStatistics(Box::new(statistics))).await;
    let shown = ground.market.plugin("yard", "agent").await.unwrap().value.unwrap();
    let listing = &shown.listing;
    assert_eq!((listing.latest_version.as_str(), listing.readme.as_deref()), ("0.0.9", Some("# Mine")));
    assert_eq!((shown.license.as_deref(), shown.hosted), (Some("MIT"), true));
    assert_eq!(shown.dependencies.unwrap().len(), 1);
    assert_eq!(listing.checksum, Some("ab".repeat(32)));
    assert_eq!(shown.resource.unwrap()["memory"], 7);
    let versions = ground.versions("agent").await.value;
    let named: Vec<_> = versions.iter().map(|listed| listed.version.as_str()).collect();
    assert_eq!(named, ["0.0.9", "0.0.8"]);
    assert!(versions.iter().all(|listed| listed.artifact.is_some() && listed.download_count.is_some()));
    assert_eq!(ground.market.batch(&[("yard".to_owned(), "agent".to_owned())]).await.unwrap().value.len(), 1);
    assert!(ground.far.lock().asked.is_empty(), "nobody else is asked: {:?}", ground.far.lock().asked);
}

#[tokio::test]
async fn what_is_held_back_or_removed_here_is_not_there_and_hides_nobody() {
    let ground = ground(far(&["agent"]));
    ground.publish(1, "agent", "0.0.9", digest(1)).await;
    ground.publish(2, "held", "0.0.9", digest(1)).await;
    let reason = || "it looks like another".to_owned();
    for id in [1, 2] {
        ground.plugin(id, PluginCommand::Quarantine { reason: reason() }).await;
    }
    let shown = ground.market.plugin("yard", "agent").await.unwrap().value.unwrap();
    assert_eq!((shown.listing.latest_version.as_str(), shown.hosted), ("9.0.0", false));
    assert_eq!(ground.market.plugin("yard", "held").await.unwrap().value, None);
    assert!(ground.versions("held").await.value.is_empty());
    let directory = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let into = directory.path().join("package");
    let asked =
        ground.market.download(&identity("held", "0.0.9"), &into, 100, &|_, _| {}, None, &cancel).await;
    assert!(asked.is_err() && !into.exists());
    ground.plugin(1, PluginCommand::Remove { reason: reason() }).await;
    assert!(!ground.market.plugin("yard", "agent").await.unwrap().value.unwrap().hosted);
}

#[tokio::test]
async fn a_package_of_here_is_copied_and_counted_once_for_a_task() {
    let ground = ground(Vec::new());
    ground.far.is_down(true);
    ground.publish(1, "agent", "0.0.9", digest(1)).await;
    ground.publish(2, "lost", "0.0.9", digest(2)).await;
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("package");
    let cancel = CancellationToken::new();
    let download = async |name: &str, version: &str, limit| {
        ground
            .market
            .download(&identity(name, version), &into, limit, &|_, _| {}, Some("a task"), &cancel)
            .await
    };
    let came = download("agent", "0.0.9", 100).await.unwrap();
    assert_eq!((came.checksum, came.binding), (Some("ab".repeat(32)), true));
    assert_eq!((came.received.sha256, std::fs::read(&into).unwrap().as_slice()), (digest(1), BYTES));
    download("agent", "0.0.9", 100).await.unwrap();
    let counted = ground.shelf.recorded().into_iter().filter_map(|recorded| {
        let domain::recorded::Event::Download(_, event) = recorded.event else { return None };
        Some(event)
    });
    let counted: Vec<_> = counted.collect();
    let domain::download_log::DownloadLogEvent::DownloadRecorded(first) = &counted[0];
    assert_eq!(
        (counted.len(), first.channel, first.version.as_str()),
        (1, Channel::Repackage, "0.0.9"),
        "tried again"
    );
    assert_eq!(download("agent", "0.0.9", 5).await.unwrap_err().reason, Reason::PackageTooLarge);
    assert_eq!(download("agent", "0.1.0", 100).await.unwrap_err().reason, Reason::PluginUnknown);
    assert!(download("lost", "0.0.9", 100).await.unwrap_err().transient);
}

#[tokio::test]
async fn as_long_as_nothing_was_read_pages_go_on_with_what_the_far_one_finds() {
    let ground = ground(far(&["a", "b", "c", "d", "e"]));
    assert_eq!(ground.page(1, 2).await, (vec!["yard/a".into(), "yard/b".into()], 5, false));
    ground.publish(1, "mine", "0.0.9", digest(1)).await;
    assert_eq!(ground.page(1, 2).await, (vec!["yard/mine".into(), "yard/a".into()], 6, false));
    assert_eq!(ground.page(2, 2).await, (vec!["yard/b".into(), "yard/c".into()], 6, false));
    assert_eq!(ground.page(3, 2).await, (vec!["yard/d".into(), "yard/e".into()], 6, false));
    assert_eq!(ground.page(4, 2).await.0, Vec::<String>::new());
    let categories = ground.market.categories().await.unwrap().value;
    let counts: Vec<_> = categories.iter().map(|category| category.plugin_count).collect();
    assert_eq!(counts, [5, 0, 0, 1, 0, 0]);
    assert_eq!(ground.market.authors().await.unwrap().value, ["yard"]);
    ground.far.is_down(true);
    assert_eq!(ground.page(1, 2).await, (vec!["yard/mine".into()], 1, true));
    assert!(ground.market.categories().await.unwrap().stale);
    let agents = Search { category: Some("agent-strategy"), page: 1, per_page: 9, ..Search::default() };
    assert_eq!(ground.market.search(&agents).await.unwrap().value.total, 1, "by its older name too");
    let tools = Search { category: Some("tool"), ..agents };
    assert!(ground.market.search(&tools).await.is_err(), "nobody can say");
}

#[tokio::test]
async fn what_was_read_answers_for_a_marketplace_that_does_not() {
    let ground = ground(far(&["listed"]));
    ground.read().await;
    ground.far.lock().asked.clear();
    let named = [("yard".to_owned(), "listed".to_owned()), ("yard".to_owned(), "unknown".to_owned())];
    assert_eq!(ground.market.batch(&named).await.unwrap().value.len(), 1);
    assert_eq!(ground.market.authors().await.unwrap().value, ["yard"]);
    assert!(ground.far.lock().asked.is_empty(), "{:?}", ground.far.lock().asked);
    let fresh = ground.versions("listed").await;
    assert_eq!((fresh.value[0].changelog.as_deref(), fresh.stale), (Some("Changed"), false));
    ground.far.is_down(true);
    let old = ground.market.plugin("yard", "listed").await.unwrap();
    assert_eq!((old.value.unwrap().listing.latest_version.as_str(), old.stale), ("9.0.0", true));
    let old = ground.versions("listed").await;
    assert_eq!((old.value.len(), old.value[0].version.as_str(), old.stale), (1, "9.0.0", true));
    assert!(ground.market.plugin("yard", "unknown").await.is_err(), "nobody knows");
    ground.repository(RepositoryCommand::Disable { reason: String::new() }).await;
    assert_eq!(ground.market.plugin("yard", "listed").await.unwrap().value, None);
    assert_eq!(ground.page(1, 5).await, (Vec::new(), 0, false));
}

#[tokio::test]
async fn featured_plugins_come_first_and_an_order_is_kept() {
    let ground = ground(Vec::new());
    ground.read().await;
    for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
        ground.publish(id, name, "1.0.0", digest(1)).await;
    }
    ground.plugin(2, PluginCommand::Feature).await;
    let names = async |search: Search| {
        let page = ground.market.search(&search).await.unwrap().value;
        (page.plugins.into_iter().map(|shown| shown.listing.name).collect::<String>(), page.total)
    };
    let first = Search { featured_first: true, page: 1, per_page: 2, ..Search::default() };
    assert_eq!(names(first.clone()).await, ("ba".to_owned(), 3));
    assert_eq!(names(Search { page: 2, ..first }).await, ("c".to_owned(), 3));
    let order = Some(Order { by: Sort::Name, descending: true });
    assert_eq!(
        names(Search { order, page: 1, per_page: 9, ..Search::default() }).await,
        ("cba".to_owned(), 3)
    );
}
