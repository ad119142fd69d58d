use domain::{plugin::PackageFormat, review::Rating, values::Role};

use super::*;
use crate::{
    caller::Caller,
    fakes::{Registry, caller, wish},
    principal::Principal,
    shelf::{Shelf, prepared},
};

/// Reviews of one plugin, `ann`'s `notes`, which Inkdrop shows.
struct Ground {
    registry: Arc<Registry>,
    shelf: Arc<Shelf>,
    reviewing: Reviewing,
    plugin: PluginId,
}

impl Ground {
    async fn new() -> Self {
        let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
        let shelf = Shelf::new(registry.clone());
        let reviewing = Reviewing {
            reviews: shelf.clone(),
            queries: shelf.clone(),
            catalogue: shelf.clone(),
            numbers: shelf.clone(),
            vault: registry.clone(),
            freshness: registry.clone(),
            clock: registry.clone(),
        };
        let plugin = published(&shelf).await;
        Self { registry, shelf, reviewing, plugin }
    }

    async fn holder(&self, name: &str) -> Principal {
        let identity = self.registry.identity();
        let wish = wish(name, Dialect::Nexus, Role::User);
        let key = identity.issue(&Principal::bootstrap(), wish, caller()).await.unwrap();
        Principal::of(&identity.keys.by_id(key.id).await.unwrap().unwrap())
    }

    async fn submit(&self, stars: u64, by: &Principal) -> Result<Shown, Error> {
        let name = Some("Ann Example".to_owned());
        let asked = self.reviewing.submit(self.plugin, Dialect::Inkdrop, said(stars), name, asker(by));
        asked.await.map(|(shown, _)| shown)
    }

    async fn counted(&self) -> (u64, Option<f64>) {
        let rating = self.shelf.current(self.plugin).await.unwrap().unwrap().counted.rating;
        (rating.count, rating.average)
    }

    async fn listed(&self) -> Vec<Shown> {
        self.reviewing.of_plugin(self.plugin, ReviewSort::Recent, 0, 20).await.unwrap().0
    }
}

/// Put on the shelf by the commands that a publication ends with.
async fn published(shelf: &Arc<Shelf>) -> PluginId {
    use domain::plugin::{Plugin, PluginCommand, PluginRegistered, Publication, ReleasePublished};
    let package = prepared(PackageFormat::Tarball, None, "notes", "1.0.0");
    let plugin = PluginId(uuid::Uuid::from_u128(7));
    let at = chrono::DateTime::UNIX_EPOCH;
    let publication = Publication {
        registered: PluginRegistered {
            plugin_uid: plugin,
            number: 1,
            owner: None,
            publisher: "acme".parse().unwrap(),
            name: package.name,
            kind: package.kind,
            at,
        },
        described: None,
        release: ReleasePublished {
            plugin_uid: plugin,
            version: package.version,
            at,
            artifact: package.artifact,
            manifest: package.manifest,
            engines: package.engines,
            dependencies: package.dependencies,
            peer_dependencies: package.peer_dependencies,
            permissions: vec![],
            config_schema: None,
            changelog: None,
            readme: None,
            prerelease: false,
            quarantine: None,
            described: None,
        },
        dialects: [Dialect::Inkdrop].into(),
        verified: None,
        quarantine: None,
        may_begin: true,
    };
    let command = PluginCommand::Publish(Box::new(publication));
    Commands::<Plugin>::execute(&**shelf, &plugin.to_string(), command, caller().metadata).await.unwrap();
    plugin
}

fn asker(by: &Principal) -> Asker<'_> {
    Asker { principal: by, caller: caller() }
}

fn said(stars: u64) -> Written {
    let (title, text) = ("Good".to_owned(), "It works.\nMostly.".to_owned());
    Written { rating: Rating::new(stars).unwrap(), title, text, version: None }
}

#[tokio::test]
async fn a_review_is_shown_with_its_author_and_counted() {
    let ground = Ground::new().await;
    let (ann, bob) = (ground.holder("ann").await, ground.holder("bob").await);
    let shown = ground.submit(5, &ann).await.unwrap();
    assert_eq!(
        (shown.user_name.as_str(), shown.review.number, shown.review.user_number),
        ("Ann Example", 1000, 1000)
    );
    ground.submit(2, &bob).await.unwrap();
    assert_eq!(ground.counted().await, (2, Some(3.5)));
    assert_eq!(ground.listed().await.len(), 2);
    let raw = format!("{:?}", ground.shelf.recorded());
    assert!(!raw.contains("Ann Example"), "the log holds no name in the clear");
}

#[tokio::test]
async fn an_account_reviews_a_plugin_once_and_may_think_again() {
    let ground = Ground::new().await;
    let ann = ground.holder("ann").await;
    let first = ground.submit(5, &ann).await.unwrap();
    assert_eq!(ground.submit(4, &ann).await.unwrap_err().kind, Kind::Conflict);
    let edited = ground.reviewing.edit(first.review.id, said(1), asker(&ann)).await.unwrap();
    assert_eq!((edited.review.written.rating.stars(), ground.counted().await), (1, (1, Some(1.0))));
    ground.reviewing.withdraw(first.review.id, asker(&ann)).await.unwrap();
    assert_eq!((ground.listed().await, ground.counted().await), (vec![], (0, None)));
    assert_eq!(ground.submit(3, &ann).await.unwrap().review.user_number, 1000, "still the same user");
    assert_eq!(ground.counted().await, (1, Some(3.0)));
}

