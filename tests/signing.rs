//! Signed results, judged by Python alone: the daemon knows nothing of our code either.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use plugyard_tests::{Cli, Plan, Plugin, Sample, Unpacked, X86_64, Yard, binary, python, sha256};
use serde_json::Value;

/// Reads the public key of PKCS#1, the comment and the content of the archive, and raises the signature to the
/// power of the key. Prints the time, the category and the checksum.
const JUDGE: &str = r"
import base64, hashlib, json, sys, zipfile
h = lambda b: hashlib.sha256(b).digest()
def value(der):
    length, at = der[1], 2
    if length & 0x80:
        at += length & 0x7f
        length = int.from_bytes(der[2:at], 'big')
    return der[at:at + length], der[at + length:]
pem = open(sys.argv[2]).read()
assert pem.startswith('-----BEGIN RSA PUBLIC KEY-----\n') and pem.endswith('-----END RSA PUBLIC KEY-----\n'), pem
numbers, rest = value(base64.b64decode(''.join(pem.split('\n')[1:-2])))
assert not rest
n, rest = value(numbers)
e, rest = value(rest)
assert not rest
n, e = int.from_bytes(n, 'big'), int.from_bytes(e, 'big')
z = zipfile.ZipFile(sys.argv[1])
comment = json.loads(z.comment)
assert sorted(comment) == ['signature', 'time'], comment
data = b''.join(h(z.read(i)) for i in z.infolist()) + str(comment['time']).encode()
size = (n.bit_length() + 7) // 8
raised = pow(int.from_bytes(base64.b64decode(comment['signature']), 'big'), e, n).to_bytes(size, 'big')
info = bytes.fromhex('3031300d060960864801650304020105000420') + h(data)
assert raised == b'\0\1' + b'\xff' * (size - len(info) - 3) + b'\0' + info, 'the signature is wrong'
assert z.namelist()[-1] == '.verification.dify.json', z.namelist()
category = json.loads(z.read('.verification.dify.json'))['authorized_category']
checksum = hashlib.sha256(b''.join(h(m.encode()) + h(z.read(m)) for m in sorted(z.namelist()))).hexdigest()
print(n.bit_length(), comment['time'], category, checksum)
";

