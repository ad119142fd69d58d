use application::queries::{
    catalogue::{CatalogueQueries as _, Find, Origin, Which},
    repositories::RepositoryQueries as _,
};
use domain::{
    plugin::PluginEvent,
    repository::{Listing, RepositoryAdded, RepositoryEvent},
    values::Dialect,
};

use crate::{
    given::{id, published, registered},
    yard::{Yard, at, plugin, repository},
};

fn added() -> RepositoryEvent {
    RepositoryEvent::RepositoryAdded(RepositoryAdded {
        name: "market".to_owned(),
        url: "https://market.example".to_owned(),
        description: String::new(),
        kind: "dify".to_owned(),
    })
}

fn listing(author: &str, name: &str, downloads: u64) -> Listing {
    Listing {
        author: author.to_owned(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: "of elsewhere".to_owned(),
        category: "tool".to_owned(),
        tags: Vec::new(),
        latest_version: "0.0.9".to_owned(),
        created_at: Some(at(0)),
        updated_at: None,
        download_count: downloads,
        verified: true,
        readme: None,
        repository: None,
        ..Listing::default()
    }
}

fn observed(listings: Vec<Listing>, gone: &[&str]) -> RepositoryEvent {
    RepositoryEvent::ListingsObserved { listings, gone: gone.iter().map(|pair| (*pair).to_owned()).collect() }
}

async fn shown(yard: &Yard) -> Vec<String> {
    let find = Find { upstream: true, ..Find::in_dialect(Dialect::Dify) };
    let found = yard.catalogue().find(&find).await.unwrap();
    let own = yard.catalogue().find(&Find::in_dialect(Dialect::Dify)).await.unwrap();
    let ours = found.cards.iter().filter(|card| card.origin == Origin::Own).count();
    assert_eq!(own.cards.len(), ours, "without the others only ours are there");
    found
        .cards
        .into_iter()
        .map(|card| format!("{}/{} {}", card.publisher, card.name, card.downloads))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_list_is_shown_until_it_is_gone_hidden_or_ours() {
    let yard = Yard::start().await;
    let page = vec![listing("langgenius", "agent", 100), listing("作者", "工具", 50)];
    yard.given([repository("market", vec![added(), observed(page, &[])])]).await;
    assert_eq!(shown(&yard).await, ["langgenius/agent 100", "作者/工具 50"]);
    let newer = vec![listing("langgenius", "agent", 120), listing("x", "brief", 1)];
    yard.given([repository("market", vec![observed(newer, &["作者/工具"])])]).await;
    assert_eq!(shown(&yard).await, ["langgenius/agent 120", "x/brief 1"]);
    yard.given([published(1, "LangGenius", "Agent").downloaded(7).story()]).await;
    assert_eq!(shown(&yard).await, ["LangGenius/Agent 7", "x/brief 1"], "our own shadows it");
    let disabled = RepositoryEvent::RepositoryDisabled { reason: "slow".to_owned() };
    yard.given([repository("market", vec![disabled])]).await;
    assert_eq!(shown(&yard).await, ["LangGenius/Agent 7"]);
    yard.given([repository("market", vec![RepositoryEvent::RepositoryEnabled {}])]).await;
    let removed =
        PluginEvent::PluginRemoved { plugin_uid: id(1), reason: "enough".to_owned(), shown_in: [].into() };
    yard.given([plugin(id(1), vec![removed])]).await;
    assert_eq!(shown(&yard).await, ["langgenius/agent 120", "x/brief 1"]);
    let pair = Which::Pair { publisher: "LANGGENIUS".to_owned(), name: "agent".to_owned() };
    let view = yard.catalogue().plugin(&pair).await.unwrap().unwrap();
    assert_eq!((view.upstream.as_ref().unwrap().version.as_str(), view.counted.downloads), ("0.0.9", 120));
    assert!(view.is_visible(Dialect::Dify) && !view.is_visible(Dialect::Backstage));
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namesake_that_is_not_shown_where_the_other_is_hides_nothing() {
    let yard = Yard::start().await;
    let page = vec![listing("langgenius", "agent", 100), listing("langgenius", "elsewhere", 50)];
    yard.given([repository("market", vec![added(), observed(page, &[])])]).await;
    let held = |reason: &str| PluginEvent::PluginQuarantined { plugin_uid: id(1), reason: reason.to_owned() };
    let of_agent = published(1, "langgenius", "agent").downloaded(7).event(held("not checked yet"));
    let of_inkdrop = registered(2, "langgenius", "elsewhere").release("1.0.0").listed(Dialect::Inkdrop);
    yard.given([of_agent.story(), of_inkdrop.story()]).await;
    assert_eq!(shown(&yard).await, ["langgenius/agent 100", "langgenius/elsewhere 50"]);
    let cleared = PluginEvent::PluginCleared { plugin_uid: id(1), evidence: "checked".to_owned() };
    let listed = PluginEvent::PluginListed { plugin_uid: id(2), dialect: Dialect::Dify };
    yard.given([plugin(id(1), vec![cleared]), plugin(id(2), vec![listed])]).await;
    assert_eq!(shown(&yard).await, ["langgenius/agent 7", "langgenius/elsewhere 0"]);
    yard.given([plugin(id(1), vec![held("again")])]).await;
    assert_eq!(shown(&yard).await, ["langgenius/agent 100", "langgenius/elsewhere 0"]);
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_says_how_far_it_was_read_and_what_went_wrong() {
    let yard = Yard::start().await;
    let synced = |added, removed| RepositoryEvent::RepositorySynced {
        cursor: "c1".to_owned(),
        added,
        updated: 0,
        removed,
    };
    let failed = RepositoryEvent::RepositorySyncFailed { error: "gone".to_owned() };
    yard.given([repository("market", vec![added(), synced(3, 0), failed])]).await;
    let view = yard.repositories().all().await.unwrap().remove(0);
    assert_eq!(
        (view.plugins, view.cursor.as_deref(), view.last_error.as_deref()),
        (3, Some("c1"), Some("gone"))
    );
    yard.given([repository("market", vec![synced(1, 2)])]).await;
    let view = yard.repositories().all().await.unwrap().remove(0);
    assert_eq!((view.plugins, view.last_error, view.enabled), (2, None, true));
    assert!(view.synced_at >= view.failed_at);
    yard.rebuilt_is_the_same().await;
}
