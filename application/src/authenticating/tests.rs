use domain::values::Role;

use super::*;
use crate::{
    fakes::{BOOTSTRAP, Registry, caller, wish},
    identity::{Identity, IssuedKey, OpenedSession},
    policy::Standing,
};

fn token(text: &str) -> Credential {
    Credential::Token(text.to_owned().into())
}

fn pair(id: &str, secret: &Secret) -> Credential {
    Credential::Pair { id: id.to_owned(), secret: secret.clone() }
}

struct Ground {
    registry: Arc<Registry>,
    authenticating: Arc<Authenticating>,
}

impl Ground {
    fn new() -> Self {
        let registry = Registry::at(DateTime::UNIX_EPOCH);
        Self { authenticating: registry.authenticating(), registry }
    }

    async fn issued(&self, dialect: Dialect, role: Role) -> IssuedKey {
        let identity = self.registry.identity();
        identity.issue(&Principal::bootstrap(), wish("ann", dialect, role), caller()).await.unwrap()
    }

    async fn session(&self, dialect: Dialect) -> OpenedSession {
        let identity = self.registry.identity();
        let (name, password) = ("ann".parse().unwrap(), Some("correct horse".to_owned().into()));
        identity.set_account(&Principal::bootstrap(), &name, None, password, &caller()).await.unwrap();
        identity.log_in("ann", "correct horse".to_owned().into(), dialect, caller()).await.unwrap()
    }

    async fn revoke(&self, id: KeyId) {
        let identity = self.registry.identity();
        identity.revoke(&Principal::bootstrap(), id, "lost", caller()).await.unwrap();
    }

    async fn of(&self, credential: &Credential, dialect: Dialect) -> Result<Principal, Error> {
        self.authenticating.authenticate(credential, dialect).await
    }

    async fn is_refused(&self, credential: &Credential, dialect: Dialect) {
        assert_eq!(self.of(credential, dialect).await, Err(refused()), "{credential:?}");
    }
}

#[tokio::test]
async fn a_key_is_good_where_it_was_issued_for_and_nowhere_else() {
    let ground = Ground::new();
    let key = ground.issued(Dialect::Nexus, Role::Publisher).await;
    let credential = Credential::Token(key.secret.clone());
    for dialect in [Dialect::Nexus, Dialect::Yard] {
        let principal = ground.of(&credential, dialect).await.unwrap();
        assert_eq!((principal.proof, principal.standing), (Proof::Token, Standing::Publisher));
        assert_eq!((principal.account, principal.key), (Some(key.account), Some(key.id)));
    }
    ground.is_refused(&credential, Dialect::Backstage).await;
    let good_for = ground.authenticating.dialects(&credential).await.unwrap();
    assert_eq!(good_for, BTreeSet::from([Dialect::Nexus]));
}

#[tokio::test]
async fn what_proves_nothing_is_refused_without_a_reason() {
    let ground = Ground::new();
    let key = ground.issued(Dialect::Nexus, Role::User).await;
    let unknown = SecretKind::Key.write([9; 32]).into_inner();
    let mut typing_error = key.secret.reveal().clone();
    typing_error.pop();
    for text in ["", "demo", "a.b.c", BOOTSTRAP.trim_end_matches('l'), &unknown, &typing_error] {
        ground.is_refused(&token(text), Dialect::Nexus).await;
    }
}

#[tokio::test]
async fn the_bootstrap_credential_is_admin_everywhere_in_every_form() {
    let ground = Ground::new();
    for credential in [token(BOOTSTRAP), pair("anything", &BOOTSTRAP.to_owned().into())] {
        for dialect in Dialect::WITH_CREDENTIALS {
            let principal = ground.of(&credential, dialect).await.unwrap();
            assert_eq!((principal.proof, principal.standing), (Proof::Bootstrap, Standing::Admin));
        }
    }
    let keys = ground.registry.clone();
    let without = Authenticating::new(keys.clone(), keys.clone(), keys.clone(), keys, None);
    assert_eq!(without.authenticate(&token(BOOTSTRAP), Dialect::Nexus).await, Err(refused()));
    assert_eq!(without.authenticate(&token(""), Dialect::Nexus).await, Err(refused()));
}

#[tokio::test]
async fn a_pair_needs_the_id_of_its_own_key() {
    let ground = Ground::new();
    let (key, other) = (
        ground.issued(Dialect::Inkdrop, Role::User).await,
        ground.issued(Dialect::Inkdrop, Role::User).await,
    );
    let right = pair(&key.id.to_string(), &key.secret);
    assert_eq!(ground.of(&right, Dialect::Inkdrop).await.unwrap().key, Some(key.id));
    for id in [other.id.to_string(), String::new(), "no id".to_owned(), key.id.0.simple().to_string()] {
        ground.is_refused(&pair(&id, &key.secret), Dialect::Inkdrop).await;
    }
}

#[tokio::test]
async fn a_key_ends_when_it_expires_and_when_it_is_revoked() {
    let ground = Ground::new();
    let expires_at = Some(DateTime::UNIX_EPOCH + Duration::from_mins(1));
    let short = crate::identity::KeyWish { expires_at, ..wish("ann", Dialect::Nexus, Role::User) };
    let short =
        ground.registry.identity().issue(&Principal::bootstrap(), short, caller()).await.unwrap().secret;
    let lasting = ground.issued(Dialect::Nexus, Role::User).await;
    let (short, kept) = (Credential::Token(short), Credential::Token(lasting.secret));
    assert!(ground.of(&short, Dialect::Nexus).await.is_ok());
    ground.registry.passes(Duration::from_mins(1));
    ground.is_refused(&short, Dialect::Nexus).await;
    assert!(ground.of(&kept, Dialect::Nexus).await.is_ok());
    ground.revoke(lasting.id).await;
    ground.is_refused(&kept, Dialect::Nexus).await;
}

