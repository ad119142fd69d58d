//! Installation with the network cut: with pip, and by the installing daemon's own commands with uv.

use std::path::{Path, PathBuf};

use plugyard_tests::{
    AARCH64, Cli, Files, Lock, Plugin, Wheel, X86_64, Yard, binary,
    python::{cut_off, directory, really_locked, says, succeeds, unpack, uv, version},
};

/// A plugin whose dependencies the host's Python can import, compiled ones for both architectures.
pub(crate) fn importable(files: &Files) -> Plugin {
    let native = |arch: &str| format!("py3-none-manylinux_2_17_{arch}.manylinux2014_{arch}");
    let wheels = [
        Wheel::pure("dify-plugin", "0.5.0").requires("beta-lib>=2"),
        Wheel::pure("beta-lib", "2.1.0"),
        Wheel::tagged("gamma", "3.0.0", &native("x86_64")),
        Wheel::tagged("gamma", "3.0.0", &native("aarch64")),
    ];
    Plugin::locked(&Lock::of("importable", files, &wheels))
}

/// The package unpacked by Python's own reader.
pub(crate) fn unpacked(ground: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let (package, into) = (ground.join(format!("tmp/{name}.difypkg")), ground.join(format!("tmp/{name}")));
    std::fs::write(&package, bytes).unwrap();
    unpack(&package, &into);
    assert!(!into.join("pyproject.toml").exists() && !into.join("uv.lock").exists());
    into
}

/// `repackaging.md` 13 A: what the daemon runs, without any network.
pub(crate) fn install_like_the_daemon(package: &Path, import: &str) {
    let path = format!("{}:/usr/bin:/bin", directory().display());
    let isolated = |program: &Path| {
        let mut command = cut_off(program);
        command.current_dir(package).env("PATH", &path).env("VIRTUAL_ENV", package.join(".venv"));
        command.env("UV_CACHE_DIR", package.join(".cache"));
        command
    };
    succeeds(isolated(uv()).args(["venv", ".venv", "--python", version()]));
    succeeds(isolated(uv()).args(["pip", "install", "-r", "requirements.txt"]));
    let python = package.join(".venv/bin/python");
    succeeds(isolated(&python).args(["-m", "compileall", "-q", "main.py"]));
    succeeds(isolated(&python).args(["-c", import]));
}

#[tokio::test]
async fn the_daemons_own_commands_install_a_result_without_network() {
    let (yard, files) = (Yard::start().await, Files::start());
    let task = yard.upload(&importable(&files), "").await;
    yard.completed(&task).await;
    let package = unpacked(yard.ground(), "daemon", &yard.download(&task).await);
    drop(files);
    install_like_the_daemon(
        &package,
        "import dify_plugin, beta_lib, gamma; assert gamma.__version__ == '3.0.0'",
    );
}

#[tokio::test]
async fn pip_installs_a_result_with_a_dead_index() {
    let (yard, files) = (Yard::start().await, Files::start());
    let task = yard.upload(&importable(&files), "").await;
    yard.completed(&task).await;
    let package = unpacked(yard.ground(), "pip", &yard.download(&task).await);
    drop(files);
    let venv = yard.ground().join("tmp/venv");
    let mut create = cut_off(directory().join("python3"));
    succeeds(create.args(["-m", "venv"]).arg(&venv).env("PATH", "/usr/bin:/bin"));
    let python = venv.join("bin/python");
    let dead = "http://127.0.0.1:9/simple";
    for line in
        [vec!["-r", "requirements.txt"], vec!["--force-reinstall", "--find-links", "wheels", "dify-plugin"]]
    {
        let mut pip = cut_off(&python);
        pip.current_dir(&package).env("PIP_INDEX_URL", dead).env("PATH", "/usr/bin:/bin");
        succeeds(pip.args(["-m", "pip", "install", "--no-index", "--no-cache-dir"]).args(line));
    }
    succeeds(cut_off(&python).args(["-c", "import dify_plugin, beta_lib, gamma"]));
}