fn judged(package: &Path, key: &Path) -> String {
    let said = python::succeeds(Command::new("python3").args(["-c", JUDGE]).args([package, key]));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// A pair of keys of its own, and where its halves are.
async fn keygen(ground: &Path) -> (PathBuf, PathBuf) {
    let ran = Cli::on(ground).args(["sign", "keygen", "--output", "keys"]).run().await.expect(0);
    let lines = ran.paths();
    for line in [
        format!("PLUGYARD_SIGNING_KEY={}", lines[0].display()),
        "FORCE_VERIFYING_SIGNATURE=true".to_owned(),
        "THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED=true".to_owned(),
        format!("THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS={}", lines[1].display()),
    ] {
        assert!(ran.out.lines().any(|said| said == line), "{line} is missing in\n{}", ran.out);
    }
    (lines[0].clone(), lines[1].clone())
}

fn signing(key: &Path) -> Plan {
    Plan::default().set("PLUGYARD_SIGNING_KEY", &key.display().to_string())
}

#[tokio::test]
async fn two_services_with_one_key_sign_the_same_bytes_and_python_believes_them() {
    let (sample, keys) = (Sample::new("signed"), binary::ground());
    let (private, public) = keygen(keys.path()).await;
    let (one, other) =
        tokio::join!(signing(&private).start(), signing(&private).set("TZ", "Asia/Tokyo").start());
    let (first, second) =
        (one.upload(&sample.plugin, X86_64).await, other.upload(&sample.plugin, X86_64).await);
    let result = one.result(&first).await;
    assert_eq!(result.names().last(), Some(&".verification.dify.json"));
    other.completed(&second).await;
    let bytes = one.download(&first).await;
    assert_eq!(sha256(&bytes), sha256(&other.download(&second).await));

    let package = one.ground().join("cwd/out.difypkg");
    std::fs::write(&package, &bytes).unwrap();
    // The time its manifest says it was made: nothing of today is in it.
    let told = format!("4096 1704164645 community {}", result.checksum());
    assert_eq!(judged(&package, &public), told);
    let report = one.report(&first).await;
    assert_eq!(report["signed"], true);
    assert!(report["identifier_out"].as_str().unwrap().ends_with(&result.checksum()), "{report}");
    assert_eq!(report["signing_key"].as_str().unwrap().len(), 64);
    let note = note(&report, "signed");
    assert_eq!(
        note["lines"],
        serde_json::json!([
            "FORCE_VERIFYING_SIGNATURE=true",
            "THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED=true",
            "THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS=/path/plugyard.public.pem"
        ])
    );
    for path in ["/api/v1/signing/public-key", "/dify/api/v1/signing/public-key"] {
        let served = one.get(path).await.expect(200);
        assert_eq!(served.headers["content-type"], "application/x-pem-file");
        assert_eq!(served.body, std::fs::read(&public).unwrap());
    }
    assert!(!one.server().log().contains("PRIVATE KEY"));
}

async fn finished_report(yard: &Yard, task: &str) -> Value {
    yard.completed(task).await;
    yard.report(task).await
}

fn note(report: &Value, kind: &str) -> Value {
    let found = report["notes"].as_array().unwrap().iter().find(|note| note["kind"] == kind);
    found.unwrap_or_else(|| panic!("no note {kind} in {report}")).clone()
}

#[tokio::test]
async fn a_key_or_a_category_is_part_of_what_a_result_is() {
    let (sample, keys) = (Sample::new("rekeyed"), binary::ground());
    let (private, public) = keygen(keys.path()).await;
    let plain = Plan::default().start().await;
    let unsigned = plain.upload(&sample.plugin, X86_64).await;
    assert_eq!(finished_report(&plain, &unsigned).await["signed"], false);
    plain.get("/api/v1/signing/public-key").await.expect(404);
    // The same ground: the unsigned result is in its store, and is not the one that is asked for.
    let mut yard = plain;
    for category in ["community", "partner"] {
        yard.set("PLUGYARD_SIGNING_KEY", &private.display().to_string());
        yard.set("PLUGYARD_SIGNING_CATEGORY", category);
        yard.restart().await;
        let task = yard.upload(&sample.plugin, X86_64).await;
        assert_eq!(finished_report(&yard, &task).await["signed"], true, "{category}");
        let package = yard.ground().join("cwd/out.difypkg");
        std::fs::write(&package, yard.download(&task).await).unwrap();
        assert!(judged(&package, &public).contains(category));
    }
}

#[tokio::test]
async fn verifying_says_who_when_and_what_is_wrong() {
    let (sample, ground) = (Sample::new("checked"), binary::ground());
    let (private, public) = keygen(ground.path()).await;
    let elsewhere = binary::ground();
    let (_, stranger) = keygen(elsewhere.path()).await;
    let cwd = ground.path().join("cwd");
    std::fs::write(cwd.join("checked.difypkg"), sample.plugin.bytes()).unwrap();
    let made = Cli::on(ground.path())
        .args(["repackage", "checked.difypkg", "--platform", X86_64])
        .set("PLUGYARD_SIGNING_KEY", &private.display().to_string())
        .run()
        .await
        .expect(0);
    let package = made.paths()[0].display().to_string();
    let verify = async |file: &str, key: &Path| {
        let key = key.display().to_string();
        let plain = Cli::on(ground.path()).args(["sign", "verify", file, "--key", &key]).run().await;
        let json = Cli::on(ground.path()).args(["sign", "verify", file, "--key", &key, "--json"]).run().await;
        assert_eq!(plain.code, json.code);
        (plain.code, plain.out.clone(), json.json())
    };
    let (code, said, json) = verify(&package, &public).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("signed for community at 2024-01-02T03:04:05Z; the signature is right"), "{said}");
    assert_eq!((&json["verified"], &json["time"]), (&true.into(), &1_704_164_645.into()));
    assert_eq!(json["checksum"], Unpacked::read(&std::fs::read(&package).unwrap()).checksum());

    let (code, said, json) = verify(&package, &stranger).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("another key signed it, or its content was changed afterwards"), "{said}");
    assert_eq!((&json["verified"], &json["category"]), (&false.into(), &"community".into()));

    // One digit of the time, which is signed too.
    let mut bytes = std::fs::read(&package).unwrap();
    let at = bytes.windows(10).rposition(|part| part == b"1704164645").unwrap();
    bytes[at] = b'2';
    std::fs::write(cwd.join("changed.difypkg"), bytes).unwrap();
    assert_eq!(verify("changed.difypkg", &public).await.0, Some(1));

    let (code, said, _) = verify("checked.difypkg", &public).await;
    assert_eq!((code, said.trim()), (Some(1), "checked.difypkg: not verified: it is not signed"));
    let mut hostile = sample.plugin.archive();
    hostile.after = b"more".to_vec();
    std::fs::write(cwd.join("hostile.difypkg"), hostile.bytes()).unwrap();
    let (code, said, _) = verify("hostile.difypkg", &public).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("not verified: Package can be read in more than one way"), "{said}");
}

#[tokio::test]
async fn a_pair_of_keys_is_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = binary::ground();
    let (private, public) = keygen(ground.path()).await;
    let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&private), mode(&public) & 0o600), (0o600, 0o600));
    let before = std::fs::read(&private).unwrap();
    std::fs::remove_file(&public).unwrap();
    let again = Cli::on(ground.path()).args(["sign", "keygen", "--output", "keys"]).run().await.expect(1);
    assert!(again.err.contains("plugyard.private.pem exists already"), "{}", again.err);
    assert_eq!(std::fs::read(&private).unwrap(), before);
    assert!(!public.exists());
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_named_before_any_work() {
    let ground = binary::ground();
    let cwd = ground.path().join("cwd");
    std::fs::write(cwd.join("a.difypkg"), Plugin::new("a").bytes()).unwrap();
    std::fs::write(cwd.join("text.pem"), "not a key\n").unwrap();
    for (key, says) in [("absent.pem", "cannot be read"), ("text.pem", "no RSA private key in PEM form")] {
        let cli = Cli::on(ground.path()).args(["repackage", "a.difypkg"]).set("PLUGYARD_SIGNING_KEY", key);
        let ran = cli.run().await.expect(1);
        assert!(ran.err.contains(key) && ran.err.contains(says), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    let category = Cli::on(ground.path()).args(["repackage", "a.difypkg", "--signing-category", "friends"]);
    let ran = category.run().await.expect(1);
    assert!(ran.err.contains("langgenius, partner or community"), "{}", ran.err);
}
