//! Milestones, and what the operator's hook is told.

use futures::{StreamExt as _, stream};
use plugyard_tests::{Hook, Plan, Shelved, Yard, until, waiting::seconds};
use serde_json::json;

async fn download(yard: &Yard, plugin: &Shelved, times: usize) {
    let path = plugin.download();
    let asked = stream::iter(0..times).map(|_| async { yard.get(&path).await.expect(200) });
    asked.buffer_unordered(50).collect::<Vec<_>>().await;
}

async fn texts(hook: &Hook, number: usize) -> Vec<String> {
    until("the hook is told", seconds(20), async || (hook.texts().len() >= number).then(|| hook.texts()))
        .await
}

const REACHED: &str = "select count(*) from es.events where event_type = 'MilestoneReached'";

#[tokio::test]
async fn packages_releases_and_milestones_are_told_once_each() {
    let hook = Hook::start();
    let yard = Plan::default().set("PLUGYARD_DISCORD_WEBHOOK", &hook.url()).start().await;
    let mut plugin = Shelved::new(&yard, 1, "notes", vec![1; 10]).await;
    assert_eq!(texts(&hook, 1).await, ["New package: **notes** (notes) 1.0.0"]);
    plugin.releases(&yard, "1.1.0").await;
    assert_eq!(texts(&hook, 2).await[1], "New release: **notes** (notes) 1.1.0");
    download(&yard, &plugin, 99).await;
    yard.settle().await;
    assert_eq!(yard.database().number(REACHED).await, 0);
    download(&yard, &plugin, 1).await;
    assert_eq!(texts(&hook, 3).await[2], "**notes** (notes) has passed 100 downloads");
    assert_eq!(yard.database().number(REACHED).await, 1);
    for post in hook.posted() {
        assert_eq!(post["allowed_mentions"], json!({"parse": []}));
    }
    download(&yard, &plugin, 5).await;
    let last = Shelved::new(&yard, 2, "last", vec![2; 10]).await;
    assert_eq!(texts(&hook, 4).await.len(), 4, "nothing was told twice before {}", last.name);
}

#[tokio::test]
async fn what_another_catalogue_counted_is_no_milestone_of_ours() {
    let yard = Yard::start().await;
    let mut plugin = Shelved::new(&yard, 1, "notes", vec![1; 10]).await;
    let imported = json!({"statistics": {"source": "test", "downloads": 498}});
    plugin.record(&yard, &[("StatisticsImported", imported)]).await;
    download(&yard, &plugin, 1).await;
    yard.settle().await;
    assert_eq!(yard.database().number(REACHED).await, 0);
    download(&yard, &plugin, 1).await;
    until("a milestone is reached", seconds(20), async || {
        (yard.database().number(REACHED).await == 1).then_some(())
    })
    .await;
    let which =
        "select (payload ->> 'threshold')::bigint from es.events where event_type = 'MilestoneReached'";
    assert_eq!(yard.database().number(which).await, 500);
}

#[tokio::test]
async fn a_hook_that_is_busy_or_down_is_told_later_and_in_the_end_once() {
    let hook = Hook::start();
    hook.answer_next(429, r#"{"retry_after": 0.2}"#);
    hook.answer_next(502, "");
    let yard = Plan::default().set("PLUGYARD_DISCORD_WEBHOOK", &hook.url()).start().await;
    Shelved::new(&yard, 1, "notes", vec![1; 10]).await;
    assert_eq!(texts(&hook, 3).await.len(), 3);
    until("it is settled", seconds(5), async || {
        let posted = "select count(*) from es.notices where state = 'posted'";
        (yard.database().number(posted).await == 1).then_some(())
    })
    .await;
    assert_eq!(hook.texts().len(), 3);
}

#[tokio::test]
async fn history_is_told_to_nobody() {
    let yard = Yard::start().await;
    Shelved::new(&yard, 1, "notes", vec![1; 10]).await;
    let age = "set session_replication_role = replica;
               update es.events set recorded_at = recorded_at - interval '2 days';
               delete from es.notices; delete from es.checkpoints where subscription = 'notices'";
    yard.database().execute(age).await.unwrap();
    let (hook, mut yard) = (Hook::start(), yard);
    yard.set("PLUGYARD_DISCORD_WEBHOOK", &hook.url());
    yard.restart().await;
    yard.settle().await;
    let last = Shelved::new(&yard, 2, "last", vec![2; 10]).await;
    assert_eq!(texts(&hook, 1).await, ["New package: **last** (last) 1.0.0"], "{}", last.number());
}

#[tokio::test]
async fn what_is_held_back_is_told_when_it_is_cleared() {
    let hook = Hook::start();
    let yard = Plan::default().set("PLUGYARD_DISCORD_WEBHOOK", &hook.url()).start().await;
    let mut plugin = Shelved::new(&yard, 1, "notes", vec![1; 10]).await;
    texts(&hook, 1).await;
    plugin.record(&yard, &[("PluginQuarantined", json!({"reason": "a test"}))]).await;
    plugin.releases(&yard, "1.1.0").await;
    until("it is withheld", seconds(20), async || {
        let withheld = "select count(*) from es.notices where state = 'withheld'";
        (yard.database().number(withheld).await == 1).then_some(())
    })
    .await;
    assert_eq!(hook.texts().len(), 1);
    plugin.record(&yard, &[("PluginCleared", json!({"evidence": "a test"}))]).await;
    assert_eq!(texts(&hook, 2).await[1], "New release: **notes** (notes) 1.1.0");
}
