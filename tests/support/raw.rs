//! Bytes on a connection, for requests that no client library would send.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::Answer;

/// What came back.
#[derive(Debug)]
pub struct Heard {
    /// None: the connection was closed without a word.
    pub answer: Option<Answer>,
    /// The server ended the connection.
    pub closed: bool,
}

/// Sends these bytes to the server with this address, and reads one answer, or until `limit`. None: neither an answer
/// nor an end in that time.
pub async fn say(base: &str, bytes: &[u8], limit: Duration) -> Option<Heard> {
    let address = base.strip_prefix("http://").expect("an address of a server");
    let mut stream = TcpStream::connect(address).await.expect("the server takes connections");
    // A server may refuse before it has read everything.
    let _ = timeout(limit, stream.write_all(bytes)).await;
    let (mut read, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        if let Some(answer) = parse(&read) {
            let closed = answer.header("connection").eq_ignore_ascii_case("close");
            return Some(Heard { answer: Some(answer), closed });
        }
        match tokio::time::timeout_at(deadline, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Some(Heard { answer: unframed(&read), closed: true }),
            Ok(Ok(n)) => read.extend_from_slice(&buffer[..n]),
            Err(_elapsed) => return None,
        }
    }
}

/// Everything that the server says to these bytes before it ends the connection. None: it does not end it in time.
pub async fn all(base: &str, bytes: &[u8], limit: Duration) -> Option<String> {
    let address = base.strip_prefix("http://").expect("an address of a server");
    let mut stream = TcpStream::connect(address).await.expect("the server takes connections");
    let _ = timeout(limit, stream.write_all(bytes)).await;
    let mut read = Vec::new();
    // A connection that is reset has ended too.
    let _ = timeout(limit, stream.read_to_end(&mut read)).await.ok()?;
    Some(String::from_utf8_lossy(&read).into_owned())
}

/// A whole answer with `Content-Length`.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let answer = unframed(bytes)?;
    let length: usize = answer.header("content-length").parse().ok()?;
    (answer.body.len() >= length).then_some(answer)
}

/// Head and whatever follows it.
fn unframed(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a header value"));
    }
    Some(Answer { status, headers, body: bytes[end + 4..].to_vec() })
}
