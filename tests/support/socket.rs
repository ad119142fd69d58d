//! A task's WebSocket as a client sees it.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

use crate::waiting::seconds;

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came next.
#[derive(Debug)]
pub enum Heard {
    Frame(Value),
    Closed(u16, String),
}

impl Socket {
    /// `address` with an `http` scheme, as the server prints its own.
    pub async fn open(address: &str) -> Self {
        Self::try_open(address).await.expect("the upgrade is accepted")
    }

    pub async fn try_open(address: &str) -> Result<Self, Error> {
        Self::try_open_with(address, &[]).await
    }

    /// With headers of the client's own.
    pub async fn try_open_with(address: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = address.replacen("http", "ws", 1).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream })
    }

    pub async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the socket takes a frame");
    }

    /// The next text frame or the end, protocol pings aside.
    pub async fn hear_within(&mut self, limit: Duration) -> Option<Heard> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Heard::Frame(serde_json::from_str(&text).expect("a JSON frame"));
                    }
                    Some(Ok(Message::Close(frame))) => return closed(frame),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Binary(_))) => panic!("a binary frame"),
                    Some(Err(error)) => return Heard::Closed(1006, error.to_string()),
                    None => return Heard::Closed(1006, String::new()),
                }
            }
        };
        timeout(limit, next).await.ok()
    }

    /// The next text frame.
    pub async fn frame(&mut self) -> Value {
        match self.hear_within(seconds(30)).await {
            Some(Heard::Frame(frame)) => frame,
            other => panic!("a frame was expected: {other:?}"),
        }
    }

    /// Code and reason of the close, frames before it passed over.
    pub async fn close(&mut self, limit: Duration) -> (u16, String) {
        let end = async {
            loop {
                if let Some(Heard::Closed(code, reason)) = self.hear_within(limit).await {
                    return (code, reason);
                }
            }
        };
        timeout(limit, end).await.expect("the server closes the socket")
    }

    /// All task records up to the terminal one, heartbeats left out.
    pub async fn records(&mut self) -> Vec<Value> {
        let mut records = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["type"] == "heartbeat" {
                continue;
            }
            let ended = frame["status"] == "completed" || frame["status"] == "failed";
            records.push(frame);
            if ended {
                return records;
            }
        }
    }

    /// Records until one fits; answers that one.
    pub async fn record(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.frame().await;
            if fits(&frame) {
                return frame;
            }
            assert_ne!(frame["status"], "failed", "{frame}");
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> Heard {
    let (code, reason) = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
    Heard::Closed(code, reason)
}
