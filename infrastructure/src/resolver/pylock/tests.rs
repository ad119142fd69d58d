use super::*;

fn request(pylock: &str, lines: &[(&str, &[&str])]) -> Request {
    let target = serde_json::json!({"os": "linux", "arch": "x86_64", "floor": "2.28", "python": "3.12.3"});
    let requirement = |&(text, sha256): &(&str, &[&str])| Requirement {
        text: text.to_owned(),
        sha256: sha256.iter().map(|sha256| sha256.parse().unwrap()).collect(),
    };
    Request {
        pylock: pylock.to_owned(),
        lines: lines.iter().map(requirement).collect(),
        target: serde_json::from_value(target).unwrap(),
        index: IndexPolicy::default(),
        sdists: Vec::new(),
    }
}

fn package(name: &str, version: &str, more: &str, files: &[(&str, u8)]) -> String {
    let wheel = |(file, hash): &(&str, u8)| {
        let sha256 = format!("{hash:02x}").repeat(32);
        format!(
            "{{ url = \"https://me:secret@files.example/x/{file}#y\", upload-time = 2026-10-02T23:04:57Z, \
             hashes = {{ sha256 = \"{sha256}\" }} }}"
        )
    };
    let wheels: Vec<String> = files.iter().map(wheel).collect();
    format!(
        "[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n{more}wheels = [{}]\n",
        wheels.join(", ")
    )
}

const PLAIN: (&str, u8) = ("a-1-py3-none-any.whl", 1);

#[test]
fn our_own_order_chooses_and_what_is_kept_gives_the_same_again() {
    let text = package(
        "b",
        "2",
        "",
        &[
            ("b-2-py3-none-any.whl", 1),
            ("b-2-cp312-cp312-manylinux_2_17_x86_64.whl", 2),
            ("b-2-cp312-cp312-manylinux_2_28_x86_64.whl", 3),
            ("b-2-cp312-cp312-manylinux_2_34_x86_64.whl", 4),
        ],
    ) + &package("a", "1", "marker = \"python_full_version >= '3.12.3'\"\n", &[PLAIN])
        + &package("c", "1", "marker = \"sys_platform == 'win32'\"\n", &[])
        + &package("d", "1", "marker = \"platform_release >= '5'\"\n", &[]);
    let answer = run(&request(&text, &[])).unwrap();
    let files: Vec<&str> = answer.wheels.iter().map(|wheel| wheel.file_name.as_str()).collect();
    assert_eq!(files, ["a-1-py3-none-any.whl", "b-2-cp312-cp312-manylinux_2_28_x86_64.whl"]);
    assert_eq!(answer.wheels[0].urls, ["https://files.example/x/a-1-py3-none-any.whl"]);
    assert_eq!(answer.undecided, ["d"]);
    assert!(!answer.pylock.contains("secret"), "{}", answer.pylock);
    let again = run(&request(&answer.pylock, &[])).unwrap();
    assert_eq!((again.wheels, again.pylock), (answer.wheels, answer.pylock));
}

#[test]
fn a_line_with_hashes_binds_the_file() {
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    let text = package("a", "1", "", &[("a-1-py3-none-any.whl", 1), ("a-1-1-py3-none-any.whl", 2)]);
    let chosen = |hashes: &[&str]| run(&request(&text, &[("a[x]>=1", hashes)]));
    assert_eq!(chosen(&[]).unwrap().wheels[0].sha256.to_string(), two);
    assert_eq!(chosen(&[&one]).unwrap().wheels[0].sha256.to_string(), one);
    let failure = chosen(&[&"03".repeat(32)]).unwrap_err();
    assert_eq!(failure.reason, Reason::WheelMismatch);
    assert!(failure.message.starts_with("Integrity check failed for a 1"), "{failure}");
}

#[test]
fn what_does_not_fit_is_told_at_once() {
    let text = package("a", "1", "", &[("a-1-cp312-cp312-manylinux_2_35_x86_64.whl", 1)])
        + &package("b", "1", "", &[]);
    let failure = run(&request(&text, &[])).unwrap_err();
    assert_eq!(failure.reason, Reason::NoWheel);
    assert!(
        failure.message.contains("a 1 has no wheel for glibc 2.28 x86_64; it needs glibc 2.35"),
        "{failure}"
    );
    assert!(failure.message.contains("b 1 has no wheel; building is disabled on this server"), "{failure}");
}

#[test]
fn a_file_of_another_project_or_place_is_refused() {
    for (file, reason) in
        [("b-1-py3-none-any.whl", Reason::WheelMismatch), ("a-2-py3-none-any.whl", Reason::WheelMismatch)]
    {
        let failure = run(&request(&package("a", "1", "", &[(file, 1)]), &[])).unwrap_err();
        assert_eq!(failure.reason, reason, "{file}");
    }
    let local = package("a", "1", "", &[PLAIN]).replace("https://me:secret@files.example", "file:///");
    assert_eq!(run(&request(&local, &[])).unwrap_err().reason, Reason::SourceForbidden);
    let without = package("a", "1", "", &[PLAIN]).replace("sha256 =", "md5 =");
    assert_eq!(run(&request(&without, &[])).unwrap_err().reason, Reason::LockInvalid);
}

#[test]
fn nonsense_is_no_answer() {
    for text in [
        "[[packages",
        "[[packages]]\nname = \"A/../b\"\n",
        "[[packages]]\nname = \"a\"\nmarker = \"extra == 'x'\"\n",
        &package("a", "1", "", &[PLAIN]).repeat(2),
        "[[packages]]\nname = \"a\"\nversion = \"x\"\n",
    ] {
        assert_eq!(run(&request(text, &[])).unwrap_err().reason, Reason::LockInvalid, "{text}");
    }
}

#[test]
fn what_was_built_needs_no_wheel_in_the_answer() {
    let sdist = Sdist {
        name: "b".to_owned(),
        version: "1.0".to_owned(),
        origin: SdistOrigin::File {
            file_name: "b-1.tar.gz".to_owned(),
            urls: vec!["https://files.example/b-1.tar.gz".to_owned()],
            sha256: "05".repeat(32).parse().unwrap(),
            size: Some(7),
        },
    };
    let text = package("a", "1", "", &[PLAIN])
        + "[[packages]]\nname = \"b\"\nversion = \"1\"\n\
        wheels = [{ path = \"/here/b-1-py3-none-any.whl\", hashes = {} }]\n";
    let answer = run(&Request { sdists: vec![sdist], ..request(&text, &[]) }).unwrap();
    assert_eq!(answer.wheels.len(), 1);
    assert!(answer.pylock.contains("b-1.tar.gz") && !answer.pylock.contains("/here"), "{}", answer.pylock);
}
