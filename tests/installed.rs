//! Plugins that are installed and really run: through the Nexus API, with real processes in the sandbox of this machine.

use std::time::Duration;

use plugyard_tests::{
    Answer, Plan, Yard,
    packages::{self, Package},
    waiting::{seconds, until},
    yard::ADMIN,
};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

const HELPER: &str = include_str!("plugins/helper.py");
const ECHO: &str = include_str!("plugins/echo/main.py");
const CRASH: &str = include_str!("plugins/crash/main.py");

/// A native plugin of this program.
fn native(name: &str, version: &str, program: &str) -> Package {
    packages::zip(name, version)
        .file("helper.py", HELPER)
        .file("main.py", program)
        .set("/entry_point", "main.py")
        .set("/dependencies", Value::Null)
        .set("/permissions", json!(["events:emit", "storage:read", "storage:write", "http:external"]))
        .set(
            "/configuration",
            json!({"schema": {
                "batch_size": {"type": "integer", "default": 50, "min": 10},
                "token": {"type": "string", "secret": true},
                "refuse": {"type": "string"},
            }}),
        )
}

async fn install(yard: &Yard, package: &Package, more: &Value) -> Answer {
    let part = multipart::Part::bytes(package.bytes()).file_name(package.file_name());
    let mut form = multipart::Form::new().part("file", part).text("source", "upload");
    for (name, value) in more.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        form = form.text(name.clone(), text);
    }
    let request = yard.bearing(Method::POST, "/v1/plugins/install", ADMIN);
    yard.send(request.timeout(seconds(60)).multipart(form)).await
}

async fn tell(yard: &Yard, plugin: &str, message_type: &str, data: Value) -> Answer {
    let body = json!({"target_plugin": plugin, "message_type": message_type, "data": data});
    yard.post_as(&format!("/v1/plugins/{plugin}/message"), ADMIN, &body).await
}

async fn plugin(yard: &Yard, id: &str) -> Value {
    yard.get_as(&format!("/v1/plugins/{id}"), ADMIN).await.expect(200).json()["data"]["plugin"].clone()
}

fn code(answer: &Answer) -> Value {
    answer.json()["error"]["code"].clone()
}

/// Processes of this machine whose command line names the yard's installations.
fn processes(yard: &Yard) -> Vec<String> {
    let mark = yard.data_dir().join("installations").display().to_string();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&mark)).collect()
}

#[tokio::test]
async fn a_plugin_is_installed_answers_and_leaves_nothing_behind() {
    let yard = Yard::start().await;
    let installed = install(&yard, &native("echo", "1.0.0", ECHO), &json!({})).await.expect(200).json();
    assert_eq!(installed["data"]["installation"]["status"], "completed");
    assert_eq!(installed["data"]["plugin"]["status"], "active");
    let answer = tell(&yard, "echo", "echo", json!({"x": 1})).await.expect(200).json();
    assert_eq!(answer["data"]["response"], json!({"status": "success", "data": {"x": 1}}));
    let answer = tell(&yard, "echo", "fail", json!({"message": "no"})).await.expect(200).json();
    assert_eq!(answer["data"]["response"]["status"], "error");
    assert_eq!(processes(&yard).len(), 1);
    let again = install(&yard, &native("echo", "1.0.0", ECHO), &json!({})).await.expect(409);
    assert_eq!(code(&again), "PLUGIN_ALREADY_INSTALLED");

    yard.post_as("/v1/plugins/echo/disable", ADMIN, &json!({"reason": "rest"})).await.expect(200);
    assert!(processes(&yard).is_empty());
    assert_eq!(code(&tell(&yard, "echo", "echo", json!({})).await.expect(409)), "PLUGIN_NOT_RUNNING");
    yard.post_as("/v1/plugins/echo/enable", ADMIN, &json!({})).await.expect(200);
    tell(&yard, "echo", "echo", json!({})).await.expect(200);

    let gone = yard.bearing(Method::DELETE, "/v1/plugins/echo?cleanup_data=true", ADMIN);
    yard.send(gone).await.expect(200);
    yard.get_as("/v1/plugins/echo", ADMIN).await.expect(404);
    assert!(processes(&yard).is_empty());
    assert_eq!(yard.strays(), Vec::<String>::new());
}

