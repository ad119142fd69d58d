//! What comes of packages, with and without wheels of their own.

use std::{fs, future::Future, os::unix::fs::MetadataExt as _, pin::Pin, time::Instant};

use application::{failure::Reason, ports::workplace::Workplace as _};
use domain::{installation::Runtime, plugin::PackageFormat, values::Digest};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, Ready, Shelf, is_public, native, release, wheel, wheel_with};

type Test = fn(&Ready) -> Pin<Box<dyn Future<Output = ()> + '_>>;

pub(crate) const ALL: [(&str, Test); 10] = [
    ("wheels_of_the_package_make_an_environment_that_equal_ones_share", |ready| Box::pin(shared(ready))),
    ("what_needs_nothing_has_no_environment", |ready| Box::pin(none(ready))),
    ("a_dify_package_goes_by_the_requirements_that_it_was_packed_with", |ready| Box::pin(packed(ready))),
    ("what_is_missing_is_named", |ready| Box::pin(missing(ready))),
    ("what_a_package_does_not_bring_is_chosen_and_fetched_once", |ready| Box::pin(fetched(ready))),
    ("a_plugin_of_langbot_gets_the_sdk", |ready| Box::pin(langbot(ready))),
    ("another_python_is_refused_and_both_are_named", |ready| Box::pin(another_python(ready))),
    ("hashes_of_the_requirements_hold_for_wheels_of_the_package", |ready| Box::pin(hashes(ready))),
    ("no_wheel_takes_the_place_of_python", |ready| Box::pin(impostor(ready))),
    ("whoever_cancels_leaves_nothing", |ready| Box::pin(cancelled(ready))),
];

const VERSIONS: &str = "import alpha, beta; print(alpha.VERSION, beta.VERSION)";

async fn shared(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let release = native(&json!({"alpha": ">=2,<3"}));
    let (alpha, beta) = (wheel("alpha", "2.1", &["beta==1.0"]), wheel("beta", "1.0", &[]));
    let files: [(&str, &[u8]); 3] = [
        ("main.py", b""),
        ("wheels/alpha-2.1-py3-none-any.whl", &alpha),
        ("wheels/beta-1.0-py3-none-any.whl", &beta),
    ];
    let place = ground.unpacked(&release, &files).await;
    for _ in 0..2 {
        ground.furnish(&place, &release).await.unwrap();
    }
    assert_eq!(ground.says(&place, VERSIONS).await, "2.1 1.0");
    let environment = ground.workplace.paths(&place).await.unwrap().environment.unwrap();
    assert!(is_public(&environment.join("pyvenv.cfg")));
    assert_eq!(fs::metadata(&environment).unwrap().uid(), fs::metadata("/proc/self").unwrap().uid());

    let other = ground.unpacked(&release, &files).await;
    let began = Instant::now();
    ground.furnish(&other, &release).await.unwrap();
    println!("an environment that is there already: {:?}", began.elapsed());
    assert_eq!(ground.workplace.paths(&other).await.unwrap().environment.unwrap(), environment);
    let newer = wheel("beta", "1.0", &["nothing; python_version < '3'"]);
    let changed = [files[0], files[1], (files[2].0, &newer)];
    let changed = ground.unpacked(&release, &changed).await;
    ground.furnish(&changed, &release).await.unwrap();
    assert_ne!(ground.workplace.paths(&changed).await.unwrap().environment.unwrap(), environment);
    assert_eq!((ground.environments(), ground.incoming()), (2, 0));
}

async fn none(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let dify =
        release(Runtime::Dify, PackageFormat::Difypkg, json!({"meta": {"runner": {"version": "3.12"}}}));
    let program = json!({"runtime": {"language": "go"}, "dependencies": {"packages": {"alpha": "*"}}});
    let program = release(Runtime::Native, PackageFormat::Zip, program);
    for release in [native(&json!({})), dify, program] {
        let place = ground.unpacked(&release, &[("main.py", b"")]).await;
        ground.furnish(&place, &release).await.unwrap();
        assert_eq!(ground.workplace.paths(&place).await.unwrap().environment, None);
    }
    assert_eq!(ground.environments(), 0);
}

async fn packed(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let manifest = json!({"meta": {"runner": {"language": "python", "version": "3.12"}}});
    let release = release(Runtime::Dify, PackageFormat::Difypkg, manifest);
    let (alpha, beta) = (wheel("alpha", "2.1", &[]), wheel("beta", "1.0", &[]));
    let place = ground
        .unpacked(
            &release,
            &[
                ("requirements.txt", b"--no-index\n--find-links=./wheels/\nalpha==2.1\nbeta==1.0\n"),
                ("wheels/alpha-2.1-py3-none-any.whl", &alpha),
                ("wheels/beta-1.0-py3-none-any.whl", &beta),
            ],
        )
        .await;
    ground.furnish(&place, &release).await.unwrap();
    assert_eq!(ground.says(&place, VERSIONS).await, "2.1 1.0");
}

async fn missing(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let release = native(&json!({"alpha": "*"}));
    let alpha = wheel("alpha", "2.1", &["nowhere-to-be-found>=3"]);
    let place = ground.unpacked(&release, &[("wheels/alpha-2.1-py3-none-any.whl", &alpha)]).await;
    let failure = ground.furnish(&place, &release).await.unwrap_err();
    assert_eq!((failure.reason, failure.transient), (Reason::NoWheel, false));
    assert!(failure.message.contains("nowhere-to-be-found") && !failure.message.contains('/'), "{failure}");
    assert_eq!((ground.environments(), ground.incoming()), (0, 0));
    let bare = ground.unpacked(&release, &[("main.py", b"")]).await;
    let failure = ground.furnish(&bare, &release).await.unwrap_err();
    assert_eq!(failure.reason, Reason::ResolverUnavailable, "nothing is here that could choose");
}

