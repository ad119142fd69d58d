//! A new master key while the server runs.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use plugyard_tests::{Plan, Yard, until, waiting::seconds, yard::ADMIN};
use serde_json::json;

const PASSWORD: &str = "analytical engine";

async fn works(yard: &Yard, key: &str, refresh: &mut String) {
    yard.get_as("/nexus/identity", key).await.expect(200);
    let (access, _) = yard.log_in("ada", PASSWORD).await;
    yard.get_as("/nexus/identity", &access).await.expect(200);
    let renew = json!({ "refresh_token": refresh });
    let renewed = yard.post("/nexus/api/v1/auth/refresh", &renew).await.expect(200).json();
    renewed["data"]["tokens"]["refresh_token"].as_str().expect("a token").clone_into(refresh);
    let accounts = yard.get_as("/identity/accounts", ADMIN).await.expect(200).text();
    assert!(accounts.contains("\"ada\""), "names are readable: {accounts}");
}

#[tokio::test]
async fn the_key_in_the_data_directory_changes_under_a_running_server() {
    let mut yard = Plan::default().start().await;
    yard.user("ada", PASSWORD, "user").await;
    let key = yard.key_for("ada", &["nexus"], "user").await.secret;
    let (_, mut refresh) = yard.log_in("ada", PASSWORD).await;
    works(&yard, &key, &mut refresh).await;
    let file = yard.data_dir().join("secret.key");
    let before = std::fs::read_to_string(&file).unwrap();
    yard.command(&["secrets", "rotate"]).await;
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after != before && !after.contains(before.trim()), "the old key is gone");
    // What the server keeps of opened keys is old after two seconds.
    until("the server opens what the new key wraps", seconds(5), async || {
        yard.user("bob", PASSWORD, "user").await;
        let answer = yard.get_as("/identity/accounts", ADMIN).await;
        answer.text().contains("\"bob\"").then_some(())
    })
    .await;
    works(&yard, &key, &mut refresh).await;
    yard.command(&["secrets", "status"]).await;
    yard.restart().await;
    works(&yard, &key, &mut refresh).await;
    yard.command(&["events", "verify"]).await;
}

#[tokio::test]
async fn a_key_of_the_settings_changes_with_the_previous_one_beside_it() {
    let (old, new) = (BASE64_STANDARD.encode([7; 32]), BASE64_STANDARD.encode([8; 32]));
    let mut yard = Plan::default().set("PLUGYARD_SECRET_KEY", &old).start().await;
    yard.user("ada", PASSWORD, "user").await;
    let key = yard.key_for("ada", &["nexus"], "user").await.secret;
    let (_, mut refresh) = yard.log_in("ada", PASSWORD).await;
    yard.terminate();
    yard.set("PLUGYARD_SECRET_KEY", &new);
    yard.set("PLUGYARD_SECRET_KEY_PREVIOUS", &old);
    yard.restart().await;
    works(&yard, &key, &mut refresh).await;
    yard.command(&["secrets", "rotate"]).await;
    works(&yard, &key, &mut refresh).await;
    yard.terminate();
    yard.set("PLUGYARD_SECRET_KEY_PREVIOUS", "");
    yard.restart().await;
    works(&yard, &key, &mut refresh).await;
}

#[tokio::test]
async fn a_wrong_key_stops_the_start_and_does_not_look_like_erasure() {
    let yard = Plan::default().set("PLUGYARD_SECRET_KEY", &BASE64_STANDARD.encode([7; 32])).start().await;
    yard.user("ada", PASSWORD, "user").await;
    let wrong = yard.cli().set("PLUGYARD_SECRET_KEY", &BASE64_STANDARD.encode([9; 32]));
    let ran = wrong.args(["serve"]).spawn().ended_within(seconds(30)).await;
    assert!(![Some(0), None].contains(&ran.code), "{ran:?}");
    assert!(ran.err.contains("PLUGYARD_SECRET_KEY"), "it says what to set: {}", ran.err);
    let none = yard.cli().set("PLUGYARD_SECRET_KEY", "short").args(["serve"]).spawn();
    let ran = none.ended_within(seconds(30)).await;
    assert!(ran.code != Some(0) && ran.err.contains("openssl rand -base64 32"), "{}", ran.err);
}
