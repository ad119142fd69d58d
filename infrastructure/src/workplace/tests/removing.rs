//! Versions that come and go.

use super::*;

#[tokio::test]
async fn the_current_version_is_switched_in_one_step() {
    let ground = Ground::new();
    let (one, _) = ground.installed().await;
    let package = Sample::new(vec![file("main.py", b"2")]).write();
    let two = place("2.0.0");
    ground.workplace.unpack(&two, package.path(), PackageFormat::Zip).await.unwrap();
    let current = ground.layout().current(one.installation);
    for (wanted, content) in [(&one, "print()"), (&two, "2"), (&two, "2"), (&one, "print()")] {
        ground.workplace.switch(wanted).await.unwrap();
        assert_eq!(fs::read_to_string(current.join("code/main.py")).unwrap(), content);
        assert!(fs::read_link(&current).unwrap().is_relative(), "the data directory may be moved");
    }
}

#[tokio::test]
async fn a_version_that_is_cleared_is_gone_and_the_others_stay() {
    let ground = Ground::new();
    let (one, _) = ground.installed().await;
    let package = Sample::new(vec![file("main.py", b"2")]).write();
    ground.workplace.unpack(&place("2.0.0"), package.path(), PackageFormat::Zip).await.unwrap();
    for _ in 0..2 {
        ground.workplace.clear(&place("2.0.0")).await.unwrap();
    }
    assert!(ground.workplace.paths(&one).await.is_ok());
    let failure = ground.workplace.paths(&place("2.0.0")).await.unwrap_err();
    assert!(failure.message.contains("no longer there") && !failure.transient, "{failure}");
}

#[tokio::test]
async fn data_and_copies_outlive_a_removal_unless_they_are_to_go() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let (workplace, backup) = (&ground.workplace, BackupId(uuid::Uuid::from_u128(1)));
    workplace.switch(&place).await.unwrap();
    workplace.back_up(place.installation, backup).await.unwrap();
    for _ in 0..2 {
        workplace.remove(place.installation, false).await.unwrap();
    }
    let installation = ground.layout().installation(place.installation);
    let left: Vec<_> = fs::read_dir(&installation).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(fs::read(paths.data.join("state")).unwrap(), b"first");
    for _ in 0..2 {
        workplace.remove(place.installation, true).await.unwrap();
        assert!(!paths.data.exists());
    }
    workplace.restore(place.installation, backup).await.unwrap();
    assert_eq!(fs::read(paths.data.join("state")).unwrap(), b"first");
    workplace.forget(place.installation, backup).await.unwrap();
    workplace.remove(place.installation, true).await.unwrap();
    assert!(!installation.exists());
}

#[tokio::test]
async fn what_no_stream_knows_is_swept_after_a_day_and_nothing_else() {
    let ground = Ground::new();
    let (known, paths) = ground.installed().await;
    let layout = ground.layout();
    let package = Sample::new(vec![file("main.py", b"2")]).write();
    let (old, young) = (place("2.0.0"), place("3.0.0"));
    let lost = Place { installation: InstallationId(uuid::Uuid::from_u128(8)), ..place("1.0.0") };
    for place in [&old, &young, &lost] {
        ground.workplace.unpack(place, package.path(), PackageFormat::Zip).await.unwrap();
    }
    let keys = [1, 2, 3].map(|byte| Digest::of_bytes([byte; 32]));
    for key in &keys {
        fs::create_dir(layout.environment(key)).unwrap();
        fs::write(layout.environment(key).join("pyvenv.cfg"), b"").unwrap();
    }
    layout.link_environment(&known, &keys[0]).unwrap();
    layout.link_environment(&old, &keys[1]).unwrap();
    for name in ["file-old", "file-young"] {
        fs::write(layout.incoming().join(name), b"x").unwrap();
    }
    fs::create_dir_all(layout.incoming().join("unpack-old/a/b")).unwrap();
    for path in [
        &layout.place(&known),
        &layout.place(&old),
        &layout.place(&lost),
        &layout.installation(lost.installation),
        &layout.environment(&keys[0]),
        &layout.environment(&keys[1]),
        &layout.incoming().join("file-old"),
        &layout.incoming().join("unpack-old"),
    ] {
        age(path, 25);
    }
    for _ in 0..2 {
        ground.workplace.sweep(std::slice::from_ref(&known)).await.unwrap();
        assert!(layout.code(&known).is_dir() && layout.code(&young).is_dir());
        assert!(!layout.place(&old).exists() && !layout.installation(lost.installation).exists());
        let there = keys.each_ref().map(|key| layout.environment(key).exists());
        assert_eq!(there, [true, false, true], "used, old, young");
        assert_eq!(ground.incoming(), 1, "the young one");
        assert_eq!(fs::read(paths.data.join("state")).unwrap(), b"first");
    }
}

#[tokio::test]
async fn an_environment_that_is_gone_is_told() {
    let ground = Ground::new();
    let (place, _) = ground.installed().await;
    let key = Digest::of_bytes([1; 32]);
    ground.layout().link_environment(&place, &key).unwrap();
    let failure = ground.workplace.paths(&place).await.unwrap_err();
    assert!(failure.message.contains("environment"), "{failure}");
    fs::create_dir(ground.layout().environment(&key)).unwrap();
    let environment = ground.workplace.paths(&place).await.unwrap().environment;
    assert_eq!(environment, Some(ground.layout().environment(&key)));
}
