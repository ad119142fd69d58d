//! Copies of data that a plugin wrote, and what it may have written there.

use super::*;

fn backup(number: u128) -> BackupId {
    BackupId(uuid::Uuid::from_u128(number))
}

#[tokio::test]
async fn data_come_back_as_they_were() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let (workplace, id, data) = (&ground.workplace, place.installation, &paths.data);
    fs::create_dir_all(data.join("a/b")).unwrap();
    fs::write(data.join("a/b/run"), b"#!/bin/sh").unwrap();
    fs::set_permissions(data.join("a/b/run"), fs::Permissions::from_mode(0o4750)).unwrap();
    symlink("/etc/passwd", data.join("a/link")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(data.join("socket")).unwrap();
    age(&data.join("state"), 5);
    let written = fs::metadata(data.join("state")).unwrap().mtime();
    for _ in 0..2 {
        assert_eq!(workplace.back_up(id, backup(1)).await, Ok(true));
    }
    assert_eq!(mode(&ground.layout().backups(id)), 0o700, "out of the plugin's reach");

    fs::write(data.join("state"), b"second").unwrap();
    fs::write(data.join("more"), b"second").unwrap();
    fs::remove_dir_all(data.join("a")).unwrap();
    assert_eq!(workplace.back_up(id, backup(1)).await, Ok(true), "a copy is made once");
    for _ in 0..2 {
        workplace.restore(id, backup(1)).await.unwrap();
        assert_eq!(fs::read(data.join("state")).unwrap(), b"first");
        assert_eq!(fs::metadata(data.join("state")).unwrap().mtime(), written);
        assert_eq!(mode(&data.join("a/b/run")), 0o750);
        assert_eq!(fs::read_link(data.join("a/link")).unwrap(), Path::new("/etc/passwd"));
        assert!(!data.join("more").exists() && !data.join("socket").exists());
        // Into the restored ones, not into the copy.
        fs::write(data.join("state"), b"third").unwrap();
    }
    drop(socket);
    workplace.restore(id, backup(1)).await.unwrap();
    for _ in 0..2 {
        workplace.forget(id, backup(1)).await.unwrap();
    }
    let failure = workplace.restore(id, backup(1)).await.unwrap_err();
    assert!(failure.message.contains("no longer there"), "{failure}");
    assert_eq!(fs::read(data.join("state")).unwrap(), b"first");
    assert_eq!(ground.incoming(), 0);
}

#[tokio::test]
async fn data_keep_their_owner() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let state = paths.data.join("state");
    if std::os::unix::fs::chown(&state, Some(4321), Some(4322)).is_err() {
        // Only root gives away.
        return;
    }
    std::os::unix::fs::chown(&paths.data, Some(4321), Some(4322)).unwrap();
    ground.workplace.back_up(place.installation, backup(1)).await.unwrap();
    fs::remove_file(&state).unwrap();
    ground.workplace.restore(place.installation, backup(1)).await.unwrap();
    for path in [&state, &paths.data] {
        let data = fs::metadata(path).unwrap();
        assert_eq!((data.uid(), data.gid()), (4321, 4322));
    }
}

#[tokio::test]
async fn a_copy_of_no_data_is_one_too() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let (workplace, id) = (&ground.workplace, place.installation);
    fs::remove_file(paths.data.join("state")).unwrap();
    assert_eq!(workplace.back_up(id, backup(1)).await, Ok(false));
    fs::write(paths.data.join("state"), b"later").unwrap();
    workplace.restore(id, backup(1)).await.unwrap();
    assert_eq!(fs::read_dir(&paths.data).unwrap().count(), 0);
    workplace.remove(id, true).await.unwrap();
    assert_eq!(workplace.back_up(id, backup(2)).await, Ok(false), "none at all");
    workplace.restore(id, backup(2)).await.unwrap();
    assert!(paths.data.is_dir());
}

#[tokio::test]
async fn holes_take_no_room_in_a_copy() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let large = File::create(paths.data.join("large")).unwrap();
    large.write_all_at(b"begin", 0).unwrap();
    large.write_all_at(b"end", (1 << 40) - 3).unwrap();
    let began = Instant::now();
    ground.workplace.back_up(place.installation, backup(1)).await.unwrap();
    let copy = ground.layout().backup(place.installation, backup(1)).join("data/large");
    let data = fs::metadata(&copy).unwrap();
    assert_eq!(data.len(), 1 << 40);
    assert!(data.blocks() < 4096 && began.elapsed() < Duration::from_mins(1), "{data:?}");
    let mut end = [0; 3];
    File::open(copy).unwrap().read_exact_at(&mut end, (1 << 40) - 3).unwrap();
    assert_eq!(&end, b"end");
}

#[tokio::test]
async fn what_is_nested_too_deep_is_refused_and_goes_all_the_same() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let (top, above) = (paths.data.join("top"), paths.data.join("above"));
    fs::create_dir(&top).unwrap();
    // From the inside out, beyond the longest path.
    for _ in 0..3000 {
        fs::create_dir(&above).unwrap();
        fs::rename(&top, above.join("d")).unwrap();
        fs::rename(&above, &top).unwrap();
    }
    let failure = ground.workplace.back_up(place.installation, backup(1)).await.unwrap_err();
    assert!(failure.message.contains("nested deeper") && !failure.transient, "{failure}");
    assert_eq!(ground.incoming(), 0);
    ground.workplace.remove(place.installation, true).await.unwrap();
    assert!(!ground.layout().installation(place.installation).exists());
}

/// What a plugin does that wants a file of somebody else in the copy of its data.
fn swap(data: &Path, secret: &Path, turn: u64) {
    let (victim, gone) = (data.join(format!("d{}", turn % 8)), data.join("gone"));
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("file"), b"plain").unwrap();
    fs::remove_file(victim.join("file")).unwrap();
    symlink(secret.join("file"), victim.join("file")).unwrap();
    fs::rename(&victim, &gone).unwrap();
    symlink(secret, &victim).unwrap();
    fs::remove_file(&victim).unwrap();
    fs::remove_file(gone.join("file")).unwrap();
    fs::remove_dir(&gone).unwrap();
}

#[tokio::test]
async fn whatever_a_plugin_swaps_while_it_is_copied_nothing_else_is_read() {
    let ground = Ground::new();
    let (place, paths) = ground.installed().await;
    let secret = ground.path("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("file"), b"secret").unwrap();
    let (data, stop) = (paths.data.clone(), CancellationToken::new());
    let stopped = stop.clone();
    let plugin = std::thread::spawn(move || {
        (0..).take_while(|_| !stopped.is_cancelled()).inspect(|turn| swap(&data, &secret, *turn)).count()
    });
    for number in 0..40 {
        ground.workplace.back_up(place.installation, backup(number)).await.unwrap();
        let copy = ground.layout().backup(place.installation, backup(number)).join("data");
        for entry in fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_symlink() {
                continue;
            }
            let inner = if entry.is_dir() { entry.join("file") } else { entry };
            if fs::symlink_metadata(&inner).is_ok_and(|data| data.is_file()) {
                assert_ne!(fs::read(&inner).unwrap(), b"secret");
            }
        }
        ground.workplace.forget(place.installation, backup(number)).await.unwrap();
    }
    stop.cancel();
    assert!(plugin.join().unwrap() > 0);
}
