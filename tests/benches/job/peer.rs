//! The peer to beat: the newest `pip`, kept between runs in an environment of its own, beside the newest `uv`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use plugyard_tests::{binary, python::succeeds};

use super::workload::Workload;
use crate::cost::{self, Spent};

/// As the product reads `manylinux2014_x86_64`: every glibc up to that of the daemon's image.
const NEWEST_GLIBC: u32 = 39;
const OLDEST_GLIBC: u32 = 5;

pub(super) struct Peer {
    tools: PathBuf,
}

impl Peer {
    pub(super) fn newest() -> Self {
        let tools = binary::kept_dir().join("bench-tools");
        if !tools.join("bin/python").is_file() {
            succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&tools));
        }
        let peer = Self { tools };
        succeeds(peer.pip().args(["install", "--quiet", "--upgrade", "pip", "uv"]));
        peer
    }

    pub(super) fn versions(&self) -> String {
        let output = succeeds(self.pip().arg("--version"));
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        words.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Locks the project in the directory; answers the pinned requirements that follow from the lock.
    pub(super) fn lock(&self, project: &Path) -> String {
        let uv = |arguments: &[&str]| {
            let mut uv = Command::new(self.tools.join("bin/uv"));
            uv.args(arguments).args(["--quiet", "--python"]).arg(self.tools.join("bin/python"));
            String::from_utf8_lossy(&succeeds(uv.current_dir(project)).stdout).into_owned()
        };
        uv(&["lock", "--no-cache"]);
        uv(&["export", "--frozen", "--no-hashes", "--no-emit-project", "--no-header", "--no-annotate"])
    }

    /// The download step alone, for the same target, with nothing cached.
    pub(super) async fn download(&self, workload: &Workload, more: &[&str]) -> Spent {
        let scratch = tempfile::tempdir().unwrap();
        let list = scratch.path().join("requirements.txt");
        std::fs::write(&list, &workload.pinned).unwrap();
        let mut pip = self.pip();
        pip.args(["download", "--quiet", "--no-cache-dir", "--only-binary", ":all:"]);
        pip.args(["--python-version", "3.12", "--implementation", "cp"]).args(more);
        for glibc in (OLDEST_GLIBC..=NEWEST_GLIBC).rev() {
            pip.args(["--platform", &format!("manylinux_2_{glibc}_x86_64")]);
        }
        for alias in ["manylinux2014", "manylinux2010", "manylinux1"] {
            pip.args(["--platform", &format!("{alias}_x86_64")]);
        }
        pip.arg("-r").arg(&list).arg("-d").arg(scratch.path().join("wheels"));
        let work = tokio::task::spawn_blocking(move || succeeds(&mut pip));
        let (done, spent) = cost::of(work).await;
        done.unwrap();
        spent
    }

    /// Without wheels that lie about on this machine.
    fn pip(&self) -> Command {
        let mut pip = Command::new(self.tools.join("bin/python"));
        pip.args(["-m", "pip"]).env_remove("PIP_FIND_LINKS").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        pip
    }
}
