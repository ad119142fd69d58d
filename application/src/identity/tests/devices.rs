use std::time::Duration;

use super::*;
use crate::{error::Kind, identity::DeviceCodes, principal::Proof};

impl Ground {
    async fn device(&self) -> DeviceCodes {
        self.identity.begin_device_login(Dialect::Space, caller()).await.unwrap()
    }

    async fn collect(&self, codes: &DeviceCodes) -> Result<Option<OpenedSession>, Error> {
        self.identity.collect_device_login(&codes.device, &codes.user, Dialect::Space, caller()).await
    }

    async fn approve(&self, by: &Principal, code: &str) -> Result<(), Kind> {
        self.identity.approve_device(by, code, caller()).await.map_err(|error| error.kind)
    }

    async fn bearer(&self, session: &OpenedSession) -> Result<Principal, Error> {
        let token = crate::authenticating::Credential::Token(session.access.clone());
        self.registry.authenticating().authenticate(&token, Dialect::Space).await
    }
}

#[tokio::test]
async fn a_device_gets_a_session_of_whoever_approved_it_once() {
    let ground = Ground::new();
    let ada = ground.holder("ada", Role::Publisher).await;
    let codes = ground.device().await;
    assert!(codes.device.reveal().starts_with("pyd_"));
    assert_eq!((codes.user.len(), codes.user.find('-')), (9, Some(4)), "{}", codes.user);
    assert_eq!(ground.collect(&codes).await.unwrap(), None, "nobody has approved it");
    let typed = codes.user.to_lowercase().replace('-', " ");
    assert_eq!(ground.approve(&ada, &typed).await, Ok(()));
    assert_eq!(ground.approve(&ada, &codes.user).await, Err(Kind::Conflict));
    let session = ground.collect(&codes).await.unwrap().unwrap();
    let device = ground.bearer(&session).await.unwrap();
    assert_eq!((device.account, device.standing), (ada.account, crate::policy::Standing::Publisher));
    assert_eq!((device.proof, device.dialects), (Proof::Session, [Dialect::Space].into()));
    assert_eq!(ground.collect(&codes).await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(ground.approve(&ada, &codes.user).await, Err(Kind::NotFound));
}

#[tokio::test]
async fn only_the_device_that_asked_gets_it_and_only_in_time() {
    let ground = Ground::new();
    let ada = ground.holder("ada", Role::Publisher).await;
    let (one, other) = (ground.device().await, ground.device().await);
    ground.approve(&ada, &one.user).await.unwrap();
    let crossed = DeviceCodes { device: other.device.clone(), user: one.user.clone() };
    for wrong in [crossed, DeviceCodes { user: "nonsense".to_owned(), ..one.clone() }] {
        assert_eq!(ground.collect(&wrong).await.unwrap_err().kind, Kind::Unauthenticated);
    }
    for code in ["", "AAAA-AAAA", "BCDF-GHJ", "BCDF-GHJKL"] {
        assert_eq!(ground.approve(&ada, code).await, Err(Kind::NotFound), "{code}");
    }
    ground.registry.passes(CODES_LAST);
    assert_eq!(ground.collect(&one).await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(ground.approve(&ada, &other.user).await, Err(Kind::NotFound));
}

#[tokio::test]
async fn a_device_never_has_more_than_what_approved_it() {
    let ground = Ground::new();
    let admin = ground.holder("root", Role::Admin).await;
    let codes = ground.device().await;
    assert_eq!(ground.approve(&Principal::bootstrap(), &codes.user).await, Err(Kind::Invalid));
    assert_eq!(ground.approve(&Principal::anonymous(), &codes.user).await, Err(Kind::Unauthenticated));
    ground.approve(&admin, &codes.user).await.unwrap();
    let session = ground.collect(&codes).await.unwrap().unwrap();
    assert_eq!(session.role, Role::Publisher, "an admin lends no more than that");
    let lent = Principal {
        expires_at: Some(ground.identity.clock.now() + Duration::from_mins(1)),
        ..ground.holder("ada", Role::User).await
    };
    let codes = ground.device().await;
    ground.approve(&lent, &codes.user).await.unwrap();
    let session = ground.collect(&codes).await.unwrap().unwrap();
    assert_eq!(session.role, Role::User);
    let renewed = async || ground.identity.renew_device(&session.refresh, Dialect::Space).await;
    assert!(renewed().await.is_ok() && renewed().await.is_ok(), "devices keep what they were given first");
    let nexus = ground.identity.renew_device(&session.refresh, Dialect::Nexus).await;
    assert_eq!(nexus.unwrap_err().kind, Kind::Unauthenticated);
    ground.registry.passes(Duration::from_mins(1));
    assert_eq!(renewed().await.unwrap_err().kind, Kind::Unauthenticated, "it ends with the key");
    assert!(ground.bearer(&session).await.is_err());
}

#[tokio::test]
async fn what_approved_it_must_be_good_still_when_the_device_comes() {
    let ground = Ground::new();
    let key = ground.issued("ada", Dialect::Space, Role::Publisher).await;
    let ada = Principal::of(&ground.identity.keys.by_id(key.id).await.unwrap().unwrap());
    let codes = ground.device().await;
    ground.approve(&ada, &codes.user).await.unwrap();
    ground.identity.revoke(&ada, key.id, "stolen", caller()).await.unwrap();
    assert_eq!(ground.collect(&codes).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn a_password_approves_too() {
    let ground = Ground::new();
    ground.with_password("ada", "correct horse").await;
    let codes = ground.device().await;
    let approve = async |password: &str| {
        let password = password.to_owned().into();
        ground.identity.approve_device_with_password("ada", password, &codes.user, caller()).await
    };
    assert_eq!(approve("wrong horse").await.unwrap_err().kind, Kind::Unauthenticated);
    approve("correct horse").await.unwrap();
    assert_eq!(ground.collect(&codes).await.unwrap().unwrap().role, Role::User);
}
