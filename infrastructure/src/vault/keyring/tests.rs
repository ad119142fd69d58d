use super::*;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_key_is_32_bytes_in_base64_or_hex_and_nothing_else() {
    let bytes: [u8; 32] = std::array::from_fn(|n| 0xf0 ^ u8::try_from(n).unwrap());
    let forms = [
        general_purpose::STANDARD.encode(bytes),
        general_purpose::STANDARD_NO_PAD.encode(bytes),
        general_purpose::URL_SAFE.encode(bytes),
        general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        hex::encode(bytes),
        hex::encode_upper(bytes),
        format!("{}\n", general_purpose::STANDARD.encode(bytes)),
    ];
    for form in forms {
        assert_eq!(form.parse(), Ok(MasterKey(bytes)), "{form}");
    }
    let short = general_purpose::STANDARD.encode(&bytes[1..]);
    for text in ["", "secret", "correct horse battery staple, thirty-two", &hex::encode([1; 31]), &short] {
        let refused = text.parse::<MasterKey>().unwrap_err().to_string();
        assert!(refused.contains("openssl rand -base64 32"), "{refused}");
        assert!(text.is_empty() || !refused.contains(text), "{refused}");
    }
}

#[test]
fn a_key_is_named_by_its_id_and_shown_nowhere() {
    let key: MasterKey = "07".repeat(32).parse().unwrap();
    let ring = Keyring::given(key.clone(), None).unwrap();
    assert!(!format!("{ring:?}").contains('7'), "{ring:?}");
    assert_eq!(key.id().len(), 16);
    assert_ne!(key.id(), "08".repeat(32).parse::<MasterKey>().unwrap().id());
    assert_eq!(ring.find(&key.id()), Some(&key));
    assert!(ring.find("0707070707070707").is_none());
}

#[test]
fn the_key_before_must_be_another_one() {
    let key: MasterKey = "07".repeat(32).parse().unwrap();
    assert!(matches!(Keyring::given(key.clone(), Some(key)), Err(KeyringError::SameKey)));
}

#[test]
fn the_file_is_made_once_and_is_its_owners_alone() {
    let directory = directory();
    let ring = Keyring::of_directory(directory.path()).unwrap();
    assert_eq!(Keyring::of_directory(directory.path()).unwrap(), ring);
    let mode = fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn processes_that_make_the_file_at_once_end_with_one_key() {
    let directory = directory();
    let rings: Vec<_> = std::thread::scope(|scope| {
        let making: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Keyring::of_directory(directory.path()).unwrap())).collect();
        making.into_iter().map(|made| made.join().unwrap()).collect()
    });
    assert!(rings.iter().all(|ring| *ring == rings[0]));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_with_something_else_in_it_is_refused_and_left_alone() {
    let directory = directory();
    let path = directory.path().join(FILE);
    let key = "07".repeat(32);
    let three = format!("{}\n{}\n{key}\n", "08".repeat(32), "09".repeat(32));
    for content in ["", "\n", "hush", &format!("{key} {key}"), &three] {
        fs::write(&path, content).unwrap();
        let refused = Keyring::of_directory(directory.path()).unwrap_err();
        assert!(matches!(refused, KeyringError::Content(..)), "{refused}");
        assert!(!refused.to_string().contains("hush"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_new_key_is_kept_beside_the_old_one_until_that_is_dropped() {
    let directory = directory();
    let old = Keyring::of_directory(directory.path()).unwrap();
    let both = old.with_new_key().unwrap().unwrap();
    assert_eq!(both.previous.as_ref(), Some(&old.current));
    assert_eq!(old.read_again().unwrap(), both);
    let new = both.clone().without_previous().unwrap();
    assert_eq!((&new.current, &new.previous), (&both.current, &None));
    assert_eq!(Keyring::of_directory(directory.path()).unwrap(), new);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let given = Keyring::given(new.current.clone(), None).unwrap();
    assert!(given.with_new_key().unwrap().is_none(), "there is no file to keep it in");
}

#[test]
fn a_running_process_remembers_the_key_that_its_file_has_lost() {
    let directory = directory();
    let old = Keyring::of_directory(directory.path()).unwrap();
    let new = old.with_new_key().unwrap().unwrap().without_previous().unwrap();
    let remembering = old.read_again().unwrap().remembering(old.current.clone());
    assert_eq!(remembering.ids(), [new.current.id(), old.current.id()]);
    assert_eq!(new.clone().remembering(new.current.clone()), new);
    assert_eq!(Keyring::of_directory(directory.path()).unwrap(), new, "the file has not changed");
}
