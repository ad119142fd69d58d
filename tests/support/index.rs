//! A simple package index on loopback: JSON (PEP 691) for who asks for it, else HTML (PEP 503), with METADATA
//! beside each wheel (PEP 658), yanked marks, and a password if it has one. It counts what it is asked for.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{sha256, wheel::Wheel};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

#[derive(Debug, Clone, Default)]
struct Published {
    content: Vec<u8>,
    metadata: Option<String>,
    yanked: bool,
    requires_python: Option<String>,
}

#[derive(Default)]
struct State {
    /// By normalised name, then by file name.
    projects: BTreeMap<String, BTreeMap<String, Published>>,
    asked: Vec<String>,
    html_only: bool,
    without_sizes: bool,
    /// What `Authorization` must say.
    authorization: Option<String>,
    broken: bool,
}

pub struct Index {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
}

impl Index {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let (state, over) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (served, ended) = (Arc::clone(&state), Arc::clone(&over));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&served);
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state, over }
    }

    /// Of the simple API, as settings name it.
    pub fn url(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// The same with user info.
    pub fn url_for(&self, user: &str, password: &str) -> String {
        format!("http://{user}:{password}@{}/simple/", self.address)
    }

    pub fn publish(&self, wheel: &Wheel) -> &Self {
        let published = Published {
            content: wheel.bytes(),
            metadata: Some(wheel.metadata()),
            yanked: false,
            requires_python: None,
        };
        self.put(&wheel.name, &wheel.file_name(), published)
    }

    /// `name-version.tar.gz` with some bytes in it; nobody may need to look inside.
    pub fn publish_sdist(&self, name: &str, version: &str) -> &Self {
        self.publish_file(name, &format!("{name}-{version}.tar.gz"), b"\x1f\x8b".to_vec())
    }

    pub fn publish_file(&self, name: &str, file_name: &str, content: Vec<u8>) -> &Self {
        self.put(name, file_name, Published { content, ..Published::default() })
    }

    fn put(&self, name: &str, file_name: &str, published: Published) -> &Self {
        let name = name.to_lowercase().replace(['_', '.'], "-");
        self.state().projects.entry(name).or_default().insert(file_name.to_owned(), published);
        self
    }

    pub fn yank(&self, file_name: &str) {
        self.change(file_name, |published| published.yanked = true);
    }

    pub fn requires_python(&self, file_name: &str, specifier: &str) {
        self.change(file_name, |published| published.requires_python = Some(specifier.to_owned()));
    }

    fn change(&self, file_name: &str, change: impl FnOnce(&mut Published)) {
        let mut state = self.state();
        let mut all = state.projects.values_mut();
        change(all.find_map(|files| files.get_mut(file_name)).expect("the file was published"));
    }

    /// Knows no JSON any more.
    pub fn speak_html(&self) {
        self.state().html_only = true;
    }

    pub fn leave_out_sizes(&self) {
        self.state().without_sizes = true;
    }

    pub fn ask_for(&self, user: &str, password: &str) {
        let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        self.state().authorization = Some(expected);
    }

    /// Answers 503 from now on.
    pub fn fail(&self) {
        self.state().broken = true;
    }

    /// Paths of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let Ok(reading) = stream.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    while let Some(request) = Request::read(&mut reader) {
        let (status, kind, body) = lock(state).answer(&request);
        let head = format!(
            "HTTP/1.1 {status} as told\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Cache-Control: max-age=0\r\nWWW-Authenticate: Basic realm=\"index\"\r\n\r\n",
            body.len()
        );
        let body = if request.method == "HEAD" { &[] } else { body.as_slice() };
        let mut stream = stream;
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
            return;
        }
    }
}

struct Request {
    method: String,
    path: String,
    accept: String,
    authorization: Option<String>,
}

impl Request {
    fn read(reader: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then_some(())?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut request = Self { method, path, accept: String::new(), authorization: None };
        loop {
            let mut header = String::new();
            (reader.read_line(&mut header).ok()? > 0).then_some(())?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { return Some(request) };
            match name.to_ascii_lowercase().as_str() {
                "accept" => value.clone_into(&mut request.accept),
                "authorization" => request.authorization = Some(value.to_owned()),
                _ => {}
            }
        }
    }
}

type Answered = (u16, &'static str, Vec<u8>);

impl State {
    fn answer(&mut self, request: &Request) -> Answered {
        self.asked.push(request.path.clone());
        if self.broken {
            return (503, "text/plain", Vec::new());
        }
        if self.authorization.is_some() && self.authorization != request.authorization {
            return (401, "text/plain", Vec::new());
        }
        let missing = (404, "text/plain", Vec::new());
        if let Some(name) = request.path.strip_prefix("/simple/") {
            let Some(files) = self.projects.get(name.trim_end_matches('/')) else { return missing };
            return if self.html_only || !request.accept.contains(JSON) {
                (200, "text/html", html(files).into_bytes())
            } else {
                (200, JSON, self.json(name, files).to_string().into_bytes())
            };
        }
        let name = request.path.trim_start_matches("/files/");
        let metadata = name.strip_suffix(".metadata");
        let found = self.projects.values().find_map(|files| files.get(metadata.unwrap_or(name)));
        let content = found.and_then(|file| match metadata {
            Some(_) => file.metadata.clone().map(String::into_bytes),
            None => Some(file.content.clone()),
        });
        content.map_or(missing, |content| (200, "application/octet-stream", content))
    }

    fn json(&self, name: &str, files: &BTreeMap<String, Published>) -> Value {
        let file = |(file_name, file): (&String, &Published)| {
            let mut found = json!({
                "filename": file_name,
                "url": format!("/files/{file_name}"),
                "hashes": {"sha256": sha256(&file.content)},
                "yanked": if file.yanked { json!("broken") } else { json!(false) },
            });
            if !self.without_sizes {
                found["size"] = file.content.len().into();
            }
            if let Some(python) = &file.requires_python {
                found["requires-python"] = python.as_str().into();
            }
            if let Some(metadata) = &file.metadata {
                found["core-metadata"] = json!({"sha256": sha256(metadata.as_bytes())});
            }
            found
        };
        let files: Vec<Value> = files.iter().map(file).collect();
        json!({"meta": {"api-version": "1.1"}, "name": name.trim_end_matches('/'), "versions": [], "files": files})
    }
}

fn html(files: &BTreeMap<String, Published>) -> String {
    let anchor = |(file_name, file): (&String, &Published)| {
        let hash = sha256(&file.content);
        let yanked = if file.yanked { " data-yanked=\"broken\"" } else { "" };
        let python = file.requires_python.as_ref();
        let python = python.map(|python| python.replace('>', "&gt;").replace('<', "&lt;"));
        let python = python.map(|python| format!(" data-requires-python=\"{python}\"")).unwrap_or_default();
        format!("<a href=\"/files/{file_name}#sha256={hash}\"{yanked}{python}>{file_name}</a><br/>\n")
    };
    let anchors: String = files.iter().map(anchor).collect();
    format!("<!DOCTYPE html><html><body>\n{anchors}</body></html>\n")
}
