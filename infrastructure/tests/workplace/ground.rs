//! A workplace on this machine, wheels and packages of our own, and an index that is none.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use application::{
    failure::Failure,
    ports::{
        packaging::{
            DependencySource, Needs, OnBytes, Requirements, Resolution, Resolutions, Resolver, Selection,
            Wheel, WheelFacts, Wheels,
        },
        workplace::{Place, Workplace as _},
    },
};
use async_trait::async_trait;
use domain::{
    installation::{InstalledRelease, Origin, Runtime},
    plugin::PackageFormat,
    values::{Digest, InstallationId, Target},
};
use infrastructure::{
    builder::NoBuilder,
    isolation::Isolation,
    resolver::NoResolver,
    sandbox::Sandbox,
    uv::{Tools, Uv},
    wheels::sources::IndexPolicy,
    workplace::{LocalWorkplace, Parts},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zip::{ZipWriter, write::SimpleFileOptions};

/// What of this machine is needed.
pub(crate) struct Ready {
    uv: Arc<Uv>,
    sandbox: Sandbox,
}

/// None: there is not everything.
pub(crate) async fn tools() -> Option<Ready> {
    let program = std::env::current_exe().unwrap();
    let kept = program.ancestors().nth(3).unwrap().join("tmp");
    let given = Some(kept.join("uv-tools/bin/uv")).filter(|uv| uv.is_file());
    let tools = Tools {
        uv: given,
        python: None,
        attendant: None,
        directory: kept.join("plugyard-tools"),
        environment: std::env::vars().collect(),
    };
    let uv = Arc::new(Uv::new(tools, None));
    let sandbox = Sandbox::new(program);
    let is_there = uv.interpreter(None).await.is_some() && uv.ready().await.is_ok();
    (is_there && sandbox.ready().await.is_ok()).then_some(Ready { uv, sandbox })
}

/// Chooses the newest of what it has, knows no dependencies, and counts.
#[derive(Default)]
pub(crate) struct Shelf {
    wheels: Vec<(Wheel, Vec<u8>)>,
    pub(crate) asked: Mutex<Vec<Vec<String>>>,
    pub(crate) fetched: Mutex<usize>,
}

impl Shelf {
    pub(crate) fn of(names: &[&str]) -> Arc<Self> {
        let wheels = names.iter().map(|name| {
            let bytes = wheel(name, "1.0", &[]);
            let wheel = Wheel {
                name: (*name).to_owned(),
                version: "1.0".to_owned(),
                file_name: format!("{}-1.0-py3-none-any.whl", name.replace('-', "_")),
                urls: Vec::new(),
                sha256: Digest::of_bytes(Sha256::digest(&bytes).into()),
                size: None,
                tag: "py3-none-any".to_owned(),
                floor: None,
                built: false,
            };
            (wheel, bytes)
        });
        Arc::new(Self { wheels: wheels.collect(), ..Self::default() })
    }
}

#[async_trait]
impl Resolver for Shelf {
    fn name(&self) -> String {
        "shelf".to_owned()
    }

    async fn resolve(
        &self,
        wanted: &Requirements,
        _: &Target,
        _: &CancellationToken,
    ) -> Result<Resolution, Failure> {
        self.asked.lock().unwrap().push(wanted.lines.iter().map(|line| line.text.clone()).collect());
        let resolver = self.name();
        Ok(Resolution { resolver, pylock: String::new(), sdists: Vec::new(), notes: Vec::new() })
    }

    async fn select(
        &self,
        _: &Requirements,
        _: Resolution,
        _: &Target,
        _: &CancellationToken,
    ) -> Result<Selection, Failure> {
        Ok(Selection {
            source: DependencySource::Requirements,
            wheels: self.wheels.iter().map(|(wheel, _)| wheel.clone()).collect(),
            sdists: Vec::new(),
            needs: Needs::default(),
            resolutions: Vec::new(),
            notes: Vec::new(),
        })
    }
}

#[async_trait]
impl Wheels for Shelf {
    async fn fetch(
        &self,
        wheels: &[Wheel],
        into: &Path,
        on_bytes: OnBytes<'_>,
        _: &CancellationToken,
    ) -> Result<WheelFacts, Failure> {
        for (wheel, bytes) in self.wheels.iter().filter(|(wheel, _)| wheels.contains(wheel)) {
            // As the cache has it: of nobody else.
            tempfile::NamedTempFile::new_in(into)
                .and_then(|mut file| {
                    file.write_all(bytes)?;
                    Ok(file.persist(into.join(&wheel.file_name))?)
                })
                .unwrap();
        }
        *self.fetched.lock().unwrap() += 1;
        on_bytes(1, Some(1));
        Ok(WheelFacts::default())
    }

    async fn recheck(&self, _: &[Wheel]) -> Result<usize, Failure> {
        Ok(0)
    }
}

/// Remembers nothing.
struct Forgetful;

#[async_trait]
impl Resolutions for Forgetful {
    async fn get(&self, _: &Digest) -> Result<Option<Resolution>, Failure> {
        Ok(None)
    }

    async fn keep(&self, _: &Digest, answer: Resolution, _: bool) -> Result<Resolution, Failure> {
        Ok(answer)
    }
}

pub(crate) struct Ground {
    directory: TempDir,
    pub(crate) workplace: LocalWorkplace,
}

impl Ground {
    /// Without a shelf there is nothing but what packages bring along.
    pub(crate) fn new(ready: &Ready, shelf: Option<&Arc<Shelf>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let resolver: Arc<dyn Resolver> = match shelf {
            Some(shelf) => shelf.clone(),
            None => Arc::new(NoResolver),
        };
        let parts = Parts {
            directory: directory.path().join("installations"),
            imports: None,
            isolation: Isolation::new(std::env::current_exe().unwrap()),
            sandbox: ready.sandbox.clone(),
            tools: ready.uv.clone(),
            resolver,
            resolutions: Arc::new(Forgetful),
            builder: Arc::new(NoBuilder),
            wheels: shelf.cloned().unwrap_or_default(),
            index: IndexPolicy::new(None, Vec::new(), false),
        };
        let workplace = LocalWorkplace::open(parts).unwrap();
        Self { directory, workplace }
    }

    pub(crate) fn installations(&self) -> PathBuf {
        self.directory.path().join("installations")
    }

    /// What is on its way: nothing, once a step is over.
    pub(crate) fn incoming(&self) -> usize {
        fs::read_dir(self.installations().join(".incoming")).unwrap().count()
    }

    pub(crate) fn environments(&self) -> usize {
        fs::read_dir(self.installations().join(".environments")).unwrap().count()
    }

    /// The same content is another installation each time.
    pub(crate) async fn unpacked(&self, release: &InstalledRelease, files: &[(&str, &[u8])]) -> Place {
        let package = self.directory.path().join("package.zip");
        fs::write(&package, zipped(files)).unwrap();
        let place = Place::of(InstallationId(Uuid::new_v4()), release);
        self.workplace.unpack(&place, &package, release.format).await.unwrap();
        place
    }

    pub(crate) async fn furnish(&self, place: &Place, release: &InstalledRelease) -> Result<(), Failure> {
        let never = CancellationToken::new();
        self.workplace.furnish(place, release, &|_, _, _| {}, &never).await
    }

    /// What the plugin's own Python prints.
    pub(crate) async fn says(&self, place: &Place, script: &str) -> String {
        let environment = self.workplace.paths(place).await.unwrap().environment.unwrap();
        let python = environment.join("bin/python");
        let said = Command::new(python).args(["-c", script]).env_clear().output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }
}

pub(crate) fn native(packages: &Value) -> InstalledRelease {
    let manifest = json!({"name": "sample", "version": "1.0.0", "dependencies": {"packages": packages}});
    release(Runtime::Native, PackageFormat::Zip, manifest)
}

pub(crate) fn release(runtime: Runtime, format: PackageFormat, manifest: Value) -> InstalledRelease {
    InstalledRelease {
        name: "sample".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        runtime,
        format,
        digest: Digest::of_bytes([7; 32]),
        origin: Origin::Upload { filename: "sample.zip".to_owned() },
        manifest,
        schema: None,
        permissions: std::collections::BTreeSet::new(),
        dependencies: BTreeMap::new(),
        is_exclusive: false,
    }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A module of the project's name that knows its version.
pub(crate) fn wheel(name: &str, version: &str, requires: &[&str]) -> Vec<u8> {
    wheel_with(name, version, requires, None)
}

pub(crate) fn wheel_with(
    name: &str,
    version: &str,
    requires: &[&str],
    more: Option<(&str, &str)>,
) -> Vec<u8> {
    let module = name.replace('-', "_");
    let info = format!("{module}-{version}.dist-info");
    let code = format!("VERSION = '{version}'\n");
    let mut metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    for line in requires {
        metadata += &["Requires-Dist: ", line, "\n"].concat();
    }
    let tags = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let (source, about, kind) =
        (format!("{module}/__init__.py"), format!("{info}/METADATA"), format!("{info}/WHEEL"));
    let list = format!("{info}/RECORD");
    let mut files = vec![(&*source, &*code), (&*about, &*metadata), (&*kind, tags)];
    files.extend(more);
    let mut record: String = files.iter().flat_map(|(name, _)| [name, ",,\n"]).collect();
    record += &[&*list, ",,\n"].concat();
    files.push((&*list, &*record));
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    zipped(&files)
}

/// Reads a file of a release as another user would: by the bits for everybody.
pub(crate) fn is_public(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let data = File::open(path).unwrap().metadata().unwrap();
    data.permissions().mode() & 0o004 != 0 && data.permissions().mode() & 0o022 == 0
}
