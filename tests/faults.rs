//! The database going away and coming back, and a dump that moves to another cluster.

use plugyard_tests::{
    Act, Cli, Cluster, Plan, Plugin, Sample, Upload, X86_64, Yard,
    binary::ground,
    cluster::{dump_and_restore, free_port},
    sha256, until,
    waiting::seconds,
    yard::task_id,
};
use serde_json::json;

#[tokio::test]
async fn while_the_database_is_away_answers_are_503_and_then_it_goes_on() {
    let mut cluster = Cluster::start();
    let database = cluster.database().await;
    let yard = Plan::default().database(&database).start().await;
    let sample = Sample::sized("patient", 100_000);
    let path = Sample::wheel_path(&sample.alpha);
    sample.files.first(&path, Act::Stall(50_000));
    let running = yard.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    let body = json!({ "url": sample.package_url(), "platform": X86_64 });

    cluster.stop();
    for _ in 0..3 {
        let requests = [
            yard.request(reqwest::Method::POST, "/api/v1/tasks").json(&body),
            yard.request(reqwest::Method::GET, "/api/v1/tasks"),
            yard.request(reqwest::Method::GET, &format!("/api/v1/tasks/{running}")),
        ];
        for request in requests {
            let answer = yard.send(request).await.expect(503);
            assert!(!answer.header("retry-after").is_empty(), "503 says when to come back");
            assert!(!answer.detail().contains("postgres"), "nothing of the inside: {}", answer.text());
        }
        yard.get("/healthz").await.expect(200);
        yard.get("/readyz").await.expect(503);
    }
    let upload = yard.try_upload(Upload::of(&Plugin::new("meanwhile"))).await.expect(503);
    assert!(!upload.header("retry-after").is_empty());

    cluster.start_again();
    let created = until("creations work again", seconds(10), async || {
        let answer = yard.post("/api/v1/tasks", &body).await;
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
        (answer.status == 200).then_some(task_id(&answer.json()))
    })
    .await;
    sample.files.release();
    yard.ready().await;
    for task in [&running, &created] {
        let record = yard.finished_within(task, seconds(75)).await;
        assert_eq!(record["status"], "completed", "{record}");
        let ends = yard.database().events_of(task, &["TaskCompleted", "TaskFailed"]).await;
        assert_eq!(ends, 1);
    }
    yard.settle().await;
}

#[tokio::test]
async fn a_dump_restored_elsewhere_is_noticed_and_goes_on() {
    let mut yard = Yard::start().await;
    let sample = Sample::new("moved");
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(yard.upload(&sample.plugin, X86_64).await);
    }
    for task in &tasks {
        yard.completed(task).await;
    }
    yard.settle().await;
    let (digest, list) = (sha256(&yard.download(&tasks[0]).await), yard.get("/api/v1/tasks").await.json());
    let epoch = yard.database().number("select epoch::bigint from es.log_epoch").await;
    assert_eq!(yard.terminate().0, Some(0));

    let elsewhere = Cluster::start();
    let database = elsewhere.database().await;
    dump_and_restore((Cluster::shared(), yard.database()), (&elsewhere, &database), yard.ground());
    let role = "select count(*) from pg_roles where rolname = 'plugyard_app'";
    assert_eq!(database.number(role).await, 0, "a dump of one database holds no roles");
    let moved = yard.moved_to(&database).await;
    moved.ready().await;
    assert_eq!(moved.database().number("select epoch::bigint from es.log_epoch").await, epoch + 1);
    assert_eq!(moved.get("/api/v1/tasks").await.json(), list);
    assert_eq!(sha256(&moved.download(&tasks[0]).await), digest);
    let new = moved.upload(&sample.plugin, "").await;
    moved.completed(&new).await;
    moved.settle().await;
    let again = moved.repackage_url(&sample.package_url(), X86_64).await;
    assert_eq!(moved.socket(&again).await.records().await.last().unwrap()["status"], "completed");
    let newest = moved.get("/api/v1/tasks?limit=2").await.json();
    assert_eq!([task_id(&newest["tasks"][0]), task_id(&newest["tasks"][1])], [again, new]);
    moved.cli().args(["events", "verify"]).run().await.expect(0);
    let rebuilt = moved.cli().args(["projections", "rebuild", "tasks"]).run().await.expect(0).json();
    assert_eq!(rebuilt["same_as_before"], true, "{rebuilt}");
    moved.settle().await;
    let after = moved.get("/api/v1/tasks?limit=5").await.json();
    assert_eq!(after["tasks"].as_array().unwrap().len(), 5, "a rebuild reads all epochs");
}

#[tokio::test]
async fn a_new_epoch_by_hand_keeps_every_reader_exact() {
    let yard = Yard::start().await;
    let before = yard.upload(&Plugin::new("before"), X86_64).await;
    yard.completed(&before).await;
    let epoch = yard.database().number("select epoch::bigint from es.log_epoch").await;
    yard.cli().args(["migrate", "--new-epoch"]).run().await.expect(0);
    assert_eq!(yard.database().number("select epoch::bigint from es.log_epoch").await, epoch + 1);
    let after = yard.upload(&Plugin::new("after"), X86_64).await;
    yard.completed(&after).await;
    yard.settle().await;
    let list = yard.get("/api/v1/tasks/completed").await.json();
    assert_eq!(list["total"], 2, "{list}");
}

#[tokio::test]
async fn a_database_that_may_forget_is_refused_at_start() {
    let database = Cluster::shared().database().await;
    let name = database.url.rsplit('/').next().unwrap();
    database.execute(&format!("alter database {name} set synchronous_commit = off")).await.unwrap();
    let ground = ground();
    let cli = Cli::on(ground.path()).set("DATABASE_URL", &database.url).set("PLUGYARD_LISTEN", "127.0.0.1:0");
    let ran = cli.args(["serve"]).spawn().ended_within(seconds(20)).await;
    assert!(![Some(0), None].contains(&ran.code), "{ran:?}");
    assert!(ran.err.contains("synchronous_commit"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_one_clear_sentence() {
    let (ground, port) = (ground(), free_port());
    let url = format!("postgres://plugyard:hunter2@127.0.0.1:{port}/nothing");
    let cli = Cli::on(ground.path()).set("DATABASE_URL", &url);
    let ran = cli.args(["migrate"]).run().await;
    assert!(![Some(0), None].contains(&ran.code), "{ran:?}");
    assert!(!ran.err.contains("panicked") && !ran.err.is_empty(), "{}", ran.err);
    assert!(!ran.err.contains("hunter2"), "no credential: {}", ran.err);
}
