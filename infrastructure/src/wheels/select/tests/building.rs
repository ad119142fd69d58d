//! What has to be built, where that is allowed.

use application::ports::packaging::SdistOrigin;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn sdist(name: &str, version: &str, file: &str) -> String {
    let url = format!("https://files.example/packages/{file}");
    package(name, version, &format!("sdist = {{ url = \"{url}\", hash = \"sha256:{HASH}\", size = 7 }}"))
}

fn from_git(name: &str) -> String {
    let locked = format!("https://forge.example/o/r?rev=v1#{COMMIT}");
    package(name, "1.0", &format!("source = {{ git = \"{locked}\" }}"))
}

fn with(policy: &IndexPolicy, lock: &str) -> Result<Selection, Failure> {
    let declared =
        Declared { lock: Some(lock), pyproject: Some("[project]\nname = 'my-plugin'\n"), requirements: None };
    let plan = select(declared, &[target("manylinux2014_x86_64")], policy).remove(0);
    plan.map(|plan| plan.selected().unwrap())
}

#[test]
fn what_has_no_wheel_is_to_be_built_and_the_rest_is_selected() {
    let lock = lock(
        "{ name = \"a\" }, { name = \"b\" }",
        &[pure("a", "1.0", ""), sdist("b", "2.0", "b-2.0.tar.gz")],
    );
    let selection = with(&IndexPolicy::default().building(true, false), &lock).unwrap();
    assert_eq!(selection.wheels.len(), 1);
    let [b] = selection.sdists.as_slice() else { panic!("{:?}", selection.sdists) };
    let SdistOrigin::File { file_name, urls, sha256, size } = &b.origin else { panic!("{b:?}") };
    assert_eq!((b.name.as_str(), b.version.as_str(), file_name.as_str()), ("b", "2.0", "b-2.0.tar.gz"));
    assert_eq!((urls.len(), sha256.as_str(), *size), (1, HASH, Some(7)));
}

#[test]
fn off_everything_is_refused_at_once() {
    let lock =
        lock("{ name = \"b\" }, { name = \"c\" }", &[sdist("b", "2.0", "b-2.0.tar.gz"), from_git("c")]);
    let refused = with(&IndexPolicy::default(), &lock).unwrap_err();
    assert_eq!(
        refused.message,
        "b 2.0 has no wheel; building is disabled on this server. c comes from git; git sources are disabled"
    );
    let without_git = with(&IndexPolicy::default().building(true, false), &lock).unwrap_err();
    assert_eq!(without_git.message, "c comes from git; git sources are disabled");
}

#[test]
fn a_commit_is_built_and_noted_where_git_is_allowed() {
    let policy = IndexPolicy::default().building(true, true);
    let selection = with(&policy, &lock("{ name = \"c\" }", &[from_git("c")])).unwrap();
    let SdistOrigin::Git { repository, commit, subdirectory } = &selection.sdists[0].origin else {
        panic!("{:?}", selection.sdists)
    };
    assert_eq!((repository.as_str(), commit.as_str()), ("https://forge.example/o/r", COMMIT));
    assert_eq!(*subdirectory, None);
    assert!(selection.notes.iter().any(|note| note.text == "c comes from git commit 01234567."));
    let branch = package("c", "1.0", "source = { git = \"https://forge.example/o/r?rev=v1#main\" }");
    let refused = with(&policy, &lock("{ name = \"c\" }", &[branch])).unwrap_err();
    assert!(refused.message.starts_with("c comes from git, but uv.lock names no commit"), "{refused}");
}

#[test]
fn a_wheel_that_does_not_fit_is_not_built_around_and_other_archives_are_not_taken() {
    let policy = IndexPolicy::default().building(true, true);
    let foreign = package(
        "d",
        "1.0",
        &format!("wheels = [{}]\nsdist = {{ url = \"x\" }}", wheel("d-1.0-cp312-cp312-win_amd64.whl")),
    );
    let refused = with(&policy, &lock("{ name = \"d\" }", &[foreign])).unwrap_err();
    assert!(refused.message.contains("no wheel for glibc 2.39 x86_64"), "{refused}");
    for file in ["e-1.0.exe", "e-1.0.tar.bz2", ".tar.gz"] {
        let refused = with(&policy, &lock("{ name = \"e\" }", &[sdist("e", "1.0", file)])).unwrap_err();
        assert!(refused.message.starts_with("e 1.0 has neither a wheel nor"), "{refused}");
    }
}
