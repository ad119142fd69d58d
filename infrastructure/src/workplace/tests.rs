//! Real archives and real directories, hostile ones too.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use application::ports::packaging::{OnBytes, Resolution, Wheel, WheelFacts};
use domain::values::Digest;
use tempfile::TempDir;

use super::*;
use crate::{
    archive::sample::{Sample, SampleEntry, file},
    builder::{NoBuilder, tools::Python},
    isolation::test_child,
    resolver::NoResolver,
};

mod backups;
mod packages;
mod removing;

/// Nothing of this machine, and no wheels.
struct Nothing;

#[async_trait]
impl Toolbox for Nothing {
    async fn uv(&self) -> Result<PathBuf, Failure> {
        Err(Failure::internal())
    }

    async fn python(&self, _: u8) -> Option<Python> {
        None
    }
}

#[async_trait]
impl Resolutions for Nothing {
    async fn get(&self, _: &Digest) -> Result<Option<Resolution>, Failure> {
        Ok(None)
    }

    async fn keep(&self, _: &Digest, answer: Resolution, _: bool) -> Result<Resolution, Failure> {
        Ok(answer)
    }
}

#[async_trait]
impl Wheels for Nothing {
    async fn fetch(
        &self,
        _: &[Wheel],
        _: &Path,
        _: OnBytes<'_>,
        _: &CancellationToken,
    ) -> Result<WheelFacts, Failure> {
        Err(Failure::internal())
    }

    async fn recheck(&self, _: &[Wheel]) -> Result<usize, Failure> {
        Ok(0)
    }
}

struct Ground {
    directory: TempDir,
    workplace: LocalWorkplace,
}

fn opened(directory: &Path, imports: Option<PathBuf>) -> LocalWorkplace {
    LocalWorkplace::open(Parts {
        directory: directory.to_owned(),
        imports,
        isolation: test_child(),
        sandbox: Sandbox::new("/nowhere".into()),
        tools: Arc::new(Nothing),
        resolver: Arc::new(NoResolver),
        resolutions: Arc::new(Nothing),
        builder: Arc::new(NoBuilder),
        wheels: Arc::new(Nothing),
        index: IndexPolicy::new(None, Vec::new(), false),
    })
    .unwrap()
}

impl Ground {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let imports = directory.path().join("import");
        fs::create_dir(&imports).unwrap();
        let workplace = opened(&directory.path().join("installations"), Some(imports));
        Self { directory, workplace }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn layout(&self) -> &Layout {
        &self.workplace.layout
    }

    /// As after a release was unpacked, with a file in its data.
    async fn installed(&self) -> (Place, Paths) {
        let place = place("1.0.0");
        let package = Sample::new(vec![file("main.py", b"print()")]).write();
        self.workplace.unpack(&place, package.path(), PackageFormat::Zip).await.unwrap();
        let paths = self.workplace.paths(&place).await.unwrap();
        fs::write(paths.data.join("state"), b"first").unwrap();
        (place, paths)
    }

    /// What is on its way: nothing, once a step is over.
    fn incoming(&self) -> usize {
        fs::read_dir(self.layout().incoming()).unwrap().count()
    }
}

fn place(version: &str) -> Place {
    Place {
        installation: InstallationId(uuid::Uuid::from_u128(7)),
        version: version.parse().unwrap(),
        digest: Digest::of_bytes([7; 32]),
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// As if nobody had touched it for so long.
fn age(path: &Path, hours: u64) {
    let then = SystemTime::now() - Duration::from_hours(hours);
    File::open(path).unwrap().set_modified(then).unwrap();
}
