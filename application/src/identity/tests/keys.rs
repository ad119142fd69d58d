use std::{collections::BTreeSet, time::Duration};

use domain::values::{Allowance, Scope};

use super::*;
use crate::{
    failure::Reason,
    principal::Proof,
    secret_text::{SecretKind, fingerprint},
};

#[tokio::test]
async fn a_key_is_shown_once_and_only_its_hash_is_kept() {
    let ground = Ground::new();
    let key = ground.issued("ann", Dialect::Langbot, Role::Publisher).await;
    assert_eq!(SecretKind::read(key.secret.reveal()), Some(SecretKind::LangbotKey));
    assert!(key.position.is_some());
    let kept = ground.identity.key(&Principal::bootstrap(), key.id).await.unwrap().view;
    assert_eq!(kept.secret_sha256, fingerprint(key.secret.reveal()));
    assert_eq!((kept.role, kept.scopes), (Role::Publisher, Role::Publisher.scopes()));
    assert!(!format!("{key:?}").contains(key.secret.reveal()), "no debug line shows it");
}

#[tokio::test]
async fn two_names_are_two_owners_and_one_name_is_one_however_it_is_written() {
    let ground = Ground::new();
    let first = ground.issued("Ann", Dialect::Nexus, Role::User).await.account;
    assert_eq!(ground.issued("aNN", Dialect::Backstage, Role::User).await.account, first);
    assert_ne!(ground.issued("bob", Dialect::Nexus, Role::User).await.account, first);
    let name = ground.identity.name_of(Some(first)).await.unwrap();
    assert_eq!(name.as_deref(), Some("Ann"));
}

