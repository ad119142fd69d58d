//! A client that costs little beside the server it asks: plain sockets, kept open, one thread a connection.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::figures::{count, percentile};

/// What many clients at once have seen.
pub(super) struct Load {
    /// Milliseconds, of each request.
    times: Vec<f64>,
    wall: Duration,
}

impl Load {
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        percentile(&self.times, percent)
    }

    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        count(self.times.len()) / self.wall.as_secs_f64()
    }
}

/// Asks for every path once, in order, by so many clients. Anything but 200 is a broken run.
pub(super) fn load(address: &str, clients: usize, paths: &[String]) -> Load {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let times = thread::scope(|scope| {
        let client = || {
            let mut connection = Connection::open(address);
            let mut times = Vec::new();
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                let begun = Instant::now();
                connection.get(path);
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            times
        };
        let running: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        running.into_iter().flat_map(|client| client.join().expect("every answer is 200")).collect()
    });
    Load { times, wall: begun.elapsed() }
}

pub(super) struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, host: address.to_owned(), buffer: Vec::new() }
    }

    /// The length of the body.
    pub(super) fn get(&mut self, path: &str) -> usize {
        let (status, length) = self.ask(path);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&self.buffer));
        length
    }

    /// Status and length of the body.
    pub(super) fn ask(&mut self, path: &str) -> (u16, usize) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.write_all(request.as_bytes()).expect("the server reads");
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            let read = self.stream.read(&mut chunk).expect("the server answers");
            assert!(read > 0, "the server ended the connection");
            self.buffer.extend_from_slice(&chunk[..read]);
            if let Some((head, length)) = head(&self.buffer)
                && self.buffer.len() >= head + length
            {
                let status = self.buffer.get(9..12).and_then(|word| std::str::from_utf8(word).ok());
                return (status.and_then(|word| word.parse().ok()).expect("a status"), length);
            }
        }
    }
}

/// Lengths of head and body, once the head is there.
fn head(answer: &[u8]) -> Option<(usize, usize)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..end]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((end, length.unwrap_or_default()))
}
