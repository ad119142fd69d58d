//! URLs of callers: the guard, redirects, bodies without end.

use std::time::Instant;

use plugyard_tests::{
    Act, Files, Plan, Plugin, Sample, X86_64, Yard, files::Silent, until, waiting::seconds,
};
use serde_json::json;

#[tokio::test]
async fn a_url_that_names_a_forbidden_place_is_400_without_a_task() {
    let yard = Plan::default().set("PLUGYARD_FETCH_ALLOW", "").start().await;
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "１２７.0.0.1",
        "127.0.0.1.",
        "127%2e0.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[2002:7f00:1::]",
        "[2001::1]",
        "[fc00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[100::1]",
        "user@example.com",
        "user:secret@example.com",
        "example.com:22",
        "example.com:8080",
    ] {
        let url = format!("https://{host}/plugin.difypkg");
        let said = yard.post("/api/v1/tasks", &json!({ "url": url })).await.expect(400).detail();
        assert!(said.ends_with("(URL_FORBIDDEN)"), "{url}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    for url in [
        "http://example.com/plugin.difypkg",
        "ftp://example.com/plugin.difypkg",
        "file:///etc/plugin.difypkg",
        "gopher://example.com/plugin.difypkg",
        "//example.com/plugin.difypkg",
        "plugin.difypkg",
        "https:///plugin.difypkg",
        "javascript:plugin.difypkg",
    ] {
        let said = yard.post("/api/v1/tasks", &json!({ "url": url })).await.expect(400).detail();
        assert!(!said.is_empty(), "{url}");
    }
    assert_eq!(yard.asked_for().await, 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_makes_a_failed_task() {
    let yard = Plan::default().set("PLUGYARD_FETCH_ALLOW", "").start().await;
    let task = yard.repackage_url("https://localhost/plugin.difypkg", X86_64).await;
    assert_eq!(yard.failed(&task).await, "URL host not allowed: localhost (URL_FORBIDDEN)");
}

#[tokio::test]
async fn hosts_outside_the_list_of_the_operator_fail() {
    let yard = Plan::default().set("PLUGYARD_FETCH_HOSTS", "example.org,.allowed.invalid").start().await;
    for host in ["evilexample.org", "example.org.evil.invalid", "notallowed.invalid", "example.com"] {
        let task = yard.repackage_url(&format!("https://{host}/plugin.difypkg"), X86_64).await;
        let error = yard.failed(&task).await;
        assert_eq!(error, format!("URL host not allowed: {host} (URL_FORBIDDEN)"));
    }
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_never_inside() {
    let (files, inside) = (Files::start(), Silent::start());
    let allow = format!("127.0.0.1/32:{}", files.port());
    let yard = Plan::default().set("PLUGYARD_FETCH_ALLOW", &allow).start().await;
    let package = files.put("/real/plugin.difypkg", Plugin::new("moved").bytes());
    let redirect = |from: &str, to: &str| {
        let url = files.put(from, "");
        files.always(from, Act::Redirect(to.to_owned()));
        url
    };
    let mut last = package;
    for hop in (1..=5).rev() {
        last = redirect(&format!("/hop{hop}/plugin.difypkg"), &last);
    }
    yard.completed(&yard.repackage_url(&last, X86_64).await).await;
    let sixth = redirect("/hop0/plugin.difypkg", "/hop1/plugin.difypkg");
    assert!(yard.failed(&yard.repackage_url(&sixth, X86_64).await).await.ends_with("(REDIRECT_FORBIDDEN)"));
    for (name, to) in [
        ("port", format!("http://{}/x.difypkg", inside.address)),
        ("literal", format!("http://[::ffff:127.0.0.1]:{}/x.difypkg", inside.address.port())),
        ("metadata", "http://169.254.169.254/latest/x.difypkg".to_owned()),
        ("name", "https://localhost/x.difypkg".to_owned()),
        ("scheme", "file:///etc/passwd".to_owned()),
        ("login", "https://user:pw@example.com/x.difypkg".to_owned()),
        ("loop", files.url("/loop/plugin.difypkg")),
    ] {
        let url = redirect(&format!("/{name}/plugin.difypkg"), &to);
        let error = yard.failed(&yard.repackage_url(&url, X86_64).await).await;
        assert!(error.ends_with("(REDIRECT_FORBIDDEN)"), "{name}: {error}");
    }
    assert_eq!(inside.connections(), 0, "no connection was made");
}

#[tokio::test]
async fn a_web_page_is_recognised() {
    let (yard, files) = (Yard::start().await, Files::start());
    let page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    let url = files.put("/page.difypkg", page);
    let error = yard.failed(&yard.repackage_url(&url, X86_64).await).await;
    assert!(
        error.starts_with("The server sent a web page, not a .difypkg (HTTP 200 from 127.0.0.1"),
        "{error}"
    );
    for status in [401, 403, 404, 410] {
        files.always("/page.difypkg", Act::Status(status, vec![], page.into()));
        let error = yard.failed(&yard.repackage_url(&url, X86_64).await).await;
        assert!(error.contains(&status.to_string()), "{error}");
        assert!(!error.contains("Sign in"), "no content of the page: {error}");
    }
}

#[tokio::test]
async fn a_body_without_end_ends_at_the_limit() {
    let (yard, files) = (Yard::start().await, Files::start());
    let url = files.put("/endless.difypkg", "PK\u{3}\u{4}");
    files.always("/endless.difypkg", Act::Endless);
    let error = yard.failed(&yard.repackage_url(&url, X86_64).await).await;
    assert_eq!(error, "Package larger than 100 MB (PACKAGE_TOO_LARGE)");
    assert!(files.sent() < 116 << 20, "{} bytes were taken", files.sent());
    let claimed = files.put("/claimed.difypkg", "PK\u{3}\u{4}");
    files.always("/claimed.difypkg", Act::ClaimLength(1 << 40));
    let error = yard.failed(&yard.repackage_url(&claimed, X86_64).await).await;
    assert_eq!(error, "Package larger than 100 MB (PACKAGE_TOO_LARGE)");
    assert!(yard.get("/healthz").await.status == 200);
}

#[tokio::test]
async fn a_dripping_server_is_left_after_a_while() {
    let (yard, files) = (Yard::start().await, Files::start());
    let url = files.put("/drip.difypkg", b"PK\x03\x04".repeat(2_500));
    files.always("/drip.difypkg", Act::Drip);
    let task = yard.repackage_url(&url, X86_64).await;
    files.reached("/drip.difypkg").await;
    let begun = Instant::now();
    yard.completed(&yard.upload(&Plugin::new("beside"), X86_64).await).await;
    until("the connection is given up", seconds(50), async || (files.abandoned() > 0).then_some(())).await;
    assert!(begun.elapsed() > seconds(20), "a slow server is given some time: {:?}", begun.elapsed());
    yard.post(&format!("/api/v1/tasks/{task}/cancel"), &json!({})).await;
    yard.failed(&task).await;
}

#[tokio::test]
async fn a_server_that_cuts_after_every_few_bytes_holds_no_worker() {
    let yard = Plan::default().set("PLUGYARD_WORKERS", "1").start().await;
    let sample = Sample::sized("sipped", 200_000);
    let (url, path) = (sample.package_url(), sample.package_path());
    sample.files.always(&path, Act::Sip(4));
    yard.repackage_url(&url, X86_64).await;
    until("the transfer is resumed", seconds(30), async || {
        sample.files.asked().iter().any(|asked| asked.range.as_deref() == Some("bytes=4-")).then_some(())
    })
    .await;
    let other = yard.upload(&Plugin::new("behind"), X86_64).await;
    let record = yard.finished_within(&other, seconds(120)).await;
    assert_eq!(record["status"], "completed", "{record}");
}

#[tokio::test]
async fn a_closed_and_a_silent_port_say_the_same() {
    let yard = Yard::start().await;
    let closed = plugyard_tests::cluster::free_port();
    let files = Files::start();
    let missing = yard.repackage_url(&files.url("/missing.difypkg"), X86_64).await;
    let error = yard.failed(&missing).await;
    assert!(error.ends_with("(FETCH_FAILED)"), "{error}");
    let refused = yard.repackage_url(&format!("http://127.0.0.1:{closed}/x.difypkg"), X86_64).await;
    let tried = until("an attempt is over", seconds(30), async || {
        let lost = yard.database().events_of(&refused, &["TaskAttemptLost", "TaskFailed"]).await;
        (lost > 0).then_some(yard.task(&refused).await)
    });
    let record = tried.await;
    let text = record.to_string();
    assert!(!text.contains("refused") && !text.contains(&format!("{closed} ")), "no port scanner: {text}");
    yard.post(&format!("/api/v1/tasks/{refused}/cancel"), &json!({})).await;
}
