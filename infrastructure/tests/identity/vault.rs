//! The vault: what is sealed opens as what it is, on every node, until its subject is erased.

use std::time::{Duration, Instant};

use application::{
    error::Kind,
    ports::vault::{Opened, Vault},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::values::Sealed;
use futures::future::join_all;
use infrastructure::vault::{Keyring, VaultError};

use crate::support::{Yard, open, plain, seal, secret};

#[tokio::test]
async fn what_one_node_has_sealed_another_one_opens() {
    let yard = Yard::fresh().await;
    let (one, other) = (yard.vault().await, yard.vault().await);
    for text in ["hush", "", "grün\0\u{1F512}", &"x".repeat(49_112)] {
        let sealed = seal(&one, "account/1", text).await;
        let stored: Sealed = sealed.to_string().parse().unwrap();
        assert_eq!(open(&other, &stored).await, plain(text));
    }
    let long = one.seal("account/1", "name", &secret(&"x".repeat(49_113))).await;
    assert_eq!(long.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test]
async fn a_value_opens_neither_for_another_use_nor_after_a_change() {
    let yard = Yard::fresh().await;
    let vault = yard.vault().await;
    let sealed = seal(&vault, "account/1", "hush").await;
    let other = seal(&vault, "account/2", "hush").await;
    let refused = |sealed: Sealed, use_: &'static str| {
        let vault = &vault;
        async move { vault.open(&sealed, use_).await.unwrap_err().kind == Kind::Unavailable }
    };
    assert!(refused(sealed.clone(), "password").await);
    assert!(refused(Sealed::new(sealed.key(), other.text().to_owned()).unwrap(), "name").await);
    assert!(refused(Sealed::new(other.key(), sealed.text().to_owned()).unwrap(), "name").await);
    assert!(refused(Sealed::new(sealed.key(), "AAAA".to_owned()).unwrap(), "name").await);
    assert!(refused(Sealed::new(uuid::Uuid::new_v4(), sealed.text().to_owned()).unwrap(), "name").await);
    assert_eq!(open(&vault, &sealed).await, plain("hush"));
}

#[tokio::test]
async fn a_key_that_was_moved_to_another_subject_opens_nothing() {
    let yard = Yard::fresh().await;
    let vault = yard.vault().await;
    let sealed = seal(&vault, "account/1", "hush").await;
    seal(&vault, "account/2", "hush").await;
    yard.execute(
        "update es.subject_keys set wrapped = (select wrapped from es.subject_keys where subject = 'account/2')
          where subject = 'account/1'",
    )
    .await;
    let refused = yard.vault().await.open(&sealed, "name").await.unwrap_err();
    assert_eq!(refused.kind, Kind::Unavailable);
    assert!(!refused.message.contains(&sealed.key().to_string()), "{refused}");
}

#[tokio::test]
async fn an_erased_subject_is_erased_on_every_node_within_two_seconds_and_for_good() {
    let yard = Yard::fresh().await;
    let (one, other) = (yard.vault().await, yard.vault().await);
    let sealed = seal(&one, "account/1", "hush").await;
    let neighbour = seal(&one, "account/2", "hush").await;
    assert_eq!(open(&other, &sealed).await, plain("hush"));
    assert!(one.erase("account/1").await.unwrap());
    let began = Instant::now();
    assert_eq!(open(&one, &sealed).await, Opened::Erased);
    assert_eq!(one.open(&sealed, "name").await.unwrap().shown(), "[erased]");
    while open(&other, &sealed).await != Opened::Erased {
        assert!(began.elapsed() < Duration::from_secs(2));
        tokio::task::yield_now().await;
    }
    assert!(!other.erase("account/1").await.unwrap(), "there is nothing left to erase");
    for vault in [&one, &other, &yard.vault().await] {
        let again = vault.seal("account/1", "name", &secret("hush")).await.unwrap_err();
        assert_eq!(again.kind, Kind::Conflict);
    }
    assert_eq!(open(&one, &neighbour).await, plain("hush"));
}

#[tokio::test]
async fn a_subject_that_was_erased_before_it_had_a_key_never_gets_one() {
    let yard = Yard::fresh().await;
    let vault = yard.vault().await;
    assert!(!vault.erase("account/1").await.unwrap());
    assert_eq!(vault.seal("account/1", "name", &secret("x")).await.unwrap_err().kind, Kind::Conflict);
}

#[tokio::test]
async fn the_services_own_key_is_nobodys_to_use_or_to_erase() {
    let yard = Yard::fresh().await;
    let vault = yard.vault().await;
    assert_eq!(vault.erase("yard").await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(vault.seal("yard", "name", &secret("x")).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_make_the_key_of_one_subject_at_once_end_with_one_key() {
    let yard = Yard::fresh().await;
    let nodes = join_all((0..4).map(|_| yard.vault())).await;
    let sealing = (0..40).map(|n| {
        let vault = &nodes[n % nodes.len()];
        async move { seal(vault, "account/1", "hush").await }
    });
    let sealed = join_all(sealing).await;
    assert!(sealed.iter().all(|one| one.key() == sealed[0].key()));
    for vault in &nodes {
        for sealed in &sealed {
            assert_eq!(open(vault, sealed).await, plain("hush"));
        }
    }
}

#[tokio::test]
async fn derived_keys_are_the_same_everywhere_and_differ_by_purpose() {
    let yard = Yard::fresh().await;
    let (one, other) = tokio::join!(yard.vault(), yard.vault());
    let derived = one.derived_key("sessions").await.unwrap();
    assert_eq!(other.derived_key("sessions").await.unwrap(), derived);
    assert_ne!(one.derived_key("account-names").await.unwrap(), derived);
    let stranger = Yard::fresh().await.vault().await;
    assert_ne!(stranger.derived_key("sessions").await.unwrap(), derived);
}

#[tokio::test]
async fn a_wrong_master_key_is_refused_at_the_start_and_named() {
    let yard = Yard::fresh().await;
    seal(&yard.vault().await, "account/1", "hush").await;
    let wrong = Keyring::given("07".repeat(32).parse().unwrap(), None).unwrap();
    let Err(refused) = yard.try_vault(wrong).await else { panic!("a wrong key was taken") };
    let needed = &yard.keyring().ids()[0];
    assert!(matches!(&refused, VaultError::UnknownMaster { master, .. } if master == needed), "{refused}");
    assert!(refused.to_string().contains("PLUGYARD_SECRET_KEY"), "{refused}");
    // Some rows of a key that is not here are as bad as all.
    yard.execute("update es.subject_keys set master_id = 'feedfeedfeedfeed' where subject = 'account/1'")
        .await;
    let Err(refused) = yard.try_vault(yard.keyring()).await else { panic!("a row does not open") };
    assert!(refused.to_string().contains("feedfeedfeedfeed"), "{refused}");
}

#[tokio::test]
async fn nothing_sealed_stands_in_the_database_in_any_form() {
    let yard = Yard::fresh().await;
    let vault = yard.vault().await;
    let sealed = seal(&vault, "account/1", "correct horse battery").await;
    let derived = vault.derived_key("sessions").await.unwrap();
    let master = std::fs::read_to_string(yard.key_file()).unwrap();
    let dump: String = yard
        .scalar(
            "select string_agg(k::text || ' ' || encode(wrapped, 'base64') || encode(wrapped, 'escape'), ' ')
                   from es.subject_keys k",
        )
        .await;
    let dump = format!("{dump} {sealed}");
    for secret in [
        b"correct horse battery".as_slice(),
        derived.reveal(),
        &BASE64_STANDARD.decode(master.trim()).unwrap(),
    ] {
        for form in
            [hex::encode(secret), BASE64_STANDARD.encode(secret), String::from_utf8_lossy(secret).into()]
        {
            assert!(!dump.contains(&form), "{form}");
        }
    }
    assert!(dump.contains("account/1"));
}
