//! A file server on loopback that can misbehave: the other side of every download. Honest by default: it knows
//! `Range`, `If-Range` and `HEAD`, and counts what it is asked for.

mod serving;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::waiting::until;

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Act {
    /// The file, or the asked range of it.
    Serve,
    /// The head and this many bytes, then the connection ends.
    Cut(usize),
    /// The file or the asked range of it, of which this many bytes come before the connection ends.
    Sip(usize),
    /// The head and this many bytes, then nothing until [`Files::release`].
    Stall(usize),
    /// One byte a second.
    Drip,
    /// No length, and no end.
    Endless,
    /// A body of other bytes and the same length.
    Wrong,
    /// Says it is this long.
    ClaimLength(u64),
    Redirect(String),
    /// Status, more header lines, body.
    Status(u16, Vec<(String, String)>, String),
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub user_agent: Option<String>,
}

#[derive(Default)]
struct Route {
    content: Arc<Vec<u8>>,
    /// Served from there, and not held in memory.
    file: Option<PathBuf>,
    first: VecDeque<Act>,
    always: Option<Act>,
}

#[derive(Default)]
struct State {
    routes: Mutex<BTreeMap<String, Route>>,
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    sent: AtomicUsize,
    /// Answers that the other side did not wait for.
    abandoned: AtomicUsize,
    released: AtomicBool,
    over: AtomicBool,
    line: Option<Line>,
}

/// What all connections share: so many bytes a second.
struct Line {
    rate: f64,
    free: Mutex<Instant>,
}

impl Line {
    /// Returns when these bytes have gone through.
    fn carry(&self, bytes: usize) {
        let took = Duration::from_secs_f64(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / self.rate);
        let gone = {
            let mut free = lock(&self.free);
            *free = Instant::now().max(*free) + took;
            *free
        };
        thread::sleep(gone.saturating_duration_since(Instant::now()));
    }
}

pub struct Files {
    address: SocketAddr,
    state: Arc<State>,
}

impl Files {
    pub fn start() -> Self {
        Self::serving(State::default())
    }

    /// Behind a line that carries so many megabits a second in all. Files on disk do not pass through it.
    pub fn behind(megabits: u32) -> Self {
        let line = Line { rate: f64::from(megabits) * 125_000.0, free: Mutex::new(Instant::now()) };
        Self::serving(State { line: Some(line), ..State::default() })
    }

    fn serving(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let state = Arc::new(state);
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if served.over.load(Ordering::SeqCst) {
                    return;
                }
                served.connections.fetch_add(1, Ordering::SeqCst);
                let state = Arc::clone(&served);
                thread::spawn(move || serving::serve(stream, &state));
            }
        });
        Self { address, state }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves the bytes under the path; answers its URL.
    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) -> String {
        self.routes().entry(path.into()).or_default().content = Arc::new(content.into());
        self.url(path)
    }

    /// Serves a file too large for memory, whole and without acts; answers its URL.
    pub fn put_file(&self, path: &str, file: &Path) -> String {
        self.routes().entry(path.into()).or_default().file = Some(file.to_owned());
        self.url(path)
    }

    /// The next request that no other act waits for is answered like this; later ones as before.
    pub fn first(&self, path: &str, act: Act) {
        self.routes().entry(path.into()).or_default().first.push_back(act);
    }

    pub fn always(&self, path: &str, act: Act) {
        self.routes().entry(path.into()).or_default().always = Some(act);
    }

    /// Lets every stalled answer go on, and none stall any more.
    pub fn release(&self) {
        self.state.released.store(true, Ordering::SeqCst);
    }

    /// GET requests for the path.
    pub fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path == path && asked.method == "GET").count()
    }

    /// GET requests for paths that begin so.
    pub fn count_below(&self, prefix: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path.starts_with(prefix) && asked.method == "GET").count()
    }

    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.state.asked).clone()
    }

    /// Connections that were ever made.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Body bytes written so far.
    pub fn sent(&self) -> usize {
        self.state.sent.load(Ordering::SeqCst)
    }

    pub fn abandoned(&self) -> usize {
        self.state.abandoned.load(Ordering::SeqCst)
    }

    /// Waits until the path was asked for.
    pub async fn reached(&self, path: &str) {
        let what = format!("a request for {path}");
        until(&what, Duration::from_secs(30), async || (self.count(path) > 0).then_some(())).await;
    }

    fn routes(&self) -> MutexGuard<'_, BTreeMap<String, Route>> {
        lock(&self.state.routes)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.release();
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A port that counts who connects and never says a word: the forbidden neighbour.
pub struct Silent {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Silent {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for _stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, connections }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}