#[tokio::test]
async fn nobody_issues_more_than_they_have() {
    let ground = Ground::new();
    let user = ground.holder("ann", Role::User).await;
    let own = |dialect, role| KeyWish { owner: None, ..wish("ann", dialect, role) };
    let modest = own(Dialect::Nexus, Role::User);
    let beyond = [
        own(Dialect::Nexus, Role::Publisher),
        own(Dialect::Nexus, Role::Admin),
        own(Dialect::Backstage, Role::User),
        wish("ann", Dialect::Nexus, Role::User),
        wish("bob", Dialect::Nexus, Role::User),
        KeyWish { scopes: Some(BTreeSet::from([Scope::Admin])), ..modest.clone() },
        KeyWish { allowance: Allowance::new(1_000_000, 1), ..modest.clone() },
    ];
    for wish in beyond {
        let refused = ground.identity.issue(&user, wish.clone(), caller()).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Forbidden, "{wish:?}");
    }
    let made = ground.identity.issue(&user, modest.clone(), caller()).await.unwrap();
    assert_eq!(Some(made.account), user.account);

    let reader = Principal { scopes: BTreeSet::from([Scope::Read]), ..user };
    let refused = ground.identity.issue(&reader, modest.clone(), caller()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden, "issuing is writing");
    let refused = ground.identity.issue(&Principal::anonymous(), modest, caller()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn what_a_lent_key_makes_does_not_outlive_it_and_a_session_lends_as_it_likes() {
    let ground = Ground::new();
    let end = ground.identity.clock.now() + chrono::TimeDelta::hours(1);
    let session = Principal { proof: Proof::Session, ..ground.holder("ann", Role::User).await };
    let token = Principal { proof: Proof::Token, expires_at: Some(end), ..session.clone() };
    let own = |expires_at| KeyWish { owner: None, expires_at, ..wish("ann", Dialect::Nexus, Role::User) };
    let beyond = own(Some(end + chrono::TimeDelta::seconds(1)));
    let refused = ground.identity.issue(&token, beyond, caller()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
    let made = ground.identity.issue(&token, own(None), caller()).await.unwrap();
    assert_eq!(made.expires_at, Some(end), "whoever names no end gets the lender's");
    ground.identity.issue(&token, own(Some(end)), caller()).await.unwrap();
    let session = Principal { expires_at: Some(end), ..session };
    let made = ground.identity.issue(&session, own(None), caller()).await.unwrap();
    assert_eq!(made.expires_at, None);
}

#[tokio::test]
async fn an_admin_of_one_dialect_makes_keys_for_that_one_alone() {
    let ground = Ground::new();
    let admin = ground.holder("root", Role::Admin).await;
    for beyond in [vec![Dialect::Langbot], vec![Dialect::Nexus, Dialect::Langbot]] {
        let wish =
            KeyWish { dialects: beyond.into_iter().collect(), ..wish("ann", Dialect::Nexus, Role::Admin) };
        let refused = ground.identity.issue(&admin, wish.clone(), caller()).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Forbidden, "{wish:?}");
    }
    ground.identity.issue(&admin, wish("ann", Dialect::Nexus, Role::Admin), caller()).await.unwrap();
}

#[tokio::test]
async fn owning_a_key_makes_nobody_more_than_a_user() {
    let ground = Ground::new();
    let admin = Principal {
        scopes: Role::Admin.scopes().into_iter().filter(|scope| *scope != Scope::Admin).collect(),
        ..ground.holder("root", Role::Admin).await
    };
    let wish = KeyWish { scopes: Some([Scope::Write].into()), ..wish("ann", Dialect::Nexus, Role::Admin) };
    let key = ground.identity.issue(&admin, wish, caller()).await.unwrap();
    assert_eq!(key.role, Role::Admin, "the key has what was asked for");
    let account = ground.identity.accounts.account(key.account).await.unwrap().unwrap();
    assert_eq!(account.role, Role::User);
    let id = ground.with_password("ann", "correct horse").await;
    assert_eq!(id, key.account);
    assert_eq!(ground.log_in("ann", "correct horse").await.unwrap().role, Role::User);
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_in_words() {
    let ground = Ground::new();
    let usual = wish("ann", Dialect::Nexus, Role::User);
    let nonsense = [
        KeyWish { dialects: BTreeSet::new(), ..usual.clone() },
        KeyWish { dialects: BTreeSet::from([Dialect::Cli]), ..usual.clone() },
        KeyWish { expires_at: Some(chrono::DateTime::UNIX_EPOCH), ..usual.clone() },
        KeyWish { expires_at: Some("+10000-01-01T00:00:00Z".parse().unwrap()), ..usual.clone() },
        KeyWish { label: Some(String::new()), ..usual.clone() },
        KeyWish { label: Some("a\nb".to_owned()), ..usual.clone() },
        KeyWish { label: Some("x".repeat(201)), ..usual.clone() },
        KeyWish { scopes: Some(BTreeSet::new()), ..usual.clone() },
        KeyWish { scopes: Some(BTreeSet::from([Scope::Admin])), ..usual.clone() },
        KeyWish { owner: None, ..usual.clone() },
    ];
    for wish in nonsense {
        let refused =
            ground.identity.issue(&Principal::bootstrap(), wish.clone(), caller()).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid, "{wish:?}");
    }
    let (accounts, _) = ground.identity.accounts(&Principal::bootstrap(), 10, 0).await.unwrap();
    assert_eq!(accounts, [], "nobody was registered for a key that was refused");
    for name in ["", "a b", "-a", "ä", "a\0", &"x".repeat(65)] {
        assert!(name.parse::<AccountName>().is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn a_repeat_is_answered_with_the_same_secret_and_another_wish_with_a_refusal() {
    let ground = Ground::new();
    let expires_at = Some(chrono::DateTime::UNIX_EPOCH + Duration::from_mins(1));
    let first = KeyWish { expires_at, ..wish("ann", Dialect::Nexus, Role::User) };
    let issue = async |wish: &KeyWish, hash| {
        ground.identity.issue(&Principal::bootstrap(), wish.clone(), repeated(hash)).await
    };
    let made = issue(&first, 1).await.unwrap();
    // The same request a little later: what lasts a minute ends a little later.
    let later = KeyWish { expires_at: expires_at.map(|end| end + Duration::from_secs(5)), ..first };
    let again = issue(&later, 1).await.unwrap();
    assert_eq!(again, IssuedKey { position: None, ..made });
    assert_eq!(ground.live_keys().await, 1);
    let other = issue(&later, 2).await.unwrap_err();
    assert_eq!((other.kind, other.reason), (Kind::Invalid, Some(Reason::IdempotencyKeyReused)));
    let foreign = issue(&wish("bob", Dialect::Nexus, Role::User), 2).await.unwrap_err();
    assert_eq!(foreign.reason, Some(Reason::IdempotencyKeyReused));
    let (_, accounts) = ground.identity.accounts(&Principal::bootstrap(), 10, 0).await.unwrap();
    assert_eq!(accounts, 1, "nobody was registered for it");
    ground.registry.passes(Duration::from_hours(1));
    assert_eq!(issue(&later, 1).await.unwrap(), again, "although nobody could have it now");
}

#[tokio::test]
async fn a_repeat_gives_nobody_what_he_may_not_ask_for() {
    let ground = Ground::new();
    let holder = ground.holder("ann", Role::User).await;
    let own = KeyWish { owner: None, ..wish("ann", Dialect::Nexus, Role::User) };
    ground.identity.issue(&holder, own.clone(), repeated(1)).await.unwrap();
    let end = ground.identity.clock.now() + chrono::TimeDelta::hours(1);
    let lent = Principal { expires_at: Some(end), ..holder.clone() };
    let reader = Principal { scopes: [Scope::Read].into(), ..holder };
    for less in [lent, reader] {
        let refused = ground.identity.issue(&less, own.clone(), repeated(1)).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Forbidden, "{less:?}");
    }
}

#[tokio::test]
async fn a_repeat_for_an_erased_account_reveals_nothing() {
    let ground = Ground::new();
    let wish = wish("ann", Dialect::Nexus, Role::User);
    let issue = async || ground.identity.issue(&Principal::bootstrap(), wish.clone(), repeated(1)).await;
    let account = issue().await.unwrap().account;
    ground.identity.erase(&Principal::bootstrap(), account, "asked to", &caller()).await.unwrap();
    assert_eq!(issue().await.unwrap_err().kind, Kind::Conflict);
}

#[tokio::test]
async fn a_foreign_key_looks_as_if_it_were_not_there() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::Publisher).await;
    let foreign = ground.issued("bob", Dialect::Nexus, Role::User).await.id;
    let unknown = KeyId(uuid::Uuid::nil());
    for id in [foreign, unknown] {
        let read = ground.identity.key(&ann, id).await.unwrap_err();
        let revoked = ground.identity.revoke(&ann, id, "mine now", caller()).await.unwrap_err();
        assert_eq!((&read, &revoked), (&Error::not_found(NO_KEY), &Error::not_found(NO_KEY)));
        let nobody = ground.identity.revoke(&Principal::anonymous(), id, "x", caller()).await.unwrap_err();
        assert_eq!(nobody.kind, Kind::Unauthenticated, "whether it is there or not");
    }
    assert_eq!(ground.live_keys().await, 2);
    let listed = ground.identity.keys(&ann, 10, 0).await.unwrap();
    assert_eq!((listed.total, listed.keys[0].view.id), (1, ann.key.unwrap()));
    assert!(ground.identity.keys(&Principal::anonymous(), 10, 0).await.is_err());
}

#[tokio::test]
async fn revoking_twice_is_revoking_once() {
    let ground = Ground::new();
    let ann = ground.holder("ann", Role::User).await;
    let id = ann.key.unwrap();
    assert!(ground.identity.revoke(&ann, id, "lost", caller()).await.unwrap().is_some());
    assert_eq!(ground.identity.revoke(&ann, id, "lost", caller()).await.unwrap(), None);
    assert_eq!(ground.live_keys().await, 0);
    for reason in ["", "a\u{1b}[2J", &"x".repeat(201)] {
        let refused = ground.identity.revoke(&ann, id, reason, caller()).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid, "{reason:?}");
    }
}

#[tokio::test]
async fn a_label_is_sealed_shown_to_whoever_sees_the_key_and_erased_with_the_account() {
    let ground = Ground::new();
    let label = Some("ann's telephone".to_owned());
    let wish = KeyWish { label: label.clone(), ..wish("ann", Dialect::Nexus, Role::User) };
    let root = Principal::bootstrap();
    let made = ground.identity.issue(&root, wish.clone(), repeated(1)).await.unwrap();
    assert_eq!(made.label, label);
    assert_eq!(ground.identity.issue(&root, wish, repeated(1)).await.unwrap().label, label);
    let kept = ground.identity.keys.by_id(made.id).await.unwrap().unwrap().label.unwrap();
    assert!(!kept.to_string().contains("telephone"), "{kept}");
    assert_eq!(ground.identity.key(&root, made.id).await.unwrap().label, label);
    ground.identity.erase(&root, made.account, "asked to", &caller()).await.unwrap();
    let page = ground.identity.keys(&root, 10, 0).await.unwrap();
    assert_eq!(page.keys[0].label.as_deref(), Some("[erased]"));
}
