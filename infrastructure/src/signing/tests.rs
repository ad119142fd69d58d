//! Keys as they are stored, and what they vouch for.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use super::{generate::Generated, *};

fn generated() -> &'static Generated {
    static ONCE: OnceLock<Generated> = OnceLock::new();
    ONCE.get_or_init(|| generate::generate(&|| {}).unwrap())
}

pub(crate) fn key() -> SigningKey {
    SigningKey::read(&generated().private, Category::Partner).unwrap()
}

fn entries(category: Category) -> Vec<Digest> {
    let contents = [b"first".to_vec(), category.file()];
    contents.map(|content| Digest::of_bytes(Sha256::digest(content).into())).to_vec()
}

#[test]
fn a_new_pair_has_4096_bits_and_both_halves_are_read_again() {
    assert_eq!(key().pair.public().modulus_len(), 512);
    let public = PublicKey::read(&generated().public.pem()).unwrap();
    assert_eq!(public, key().public());
    assert!(generated().public.pem().starts_with("-----BEGIN RSA PUBLIC KEY-----\n"));
    assert!(generated().private.ends_with("-----END RSA PRIVATE KEY-----\n"));
}

#[test]
fn a_signature_fits_its_entries_their_order_and_its_time_alone() {
    let (key, public) = (key(), generated().public.clone());
    let entries = entries(Category::Partner);
    let comment = key.seal(&entries, 1_700_000_000).unwrap();
    assert_eq!(comment, key.seal(&entries, 1_700_000_000).unwrap(), "nothing random is in it");
    assert!(public.fits(&comment, &entries));
    let backwards: Vec<_> = entries.iter().rev().cloned().collect();
    assert!(!public.fits(&comment, &backwards));
    assert!(!public.fits(&comment, &entries[1..]));
    assert!(!public.fits(&Comment { time: 1_700_000_001, ..comment }, &entries));
}

#[test]
fn a_key_vouches_for_its_own_category_only() {
    for other in [Category::Langgenius, Category::Community] {
        assert_eq!(key().seal(&entries(other), 1), None, "{other}");
    }
    assert_eq!(key().seal(&[], 1), None);
}

#[test]
fn only_a_signature_is_taken_for_one() {
    let written = serde_json::to_string(&Comment { signature: "YQ==".to_owned(), time: 5 }).unwrap();
    assert_eq!(written, r#"{"signature":"YQ==","time":5}"#);
    assert_eq!(Comment::read(written.as_bytes()).unwrap().time, 5);
    for other in [
        "",
        "{}",
        r#"{"signature":"","time":5}"#,
        r#"{"signature":"?","time":5}"#,
        r#"{"signature":"YQ==","time":-5}"#,
        r#"{"signature":"YQ==","time":999999999999}"#,
    ] {
        assert_eq!(Comment::read(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn what_is_no_key_is_named_for_what_it_is() {
    let private = |text: &str| SigningKey::read(text, Category::Community).map(drop).unwrap_err();
    let public = generated().public.pem();
    assert_eq!(private(""), KeyError::NoKey("private"));
    assert_eq!(private(&public), KeyError::NoKey("private"));
    assert_eq!(private("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"), KeyError::Encrypted);
    assert_eq!(private(&pem::write("ENCRYPTED PRIVATE KEY", b"x")), KeyError::Encrypted);
    assert_eq!(private(&pem::write("RSA PRIVATE KEY", b"x")), KeyError::Unsound);
    let spoilt = pem::read(&generated().private).map(|(label, mut der)| {
        // In the last number: it fits only when it is used.
        let at = der.len() - 20;
        der[at] ^= 1;
        pem::write(label, &der)
    });
    assert_eq!(private(&spoilt.unwrap()), KeyError::Unsound);
    assert_eq!(PublicKey::read(&generated().private), Err(KeyError::NoKey("public")));
    assert_eq!(PublicKey::read(&pem::write("RSA PUBLIC KEY", b"x")), Err(KeyError::NoKey("public")));
}

#[test]
fn a_search_tells_of_every_candidate() {
    let tried = AtomicUsize::new(0);
    generate::generate(&|| {
        tried.fetch_add(1, Ordering::Relaxed);
    })
    .unwrap();
    assert!(tried.into_inner() >= 2);
}
