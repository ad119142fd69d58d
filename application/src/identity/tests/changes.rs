//! What a change of an account ends, overtakes and repeats.

use domain::account::AccountCommand;

use super::*;

#[tokio::test]
async fn keys_above_the_role_of_their_account_end_when_it_is_given_that_role() {
    let ground = Ground::new();
    let set = async |role| {
        let name = "ann".parse().unwrap();
        ground
            .identity
            .set_account(&Principal::bootstrap(), &name, Some(role), None, &caller())
            .await
            .unwrap()
    };
    set(Role::Admin).await;
    let keys = [Role::User, Role::Publisher, Role::Admin];
    let mut issued = Vec::new();
    for role in keys {
        issued.push(ground.issued("ann", Dialect::Nexus, role).await.id);
    }
    ground.issued("bob", Dialect::Nexus, Role::Admin).await;
    set(Role::Publisher).await;
    let mut live = Vec::new();
    for id in issued {
        live.push(ground.identity.key(&Principal::bootstrap(), id).await.unwrap().view.revoked_at.is_none());
    }
    assert_eq!(live, [true, true, false]);
    assert_eq!(ground.live_keys().await, 3, "nobody else has lost one");
}

/// Counts how often the read model of keys is waited for.
struct Counting {
    freshness: Arc<dyn Freshness>,
    waits: std::sync::atomic::AtomicUsize,
}

#[async_trait::async_trait]
impl Freshness for Counting {
    async fn reached(&self, read_model: &str, cursor: Cursor) -> bool {
        if read_model == KEYS {
            self.waits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        self.freshness.reached(read_model, cursor).await
    }

    async fn lag(&self, read_model: &str) -> u64 {
        self.freshness.lag(read_model).await
    }

    async fn has_all_before(&self, read_model: &str, age: std::time::Duration) -> bool {
        self.freshness.has_all_before(read_model, age).await
    }
}

#[tokio::test]
async fn many_sessions_end_together_and_those_that_ended_by_themselves_are_left_alone() {
    let ground = Ground::new();
    let account = ground.with_password("ann", "correct horse").await;
    let old = ground.log_in("ann", "correct horse").await.unwrap();
    ground.registry.passes(REFRESH_LASTS);
    for _ in 0..40 {
        ground.log_in("ann", "correct horse").await.unwrap();
    }
    let freshness = Arc::new(Counting { freshness: ground.registry.clone(), waits: 0.into() });
    let identity = Identity { freshness: freshness.clone(), ..ground.identity.clone() };
    identity.erase(&Principal::bootstrap(), account, "asked to", &caller()).await.unwrap();
    let (keys, _) = ground.identity.keys.list(Some(account), 100, 0).await.unwrap();
    let live: Vec<KeyId> = keys.iter().filter(|key| key.revoked_at.is_none()).map(|key| key.id).collect();
    assert_eq!((keys.len(), live), (41, vec![old.session]));
    assert_eq!(freshness.waits.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// Asks for this password under the idempotency key that belongs to it.
async fn put(ground: &Ground, password: &str, hash: u8) -> Result<AccountId, Error> {
    let caller = Caller { once: Some((password.to_owned(), [hash; 32])), ..caller() };
    let (name, password) = ("ann".parse().unwrap(), Some(password.to_owned().into()));
    ground.identity.set_account(&Principal::bootstrap(), &name, Some(Role::User), password, &caller).await
}

#[tokio::test]
async fn a_password_that_is_set_again_under_its_idempotency_key_stays_the_newer_one() {
    let ground = Ground::new();
    let id = put(&ground, "correct horse", 1).await.unwrap();
    assert_eq!(put(&ground, "another horse", 2).await, Ok(id));
    ground.log_in("ann", "another horse").await.unwrap();
    assert_eq!(put(&ground, "correct horse", 1).await, Ok(id), "the answer of then");
    assert!(ground.log_in("ann", "correct horse").await.is_err());
    assert_eq!(ground.live_keys().await, 1, "the session goes on");
    assert!(ground.log_in("ann", "another horse").await.is_ok());
    assert_eq!(put(&ground, "correct horse", 3).await.unwrap_err().kind, Kind::Invalid, "another request");
    assert!(ground.log_in("ann", "another horse").await.is_ok());
}

#[tokio::test]
async fn a_repeat_under_an_idempotency_key_brings_to_an_end_what_was_cut_short() {
    let ground = Ground::new();
    let id = ground.with_password("ann", "correct horse").await;
    ground.log_in("ann", "correct horse").await.unwrap();
    let caller = repeated(1);
    let set = async || {
        let (name, password) = ("ann".parse().unwrap(), Some("another horse".to_owned().into()));
        ground
            .identity
            .set_account(&Principal::bootstrap(), &name, Some(Role::Admin), password, &caller)
            .await
    };
    // All that the first request came to.
    let change = AccountCommand::ChangeRole { role: Role::Admin };
    let once = caller.once("account-role", json!({"id": id})).unwrap();
    let commands = &ground.identity.account_commands;
    commands.execute_once(&id.to_string(), change, caller.metadata.clone(), once).await.unwrap();
    assert_eq!(set().await, Ok(id));
    assert_eq!(ground.live_keys().await, 0);
    assert_eq!(ground.log_in("ann", "another horse").await.unwrap().role, Role::Admin);
    assert_eq!(set().await, Ok(id));
    assert_eq!(ground.live_keys().await, 1, "there was nothing left to do");
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Role,
    Password,
    Erasure,
}

/// Passwords that take so long to compare that somebody changes the account of ann meanwhile.
struct Slow {
    identity: Identity,
    change: Change,
}

#[async_trait::async_trait]
impl Passwords for Slow {
    async fn hash(&self, password: Secret) -> Result<Secret, Error> {
        self.identity.passwords.hash(password).await
    }

    async fn matches(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Error> {
        let (admin, name, by) = (Principal::bootstrap(), "ann".parse().unwrap(), caller());
        let id = self.identity.account_named(&name).await.unwrap();
        let set = async |role, password| {
            self.identity.set_account(&admin, &name, role, password, &by).await.map(drop)
        };
        let changed = match self.change {
            Change::Role => set(Some(Role::Publisher), None).await,
            Change::Password => set(None, Some("another horse".to_owned().into())).await,
            Change::Erasure => self.identity.erase(&admin, id, "asked to", &by).await.map(drop),
        };
        changed.unwrap();
        self.identity.passwords.matches(password, hash).await
    }
}

#[tokio::test]
async fn a_session_begun_while_its_account_is_changed_or_erased_ends_at_once() {
    for change in [Change::Role, Change::Password, Change::Erasure] {
        let ground = Ground::new();
        ground.with_password("ann", "correct horse").await;
        let slow = Slow { identity: ground.identity.clone(), change };
        let identity = Identity { passwords: Arc::new(slow), ..ground.identity.clone() };
        let late = identity.log_in("ann", "correct horse".to_owned().into(), Dialect::Nexus, caller()).await;
        assert_eq!(late.unwrap_err().kind, Kind::Unauthenticated, "{change:?}");
        assert_eq!(ground.live_keys().await, 0, "{change:?}");
    }
}
