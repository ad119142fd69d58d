use std::{os::unix::fs::PermissionsExt, sync::Mutex};

use application::ports::packaging::{DependencySource, OnBytes, Requirement, SdistOrigin, Wheel, WheelFacts};

use super::*;
use crate::{
    fetch::{
        FetchPolicy, GuardedClient,
        stub::{Answer, Stub},
    },
    isolation::test_child,
    uv::Tools,
};

const UV: &str = r#"#!/bin/sh
case "$*" in
--version) echo 'uv 0.13.8'; exit 0;;
*--overrides*|*--find-links*) ;;
*) printf 'error: No solution found\n  cause: Because b==1 has no usable wheels.\n\nhint: Wheels are required for `b`\n' >&2; exit 1;;
esac
while read -r line; do echo "$line"; done > pylock.toml <<END
[[packages]]
name = "a"
version = "1"
wheels = [{ url = "https://files.example/a-1-py3-none-any.whl", hashes = { sha256 = "HASH" } }]
[[packages]]
name = "b"
version = "1"
wheels = [{ url = "file:///built/b-1-py3-none-any.whl", hashes = {} }]
END
"#;

fn program(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Builds and hands out, in name only.
#[derive(Default)]
struct Workshop(Mutex<Vec<String>>);

#[async_trait]
impl Builder for Workshop {
    async fn build(&self, sdist: &Sdist, _: &Target, _: &CancellationToken) -> Result<Wheel, Failure> {
        let SdistOrigin::File { file_name, sha256, .. } = &sdist.origin else { panic!("{sdist:?}") };
        self.0.lock().unwrap().push(file_name.clone());
        Ok(Wheel {
            name: sdist.name.clone(),
            version: sdist.version.clone(),
            file_name: "b-1-py3-none-any.whl".to_owned(),
            urls: Vec::new(),
            sha256: sha256.clone(),
            size: None,
            tag: "py3-none-any".to_owned(),
            floor: None,
            built: true,
        })
    }
}

#[async_trait]
impl Wheels for Workshop {
    async fn fetch(
        &self,
        wheels: &[Wheel],
        into: &Path,
        _: OnBytes<'_>,
        _: &CancellationToken,
    ) -> Result<WheelFacts, Failure> {
        std::fs::create_dir_all(into).unwrap();
        self.0.lock().unwrap().extend(wheels.iter().map(|wheel| wheel.file_name.clone()));
        Ok(WheelFacts::default())
    }

    async fn recheck(&self, _: &[Wheel]) -> Result<usize, Failure> {
        Ok(0)
    }
}

fn wanted() -> Requirements {
    let line = |text: &str| Requirement { text: text.to_owned(), sha256: Vec::new() };
    let lines = vec![line("a"), line("b")];
    Requirements { source: DependencySource::Requirements, lines, notes: Vec::new() }
}

fn target() -> Target {
    let target = serde_json::json!({"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"});
    serde_json::from_value(target).unwrap()
}

/// With this index and this workshop, if there is one.
fn resolver(directory: &Path, stub: &Stub, workshop: Option<&Arc<Workshop>>) -> UvResolver {
    let uv = program(directory, "uv", &UV.replace("HASH", &"01".repeat(32)));
    let python = program(directory, "python", "#!/bin/sh\necho cpython 3 12 1 /bin/sh\n");
    let tools = Tools {
        uv: Some(uv),
        python: Some(python),
        directory: directory.join("tools"),
        environment: Vec::new(),
    };
    let index = IndexPolicy::new(Some(stub.url("/simple").parse().unwrap()), Vec::new(), false);
    let guarded = GuardedClient::new(FetchPolicy::default()).unwrap();
    let pages = Pages::of(&index, guarded).unwrap();
    let building = workshop.map(|workshop| Building { builder: workshop.clone(), wheels: workshop.clone() });
    let uv = Arc::new(Uv::new(tools, None));
    UvResolver::new(uv, test_child(), index, pages, directory.join("resolver"), building)
}

fn pages() -> Vec<Answer> {
    let page = |file: &str| {
        let anchor = format!("<a href=\"/{file}#sha256={}\">x</a>", "02".repeat(32));
        Answer::ok(anchor.as_bytes()).header("Content-Type: text/html")
    };
    vec![page("b-1.tar.gz"), page("a-1-py3-none-any.whl")]
}

#[tokio::test]
async fn what_has_no_wheel_is_built_and_then_found() {
    let (dir, stub) = (tempfile::tempdir().unwrap(), Stub::start(pages()).await);
    let workshop = Arc::<Workshop>::default();
    let resolver = resolver(dir.path(), &stub, Some(&workshop));
    assert!(resolver.name().starts_with("uv 0.13.8 http://127.0.0.1"), "{}", resolver.name());
    let cancel = CancellationToken::new();
    let resolution = resolver.resolve(&wanted(), &target(), &cancel).await.unwrap();
    assert_eq!(*workshop.0.lock().unwrap(), ["b-1.tar.gz", "b-1-py3-none-any.whl"]);
    assert!(!resolution.pylock.contains("file:"), "{}", resolution.pylock);
    let selection = resolver.select(&wanted(), resolution, &target(), &cancel).await.unwrap();
    let wheels: Vec<&str> = selection.wheels.iter().map(|wheel| wheel.name.as_str()).collect();
    let sdists: Vec<&str> = selection.sdists.iter().map(|sdist| sdist.name.as_str()).collect();
    assert_eq!((wheels, sdists), (vec!["a"], vec!["b"]));
    let left = std::fs::read_dir(dir.path().join("resolver/jobs")).unwrap().count();
    assert_eq!(left, 0, "nothing of the call stays");
}

#[tokio::test]
async fn without_building_it_is_refused_by_name_and_version() {
    let (dir, stub) = (tempfile::tempdir().unwrap(), Stub::start(pages()).await);
    let resolver = resolver(dir.path(), &stub, None);
    let failure = resolver.resolve(&wanted(), &target(), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(failure.message, "b 1 has no wheel; building is disabled on this server");
    assert_eq!(failure.reason, Reason::NoWheel);
}