#[tokio::test]
async fn a_result_without_dependencies_installs_too() {
    let yard = Yard::start().await;
    let task = yard.upload(&Plugin::new("nothing-needed"), "").await;
    yard.completed(&task).await;
    let package = unpacked(yard.ground(), "nothing", &yard.download(&task).await);
    install_like_the_daemon(&package, "import sys");
}

#[tokio::test]
async fn a_result_for_another_architecture_resolves_there() {
    let (yard, files) = (Yard::start().await, Files::start());
    for (platform, name) in [(X86_64, "x86_64-manylinux_2_39"), (AARCH64, "aarch64-manylinux_2_39")] {
        let task = yard.upload(&importable(&files), platform).await;
        yard.completed(&task).await;
        let package = unpacked(yard.ground(), platform, &yard.download(&task).await);
        let mut install = cut_off(uv());
        install.current_dir(&package).env("PATH", format!("{}:/usr/bin:/bin", directory().display()));
        install.env("UV_CACHE_DIR", package.join(".cache"));
        install.args([
            "pip",
            "install",
            "--target",
            "T",
            "--python-platform",
            name,
            "--python-version",
            "3.12",
        ]);
        succeeds(install.args(["--only-binary", ":all:", "-r", "requirements.txt"]));
        let tag = std::fs::read_to_string(package.join("T/gamma/__init__.py")).unwrap();
        assert!(tag.contains(name.split('-').next().unwrap()), "{tag}");
    }
}

#[tokio::test]
async fn pythons_reader_finds_nothing_wrong() {
    let (yard, files) = (Yard::start().await, Files::start());
    let task = yard.upload(&importable(&files), X86_64).await;
    yard.completed(&task).await;
    let package = yard.ground().join("tmp/judged.difypkg");
    std::fs::write(&package, yard.download(&task).await).unwrap();
    let script = format!(
        "import zipfile; z = zipfile.ZipFile({:?}); assert z.testzip() is None; \
         print(all(i.date_time == (1980, 1, 1, 0, 0, 0) and not i.is_dir() and i.create_system == 3 \
         for i in z.infolist()), [i.filename for i in z.infolist()] == sorted(z.namelist()), z.comment)",
        package.display().to_string()
    );
    assert_eq!(says(&script), "True True b''");
}

/// The one test that needs the package index: a lock made by a real uv, and its real wheels.
#[tokio::test]
async fn a_lock_made_by_uv_is_repackaged_from_the_real_index() {
    let ground = binary::ground();
    let plugin = really_locked("real", &["markupsafe", "six"]);
    std::fs::write(ground.path().join("cwd/real.difypkg"), plugin.bytes()).unwrap();

    let args =
        ["repackage", "real.difypkg", "--platform", X86_64, "--platform", AARCH64, "--python", version()];
    let once = Cli::on(ground.path()).set("PLUGYARD_FETCH_ALLOW", "").args(args).args(["--output", "once"]);
    let once = once.run().await.expect(0).paths();
    let twice = Cli::on(ground.path()).set("PLUGYARD_FETCH_ALLOW", "").args(args).args(["--output", "twice"]);
    let twice = twice.run().await.expect(0).paths();
    assert_eq!((once.len(), twice.len()), (2, 2));
    let read = |path: &PathBuf| std::fs::read(ground.path().join("cwd").join(path)).unwrap();
    for ((first, second), arch) in once.iter().zip(&twice).zip(["x86_64", "aarch64"]) {
        assert!(read(first) == read(second), "{arch}: repetition gives the same bytes");
        let package = unpacked(ground.path(), arch, &read(first));
        let wheels = std::fs::read_dir(package.join("wheels")).unwrap();
        let names: Vec<String> = wheels.map(|w| w.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("six-")), "{names:?}");
        assert!(
            names.iter().any(|n| n.to_lowercase().starts_with("markupsafe-") && n.contains(arch)),
            "{names:?}"
        );
        if arch == std::env::consts::ARCH {
            install_like_the_daemon(&package, "import six, markupsafe; markupsafe.escape('<')");
        }
    }
}
