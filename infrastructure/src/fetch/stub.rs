//! A small HTTP server on loopback that gives prepared answers, one per request, and remembers the requests.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    length: Option<usize>,
    /// Honours Range with If-Range.
    ranged: bool,
    then_hang: bool,
    /// No more bytes than these, whatever it says.
    piece: usize,
}

impl Answer {
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: &[u8]) -> Self {
        let headers = String::new();
        Self {
            status,
            headers,
            body: body.to_vec(),
            length: None,
            ranged: false,
            then_hang: false,
            piece: usize::MAX,
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302, b"").header(&format!("Location: {to}"))
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }

    /// Says it has `length` bytes, however many there are.
    pub(crate) fn claiming(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    pub(crate) fn ranged(mut self) -> Self {
        self.ranged = true;
        self
    }

    pub(crate) fn piece(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    pub(crate) fn then_hang(mut self) -> Self {
        self.then_hang = true;
        self
    }

    fn bytes(&self, request: &str) -> Vec<u8> {
        let from = request
            .lines()
            .find_map(|line| line.strip_prefix("range: bytes="))
            .and_then(|range| range.trim_end_matches('-').parse::<usize>().ok())
            .filter(|_| self.ranged && request.contains("if-range:"));
        let (status, body, more) = match from {
            None => (self.status, self.body.as_slice(), String::new()),
            Some(from) => {
                let all = self.body.len();
                (206, &self.body[from..], format!("Content-Range: bytes {from}-{}/{all}\r\n", all - 1))
            }
        };
        let length = self.length.filter(|_| from.is_none()).unwrap_or(body.len());
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n{more}{}\r\n",
            self.headers
        );
        [head.as_bytes(), &body[..body.len().min(self.piece)]].concat()
    }
}

fn length_of_body(head: &str) -> usize {
    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0)
}

#[derive(Debug)]
pub(crate) struct Stub {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Stub {
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = Vec::new();
            let mut answers = answers.into_iter();
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let head = String::from_utf8_lossy(&request).into_owned();
                let mut body = vec![0; length_of_body(&head)];
                let _ = socket.read_exact(&mut body).await;
                let request = head + &String::from_utf8_lossy(&body);
                let Some(answer) = answers.next() else { continue };
                let bytes = answer.bytes(&request);
                seen.lock().unwrap().push(request);
                // The client may leave early, which is its right.
                let _ = socket.write_all(&bytes).await;
                if answer.then_hang {
                    open.push(socket);
                } else {
                    let _ = socket.shutdown().await;
                }
            }
        });
        Self { port, requests, _serving: serving }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}
