use std::sync::Mutex;

use async_trait::async_trait;
use domain::{
    plugin::{
        Artifact, Described, Description, PackageFormat, Plugin, PluginCommand, PluginKind, PluginRegistered,
        Publication, ReleasePublished,
    },
    values::{Digest, PluginId},
};

use super::*;
use crate::{
    commands::Commands,
    fakes::{Registry, caller},
    shelf::Shelf,
};

const PLUGIN: &str = "123e4567-e89b-42d3-a456-426614174000";

/// An outbox with one piece of news, and a hook that answers as it is told; both remember.
struct Told {
    news: News,
    answer: Posted,
    texts: Mutex<Vec<String>>,
    fates: Mutex<Vec<Fate>>,
}

#[async_trait]
impl Notices for Told {
    async fn claim(&self) -> Result<Option<Notice>, Error> {
        let (news, until) = (self.news.clone(), chrono::DateTime::UNIX_EPOCH);
        Ok(Some(Notice { id: "one".to_owned(), plugin: PLUGIN.parse().unwrap(), news, tries: 3, until }))
    }

    async fn settle(&self, _: &Notice, fate: Fate) -> Result<(), Error> {
        self.fates.lock().unwrap().push(fate);
        Ok(())
    }
}

#[async_trait]
impl Hook for Told {
    async fn post(&self, text: &str) -> Posted {
        self.texts.lock().unwrap().push(text.to_owned());
        self.answer
    }
}

fn publication(display: &str, dialects: &[Dialect], quarantine: Option<&str>) -> Publication {
    let plugin_uid: PluginId = PLUGIN.parse().unwrap();
    let at = chrono::DateTime::UNIX_EPOCH;
    Publication {
        registered: PluginRegistered {
            plugin_uid,
            number: 1000,
            owner: None,
            publisher: "ada".parse().unwrap(),
            name: "solarized-dark".parse().unwrap(),
            kind: PluginKind::Theme,
            at,
        },
        described: Some(Described {
            at,
            plugin_uid,
            description: Description { display_name: display.to_owned(), ..Description::default() },
        }),
        release: ReleasePublished {
            plugin_uid,
            version: "1.0.0".parse().unwrap(),
            at,
            artifact: Artifact {
                sha256: Digest::of_bytes([1; 32]),
                size: 1,
                format: PackageFormat::Tarball,
                content_checksum: None,
            },
            manifest: serde_json::json!({}),
            engines: std::collections::BTreeMap::new(),
            dependencies: std::collections::BTreeMap::new(),
            peer_dependencies: std::collections::BTreeMap::new(),
            permissions: Vec::new(),
            config_schema: None,
            changelog: None,
            readme: None,
            prerelease: false,
            quarantine: None,
            described: None,
        },
        dialects: dialects.iter().copied().collect(),
        quarantine: quarantine.map(str::to_owned),
        verified: None,
        may_begin: true,
    }
}

/// What is posted of this news of a plugin, and what becomes of the news.
async fn posted(publication: Publication, news: News, answer: Posted) -> (Vec<String>, Fate) {
    let shelf = Shelf::new(Registry::at(chrono::DateTime::UNIX_EPOCH));
    let publish = PluginCommand::Publish(Box::new(publication));
    Commands::<Plugin>::execute(&*shelf, PLUGIN, publish, caller().metadata).await.unwrap();
    let told = Arc::new(Told { news, answer, texts: Mutex::default(), fates: Mutex::default() });
    let post = PostNotices {
        notices: told.clone(),
        hook: told.clone(),
        catalogue: shelf,
        projected: Signal::default(),
    };
    assert!(post.post().await.unwrap());
    let texts = told.texts.lock().unwrap().clone();
    let fate = told.fates.lock().unwrap()[0];
    (texts, fate)
}

#[tokio::test]
async fn packages_releases_and_milestones_are_told_in_one_line() {
    let told = async |news| {
        let publication = publication("Solarized Dark", &[Dialect::Inkdrop], None);
        let (texts, fate) = posted(publication, news, Posted::Done).await;
        assert_eq!(fate, Fate::Posted);
        texts.concat()
    };
    assert_eq!(told(News::Package).await, "New package: **Solarized Dark** (solarized\\-dark) 1.0.0");
    let release = told(News::Release("1.0.0".to_owned())).await;
    assert_eq!(release, "New release: **Solarized Dark** (solarized\\-dark) 1.0.0");
    let milestone = told(News::Milestone(500)).await;
    assert_eq!(milestone, "**Solarized Dark** (solarized\\-dark) has passed 500 downloads");
}

#[tokio::test]
async fn nothing_in_a_name_mentions_marks_up_or_links() {
    let name = "@everyone <@1> **b** `c` ||d|| [e](https://evil.example)\n# f\u{0}";
    let publication = publication(name, &[Dialect::Inkdrop], None);
    let (texts, _) = posted(publication, News::Package, Posted::Done).await;
    let text = &texts[0];
    for active in ["@everyone", "<@", " **b", "`c`", " ||", "](", "https://", "\n", "\u{0}"] {
        let found = text.match_indices(active).any(|(at, _)| !text[..at].ends_with('\\'));
        assert!(!found, "{active:?} in {text:?}");
    }
    assert!(text.contains("everyone"), "{text}");
}

#[tokio::test]
async fn nobody_is_told_of_what_is_not_shown() {
    let release = || News::Release("1.0.0".to_owned());
    for (dialects, quarantine, news) in [
        (&[Dialect::Dify][..], None, News::Package),
        (&[Dialect::Dify], None, release()),
        (&[Dialect::Inkdrop], Some("looks like another"), News::Package),
        (&[Dialect::Inkdrop], Some("looks like another"), News::Milestone(100)),
        (&[Dialect::Inkdrop], None, News::Release("2.0.0".to_owned())),
    ] {
        let (texts, fate) = posted(publication("x", dialects, quarantine), news, Posted::Done).await;
        assert_eq!((texts, fate), (Vec::new(), Fate::Withheld));
    }
    let elsewhere = publication("x", &[Dialect::Dify], None);
    let (texts, _) = posted(elsewhere, News::Milestone(100), Posted::Done).await;
    assert_eq!(texts.len(), 1, "milestones are of every dialect");
}

#[tokio::test]
async fn a_hook_that_does_not_answer_is_tried_later_and_one_that_refuses_is_left_alone() {
    let fate =
        async |answer| posted(publication("x", &[Dialect::Inkdrop], None), News::Package, answer).await.1;
    assert_eq!(fate(Posted::Later(None)).await, Fate::Later(Duration::from_secs(8)));
    let asked = Duration::from_millis(1500);
    assert_eq!(fate(Posted::Later(Some(asked))).await, Fate::Later(asked));
    assert_eq!(fate(Posted::Later(Some(Duration::MAX))).await, Fate::Later(LONGEST_WISH));
    assert_eq!(fate(Posted::Refused).await, Fate::GivenUp);
    assert_eq!(pause(0), Duration::from_secs(1));
    assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
}
