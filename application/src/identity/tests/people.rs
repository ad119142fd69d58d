use super::*;

#[tokio::test]
async fn a_login_gives_a_session_with_the_role_of_the_account() {
    let ground = Ground::new();
    let account = ground.with_password("ann", "correct horse").await;
    let session = ground.log_in("ANN", "correct horse").await.unwrap();
    assert_eq!((session.account, session.role), (account, Role::User));
    let key = ground.identity.key(&Principal::bootstrap(), session.session).await.unwrap().view;
    assert_eq!(key.expires_at, Some(chrono::DateTime::UNIX_EPOCH + REFRESH_LASTS));
    let shown = format!("{session:?}");
    assert!(!shown.contains(session.access.reveal()) && !shown.contains(session.refresh.reveal()));
}

#[tokio::test]
async fn an_unknown_name_a_wrong_password_and_no_name_at_all_sound_the_same() {
    let ground = Ground::new();
    ground.with_password("ann", "correct horse").await;
    ground.issued("without-password", Dialect::Nexus, Role::User).await;
    let wrong = ground.log_in("ann", "wrong horse").await.unwrap_err();
    assert_eq!(wrong.kind, Kind::Unauthenticated);
    for name in ["bob", "without-password", "", "no name\0", "-"] {
        assert_eq!(ground.log_in(name, "correct horse").await.unwrap_err(), wrong, "{name:?}");
        assert_eq!(ground.log_in(name, "").await.unwrap_err(), wrong, "{name:?}");
    }
    assert_eq!(ground.live_keys().await, 1, "no session was begun");
}

#[tokio::test]
async fn the_secret_of_a_session_gets_new_tokens_once() {
    let ground = Ground::new();
    ground.with_password("ann", "correct horse").await;
    let first = ground.log_in("ann", "correct horse").await.unwrap();
    let refresh = async |secret: &Secret, dialect| ground.identity.refresh(secret, dialect, caller()).await;
    assert!(refresh(&first.refresh, Dialect::Langbot).await.is_err(), "of another dialect");
    let second = refresh(&first.refresh, Dialect::Nexus).await.unwrap();
    assert_eq!(second.session, first.session);
    assert_ne!(second.refresh, first.refresh);
    let used = refresh(&first.refresh, Dialect::Nexus).await.unwrap_err();
    assert_eq!(used, refused());
    assert_eq!(refresh(&first.access, Dialect::Nexus).await.unwrap_err(), refused());
    assert!(refresh(&second.refresh, Dialect::Nexus).await.is_ok(), "the new one is good");
}

#[tokio::test]
async fn of_two_renewals_with_one_secret_one_gets_tokens() {
    let ground = Ground::new();
    ground.with_password("ann", "correct horse").await;
    let session = ground.log_in("ann", "correct horse").await.unwrap();
    // Both have read the session before either wrote.
    let used_sha256 = crate::secret_text::fingerprint(session.refresh.reveal());
    let command = |byte| ApiKeyCommand::Refresh {
        used_sha256: used_sha256.clone(),
        secret_sha256: domain::values::Digest::of_bytes([byte; 32]),
        expires_at: chrono::DateTime::UNIX_EPOCH,
    };
    let write = async |byte| {
        let (id, command) = (session.session, command(byte));
        ground.identity.command_key(id, command, caller(), "refresh", serde_json::Value::Null).await
    };
    assert!(write(1).await.is_ok());
    assert_eq!(write(2).await.unwrap_err(), refused());
}

#[tokio::test]
async fn an_ended_session_is_not_renewed() {
    let ground = Ground::new();
    ground.with_password("ann", "correct horse").await;
    let ended = ground.log_in("ann", "correct horse").await.unwrap();
    let principal = Principal::of(&ground.identity.keys.by_id(ended.session).await.unwrap().unwrap());
    ground.identity.log_out(&principal, caller()).await.unwrap();
    let late = ground.log_in("ann", "correct horse").await.unwrap();
    ground.registry.passes(REFRESH_LASTS);
    for session in [ended, late] {
        let renewed = ground.identity.refresh(&session.refresh, Dialect::Nexus, caller()).await;
        assert_eq!(renewed.unwrap_err(), refused());
    }
    for without in [Principal::bootstrap(), ground.holder("ann", Role::User).await] {
        let nothing = ground.identity.log_out(&without, caller()).await.unwrap_err();
        assert_eq!(nothing.kind, Kind::Invalid, "a key is not revoked by the way");
    }
}