#[tokio::test]
async fn the_token_of_a_session_is_good_in_its_dialect_until_it_expires() {
    let ground = Ground::new();
    let session = ground.session(Dialect::Nexus).await;
    let access = Credential::Token(session.access.clone());
    let principal = ground.of(&access, Dialect::Nexus).await.unwrap();
    assert_eq!((principal.proof, principal.account), (Proof::Session, Some(session.account)));
    assert_eq!(ground.of(&access, Dialect::Yard).await.unwrap().dialects, BTreeSet::from([Dialect::Nexus]));
    ground.is_refused(&access, Dialect::Langbot).await;
    ground.is_refused(&Credential::Token(session.refresh), Dialect::Nexus).await;
    ground.registry.passes(crate::identity::ACCESS_LASTS);
    ground.is_refused(&access, Dialect::Nexus).await;
}

#[tokio::test]
async fn the_token_of_an_ended_session_is_refused() {
    let ground = Ground::new();
    let session = ground.session(Dialect::Nexus).await;
    let access = Credential::Token(session.access);
    let principal = ground.of(&access, Dialect::Nexus).await.unwrap();
    ground.registry.identity().log_out(&principal, caller()).await.unwrap();
    ground.is_refused(&access, Dialect::Nexus).await;
}

#[tokio::test]
async fn a_ticket_is_good_once_and_for_a_moment() {
    let ground = Ground::new();
    let key = ground.issued(Dialect::Nexus, Role::User).await;
    let principal = ground.of(&Credential::Token(key.secret), Dialect::Nexus).await.unwrap();
    let identity = ground.registry.identity();
    let ticket = Credential::Ticket(identity.ticket(&principal).await.unwrap().secret);
    assert_eq!(ground.of(&ticket, Dialect::Nexus).await.unwrap(), principal);
    ground.is_refused(&ticket, Dialect::Nexus).await;

    let late = Credential::Ticket(identity.ticket(&principal).await.unwrap().secret);
    ground.registry.passes(crate::identity::TICKET_LASTS);
    ground.is_refused(&late, Dialect::Nexus).await;

    let of_operator = identity.ticket(&Principal::bootstrap()).await.unwrap().secret;
    ground.is_refused(&Credential::Token(of_operator.clone()), Dialect::Nexus).await;
    let of_operator = Credential::Ticket(of_operator);
    assert_eq!(ground.of(&of_operator, Dialect::Nexus).await.unwrap(), Principal::bootstrap());

    let revoked = Credential::Ticket(identity.ticket(&principal).await.unwrap().secret);
    ground.revoke(key.id).await;
    ground.is_refused(&revoked, Dialect::Nexus).await;
    assert!(identity.ticket(&Principal::anonymous()).await.is_err());
}

/// Lets whatever is ready run.
async fn settled() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_key_asks_nobody_and_is_forgotten_once_it_is_revoked() {
    let ground = Ground::new();
    let key = ground.issued(Dialect::Nexus, Role::User).await;
    let credential = Credential::Token(key.secret);
    let (hints, stop) = (Signal::default(), CancellationToken::new());
    let following = ground.authenticating.follow(hints.clone(), stop.clone());
    let story = async {
        settled().await;
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(ground.of(&credential, Dialect::Nexus).await.is_ok());
        ground.registry.set_down(true);
        assert!(ground.of(&credential, Dialect::Nexus).await.is_ok(), "from memory");
        tokio::time::advance(Duration::from_millis(1_500)).await;
        let unknown = ground.of(&credential, Dialect::Nexus).await.unwrap_err();
        assert_eq!(unknown.kind, Kind::Unavailable, "nobody can look for revocations");
        ground.registry.set_down(false);

        tokio::time::sleep(LOOK).await;
        assert!(ground.of(&credential, Dialect::Nexus).await.is_ok());
        ground.revoke(key.id).await;
        assert!(ground.of(&credential, Dialect::Nexus).await.is_ok(), "nobody has looked yet");
        hints.raise();
        tokio::time::sleep(BETWEEN_LOOKS * 2).await;
        ground.is_refused(&credential, Dialect::Nexus).await;
        stop.cancel();
    };
    tokio::join!(following, story);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_nobody_hints_at_is_found_in_time() {
    let ground = Ground::new();
    let key = ground.issued(Dialect::Nexus, Role::User).await;
    let credential = Credential::Token(key.secret);
    let stop = CancellationToken::new();
    let following = ground.authenticating.follow(Signal::default(), stop.clone());
    let story = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(ground.of(&credential, Dialect::Nexus).await.is_ok());
        ground.revoke(key.id).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ground.is_refused(&credential, Dialect::Nexus).await;
        stop.cancel();
    };
    tokio::join!(following, story);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_revokes_a_key_refuses_it_from_its_next_request_on() {
    let ground = Ground::new();
    let key = ground.issued(Dialect::Nexus, Role::User).await;
    let credential = Credential::Token(key.secret);
    let freshness =
        Rereading { freshness: ground.registry.clone(), authenticating: ground.authenticating.clone() };
    let identity = Identity { freshness: Arc::new(freshness), ..ground.registry.identity() };
    ground.authenticating.look().await;
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(ground.of(&credential, Dialect::Nexus).await.is_ok());
    ground.registry.set_down(true);
    assert!(ground.of(&credential, Dialect::Nexus).await.is_ok(), "from memory");
    ground.registry.set_down(false);
    identity.revoke(&Principal::bootstrap(), key.id, "lost", caller()).await.unwrap();
    ground.is_refused(&credential, Dialect::Nexus).await;
}
