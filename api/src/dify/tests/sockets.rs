use std::time::Duration;

use application::{
    principal::Principal,
    queries::tasks::{TaskStatus, TaskView},
};
use domain::task::Phase;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::fakes::{ADMIN, Served, completed_view, queued_view};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(served: &Served, path: &str) -> Result<Client, Error> {
    connect_async(format!("ws://{}{path}", served.address)).await.map(|(client, _)| client)
}

async fn watch(served: &Served, view: TaskView) -> Client {
    let id = served.fakes.put(view);
    open(served, &format!("/ws/tasks/{id}")).await.unwrap()
}

async fn next(client: &mut Client) -> Message {
    loop {
        let message = client.next().await.unwrap().unwrap();
        if !message.is_ping() && !message.is_pong() {
            return message;
        }
    }
}

async fn frame(client: &mut Client) -> Value {
    serde_json::from_str(next(client).await.to_text().unwrap()).unwrap()
}

async fn closed(client: &mut Client) -> (u16, String) {
    let message = next(client).await;
    let Message::Close(Some(frame)) = message else { panic!("a close was expected: {message:?}") };
    (frame.code.into(), frame.reason.to_string())
}

#[tokio::test]
async fn the_first_frame_is_the_record_and_changes_follow() {
    let served = Served::with(&[]).await;
    let mut client = watch(&served, queued_view()).await;
    let first = frame(&mut client).await;
    assert_eq!(
        (&first["status"], &first["seq"], &first["attempt"]),
        (&json!("pending"), &json!(1), &json!(1))
    );
    for key in [
        "task_id",
        "progress",
        "message",
        "updated_at",
        "marketplace_metadata",
        "plugin_info",
        "download_url",
    ] {
        assert!(first.as_object().unwrap().contains_key(key), "{key}");
    }
    let running =
        TaskView { status: TaskStatus::Running, phase: Some(Phase::Wheels), percent: 40, ..queued_view() };
    served.fakes.put(TaskView { sequence: 2, ..running });
    assert_eq!(frame(&mut client).await["progress"], 40);
    served.fakes.put(completed_view());
    let last = frame(&mut client).await;
    assert_eq!((&last["status"], &last["plugin_info"]["name"]), (&json!("completed"), &json!("agent")));
}

#[tokio::test]
async fn an_open_socket_is_no_plain_connection_of_its_address() {
    let served = Served::with(&["--connections-per-address", "1"]).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = watch(&served, queued_view()).await;
        frame(&mut client).await;
        clients.push(client);
    }
}

#[tokio::test]
async fn links_in_frames_carry_the_mount() {
    let served = Served::with(&[]).await;
    let id = served.fakes.put(completed_view());
    let mut client = open(&served, &format!("/dify/ws/tasks/{id}")).await.unwrap();
    assert!(frame(&mut client).await["download_url"].as_str().unwrap().starts_with("/dify/"));
}

#[tokio::test]
async fn an_unknown_task_is_accepted_and_closed_with_1008() {
    let served = Served::with(&[]).await;
    for path in ["/ws/tasks/123e4567-e89b-42d3-a456-426614174999", "/dify/ws/tasks/nonsense"] {
        let mut client = open(&served, path).await.unwrap();
        assert_eq!(closed(&mut client).await, (1008, "Task not found".to_owned()));
    }
}

#[tokio::test]
async fn a_ping_in_text_is_answered_and_other_text_is_ignored() {
    let served = Served::with(&[]).await;
    let mut client = watch(&served, queued_view()).await;
    frame(&mut client).await;
    for text in ["nonsense", "{}", "{\"type\": \"hello\"}", "{\"type\": \"ping\", \"timestamp\": 7.5}"] {
        client.send(Message::text(text)).await.unwrap();
    }
    assert_eq!(frame(&mut client).await, json!({"type": "pong", "timestamp": 7.5}));
}