#[tokio::test]
async fn what_does_not_start_is_told_in_the_words_of_the_document_and_leaves_nothing() {
    let yard = Yard::start().await;
    let refusing = json!({"config": {"refuse": "not today"}});
    let refused = install(&yard, &native("echo", "1.0.0", ECHO), &refusing).await.expect(500);
    assert_eq!(code(&refused), "PLUGIN_STARTUP_FAILED");
    let dies = native("crash", "1.0.0", CRASH).set(
        "/configuration",
        json!({"schema": {"before_handshake": {"type": "object", "default": {"code": 7}}}}),
    );
    let ended = install(&yard, &dies, &json!({})).await.expect(500);
    assert_eq!(code(&ended), "PLUGIN_STARTUP_FAILED");
    assert_eq!(ended.json()["error"]["details"]["exit_code"], 7, "{}", ended.text());
    let small = json!({"config": {"batch_size": 5}});
    let small = install(&yard, &native("echo", "1.0.0", ECHO), &small).await.expect(400);
    assert_eq!(code(&small), "PLUGIN_CONFIGURATION_ERROR");
    let far = native("echo", "1.0.0", ECHO).set("/nexus_version", ">=99");
    assert_eq!(code(&install(&yard, &far, &json!({})).await.expect(400)), "PLUGIN_INCOMPATIBLE");
    let needy = native("echo", "1.0.0", ECHO).set("/dependencies", json!({"plugins": {"absent": "^1"}}));
    assert_eq!(code(&install(&yard, &needy, &json!({})).await.expect(409)), "PLUGIN_DEPENDENCY_ERROR");
    assert!(processes(&yard).is_empty());
    let list = yard.get_as("/v1/plugins", ADMIN).await.expect(200).json();
    assert_eq!(list["data"]["plugins"], json!([]));
}

#[tokio::test]
async fn an_upgrade_that_fails_never_interrupts_and_one_that_works_can_be_taken_back() {
    let yard = Yard::start().await;
    install(&yard, &native("echo", "1.0.0", ECHO), &json!({})).await.expect(200);
    tell(&yard, "echo", "ask", json!({"method": "storage/put", "params": {"key": "k", "value": 1}}))
        .await
        .expect(200);
    let broken = ECHO.replace("plugin.run()", "raise SystemExit(4)");
    let forced = json!({"force_reinstall": true});
    let failed = install(&yard, &native("echo", "2.0.0", &broken), &forced).await.expect(500);
    assert_eq!(code(&failed), "PLUGIN_STARTUP_FAILED");
    assert_eq!(plugin(&yard, "echo").await["version"], "1.0.0");
    tell(&yard, "echo", "echo", json!({})).await.expect(200);
    let fine = ECHO
        .replace("return data\n", "return {\"new\": data}\n")
        .replace("Plugin(\"echo\"", "Plugin(\"echo\", version=\"1.1.0\"");
    install(&yard, &native("echo", "1.1.0", &fine), &forced).await.expect(200);
    let answer = tell(&yard, "echo", "echo", json!(1)).await.expect(200).json();
    assert_eq!(answer["data"]["response"]["data"], json!({"new": 1}));
    assert_eq!(processes(&yard).len(), 1, "the old process has ended");
}

