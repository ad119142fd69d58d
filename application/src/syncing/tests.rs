use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use domain::{
    recorded::Event,
    repository::{Listing, RepositoryEvent},
};

use super::*;
use crate::{
    fakes::{Registry, caller},
    far::{Far, listed},
    ports::turns::Turn,
    shelf::Shelf,
};

struct Free;

#[async_trait::async_trait]
impl Turns for Free {
    async fn take(&self, _: &str) -> Result<Option<Turn>, Error> {
        Ok(Some(Turn::new(())))
    }
}

struct Taken;

#[async_trait::async_trait]
impl Turns for Taken {
    async fn take(&self, _: &str) -> Result<Option<Turn>, Error> {
        Ok(None)
    }
}

struct Ground {
    registry: Arc<Registry>,
    shelf: Arc<Shelf>,
    far: Arc<Far>,
    syncing: Syncing,
}

fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

impl Ground {
    /// With the repository of the settings.
    async fn with(listings: Vec<Listing>) -> Self {
        let registry = Registry::at(begin());
        let (shelf, far) = (Shelf::new(registry.clone()), Far::with(listings));
        let syncing = Syncing {
            commands: shelf.clone(),
            repositories: shelf.clone(),
            listings: shelf.clone(),
            upstreams: Arc::new(far.clone()),
            turns: Arc::new(Free),
            freshness: registry.clone(),
            clock: registry.clone(),
        };
        let url = Url::parse("https://me:s3cret@market.example/api/v1").unwrap();
        syncing.add_configured(&url, caller().metadata).await.unwrap();
        syncing.add_configured(&url, caller().metadata).await.unwrap();
        Self { registry, shelf, far, syncing }
    }

    async fn sync(&self, depth: Depth) -> Result<Synced, Error> {
        self.syncing.sync(CONFIGURED, depth, &caller().metadata, &|_, _| {}).await
    }

    /// Added, updated, removed.
    async fn synced(&self) -> (u64, u64, u64) {
        let synced = self.sync(Depth::AsDue).await.unwrap();
        (synced.added, synced.updated, synced.removed)
    }

    fn events(&self) -> Vec<&'static str> {
        let recorded = self.shelf.recorded();
        let name = |event: &Event| match event {
            Event::Repository(_, event) => Some(event.name()),
            _ => None,
        };
        recorded.iter().filter_map(|recorded| name(&recorded.event)).collect()
    }

    fn count(&self, name: &str) -> usize {
        self.events().iter().filter(|event| **event == name).count()
    }

    async fn known(&self) -> BTreeSet<String> {
        self.syncing.listings.of(CONFIGURED).await.unwrap().into_keys().collect()
    }

    async fn view(&self) -> RepositoryView {
        self.syncing.all().await.unwrap().pop().unwrap()
    }
}

fn five() -> Vec<Listing> {
    let old = |n: i64| listed("a", &format!("p{n}"), "1.0.0", begin() - Duration::days(10 + n));
    (0..5).map(old).collect()
}

#[tokio::test]
async fn the_repository_of_the_settings_is_added_once_and_its_credentials_are_not_told() {
    let ground = Ground::with(Vec::new()).await;
    assert_eq!(ground.events(), ["RepositoryAdded"]);
    assert_eq!(ground.view().await.url, "https://market.example/api/v1");
    assert!(!format!("{:?}", ground.shelf.recorded()).contains("s3cret"));
}

#[tokio::test]
async fn the_first_pass_takes_everything_in_and_the_next_one_asks_for_one_page() {
    let ground = Ground::with(five()).await;
    assert_eq!(ground.synced().await, (5, 0, 0));
    assert_eq!((ground.known().await.len(), ground.far.lock().pages_asked), (5, 3));
    let taken = ground.syncing.listings.of(CONFIGURED).await.unwrap();
    assert_eq!(taken["a/p0"].listing.readme.as_deref(), Some("# Read me"));
    let observed = ground.count("ListingsObserved");
    ground.registry.passes(std::time::Duration::from_secs(3600));
    assert_eq!(ground.synced().await, (0, 0, 0));
    assert_eq!(ground.far.lock().pages_asked, 4, "what is older was seen on the first page");
    assert_eq!(ground.count("ListingsObserved"), observed, "nothing changed, nothing is written");
    assert_eq!(ground.view().await.synced_at, Some(begin() + Duration::hours(1)));

    ground.far.lock().listings[4] = listed("a", "p4", "1.1.0", begin() + Duration::minutes(90));
    ground.far.lock().listings.push(listed("b", "new", "0.0.1", begin() + Duration::minutes(91)));
    ground.registry.passes(std::time::Duration::from_secs(3600));
    assert_eq!(ground.synced().await, (1, 1, 0));
    assert_eq!(ground.far.lock().pages_asked, 6);
}

