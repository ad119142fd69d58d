use std::sync::LazyLock;

use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

use super::*;

const KEY: [u8; 32] = [7; 32];
const HS256: hmac::Algorithm = hmac::HMAC_SHA256;

static TOKENS: LazyLock<JwtTokens> = LazyLock::new(|| JwtTokens::new(KEY));

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000 + second, 0).unwrap()
}

fn claims() -> Claims {
    Claims {
        session: KeyId(Uuid::from_u128(1)),
        account: AccountId(Uuid::from_u128(2)),
        role: Role::Publisher,
        dialect: Dialect::Nexus,
        issued_at: at(0),
        expires_at: at(3600),
    }
}

fn header() -> Value {
    json!({"typ": "JWT", "alg": "HS256", "kid": TOKENS.key_id})
}

fn body() -> Value {
    json!({
        "iss": "plugyard", "aud": "nexus", "sub": claims().account, "sid": claims().session, "role": "publisher",
        "iat": 1_000_000, "exp": 1_003_600, "jti": Uuid::from_u128(3),
    })
}

/// Signed with the right key, whatever it says.
fn signed(header: &str, body: &str) -> String {
    signed_by(HS256, &KEY, header, body)
}

fn signed_by(algorithm: hmac::Algorithm, key: &[u8], header: &str, body: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(body));
    let tag = hmac::sign(&hmac::Key::new(algorithm, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn with(object: Value, name: &str, value: Value) -> String {
    let mut object = object;
    object[name] = value;
    object.to_string()
}

fn without(object: Value, name: &str) -> String {
    let mut object = object;
    object.as_object_mut().unwrap().remove(name);
    object.to_string()
}

fn read(token: &str) -> Option<Claims> {
    TOKENS.read(token, Some(Dialect::Nexus), at(60)).unwrap()
}

#[test]
fn what_was_signed_reads_as_it_was_said_and_a_twin_on_another_node_takes_it() {
    let token = TOKENS.sign(&claims()).unwrap();
    assert_eq!(read(token.reveal()), Some(claims()));
    assert_eq!(JwtTokens::new(KEY).read(token.reveal(), None, at(60)).unwrap(), Some(claims()));
    assert_eq!(JwtTokens::new([8; 32]).read(token.reveal(), None, at(60)).unwrap(), None);
    assert_ne!(TOKENS.sign(&claims()).unwrap(), token, "no two are alike");
    assert!(token.reveal().len() < 600, "{}", token.reveal().len());
}

#[test]
fn the_forger_of_these_tests_forges_well() {
    assert_eq!(read(&signed(&header().to_string(), &body().to_string())), Some(claims()));
}

#[test]
fn a_token_is_good_in_its_dialect_alone() {
    let token = TOKENS.sign(&claims()).unwrap();
    for dialect in Dialect::WITH_CREDENTIALS {
        let good = TOKENS.read(token.reveal(), Some(dialect), at(60)).unwrap().is_some();
        assert_eq!(good, dialect == Dialect::Nexus, "{dialect:?}");
    }
    for audience in [json!("dify"), json!("yard"), json!("Nexus"), json!(["nexus"]), json!(null), json!("")] {
        let token = signed(&header().to_string(), &with(body(), "aud", audience.clone()));
        assert_eq!(TOKENS.read(&token, None, at(60)).unwrap(), None, "{audience}");
    }
}

#[test]
fn a_token_ends_on_its_second_and_begins_a_minute_early_at_most() {
    let token = TOKENS.sign(&claims()).unwrap();
    let good = |second| TOKENS.read(token.reveal(), None, at(second)).unwrap().is_some();
    assert_eq!([-61, -60, 0, 3599, 3600].map(good), [false, true, true, true, false]);
}

#[test]
fn another_algorithm_is_refused_however_it_is_signed() {
    let said = |alg: &str| with(header(), "alg", json!(alg));
    let body = body().to_string();
    for alg in ["none", "None", "NONE", "", "hs256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"] {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(said(alg)), URL_SAFE_NO_PAD.encode(&body));
        for token in [format!("{message}."), message.clone(), signed(&said(alg), &body)] {
            assert_eq!(read(&token), None, "{alg}");
        }
    }
    assert_eq!(read(&signed_by(hmac::HMAC_SHA512, &KEY, &said("HS512"), &body)), None);
    assert_eq!(read(&signed_by(hmac::HMAC_SHA512, &KEY, &said("HS256"), &body)), None);
    assert_eq!(read(&signed_by(HS256, b"", &said("HS256"), &body)), None);
}

#[test]
fn the_provider_makes_no_other_algorithm() {
    let (signing, verifying) = (EncodingKey::from_secret(&KEY), DecodingKey::from_secret(&KEY));
    let good = || jsonwebtoken::crypto::verify("", b"", &verifying, Algorithm::HS256);
    assert_eq!(good(), Ok(false));
    for other in [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        assert!(jsonwebtoken::crypto::sign(b"", &signing, other).is_err(), "{other:?}");
        assert!(jsonwebtoken::crypto::verify("", b"", &verifying, other).is_err(), "{other:?}");
    }
}

#[test]
fn a_header_with_anything_but_type_algorithm_and_our_key_is_refused() {
    let body = body().to_string();
    let own = URL_SAFE_NO_PAD.encode(KEY);
    for (name, value) in [
        ("kid", json!("0000000000000000")),
        ("kid", json!("../../dev/null")),
        ("kid", json!(null)),
        ("typ", json!("at+jwt")),
        ("typ", json!(null)),
        ("jku", json!("https://example.com/keys")),
        ("jwk", json!({"kty": "oct", "k": own})),
        ("x5u", json!("https://example.com/cert")),
        ("x5c", json!([])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("x", json!(1)),
    ] {
        assert_eq!(read(&signed(&with(header(), name, value), &body)), None, "{name}");
    }
    for name in ["kid", "typ", "alg"] {
        assert_eq!(read(&signed(&without(header(), name), &body)), None, "{name}");
    }
    let twice = header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(read(&signed(&twice, &body)), None);
}

#[test]
fn a_body_that_lacks_a_claim_or_has_it_in_another_form_is_refused() {
    let header = header().to_string();
    for name in ["iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"] {
        assert_eq!(read(&signed(&header, &without(body(), name))), None, "without {name}");
        let twice = body().to_string().replacen('{', &format!(r#"{{"{name}":{},"#, body()[name]), 1);
        assert_eq!(read(&signed(&header, &twice)), None, "{name} twice");
    }
    for (name, value) in [
        ("iss", json!("other")),
        ("iss", json!(["plugyard", "other"])),
        ("exp", json!("1003600")),
        ("exp", json!(1_003_600.5)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("iat", json!("1000000")),
        ("role", json!("root")),
        ("role", json!("Admin")),
        ("sub", json!("x")),
        ("nbf", json!(0)),
        ("scope", json!("admin")),
    ] {
        assert_eq!(read(&signed(&header, &with(body(), name, value.clone()))), None, "{name}: {value}");
    }
}

#[test]
fn no_bit_of_a_token_can_be_changed() {
    let token = TOKENS.sign(&claims()).unwrap().into_inner();
    for bit in 0..token.len() * 8 {
        let mut other = token.clone().into_bytes();
        other[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = String::from_utf8(other) {
            assert_eq!(read(&other), None, "{bit}");
        }
    }
    for end in 0..token.len() {
        assert_eq!(read(&token[..end]), None, "{end}");
        assert_eq!(read(&token[end + 1..]), None, "{end}");
    }
    for more in ["A", "=", ".", ".A", " ", "\n"] {
        assert_eq!(read(&format!("{token}{more}")), None, "{more:?}");
        assert_eq!(read(&format!("{more}{token}")), None, "{more:?}");
    }
}

#[test]
fn a_long_token_is_not_read() {
    // Good, but for its length.
    let long = format!("{}{}", body(), " ".repeat(LONGEST));
    assert_eq!(read(&signed(&header().to_string(), &long)), None);
    let short = format!("{}{}", body(), " ".repeat(100));
    assert_eq!(read(&signed(&header().to_string(), &short)), Some(claims()));
}

proptest! {
    #[test]
    fn no_text_is_a_token(text: String, parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
        prop_assert_eq!(read(&text), None);
        prop_assert_eq!(read(&parts.join(".")), None);
    }
}