#[tokio::test]
async fn a_new_password_or_role_ends_sessions_and_leaves_keys() {
    let ground = Ground::new();
    let set = async |role, password: Option<&str>| {
        let (name, password) = ("ann".parse().unwrap(), password.map(|text| text.to_owned().into()));
        ground.identity.set_account(&Principal::bootstrap(), &name, role, password, &caller()).await
    };
    set(None, Some("correct horse")).await.unwrap();
    ground.issued("ann", Dialect::Nexus, Role::User).await;
    ground.log_in("ann", "correct horse").await.unwrap();
    assert_eq!(ground.live_keys().await, 2);
    set(Some(Role::User), None).await.unwrap();
    assert_eq!(ground.live_keys().await, 2, "nothing was changed");
    set(Some(Role::Admin), None).await.unwrap();
    assert_eq!(ground.live_keys().await, 1);
    assert_eq!(ground.log_in("ann", "correct horse").await.unwrap().role, Role::Admin);
    set(None, Some("another horse")).await.unwrap();
    assert_eq!(ground.live_keys().await, 1);
    assert!(ground.log_in("ann", "correct horse").await.is_err());
    assert_eq!(ground.log_in("ann", "another horse").await.unwrap().role, Role::Admin, "it keeps its role");
    for password in ["seven..", &"x".repeat(1_025)] {
        assert_eq!(set(None, Some(password)).await.unwrap_err().kind, Kind::Invalid);
    }
}

#[tokio::test]
async fn an_erased_account_has_no_name_no_keys_and_no_way_in() {
    let ground = Ground::new();
    let account = ground.with_password("ann", "correct horse").await;
    ground.issued("ann", Dialect::Nexus, Role::User).await;
    ground.log_in("ann", "correct horse").await.unwrap();
    let other = ground.issued("bob", Dialect::Nexus, Role::User).await;
    ground.identity.erase(&Principal::bootstrap(), account, "asked to", &caller()).await.unwrap();
    assert_eq!(ground.live_keys().await, 1);
    assert!(ground.identity.key(&Principal::bootstrap(), other.id).await.unwrap().view.revoked_at.is_none());
    let wrong = ground.log_in("nobody", "correct horse").await.unwrap_err();
    assert_eq!(ground.log_in("ann", "correct horse").await.unwrap_err(), wrong);
    assert_eq!(ground.identity.name_of(Some(account)).await.unwrap().as_deref(), Some("[erased]"));
    let (named, total) = ground.identity.accounts(&Principal::bootstrap(), 10, 0).await.unwrap();
    assert_eq!(total, 2);
    assert!(named.iter().any(|account| account.name == "[erased]"));
    let wish = wish("ann", Dialect::Nexus, Role::User);
    let again = ground.identity.issue(&Principal::bootstrap(), wish, caller()).await.unwrap_err();
    assert_eq!(again.kind, Kind::Conflict);
    let twice = ground.identity.erase(&Principal::bootstrap(), account, "asked to", &caller()).await;
    assert_eq!(twice, Ok(None));
}

#[tokio::test]
async fn only_an_admin_sees_and_changes_accounts_and_anybody_erases_their_own() {
    let ground = Ground::new();
    let (ann, bob) = (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::User).await);
    assert_eq!(ground.identity.accounts(&ann, 10, 0).await.unwrap_err().kind, Kind::Forbidden);
    let name = "ann".parse().unwrap();
    let raised = ground.identity.set_account(&ann, &name, Some(Role::Admin), None, &caller()).await;
    assert_eq!(raised.unwrap_err().kind, Kind::Forbidden);
    let foreign = ground.identity.erase(&ann, bob.account.unwrap(), "why not", &caller()).await;
    assert_eq!(foreign.unwrap_err(), Error::not_found(NO_ACCOUNT));
    assert!(ground.identity.erase(&ann, ann.account.unwrap(), "leaving", &caller()).await.is_ok());
    assert_eq!(ground.live_keys().await, 1);
}
