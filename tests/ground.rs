//! The ground the other tests stand on: what the builders make is what real tools take, and the fakes do what
//! they are told.

use std::process::Command;

use plugyard_tests::{
    Act, Cluster, Entry, Files, Plugin, Sample, Unpacked, Wheel, binary,
    python::{says, succeeds, unpack, uv},
};

#[test]
fn pip_installs_the_wheels_that_the_builder_makes() {
    let ground = binary::ground();
    let (wheels, target) = (ground.path().join("cwd"), ground.path().join("tmp/target"));
    for wheel in
        [Wheel::pure("alpha", "1.0.0").requires("beta-lib>=2"), Wheel::pure("beta-lib", "2.1.0").filler(9)]
    {
        std::fs::write(wheels.join(wheel.file_name()), wheel.bytes()).unwrap();
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-index", "--find-links"]).arg(&wheels);
    succeeds(pip.arg("--target").arg(&target).arg("alpha"));
    let import = format!(
        "import sys; sys.path.insert(0, {:?}); import alpha, beta_lib; print(alpha.__version__)",
        target.display().to_string()
    );
    assert_eq!(says(&import), "1.0.0");
}

#[test]
fn uv_takes_the_locks_that_the_builder_makes() {
    let sample = Sample::new("taken");
    let ground = binary::ground();
    let project = ground.path().join("cwd");
    for file in ["uv.lock", "pyproject.toml"] {
        std::fs::write(project.join(file), sample.plugin.content(file)).unwrap();
    }
    let mut export = Command::new(uv());
    export.current_dir(&project).args(["export", "--frozen", "--no-hashes", "--no-header", "--no-annotate"]);
    let said = succeeds(
        export.args(["--no-emit-project", "--offline"]).env("UV_CACHE_DIR", ground.path().join("tmp")),
    );
    assert_eq!(String::from_utf8(said.stdout).unwrap(), "alpha==1.0.0\nbeta-lib==2.1.0\ngamma==3.0.0\n");
}

#[test]
fn pythons_reader_takes_the_packages_and_so_does_the_strict_one() {
    let plugin = Plugin::new("readable");
    let ground = binary::ground();
    let package = ground.path().join("cwd/readable.difypkg");
    std::fs::write(&package, plugin.bytes()).unwrap();
    let into = ground.path().join("tmp/into");
    unpack(&package, &into);
    assert_eq!(std::fs::read(into.join("manifest.yaml")).unwrap(), plugin.content("manifest.yaml"));
    let read = Unpacked::read(&plugin.archive_without_descriptors().bytes());
    assert_eq!(read.content("main.py"), plugin.content("main.py"));
    let overlapping =
        plugin.archive().with_overlap("outer.bin", Entry { flags: 0, ..Entry::new("inner.bin", "in") });
    std::fs::write(&package, overlapping.bytes()).unwrap();
    let both = format!(
        "import zipfile; z = zipfile.ZipFile({:?}); print(len(z.namelist()))",
        package.display().to_string()
    );
    let count: usize = says(&both).parse().unwrap();
    assert_eq!(count, read.members.len() + 2);
}

#[tokio::test]
async fn the_cluster_is_durable_and_its_databases_are_apart() {
    let (one, two) = (Cluster::shared().database().await, Cluster::shared().database().await);
    one.execute("create table t (n int); insert into t values (7)").await.unwrap();
    assert_eq!(one.number("select n::bigint from t").await, 7);
    assert!(two.execute("select * from t").await.is_err());
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        assert_eq!(one.texts(&format!("show {setting}")).await, ["on"], "{setting}");
    }
}

#[tokio::test]
async fn a_private_cluster_stops_and_starts() {
    let mut cluster = Cluster::start();
    let database = cluster.database().await;
    database.execute("create table t (n int); insert into t values (1)").await.unwrap();
    cluster.stop();
    let refused = std::net::TcpStream::connect(("127.0.0.1", cluster.port()));
    assert!(refused.is_err(), "nobody listens");
    cluster.start_again();
    assert_eq!(database.number("select count(*) from t").await, 1);
}

#[tokio::test]
async fn the_file_server_does_what_it_is_told() {
    let files = Files::start();
    let url = files.put("/a.bin", "0123456789");
    let curl =
        |args: &[&str]| Command::new("curl").args(["-s", "--max-time", "5"]).args(args).output().unwrap();
    assert_eq!(curl(&[&url]).stdout, b"0123456789");
    assert_eq!(curl(&["-r", "3-5", &url]).stdout, b"345");
    files.first("/a.bin", Act::Cut(4));
    let cut = curl(&[&url]);
    assert_eq!((cut.stdout.as_slice(), cut.status.success()), (b"0123".as_slice(), false));
    files.first("/a.bin", Act::Wrong);
    assert_ne!(curl(&[&url]).stdout, b"0123456789");
    assert_eq!(files.count("/a.bin"), 4);
}