#[tokio::test]
async fn a_plugin_that_dies_is_started_again_and_a_killed_host_leaves_no_process() {
    let mut yard = Yard::start().await;
    install(&yard, &native("crash", "1.0.0", CRASH).set("/configuration", Value::Null), &json!({}))
        .await
        .expect(200);
    tell(&yard, "crash", "crash", json!({"code": 5})).await;
    until("it runs again", seconds(30), async || {
        (tell(&yard, "crash", "echo", json!({})).await.status == 200).then_some(())
    })
    .await;
    yard.kill();
    until("no process is left", seconds(10), async || processes(&yard).is_empty().then_some(())).await;
    yard.restart().await;
    until("the host has started what is enabled", seconds(30), async || {
        (tell(&yard, "crash", "echo", json!({})).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(processes(&yard).len(), 1);
}

#[tokio::test]
async fn secrets_are_masked_kept_and_nowhere_in_the_clear() {
    let yard = Yard::start().await;
    let secret = "correct-horse-battery";
    let config = json!({"config": {"token": secret, "batch_size": 20}});
    install(&yard, &native("echo", "1.0.0", ECHO), &config).await.expect(200);
    let shown = yard.get_as("/v1/plugins/echo/config", ADMIN).await.expect(200).json();
    assert_eq!(shown["data"]["configuration"]["token"], "***hidden***");
    let body = json!({"token": "***hidden***", "batch_size": 30});
    let put = yard.bearing(Method::PUT, "/v1/plugins/echo/config", ADMIN).json(&body);
    yard.send(put).await.expect(200);
    let known = tell(&yard, "echo", "known", json!({})).await.expect(200).json();
    let known = &known["data"]["response"]["data"];
    assert_eq!((&known["config"]["token"], &known["config"]["batch_size"]), (&json!(secret), &json!(30)));
    let open = yard.get_as("/v1/plugins/echo/config?include_secrets=true", ADMIN).await.expect(200).json();
    assert_eq!(open["data"]["configuration"]["token"], secret);
    assert!(!known["environ"].to_string().contains(secret));
    tell(&yard, "echo", "say", json!({"text": format!("my token is {secret}")})).await.expect(200);
    let logs = until("the line is there", seconds(10), async || {
        let logs = yard.get_as("/v1/plugins/echo/logs?search=my+token", ADMIN).await.expect(200).json();
        (logs["data"]["pagination"]["total"] != 0).then_some(logs)
    })
    .await;
    assert!(!logs.to_string().contains(secret), "{logs}");
    let in_log = "select count(*) from es.events where payload::text like '%correct-horse%'";
    assert_eq!(yard.database().number(in_log).await, 0);
    let kept = "select count(*) from es.telemetry where payload::text like '%correct-horse%'";
    assert_eq!(yard.database().number(kept).await, 0);
    assert!(processes(&yard).iter().all(|line| !line.contains(secret)));
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_of_an_installation_brings_it_to_an_end() {
    let mut yard = Plan::default().start().await;
    for delay in [5, 30, 80, 150, 300] {
        let name = format!("echo{delay}");
        let program = ECHO.replace("Plugin(\"echo\"", &format!("Plugin(\"{name}\""));
        let package = native(&name, "1.0.0", &program);
        {
            let plain = json!({});
            let asked = install(&yard, &package, &plain);
            tokio::pin!(asked);
            // Cut short on purpose: whatever was asked for by then is brought to its end.
            let _ended = tokio::time::timeout(Duration::from_millis(delay), &mut asked).await;
        }
        yard.kill();
        yard.restart().await;
        until("nothing is half done", seconds(40), async || {
            let open = "select count(*) from read.operations where not ended";
            (yard.database().number(open).await == 0).then_some(())
        })
        .await;
        let found = yard.get_as(&format!("/v1/plugins/{name}"), ADMIN).await;
        if found.status == 200 {
            until("it answers", seconds(30), async || {
                (tell(&yard, &name, "echo", json!({})).await.status == 200).then_some(())
            })
            .await;
        } else {
            assert_eq!(found.status, 404, "{}", found.text());
        }
        let live = "select count(*) from read.installations where live";
        let live = usize::try_from(yard.database().number(live).await).unwrap();
        until("one process each", seconds(30), async || (processes(&yard).len() == live).then_some(())).await;
    }
}
