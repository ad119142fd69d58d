//! What comes in: packages and files of the import folder.

use super::*;

/// Unpacks it beside what is there, and looks that nothing of a refused one stays.
async fn refused(ground: &Ground, sample: &Sample, format: PackageFormat) -> Failure {
    let package = sample.write();
    let failure = ground.workplace.unpack(&place("6.6.6"), package.path(), format).await.unwrap_err();
    assert!(!ground.layout().place(&place("6.6.6")).exists());
    assert_eq!(ground.incoming(), 0);
    failure
}

#[tokio::test]
async fn a_package_is_unpacked_as_files_that_everybody_can_read_and_nobody_else_can_change() {
    let ground = Ground::new();
    let program = SampleEntry { attributes: 0o104_777 << 16, ..file("bin/run", b"#!/bin/sh\n") };
    let plain = SampleEntry { attributes: 0o100_600 << 16, ..file("a/b/c/main.py", b"print()") };
    let package = Sample::new(vec![program, plain, file(".env", b"KEY=1")]).write();
    let place = place("1.0.0");
    ground.workplace.unpack(&place, package.path(), PackageFormat::Zip).await.unwrap();
    let code = ground.workplace.paths(&place).await.unwrap().code;
    assert!(code.ends_with(format!("{}/versions/1.0.0-0707070707070707/code", place.installation)));
    assert_eq!(fs::read(code.join("a/b/c/main.py")).unwrap(), b"print()");
    let modes = ["bin/run", "a/b/c/main.py", "a/b", ""].map(|name| mode(&code.join(name)));
    assert_eq!(modes, [0o755, 0o644, 0o755, 0o755], "no right to become somebody else");
    assert_eq!(mode(code.parent().unwrap()), 0o711);
    assert!(code.join(".env").is_file(), "only the SDK of Dify reads it");
    assert_eq!(ground.incoming(), 0);
}

#[tokio::test]
async fn the_settings_of_the_author_of_a_dify_plugin_stay_behind() {
    let ground = Ground::new();
    let package = Sample::new(vec![file(".env", b"KEY=1"), file("tools/.env", b"x")]).write();
    ground.workplace.unpack(&place("1.0.0"), package.path(), PackageFormat::Difypkg).await.unwrap();
    let code = ground.layout().code(&place("1.0.0"));
    assert!(!code.join(".env").exists() && code.join("tools/.env").exists());
}

#[tokio::test]
async fn unpacking_again_changes_nothing_and_what_was_cut_short_is_begun_anew() {
    let ground = Ground::new();
    let package = Sample::new(vec![file("main.py", b"1")]).write();
    let place = place("1.0.0");
    // Of a process that was killed.
    ground.layout().make_place(&place).unwrap();
    fs::create_dir(ground.layout().incoming().join("unpack-killed")).unwrap();
    for _ in 0..2 {
        ground.workplace.unpack(&place, package.path(), PackageFormat::Zip).await.unwrap();
        assert_eq!(fs::read(ground.layout().code(&place).join("main.py")).unwrap(), b"1");
    }
    let other = super::place("2.0.0");
    let (one, another) = tokio::join!(
        ground.workplace.unpack(&other, package.path(), PackageFormat::Zip),
        ground.workplace.unpack(&other, package.path(), PackageFormat::Zip),
    );
    assert_eq!((one, another), (Ok(()), Ok(())));
    assert_eq!(ground.incoming(), 1, "the one that nobody works on");
}

#[tokio::test]
async fn hostile_packages_are_refused_and_leave_nothing() {
    let ground = Ground::new();
    let link = SampleEntry { attributes: 0o120_777 << 16, ..file("link", b"/etc/passwd") };
    let device = SampleEntry { attributes: 0o020_666 << 16, ..file("device", b"") };
    let secret = SampleEntry { flags: 1, ..file("secret", b"x") };
    let larger = SampleEntry { claimed_size: Some(1), ..file("a", &[7; 4096]) };
    let damaged = SampleEntry { crc32: Some(1), ..file("late.py", b"print()") };
    for (entries, reason) in [
        (vec![link], Reason::PackageUnsafeEntry),
        (vec![device], Reason::PackageUnsafeEntry),
        (vec![secret], Reason::PackageUnsafeEntry),
        (vec![file("../../evil", b"x")], Reason::PackageUnsafePath),
        (vec![file("/etc/cron.d/evil", b"x")], Reason::PackageUnsafePath),
        (vec![file("a\\..\\b", b"x")], Reason::PackageUnsafePath),
        (vec![file("main.py", b"1"), file("MAIN.py", b"2")], Reason::PackageAmbiguous),
        (vec![file("a", b"1"), file("a/b", b"2")], Reason::PackageAmbiguous),
        (vec![file("ok", b"1"), larger], Reason::PackageTooLarge),
        (vec![file("ok", b"1"), file("bomb", &vec![0; 4 << 20])], Reason::PackageTooLarge),
        (vec![file("early.py", b"1"), damaged], Reason::PackageInvalid),
    ] {
        let named = format!("{:?}", entries.iter().map(|entry| &entry.name).collect::<Vec<_>>());
        let failure = refused(&ground, &Sample::new(entries), PackageFormat::Zip).await;
        assert_eq!(failure.reason, reason, "{named}: {failure}");
    }
    let sample = Sample::new(vec![file("package.json", b"{}")]);
    assert_eq!(refused(&ground, &sample, PackageFormat::Tarball).await.reason, Reason::PackageInvalid);
}

