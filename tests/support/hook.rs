//! A receiver of news on loopback: remembers what is posted, and answers as it is told.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

#[derive(Default)]
struct State {
    posted: Mutex<Vec<Value>>,
    /// The statuses and bodies of the next answers; then 204.
    answers: Mutex<VecDeque<(u16, String)>>,
}

pub struct Hook {
    address: SocketAddr,
    state: Arc<State>,
}

impl Hook {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // The other side may leave early.
                let _ = served.serve(stream);
            }
        });
        Self { address, state }
    }

    /// What `PLUGYARD_DISCORD_WEBHOOK` says.
    pub fn url(&self) -> String {
        format!("http://{}/api/webhooks/1/secret", self.address)
    }

    pub fn answer_next(&self, status: u16, body: &str) {
        self.state.answers.lock().unwrap().push_back((status, body.to_owned()));
    }

    /// Everything that was posted, whatever the answer was.
    pub fn posted(&self) -> Vec<Value> {
        self.state.posted.lock().unwrap().clone()
    }

    /// The texts of it.
    pub fn texts(&self) -> Vec<String> {
        let text = |post: &Value| post["content"].as_str().expect("a text").to_owned();
        self.posted().iter().map(text).collect()
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        self.posted.lock().unwrap().push(serde_json::from_slice(&body).expect("JSON"));
        let (status, body) = self.answers.lock().unwrap().pop_front().unwrap_or((204, String::new()));
        write!(
            stream,
            "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
