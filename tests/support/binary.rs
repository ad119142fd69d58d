//! Where the product's binary is, and the environment it is given: nothing of the tester's own but the search
//! path and the root certificates.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// `PLUGYARD_BIN`, else the binary that cargo built beside this test executable.
pub fn plugyard() -> PathBuf {
    let path = std::env::var_os("PLUGYARD_BIN").map_or_else(|| profile_dir().join("plugyard"), PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `cargo build` first", path.display());
    path
}

/// A directory for what may be kept between runs: tools, never results.
pub fn kept_dir() -> PathBuf {
    let dir = profile_dir().parent().expect("a target directory").join("tmp");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn profile_dir() -> PathBuf {
    let executable = std::env::current_exe().expect("the executable has a path");
    let directory = executable.parent().expect("<target>/<profile> or <target>/<profile>/deps");
    let is_test = directory.file_name().is_some_and(|name| name == "deps");
    if is_test { directory.parent().expect("<target>/<profile>").to_owned() } else { directory.to_owned() }
}

/// Settings every run gets: a home and a temporary directory of its own, so that stray files show.
pub fn environment(root: &Path) -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(OsString, OsString)> = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (name.into(), value)))
        .collect();
    environment.push(("HOME".into(), root.join("home").into()));
    environment.push(("TMPDIR".into(), root.join("tmp").into()));
    environment.push(("PLUGYARD_DATA_DIR".into(), root.join("data").into()));
    environment
}

/// A directory tree as [`environment`] expects it, readable for an unprivileged PostgreSQL.
pub fn ground() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::Builder::new().prefix("yard-").tempdir().unwrap();
    for part in ["home", "tmp", "cwd"] {
        std::fs::create_dir(root.path().join(part)).unwrap();
    }
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(root.path().join("tmp"), std::fs::Permissions::from_mode(0o1777)).unwrap();
    root
}
