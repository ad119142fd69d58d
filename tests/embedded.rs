//! Without `DATABASE_URL`: a PostgreSQL of the server's own, in its data directory.

use std::time::Instant;

use plugyard_tests::{
    Plan, Plugin, X86_64,
    process::{Identified, descendants},
    tree, until,
    waiting::seconds,
};

#[tokio::test]
async fn the_server_brings_its_own_database_and_finds_it_again() {
    let mut yard = Plan::default().embedded().start().await;
    let task = yard.upload(&Plugin::new("kept"), X86_64).await;
    yard.completed(&task).await;
    let listed = yard.cli().args(["projections", "list"]).run().await.expect(0).out;
    assert!(!listed.trim().is_empty(), "the command line uses the same cluster");
    assert!(yard.task(&task).await["status"] == "completed", "and leaves it running");
    yard.settle().await;
    yard.cli().args(["events", "verify"]).run().await.expect(0);
    let family = descendants(yard.server().process_id());
    assert_eq!(yard.terminate().0, Some(0));
    gone(&family).await;
    let begun = Instant::now();
    yard.restart().await;
    assert!(begun.elapsed() < seconds(5), "a second start took {:?}", begun.elapsed());
    assert_eq!(yard.task(&task).await["status"], "completed");
    assert!(!yard.download(&task).await.is_empty());
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}

#[tokio::test]
async fn the_cluster_of_a_killed_owner_is_taken_over() {
    let mut yard = Plan::default().embedded().start().await;
    let task = yard.upload(&Plugin::new("inherited"), X86_64).await;
    yard.completed(&task).await;
    yard.kill();
    yard.restart().await;
    assert_eq!(yard.task(&task).await["status"], "completed");
    let again = yard.upload(&Plugin::new("afterwards"), X86_64).await;
    yard.completed(&again).await;
    yard.settle().await;
    assert_eq!(yard.terminate().0, Some(0));
    let left = tree::named(&yard.data_dir(), "postmaster.pid");
    assert!(left.is_empty(), "the new owner has stopped it: {left:?}");
}

#[tokio::test]
async fn commands_work_on_the_data_of_a_server_that_is_not_running() {
    let mut yard = Plan::default().embedded().start().await;
    let task = yard.upload(&Plugin::new("resting"), X86_64).await;
    yard.completed(&task).await;
    assert_eq!(yard.terminate().0, Some(0));
    yard.cli().args(["events", "verify"]).run().await.expect(0);
    let left = tree::named(&yard.data_dir(), "postmaster.pid");
    assert!(left.is_empty(), "a command stops the cluster that it started: {left:?}");
}

async fn gone(processes: &[Identified]) {
    assert!(!processes.is_empty(), "an embedded cluster is a child of the server");
    until("the cluster ends with its server", seconds(10), async || {
        (!processes.iter().any(Identified::is_alive)).then_some(())
    })
    .await;
}
