use super::*;
use crate::error::Kind;

fn acme() -> PublisherName {
    "acme".parse().unwrap()
}

fn by(principal: &Principal) -> Asker<'_> {
    Asker { principal, caller: caller() }
}

async fn verify(ground: &Ground) {
    let (method, evidence) = ("domain".to_owned(), "acme.example.org".to_owned());
    let operator = Principal::bootstrap();
    ground.publishing.verify_publisher(&acme(), method, evidence, by(&operator)).await.unwrap();
}

async fn is_verified(ground: &Ground, plugin: PluginId) -> bool {
    ground.view(plugin).await.verified.is_some()
}

#[tokio::test]
async fn what_was_verified_with_its_publisher_is_not_verified_without_it() {
    let ground = Ground::new();
    let (ann, operator) = (ground.holder("ann", Role::Publisher).await, Principal::bootstrap());
    let own = ground.publish(&difypkg("acme", "own", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    let proof = Change::Verify { method: "manual".to_owned(), evidence: "a letter".to_owned() };
    ground.change(own, proof, &operator).await.unwrap();
    let with_it =
        ground.publish(&difypkg("acme", "with-it", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    verify(&ground).await;
    let later = ground.publish(&difypkg("acme", "later", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    assert!(is_verified(&ground, with_it).await && is_verified(&ground, later).await);
    let unverify = async |principal: &Principal| {
        ground.publishing.unverify_publisher(&acme(), "sold".to_owned(), by(principal)).await
    };
    assert_eq!(unverify(&ann).await.unwrap_err().kind, Kind::Forbidden);
    assert!(unverify(&operator).await.unwrap().is_some());
    assert!(is_verified(&ground, own).await, "that was proved of itself");
    assert!(!is_verified(&ground, with_it).await && !is_verified(&ground, later).await);
    assert!(ground.shelf.publisher("acme").await.unwrap().unwrap().verified.is_none());
    assert_eq!(unverify(&operator).await.unwrap(), None, "a second time changes nothing");
    let next = ground.publish(&difypkg("acme", "next", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    assert!(!is_verified(&ground, next).await);
}

#[tokio::test]
async fn a_publisher_goes_to_another_account_with_all_that_it_has() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let operator = Principal::bootstrap();
    let agent = ground.publish(&difypkg("acme", "agent", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    let gone = ground.publish(&difypkg("acme", "gone", "0.0.1"), for_dify(), &ann).await.unwrap().plugin;
    ground.change(gone, Change::Remove { reason: "done".to_owned() }, &ann).await.unwrap();
    verify(&ground).await;
    let transfer = async |principal: &Principal, name: &PublisherName| {
        ground.publishing.transfer_publisher(name, bob.account.unwrap(), by(principal)).await
    };
    assert_eq!(transfer(&ann, &acme()).await.unwrap_err().kind, Kind::Forbidden);
    assert_eq!(transfer(&operator, &"nobody".parse().unwrap()).await.unwrap_err().kind, Kind::NotFound);
    let anns = ground.publish(&tarball("notes", "1.0.0"), for_inkdrop(Expects::Any), &ann).await.unwrap();
    let made = transfer(&operator, &anns.publisher.parse().unwrap()).await.unwrap_err();
    assert_eq!(made.kind, Kind::Invalid, "a name made from an account is that account's");
    assert!(transfer(&operator, &acme()).await.unwrap().is_some());
    let publisher = ground.shelf.publisher("acme").await.unwrap().unwrap();
    assert_eq!((publisher.owner, publisher.verified), (bob.account, None));
    let view = ground.view(agent).await;
    assert_eq!((view.owner, view.publisher.as_str(), view.verified), (bob.account, "acme", None));
    assert_eq!(ground.view(gone).await.owner, ann.account, "what is removed stays as it was");
    let next = |version: &str| difypkg("acme", "agent", version);
    let refused = ground.publish(&next("0.0.2"), for_dify(), &ann).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
    ground.publish(&next("0.0.2"), for_dify(), &bob).await.unwrap();
    ground.publish(&difypkg("acme", "other", "0.0.1"), for_dify(), &bob).await.unwrap();
    assert_eq!(transfer(&operator, &acme()).await.unwrap(), None, "a second time changes nothing");
}

#[tokio::test]
async fn a_transfer_that_was_cut_short_is_finished_by_another() {
    let ground = Ground::new();
    let (ann, bob) =
        (ground.holder("ann", Role::Publisher).await, ground.holder("bob", Role::Publisher).await);
    let (operator, to) = (Principal::bootstrap(), bob.account.unwrap());
    for name in ["one", "two"] {
        ground.publish(&difypkg("acme", name, "0.0.1"), for_dify(), &ann).await.unwrap();
    }
    let owners = async || {
        let plugins = ground.shelf.of_publisher("acme").await.unwrap();
        let mut owners = Vec::new();
        for plugin in plugins {
            owners.push(ground.view(plugin).await.owner);
        }
        owners
    };
    ground.shelf.lock().room = Some(2);
    assert!(ground.publishing.transfer_publisher(&acme(), to, by(&operator)).await.is_err());
    assert!(owners().await.contains(&ann.account));
    ground.shelf.lock().room = None;
    ground.publishing.transfer_publisher(&acme(), to, by(&operator)).await.unwrap();
    assert_eq!(owners().await, [bob.account, bob.account]);
}
