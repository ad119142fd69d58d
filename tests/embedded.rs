//! Without `DATABASE_URL`: a PostgreSQL of the server's own, in its data directory.

use std::time::Instant;

use plugyard_tests::{Plan, Plugin, X86_64, Yard, process::Identified, tree, until, waiting::seconds};

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
    let postmaster = postmaster(&yard);
    assert_eq!(yard.terminate().0, Some(0));
    gone(&yard, &postmaster).await;
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
    let postmaster = postmaster(&yard);
    assert_eq!(yard.terminate().0, Some(0));
    gone(&yard, &postmaster).await;
}

#[tokio::test]
async fn a_second_server_takes_the_cluster_over_when_its_owner_ends() {
    let mut owner = Plan::default().embedded().start().await;
    let second = owner.twin().await;
    let task = owner.upload(&Plugin::new("before"), X86_64).await;
    second.completed(&task).await;
    let postmaster = postmaster(&owner);
    assert_eq!(owner.terminate().0, Some(0));
    until("the cluster ends with its server", seconds(10), async || (!postmaster.is_alive()).then_some(()))
        .await;
    second.ready().await;
    assert_eq!(second.task(&task).await["status"], "completed");
    let again = second.upload(&Plugin::new("after"), X86_64).await;
    second.completed(&again).await;
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

/// The process that the cluster's own lock file names.
fn postmaster(yard: &Yard) -> Identified {
    let lock = tree::named(&yard.data_dir(), "postmaster.pid");
    let text = std::fs::read_to_string(lock.first().expect("a cluster runs in the data directory")).unwrap();
    let id = text.lines().next().and_then(|line| line.trim().parse().ok());
    Identified::of(id.expect("a process id")).expect("the postmaster lives")
}

async fn gone(yard: &Yard, postmaster: &Identified) {
    until("the cluster ends with its server", seconds(10), async || {
        (!postmaster.is_alive() && tree::named(&yard.data_dir(), "postmaster.pid").is_empty()).then_some(())
    })
    .await;
}
