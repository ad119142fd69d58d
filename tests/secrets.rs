//! Secrets stay secret: whatever was used, nothing of it stands in the database, the log, the metrics or an answer, in
//! any writing; what is erased cannot be read again; the master key can be changed under a running server.

mod erasure;
mod rotation;
mod sinks;

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use plugyard_tests::{Cluster, Yard};

/// A text that must not be found, in every writing that a dump or a log could hold it in.
fn writings(secret: &[u8]) -> Vec<String> {
    let hexadecimal = hex::encode(secret);
    let pairs: Vec<String> = secret.iter().map(|byte| format!("%{byte:02X}")).collect();
    let percent = pairs.concat();
    let mut writings = vec![hexadecimal.to_uppercase(), hexadecimal, percent.to_lowercase(), percent];
    if let Ok(text) = std::str::from_utf8(secret) {
        writings.push(text.to_owned());
        writings.push(text.replace(':', "%3A").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
        writings.push(text.replace(' ', "%20"));
        writings.push(text.replace(' ', "+"));
    }
    // Inside a longer text, Base64 depends on where it begins; the letters at both ends mix with their neighbours.
    for before in 0..3 {
        let shifted = [vec![0; before], secret.to_vec()].concat();
        let whole = shifted.len() / 3 * 3;
        for written in
            [BASE64_STANDARD.encode(&shifted[..whole]), BASE64_URL_SAFE_NO_PAD.encode(&shifted[..whole])]
        {
            let own = if before == 0 { 0 } else { 4 };
            writings.push(written[own..].to_owned());
        }
    }
    writings.retain(|writing| writing.len() >= 8);
    writings.sort();
    writings.dedup();
    writings
}

/// Which of the secrets stand in the text.
fn found<'a>(secrets: &'a [(String, Vec<u8>)], text: &str) -> Vec<&'a str> {
    let stands = |secret: &[u8]| writings(secret).iter().any(|writing| text.contains(writing));
    secrets.iter().filter(|(_, secret)| stands(secret)).map(|(name, _)| name.as_str()).collect()
}

/// Everything in the database, as an operator would carry it away.
fn dump(yard: &Yard) -> String {
    let url = format!("--dbname={}", yard.database().url);
    let dumped = Cluster::shared().client("pg_dump").arg(url).output().expect("pg_dump runs");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let text = String::from_utf8_lossy(&dumped.stdout).into_owned();
    assert!(text.contains("ApiKeyIssued") || text.contains("AccountRegistered"), "a dump of this story");
    text
}

#[test]
fn a_secret_is_found_in_whatever_writing() {
    let secret = b"correct horse".to_vec();
    let secrets = [("it".to_owned(), secret.clone())];
    let encoded = |before: &str| BASE64_STANDARD.encode(format!("{before}correct horse:after"));
    for text in [
        "a correct horse",
        "636f727265637420686f727365",
        "correct%20horse",
        "correct+horse",
        &encoded(""),
        &encoded("a"),
        &encoded("ab"),
        &encoded("abc"),
    ] {
        assert_eq!(found(&secrets, text), ["it"], "{text}");
    }
    assert!(found(&secrets, "a wrong horse").is_empty());
}
