//! Signed outputs, and when they say they were signed.

use super::*;
use crate::signing::{self, Comment};

/// The files of an output, checked as a daemon would that knows the public key.
fn signed_by(key: &SigningKey, output: &Path) -> (Comment, Checked) {
    let archive = Checked::open(output, &Limits::FINISHED).unwrap();
    let comment = Comment::read(&archive.comment).expect("a signature");
    let entries = archive.content_digests().unwrap();
    let entries: Vec<_> = entries.iter().map(|(_, sha256)| Digest::of_bytes(*sha256)).collect();
    assert!(key.public().fits(&comment, &entries));
    (comment, archive)
}

#[tokio::test]
async fn with_a_key_the_output_is_signed_at_the_time_of_the_input() {
    let mut yard = Yard::new();
    let key = Arc::new(signing::tests::key());
    yard.packer = IsolatedPacker::new(test_child(), Limits::PACKAGE, Some(key.clone()));
    let package = all_of(&yard);
    let inspection = yard.inspect(&package).await.unwrap();
    assert_eq!(inspection.signature_time, 1_735_689_600, "when the manifest says it was made");
    let packed = yard.pack(&package, &inspection, "once.difypkg").await.unwrap();
    assert_eq!(packed, yard.pack(&package, &inspection, "twice.difypkg").await.unwrap());
    assert_eq!(packed.signing_key, Some(key.public().digest()));
    let (comment, archive) = signed_by(&key, &yard.path("once.difypkg"));
    assert_eq!(comment.time, 1_735_689_600);
    assert_eq!(archive.entries.last().unwrap().name, signing::VERIFICATION);
    assert!(packed.identifier.ends_with(&archive.content_checksum().unwrap()));
    let content = yard.content("once.difypkg");
    assert_eq!(content.last().unwrap().1, r#"{"authorized_category":"partner"}"#);
    assert!(packed.notes.iter().any(|note| note.kind == "signed"));

    // Its own output, signed at a time of its own, keeps that time and none of the old signature.
    let again = yard.inspect(&yard.path("once.difypkg")).await.unwrap();
    assert_eq!(again.signature_time, 1_735_689_600);
    assert!(again.notes.iter().any(|note| note.kind == "signature_removed"), "{:?}", again.notes);
    let plain = IsolatedPacker::new(test_child(), Limits::PACKAGE, None);
    assert_ne!(plain.version(), yard.packer.version());
    yard.packer = plain;
    let unsigned = yard.pack(&yard.path("once.difypkg"), &again, "plain.difypkg").await.unwrap();
    assert_eq!(unsigned.signing_key, None);
    let plain = Checked::open(&yard.path("plain.difypkg"), &Limits::PACKAGE).unwrap();
    assert!(plain.comment.is_empty() && plain.entry(signing::VERIFICATION).is_none());
}

#[tokio::test]
async fn the_time_of_the_inputs_signature_wins_over_that_of_its_manifest() {
    let yard = Yard::new();
    let mut sample = Sample::new(vec![file("manifest.yaml", MANIFEST), file("tool.yaml", b"a: b")]);
    sample.comment = br#"{"signature":"c2lnbmVk","time":1600000000}"#.to_vec();
    let path = yard.path("in.difypkg");
    fs::write(&path, sample.bytes()).unwrap();
    assert_eq!(yard.inspect(&path).await.unwrap().signature_time, 1_600_000_000);
    sample.comment = br#"{"other":"json"}"#.to_vec();
    fs::write(&path, sample.bytes()).unwrap();
    assert_eq!(yard.inspect(&path).await.unwrap().signature_time, 1_735_689_600);
}