#[tokio::test]
async fn nobody_touches_the_review_of_somebody_else() {
    let ground = Ground::new().await;
    let (ann, bob) = (ground.holder("ann").await, ground.holder("bob").await);
    let review = ground.submit(5, &ann).await.unwrap().review.id;
    let edited = ground.reviewing.edit(review, said(1), asker(&bob)).await.unwrap_err();
    let withdrawn = ground.reviewing.withdraw(review, asker(&bob)).await.unwrap_err();
    let hidden = ground.reviewing.moderate(review, true, "no".to_owned(), asker(&bob)).await.unwrap_err();
    assert_eq!([edited.kind, withdrawn.kind, hidden.kind], [Kind::NotFound, Kind::NotFound, Kind::Forbidden]);
    let anonymous = ground.submit(5, &Principal::anonymous()).await.unwrap_err();
    assert_eq!(anonymous.kind, Kind::Unauthenticated);
    assert_eq!(ground.submit(5, &Principal::bootstrap()).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn everybody_votes_once_and_nobody_for_himself() {
    let ground = Ground::new().await;
    let (ann, bob) = (ground.holder("ann").await, ground.holder("bob").await);
    let review = ground.submit(5, &ann).await.unwrap().review.id;
    for helpful in [true, true, false] {
        let shown = ground.reviewing.vote(review, helpful, asker(&bob)).await.unwrap().review;
        assert_eq!((shown.helpful, shown.unhelpful), (u64::from(helpful), u64::from(!helpful)));
    }
    let own = ground.reviewing.vote(review, true, asker(&ann)).await.unwrap_err();
    assert_eq!(own.kind, Kind::Conflict);
}

#[tokio::test]
async fn what_is_moderated_is_neither_shown_nor_counted_until_it_is_again() {
    let ground = Ground::new().await;
    let (ann, admin) = (ground.holder("ann").await, Principal::bootstrap());
    let review = ground.submit(1, &ann).await.unwrap().review.id;
    let moderate = async |hidden| {
        ground.reviewing.moderate(review, hidden, "spam".to_owned(), asker(&admin)).await.unwrap()
    };
    assert!(moderate(true).await.is_some());
    assert_eq!((ground.listed().await, ground.counted().await), (vec![], (0, None)));
    let voted = ground.reviewing.vote(review, true, asker(&ground.holder("bob").await)).await;
    assert_eq!(voted.unwrap_err().kind, Kind::NotFound);
    moderate(false).await;
    assert_eq!((ground.listed().await.len(), ground.counted().await), (1, (1, Some(1.0))));
}

#[tokio::test]
async fn whoever_is_erased_is_erased_in_reviews() {
    let ground = Ground::new().await;
    let ann = ground.holder("ann").await;
    ground.submit(5, &ann).await.unwrap();
    let account = ann.account.unwrap();
    let identity = ground.registry.identity();
    identity.erase(&Principal::bootstrap(), account, "asked to", &caller()).await.unwrap();
    let listed = ground.listed().await;
    assert_eq!((listed.len(), listed[0].user_name.as_str()), (1, "[erased]"));
}

#[tokio::test]
async fn what_nobody_could_read_is_refused() {
    let ground = Ground::new().await;
    let ann = ground.holder("ann").await;
    let refused = [
        Written { title: String::new(), ..said(3) },
        Written { title: "x".repeat(201), ..said(3) },
        Written { title: "a\nb".to_owned(), ..said(3) },
        Written { text: "x".repeat(10_001), ..said(3) },
        Written { text: "a\0b".to_owned(), ..said(3) },
        Written { version: Some("x".repeat(65)), ..said(3) },
    ];
    for written in refused {
        let asked = ground.reviewing.submit(ground.plugin, Dialect::Inkdrop, written, None, asker(&ann));
        assert_eq!(asked.await.unwrap_err().kind, Kind::Invalid);
    }
    let elsewhere = ground.reviewing.submit(ground.plugin, Dialect::Dify, said(3), None, asker(&ann)).await;
    assert_eq!(elsewhere.unwrap_err().kind, Kind::NotFound, "not shown in this dialect");
}

#[tokio::test]
async fn a_repeat_under_a_key_writes_nothing_more() {
    let ground = Ground::new().await;
    let ann = ground.holder("ann").await;
    let once = || Caller { once: Some(("key".to_owned(), [1; 32])), ..caller() };
    let mut positions = Vec::new();
    for _ in 0..2 {
        let by = Asker { principal: &ann, caller: once() };
        let asked = ground.reviewing.submit(ground.plugin, Dialect::Inkdrop, said(4), None, by).await;
        positions.push(asked.unwrap().1.is_some());
    }
    assert_eq!((positions, ground.counted().await.0), (vec![true, false], 1));
}

#[tokio::test]
async fn an_account_likes_a_plugin_once_and_nobody_without_one() {
    let ground = Ground::new().await;
    let (ann, bob) = (ground.holder("ann").await, ground.holder("bob").await);
    let like = async |liked, by: &Principal| {
        let asked = ground.reviewing.like(ground.plugin, Dialect::Inkdrop, liked, asker(by)).await;
        asked.map(|(count, position)| (count, position.is_some())).map_err(|error| error.kind)
    };
    assert_eq!(like(true, &ann).await, Ok((1, true)));
    assert_eq!(like(true, &ann).await, Ok((1, false)));
    assert_eq!(like(true, &bob).await, Ok((2, true)));
    assert_eq!(like(false, &ann).await, Ok((1, true)));
    assert_eq!(like(true, &Principal::anonymous()).await, Err(Kind::Unauthenticated));
    assert_eq!(like(true, &Principal::bootstrap()).await, Err(Kind::Invalid));
    let elsewhere = ground.reviewing.like(ground.plugin, Dialect::Space, true, asker(&ann)).await;
    assert_eq!(elsewhere.unwrap_err().kind, Kind::NotFound);
    ground.submit(5, &bob).await.unwrap();
    assert_eq!(ground.listed().await.len(), 1, "a like is no review");
}