#[tokio::test]
async fn a_package_of_langbot_has_limits_of_its_own() {
    let ground = Ground::new();
    let many = (0..600).map(|number| file(&format!("f{number}"), b"x")).collect();
    let many = Sample::new(many);
    assert_eq!(refused(&ground, &many, PackageFormat::Lbpkg).await.reason, Reason::PackageTooLarge);
    ground.workplace.unpack(&place("1.0.0"), many.write().path(), PackageFormat::Zip).await.unwrap();
    let deep = Sample::new(vec![file(&format!("{}x", "d/".repeat(127)), b"deep")]).write();
    ground.workplace.unpack(&place("1.0.1"), deep.path(), PackageFormat::Lbpkg).await.unwrap();
    let code = ground.layout().code(&place("1.0.1"));
    assert_eq!(fs::read(code.join("d/".repeat(127)).join("x")).unwrap(), b"deep");
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_nothing() {
    let ground = Ground::new();
    let small = ground.path("small");
    fs::create_dir(&small).unwrap();
    let mounting = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
    let mounted = std::process::Command::new("mount").args(mounting).arg(&small).status();
    if !mounted.is_ok_and(|status| status.success()) {
        // Only root makes disks.
        return;
    }
    let (id, backup) = (place("1.0.0").installation, BackupId(uuid::Uuid::from_u128(1)));
    let workplace = opened(&small.join("installations"), None);
    let left = || fs::read_dir(small.join("installations/.incoming")).unwrap().count();
    let noise: Vec<u8> = (0..3_u32 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let package = Sample::new(vec![file("a/large", &noise)]).write();
    let unpacked = workplace.unpack(&place("1.0.0"), package.path(), PackageFormat::Zip).await;
    let left_first = left();
    let little = Sample::new(vec![file("main.py", b"1")]).write();
    workplace.unpack(&place("1.0.0"), little.path(), PackageFormat::Zip).await.unwrap();
    let data = workplace.paths(&place("1.0.0")).await.unwrap().data;
    fs::write(data.join("state"), &noise[..600_000]).unwrap();
    let backed_up = workplace.back_up(id, backup).await;
    let restored = workplace.restore(id, backup).await;
    let left_then = left();
    let unmounted = std::process::Command::new("umount").arg("--lazy").arg(&small).status();
    assert!(unmounted.unwrap().success());
    assert_eq!(unpacked.unwrap_err().reason, Reason::DiskFull);
    assert_eq!(backed_up.unwrap_err().reason, Reason::DiskFull);
    assert!(restored.is_err(), "there is no half of a copy");
    assert_eq!((left_first, left_then), (0, 0));
}

#[tokio::test]
async fn only_files_of_the_import_folder_are_taken() {
    let ground = Ground::new();
    let (folder, outside) = (ground.path("import"), ground.path("secret"));
    fs::write(&outside, b"secret").unwrap();
    fs::write(folder.join("a.zip"), b"content").unwrap();
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("inner/b.zip"), b"b").unwrap();
    symlink(&outside, folder.join("out")).unwrap();
    symlink(ground.directory.path(), folder.join("away")).unwrap();
    symlink("inner/b.zip", folder.join("in")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
    assert!(pipe.success());
    let whole = folder.join("a.zip").to_str().unwrap().to_owned();
    for (name, content) in [("a.zip", "content"), (&whole, "content"), ("inner/b.zip", "b"), ("in", "b")] {
        let copy = ground.workplace.import(name).await.unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), content, "{name}");
        assert_eq!((mode(&copy), copy.parent().unwrap()), (0o600, &*ground.layout().incoming()));
        let measured = ground.workplace.measured(&copy).await.unwrap();
        assert_eq!(measured.size, content.len() as u64);
    }
    let elsewhere = outside.to_str().unwrap().to_owned();
    let climbing = format!("{}/../secret", folder.display());
    let wrong =
        [&*elsewhere, &climbing, "../secret", "out", "away/secret", "inner", "pipe", "none", "", ".", "a\0b"];
    for name in wrong {
        let failure = ground.workplace.import(name).await.unwrap_err();
        assert_eq!((failure.reason, failure.transient), (Reason::FetchFailed, false), "{name:?}");
        assert!(failure.message.contains("import folder"), "{failure}");
    }
    let closed = opened(&ground.path("other"), None).import("a.zip").await.unwrap_err();
    assert!(closed.message.contains("PLUGYARD_IMPORT_DIR") && !closed.transient, "{closed}");
}
