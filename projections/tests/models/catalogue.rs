use application::queries::{
    catalogue::{CatalogueQueries as _, Origin, Which},
    downloads::DownloadQueries as _,
};
use domain::{
    download_log::{Channel, DownloadRecorded},
    plugin::{ImportedStatistics, PluginEvent},
    publisher::{PublisherEvent, PublisherProfile, PublisherRegistered},
    values::{Dialect, PluginId},
};

use crate::{
    given::{account, digest, id, published, registered},
    yard::{Yard, at, downloads, plugin, publisher},
};

fn download(plugin: PluginId, version: &str) -> DownloadRecorded {
    DownloadRecorded {
        plugin_uid: plugin,
        version: version.to_owned(),
        dialect: Dialect::Dify,
        channel: Channel::Download,
        downloader: None,
        client: None,
        at: at(0),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_found_by_every_name_it_has() {
    let yard = Yard::start().await;
    yard.given([published(7, "Spotify", "Catalog-Backend").story()]).await;
    let catalogue = yard.catalogue();
    let pair = |publisher: &str, name: &str| Which::Pair { publisher: publisher.into(), name: name.into() };
    let word = |dialect, name: &str| Which::Word { dialect, name: name.into() };
    for which in [
        Which::Id(id(7)),
        Which::Number(7),
        pair("spotify", "CATALOG-backend"),
        word(Dialect::Backstage, "catalog-backend"),
    ] {
        let found = catalogue.plugin(&which).await.unwrap();
        assert_eq!(found.map(|plugin| plugin.id), Some(id(7)), "{which:?}");
    }
    for which in [
        Which::Id(id(8)),
        Which::Number(0),
        Which::Number(u64::MAX),
        pair("spotify", "other"),
        word(Dialect::Nexus, "catalog-backend"),
        word(Dialect::Backstage, "catalog-backend' or 'x"),
    ] {
        assert_eq!(catalogue.plugin(&which).await.unwrap(), None, "{which:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_tells_of_rows_that_were_not_what_the_log_says() {
    let yard = Yard::start().await;
    yard.given((1..9).map(|n| published(n, "spotify", &format!("plugin-{n}")).story())).await;
    yard.rebuilt_is_the_same().await;
    for change in [
        "update read.catalogue_documents set view = jsonb_set(view, '{featured}', 'true')",
        "delete from read.catalogue_counts where plugin_id = (select plugin_id from read.catalogue limit 1)",
        "insert into read.catalogue_versions values (gen_random_uuid(), '1.0.0', 1)",
    ] {
        sqlx::query(change).execute(&mut yard.owner().await).await.unwrap();
        assert_eq!(yard.rebuilt_as_others().await, ["catalogue"], "{change}");
        yard.rebuilt_is_the_same().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_stand_newest_first_and_come_and_go() {
    let yard = Yard::start().await;
    let (plugin_uid, reason) = (id(1), "because".to_owned());
    let version = |text: &str| text.parse().unwrap();
    let story = published(1, "acme", "tool").release("1.10.0").release("1.9.0").release("2.0.0-rc.1");
    yard.given([story.story()]).await;
    let catalogue = yard.catalogue();
    let versions = async || {
        let view = catalogue.plugin(&Which::Id(plugin_uid)).await.unwrap().unwrap();
        assert_eq!(catalogue.current(plugin_uid).await.unwrap().unwrap().releases, view.releases);
        let latest = view.latest().map(|release| release.version.to_string()).unwrap_or_default();
        (
            view.releases.iter().map(|release| release.version.to_string()).collect::<Vec<_>>().join(" "),
            latest,
        )
    };
    assert_eq!(versions().await, ("2.0.0-rc.1 1.10.0 1.9.0 1.0.0".to_owned(), "1.10.0".to_owned()));
    let yanked =
        PluginEvent::ReleaseYanked { plugin_uid, version: version("1.10.0"), reason: reason.clone() };
    let removed =
        PluginEvent::ReleaseRemoved { plugin_uid, version: version("1.9.0"), reason: reason.clone() };
    yard.given([plugin(plugin_uid, vec![yanked, removed])]).await;
    assert_eq!(versions().await, ("2.0.0-rc.1 1.10.0 1.0.0".to_owned(), "1.0.0".to_owned()));
    let unyanked = PluginEvent::ReleaseUnyanked { plugin_uid, version: version("1.10.0") };
    yard.given([plugin(plugin_uid, vec![unyanked])]).await;
    assert_eq!(versions().await.1, "1.10.0");
    yard.given([plugin(
        plugin_uid,
        vec![PluginEvent::PluginRemoved { plugin_uid, reason, shown_in: [].into() }],
    )])
    .await;
    assert_eq!(versions().await, (String::new(), String::new()));
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_totals_and_what_is_counted_add_up() {
    let yard = Yard::start().await;
    let (plugin_uid, one) = (id(1), published(1, "acme", "tool"));
    let statistics = Box::new(ImportedStatistics {
        source: "elsewhere".to_owned(),
        downloads: 734,
        downloads_by_version: [("1.0.0".to_owned(), 700)].into(),
        rating_average: Some(4.5),
        rating_count: 128,
        rating_distribution: [1, 2, 5, 20, 100],
        ..ImportedStatistics::default()
    });
    yard.given([one.story()]).await;
    let gets = ["1.0.0", "1.0.0", "0.9.0"].map(|version| download(plugin_uid, version));
    yard.given(downloads(gets.to_vec())).await;
    yard.given([plugin(plugin_uid, vec![PluginEvent::StatisticsImported { plugin_uid, statistics }])]).await;
    let counted = yard.catalogue().plugin(&Which::Id(plugin_uid)).await.unwrap().unwrap().counted;
    assert_eq!(counted.downloads, 737);
    assert_eq!(counted.downloads_by_version, [("0.9.0".to_owned(), 1), ("1.0.0".to_owned(), 702)].into());
    assert_eq!((counted.rating.average, counted.rating.count), (Some(4.5), 128));
    assert_eq!(counted.rating.distribution, [1, 2, 5, 20, 100]);
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_is_no_download_beside_the_one_that_it_began_with() {
    let yard = Yard::start().await;
    let plugin_uid = id(1);
    yard.given([published(1, "acme", "tool").downloaded(98).story()]).await;
    let installed = DownloadRecorded { channel: Channel::Install, ..download(plugin_uid, "1.0.0") };
    let counted = async || {
        let counted = yard.catalogue().plugin(&Which::Id(plugin_uid)).await.unwrap().unwrap().counted;
        let milestones = yard.downloads().milestones_due(10).await.unwrap();
        (counted.downloads, counted.downloads_by_version.get("1.0.0").copied(), milestones)
    };
    yard.given(downloads(vec![installed.clone(), download(plugin_uid, "1.0.0"), installed.clone()])).await;
    assert_eq!(counted().await, (99, Some(1), Vec::new()));
    yard.given(downloads(vec![download(plugin_uid, "1.0.0"), installed])).await;
    assert_eq!(counted().await, (100, Some(2), vec![(plugin_uid, 100)]));
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_beyond_all_numbers_stop_no_counting() {
    let yard = Yard::start().await;
    yard.given([published(1, "acme", "tool").downloaded(u64::MAX).story()]).await;
    yard.given(downloads(vec![download(id(1), "1.0.0")])).await;
    let counted = yard.catalogue().plugin(&Which::Id(id(1))).await.unwrap().unwrap().counted;
    assert!(counted.downloads > 1_000_000_000, "{counted:?}");
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_in_use_as_long_as_a_release_has_them() {
    let yard = Yard::start().await;
    let (plugin_uid, catalogue) = (id(1), yard.catalogue());
    yard.given([published(1, "acme", "tool").story()]).await;
    assert!(catalogue.uses(&digest(1)).await.unwrap() && !catalogue.uses(&digest(9)).await.unwrap());
    let reason = "gone".to_owned();
    let version = "1.0.0".parse().unwrap();
    yard.given([plugin(plugin_uid, vec![PluginEvent::ReleaseRemoved { plugin_uid, version, reason }])]).await;
    assert!(!catalogue.uses(&digest(1)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_check_is_listed_oldest_first_until_it_is_cleared() {
    let yard = Yard::start().await;
    let held = |reason: &str| PluginEvent::PluginQuarantined { plugin_uid: id(1), reason: reason.to_owned() };
    let whole = published(1, "acme", "tool").event(held("looks like another"));
    let release = published(2, "acme", "other").release_with("1.1.0", |release| {
        (release.quarantine, release.at) = (Some("not scanned".to_owned()), at(-5));
    });
    yard.given([whole.story(), release.story()]).await;
    let catalogue = yard.catalogue();
    let waiting = catalogue.quarantined().await.unwrap();
    let expected = [
        (id(2), Some("1.1.0".to_owned()), "not scanned".to_owned()),
        (id(1), None, "looks like another".to_owned()),
    ];
    assert_eq!(waiting, expected);
    let cleared = PluginEvent::PluginCleared { plugin_uid: id(1), evidence: "seen".to_owned() };
    yard.given([plugin(id(1), vec![cleared])]).await;
    assert_eq!(catalogue.quarantined().await.unwrap(), expected[..1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_look_like_others_are_told_and_ones_own_are_not() {
    let yard = Yard::start().await;
    let used = published(3, "acme", "translator").downloaded(5_000);
    yard.given([
        published(1, "acme", "my-plugin").story(),
        published(2, "acme", "unknown-tool").story(),
        used.story(),
    ])
    .await;
    let catalogue = yard.catalogue();
    let alike = async |name: &str, own| {
        let found = catalogue.look_alikes(name, own).await.unwrap();
        found.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(alike("my_p1ugin", None).await, ["my-plugin"]);
    assert_eq!(alike("my_p1ugin", Some(account(1))).await, Vec::<String>::new());
    assert_eq!(
        alike("translater", Some(account(9))).await,
        ["translator"],
        "one edit from what is much used"
    );
    assert_eq!(alike("unknown-tools", None).await, Vec::<String>::new(), "nobody knows it");
    assert_eq!(alike("quite-another", None).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_removed_begins_anew_and_a_transfer_moves_it() {
    let yard = Yard::start().await;
    let (plugin_uid, reason) = (id(1), "enough".to_owned());
    yard.given([published(1, "acme", "tool")
        .event(PluginEvent::PluginRemoved { plugin_uid, reason, shown_in: [].into() })
        .story()])
        .await;
    yard.given([registered(1, "acme", "tool").release("2.0.0").listed(Dialect::Dify).story()]).await;
    let moved = PluginEvent::PluginTransferred {
        plugin_uid,
        from_owner: Some(account(1)),
        from_publisher: "acme".parse().unwrap(),
        to_owner: account(5),
        to_publisher: "Other".parse().unwrap(),
    };
    yard.given([plugin(plugin_uid, vec![moved])]).await;
    let catalogue = yard.catalogue();
    let pair = Which::Pair { publisher: "other".to_owned(), name: "tool".to_owned() };
    let view = catalogue.plugin(&pair).await.unwrap().unwrap();
    assert_eq!((view.owner, view.removed, view.releases.len()), (Some(account(5)), None, 1));
    assert_eq!(
        (view.origin, catalogue.of_publisher("OTHER").await.unwrap()),
        (Origin::Own, vec![plugin_uid])
    );
    assert!(catalogue.of_publisher("acme").await.unwrap().is_empty());
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_is_known_by_its_name_in_any_case() {
    let yard = Yard::start().await;
    let registered = PublisherRegistered {
        name: "Spotify".parse().unwrap(),
        number: 456,
        owner: Some(account(1)),
        at: at(0),
    };
    let profile = PublisherProfile { email: Some("x@example.org".to_owned()), ..PublisherProfile::default() };
    let verified =
        PublisherEvent::PublisherVerified { method: "domain".to_owned(), evidence: "example.org".to_owned() };
    let events = vec![
        PublisherEvent::PublisherRegistered(registered),
        PublisherEvent::PublisherDescribed(profile),
        verified,
    ];
    yard.given([publisher("spotify", events)]).await;
    let view = yard.catalogue().publisher("SPOTIFY").await.unwrap().unwrap();
    assert_eq!((view.name.as_str(), view.number, view.created_at), ("Spotify", 456, at(0)));
    assert_eq!(view.email.as_deref(), Some("x@example.org"));
    assert_eq!(view.verified.unwrap().method, "domain");
    assert_eq!(yard.catalogue().publisher("nobody").await.unwrap(), None);
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_has_another_name_after_every_change() {
    let yard = Yard::start().await;
    let before = yard.catalogue().state().await.unwrap();
    yard.given([published(1, "acme", "tool").story()]).await;
    let after = yard.catalogue().state().await.unwrap();
    assert!(before.tag != after.tag && before.at < after.at, "{before:?} {after:?}");
    assert_eq!(yard.catalogue().state().await.unwrap(), after);
}