async fn fetched(ready: &Ready) {
    let shelf = Shelf::of(&["alpha", "beta"]);
    let ground = Ground::new(ready, Some(&shelf));
    let release = native(&json!({"alpha": ">=1.0", "beta": "*"}));
    for _ in 0..2 {
        let place = ground.unpacked(&release, &[("main.py", b"")]).await;
        let began = Instant::now();
        ground.furnish(&place, &release).await.unwrap();
        println!("wheels of the cache: {:?}", began.elapsed());
        assert_eq!(ground.says(&place, VERSIONS).await, "1.0 1.0");
    }
    assert_eq!(*shelf.fetched.lock().unwrap(), 1);
    assert_eq!(shelf.asked.lock().unwrap()[0], ["alpha>=1.0", "beta"]);
    // A package that brings some of what it needs.
    let alpha = wheel("alpha", "1.0", &[]);
    let place = ground.unpacked(&release, &[("wheels/alpha-1.0-py3-none-any.whl", &alpha)]).await;
    ground.furnish(&place, &release).await.unwrap();
    assert_eq!(ground.says(&place, VERSIONS).await, "1.0 1.0");
    assert_eq!((ground.environments(), ground.incoming()), (1, 0));
}

async fn langbot(ready: &Ready) {
    let shelf = Shelf::of(&["langbot-plugin", "beta"]);
    let ground = Ground::new(ready, Some(&shelf));
    let release = release(Runtime::Langbot, PackageFormat::Lbpkg, json!({"kind": "Plugin"}));
    let place = ground.unpacked(&release, &[("requirements.txt", b"beta\n")]).await;
    ground.furnish(&place, &release).await.unwrap();
    let script = "import langbot_plugin, beta; print(langbot_plugin.VERSION)";
    assert_eq!(ground.says(&place, script).await, "1.0");
    assert_eq!(shelf.asked.lock().unwrap()[0], ["beta", "langbot-plugin"]);
}

async fn another_python(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let release = native(&json!({"alpha": "*"}));
    let machine = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
    let system = if cfg!(target_os = "macos") { "macosx_11_0" } else { "manylinux_2_17" };
    let name = format!("wheels/alpha-2.1-cp339-cp339-{system}_{machine}.whl");
    let place = ground.unpacked(&release, &[(&name, &wheel("alpha", "2.1", &[]))]).await;
    let failure = ground.furnish(&place, &release).await.unwrap_err();
    assert_eq!((failure.reason, failure.transient), (Reason::NoSolution, false));
    let told = &failure.message;
    assert!(told.contains("Python 3.39") && told.contains("this server has Python 3."), "{told}");
}

async fn hashes(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let release = release(Runtime::Dify, PackageFormat::Difypkg, json!({}));
    let alpha = wheel("alpha", "2.1", &[]);
    let own = Digest::of_bytes(Sha256::digest(&alpha).into());
    for (sha256, fits) in [(own, true), (Digest::of_bytes([7; 32]), false)] {
        let requirements = format!("alpha==2.1 --hash=sha256:{sha256}\n");
        let files: [(&str, &[u8]); 2] =
            [("requirements.txt", requirements.as_bytes()), ("wheels/alpha-2.1-py3-none-any.whl", &alpha)];
        let place = ground.unpacked(&release, &files).await;
        assert_eq!(ground.furnish(&place, &release).await.is_ok(), fits);
    }
    assert_eq!((ground.environments(), ground.incoming()), (1, 0));
}

async fn impostor(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let release = native(&json!({"alpha": "*"}));
    for file in ["alpha-2.1.data/scripts/python", "alpha-2.1.data/data/bin/python"] {
        let alpha = wheel_with("alpha", "2.1", &[], Some((file, "#!/bin/sh\necho owned\n")));
        let place = ground.unpacked(&release, &[("wheels/alpha-2.1-py3-none-any.whl", &alpha)]).await;
        let failure = ground.furnish(&place, &release).await.unwrap_err();
        assert!(!failure.transient && failure.message.contains("ython"), "{failure}");
        assert_eq!((ground.environments(), ground.incoming()), (0, 0));
    }
}

async fn cancelled(ready: &Ready) {
    let ground = Ground::new(ready, None);
    let release = native(&json!({"alpha": "*"}));
    let alpha = wheel("alpha", "2.1", &[]);
    let place = ground.unpacked(&release, &[("wheels/alpha-2.1-py3-none-any.whl", &alpha)]).await;
    let cancel = CancellationToken::new();
    let at_the_install = |text: &str, _: u64, _: u64| {
        if text.starts_with("Installing") {
            cancel.cancel();
        }
    };
    let failure = ground.workplace.furnish(&place, &release, &at_the_install, &cancel).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Cancelled);
    assert_eq!((ground.environments(), ground.incoming()), (0, 0));
    ground.furnish(&place, &release).await.unwrap();
    assert_eq!(ground.says(&place, "import alpha; print(alpha.VERSION)").await, "2.1");
}