#[tokio::test]
async fn a_frame_over_4_kib_ends_the_socket_with_1009() {
    let served = Served::with(&[]).await;
    for size in [4097, 100_000, 1_000_000] {
        let mut client = watch(&served, queued_view()).await;
        frame(&mut client).await;
        client.send(Message::text("x".repeat(size))).await.unwrap();
        assert_eq!(closed(&mut client).await.0, 1009, "{size}");
    }
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats_also_after_the_end() {
    let served = Served::with(&[]).await;
    let mut client = watch(&served, completed_view()).await;
    frame(&mut client).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for _ in 0..5 {
        let beat = frame(&mut client).await;
        assert_eq!(beat["type"], "heartbeat");
        assert!(beat["timestamp"].as_f64().unwrap() > 1.7e9);
    }
    let took = began.elapsed().as_secs();
    assert!((70..=80).contains(&took), "{took}");
}

#[tokio::test]
async fn a_client_without_pongs_is_closed_with_1011() {
    let served = Served::with(&[]).await;
    let id = served.fakes.put(queued_view());
    let mut raw = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /ws/tasks/{id} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tokio::io::AsyncWriteExt::write_all(&mut raw, request.as_bytes()).await.unwrap();
    tokio::time::pause();
    let mut heard = Vec::new();
    let all = tokio::io::AsyncReadExt::read_to_end(&mut raw, &mut heard);
    tokio::time::timeout(Duration::from_mins(1), all).await.unwrap().unwrap();
    let close = [&[0x88, 9, 0x03, 0xf3][..], b"No pong"].concat();
    assert!(heard.ends_with(&close), "{}", String::from_utf8_lossy(&heard));
}

#[tokio::test]
async fn more_sockets_than_allowed_are_refused_before_the_upgrade() {
    let served = Served::with(&["--sockets-per-address", "1"]).await;
    let first = watch(&served, queued_view()).await;
    let id = queued_view().id;
    match open(&served, &format!("/ws/tasks/{id}")).await {
        Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 429),
        other => panic!("{other:?}"),
    }
    drop(first);
    for _ in 0..100 {
        if open(&served, &format!("/ws/tasks/{id}")).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("leaving makes room");
}

#[tokio::test]
async fn draining_closes_sockets_with_1001_and_opens_no_new_ones() {
    let served = Served::with(&[]).await;
    let mut client = watch(&served, queued_view()).await;
    frame(&mut client).await;
    served.services.shutdown.draining.cancel();
    assert_eq!(closed(&mut client).await.0, 1001);
    match open(&served, &format!("/ws/tasks/{}", queued_view().id)).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status().as_u16(), 503);
            assert!(response.headers().contains_key("retry-after"));
        }
        other => panic!("{other:?}"),
    }
    drop(client);
    served.services.shutdown.foreground_ended().await;
}

async fn open_with(served: &Served, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    let mut request = format!("ws://{}{path}", served.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((_, answer)) => answer.status().as_u16(),
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

async fn ticket(served: &Served) -> String {
    let ticket = served.services.identity.ticket(&Principal::bootstrap()).await.unwrap();
    ticket.secret.into_inner()
}

#[tokio::test]
async fn a_ticket_opens_one_socket_and_no_second_one() {
    let served = Served::with(&[]).await;
    let id = served.fakes.put(queued_view());
    let path = format!("/ws/tasks/{id}?ticket={}", ticket(&served).await);
    let plain = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(served.say(plain.as_bytes()).await.starts_with("HTTP/1.1 426"), "this does not use it up");
    assert_eq!(open_with(&served, &path, &[]).await, 101);
    assert_eq!(open_with(&served, &path, &[]).await, 401);
    assert_eq!(open_with(&served, &format!("/ws/tasks/{id}?ticket=nobody"), &[]).await, 401);
    assert_eq!(open_with(&served, &format!("/ws/tasks/{id}?ticket=a&ticket=b"), &[]).await, 400);
    let ignored = [("authorization", "Bearer nobody")];
    assert_eq!(
        open_with(&served, &format!("/ws/tasks/{id}"), &ignored).await,
        101,
        "this dialect asks nobody"
    );
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_socket_in_somebodys_name() {
    let served = Served::with(&["--cors-origins", "https://app.example.org"]).await;
    let path = format!("/ws/tasks/{}", served.fakes.put(queued_view()));
    let own = format!("http://{}", served.address);
    let admin = format!("Bearer {ADMIN}");
    for (origin, status) in [
        (own.as_str(), 101),
        ("https://app.example.org", 101),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1:1", 403),
    ] {
        let headers = [("origin", origin), ("authorization", admin.as_str())];
        assert_eq!(open_with(&served, &path, &headers).await, status, "{origin}");
        let spent = format!("{path}?ticket={}", ticket(&served).await);
        assert_eq!(open_with(&served, &spent, &headers[..1]).await, status, "{origin} with a ticket");
        assert_eq!(open_with(&served, &path, &headers[..1]).await, 101, "{origin}: nobody is named");
    }
}

#[tokio::test]
async fn sockets_are_counted_by_whom_they_are_opened_for() {
    let served = Served::with(&["--sockets-per-address", "1"]).await;
    let path = format!("/ws/tasks/{}", served.fakes.put(queued_view()));
    let mut kept = vec![open(&served, &path).await.unwrap()];
    let refused = open(&served, &path).await.map(drop).unwrap_err();
    assert!(matches!(refused, Error::Http(answer) if answer.status() == 429));
    let with_ticket = format!("{path}?ticket={}", ticket(&served).await);
    kept.push(open(&served, &with_ticket).await.unwrap());
    let with_ticket = format!("{path}?ticket={}", ticket(&served).await);
    assert!(open(&served, &with_ticket).await.is_err());
}