#[tokio::test]
async fn what_is_gone_is_found_by_the_daily_pass_and_only_if_it_is_really_gone() {
    let ground = Ground::with(five()).await;
    ground.synced().await;
    ground.far.lock().listings.remove(2);
    ground.registry.passes(std::time::Duration::from_secs(3600));
    assert_eq!(ground.synced().await, (0, 0, 0), "not among what changed");
    ground.registry.passes(std::time::Duration::from_secs(24 * 3600));
    assert_eq!(ground.synced().await, (0, 0, 1));
    assert!(!ground.known().await.contains("a/p2"));
    assert_eq!(ground.known().await.len(), 4);
}

#[tokio::test]
async fn a_marketplace_that_breaks_off_keeps_what_is_known_and_is_told_of_once_an_hour() {
    let ground = Ground::with(five()).await;
    ground.far.lock().broken_from = Some(2);
    let error = ground.sync(Depth::AsDue).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Unavailable, "It broke off"));
    assert_eq!(ground.known().await.len(), 2, "what came is kept");
    assert!(ground.view().await.is_failing() && ground.view().await.synced_at.is_none());
    for _ in 0..5 {
        ground.registry.passes(std::time::Duration::from_secs(300));
        ground.sync(Depth::AsDue).await.unwrap_err();
    }
    assert_eq!(ground.count("RepositorySyncFailed"), 1);
    ground.far.is_down(true);
    ground.sync(Depth::AsDue).await.unwrap_err();
    assert_eq!(ground.count("RepositorySyncFailed"), 2, "another fault is news");
    ground.registry.passes(std::time::Duration::from_secs(3700));
    ground.sync(Depth::AsDue).await.unwrap_err();
    assert_eq!(ground.count("RepositorySyncFailed"), 3, "an hour is over");
    ground.far.is_down(false);
    ground.registry.passes(std::time::Duration::from_secs(1));
    assert_eq!(ground.synced().await, (3, 0, 0));
    assert!(!ground.view().await.is_failing());
    ground.far.lock().listings.clear();
    let error = ground.sync(Depth::Everything).await.unwrap_err();
    assert!(error.message.contains("lists nothing any more"), "{error}");
    assert_eq!(ground.known().await.len(), 5);
}

#[tokio::test]
async fn one_at_a_time_reads_a_repository_and_nobody_a_disabled_one() {
    let mut ground = Ground::with(five()).await;
    let root = Principal::bootstrap();
    ground.syncing.disable(CONFIGURED, "no\u{1b}isy".to_owned(), &root, caller().metadata).await.unwrap();
    assert_eq!(ground.sync(Depth::AsDue).await.unwrap_err().kind, Kind::Conflict);
    let recorded = ground.shelf.recorded().pop().unwrap().event;
    let disabled = RepositoryEvent::RepositoryDisabled { reason: "noisy".to_owned() };
    assert_eq!(recorded, Event::Repository(CONFIGURED.to_owned(), disabled));
    ground.syncing.enable(CONFIGURED, &root, caller().metadata).await.unwrap();
    ground.syncing.turns = Arc::new(Taken);
    assert_eq!(ground.sync(Depth::AsDue).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(ground.far.lock().pages_asked, 0);
    ground.syncing.turns = Arc::new(Free);
    let unknown = ground.syncing.sync("other", Depth::AsDue, &caller().metadata, &|_, _| {}).await;
    assert_eq!(unknown.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn repositories_are_added_by_operators_and_have_usable_names_and_addresses() {
    let ground = Ground::with(Vec::new()).await;
    let add = async |name: &str, url: &str, kind: &str, by: &Principal| {
        let repository = RepositoryAdded {
            name: name.to_owned(),
            url: url.to_owned(),
            description: String::new(),
            kind: kind.to_owned(),
        };
        ground.syncing.add(repository, by, caller().metadata).await.map(drop).map_err(|error| error.kind)
    };
    let (root, url) = (Principal::bootstrap(), "https://other.example/api/v1");
    assert_eq!(add("other", url, "dify", &Principal::anonymous()).await, Err(Kind::Unauthenticated));
    assert_eq!(add("other", url, "dify", &root).await, Ok(()));
    assert_eq!(add("other", url, "dify", &root).await, Err(Kind::Conflict));
    for (name, url, kind) in [
        ("", url, "dify"),
        ("Other", url, "dify"),
        ("a/b", url, "dify"),
        ("a", "ftp://other.example", "dify"),
        ("a", "https://me:secret@other.example/", "dify"),
        ("a", "other", "dify"),
        ("a", url, "npm"),
    ] {
        assert_eq!(add(name, url, kind, &root).await, Err(Kind::Invalid), "{name} {url} {kind}");
    }
}
