//! The marketplace as its answers were recorded, on loopback: its edge, its envelope, its redirects to an object store.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{Files, Plugin, Unpacked};

/// How every question is answered.
#[derive(Debug, Clone)]
pub enum Mood {
    Well,
    /// With this status.
    Refusing(u16),
    /// With this body, as if all were well.
    Babbling(String),
    /// Well, but for pages of a search after the first.
    BreakingOff,
    /// Well, after this time.
    Slow(Duration),
}

/// More than this on one page it does not give, whatever is asked for.
const LARGEST_PAGE: usize = 40;
const ICON: &[u8] = b"\x89PNG\r\n\x1a\n and an image";

#[derive(Clone)]
struct Listed {
    author: String,
    name: String,
    category: String,
    updated: String,
    downloads: u64,
    /// Oldest first, each with its checksum.
    versions: Vec<(String, String)>,
}

struct State {
    plugins: Mutex<Vec<Listed>>,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<String>>,
    store: Files,
    over: AtomicBool,
}

pub struct Market {
    address: SocketAddr,
    state: Arc<State>,
}

struct Question {
    method: String,
    path: String,
    /// It looks like a browser and says its version.
    passes_the_edge: bool,
    body: Value,
}

impl Market {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            plugins: Mutex::default(),
            mood: Mutex::new(Mood::Well),
            asked: Mutex::default(),
            store: Files::start(),
            over: AtomicBool::new(false),
        });
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if served.over.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&served);
                thread::spawn(move || {
                    // The other side may leave early.
                    let _ = state.serve(stream);
                });
            }
        });
        Self { address, state }
    }

    /// What `PLUGYARD_MARKETPLACE_URL` says.
    pub fn base(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    pub fn page_of(&self, plugin: &Plugin) -> String {
        format!("http://{}/plugins/{}/{}", self.address, plugin.author, plugin.name)
    }

    /// Where packages and icons really are.
    pub fn store(&self) -> &Files {
        &self.state.store
    }

    /// Publishes the package, with the checksum of its content.
    pub fn list(&self, plugin: &Plugin, category: &str) {
        let checksum = Unpacked::read(&plugin.archive_without_descriptors().bytes()).checksum();
        self.list_promising(plugin, category, &checksum);
    }

    pub fn list_promising(&self, plugin: &Plugin, category: &str, checksum: &str) {
        let Plugin { author, name, version, .. } = plugin;
        self.state.store.put(&format!("/packages/{author}/{name}/{version}"), plugin.bytes());
        self.state.store.put(&format!("/icons/{author}/{name}"), ICON);
        let mut plugins = self.state.plugins.lock().unwrap();
        let version = (version.clone(), checksum.to_owned());
        match plugins.iter_mut().find(|known| (&known.author, &known.name) == (author, name)) {
            Some(known) => known.versions.push(version),
            None => plugins.push(Listed {
                author: author.clone(),
                name: name.clone(),
                category: category.to_owned(),
                updated: "2024-01-15T00:00:00Z".to_owned(),
                downloads: 1234,
                versions: vec![version],
            }),
        }
    }

    /// A change of the listing at this time.
    pub fn touch(&self, name: &str, updated: &str, downloads: u64) {
        let mut plugins = self.state.plugins.lock().unwrap();
        let plugin = plugins.iter_mut().find(|known| known.name == name).expect("a listed plugin");
        (plugin.updated, plugin.downloads) = (updated.to_owned(), downloads);
    }

    pub fn unlist(&self, name: &str) {
        self.state.plugins.lock().unwrap().retain(|known| known.name != name);
    }

    /// How many pages of searches were asked for so far.
    pub fn searched(&self) -> usize {
        self.asked().iter().filter(|asked| asked.ends_with("/plugins/search/advanced")).count()
    }

    pub fn be(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// Method and path of every question so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let Some(question) = read(&mut BufReader::new(stream.try_clone()?)) else { return Ok(()) };
        self.asked.lock().unwrap().push(format!("{} {}", question.method, question.path));
        let mood = self.mood.lock().unwrap().clone();
        let (status, headers, body) = match mood {
            _ if !question.passes_the_edge => {
                (403, String::new(), "<html>Just a moment...</html>".to_owned())
            }
            Mood::Refusing(status) => (status, String::new(), "no".to_owned()),
            Mood::Babbling(body) => (200, String::new(), body),
            Mood::BreakingOff if question.body["page"].as_u64().is_some_and(|page| page > 1) => {
                (500, String::new(), "no".to_owned())
            }
            Mood::Slow(time) => {
                thread::sleep(time);
                self.answer(&question)
            }
            Mood::Well | Mood::BreakingOff => self.answer(&question),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} as told\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }

    fn answer(&self, question: &Question) -> (u16, String, String) {
        let path = question.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
        let plugins = self.plugins.lock().unwrap().clone();
        let find =
            |org: &str, name: &str| plugins.iter().find(|known| known.author == org && known.name == name);
        let sent_on = |to: &str, status| {
            (status, format!("Location: {}?X-Sig=presigned\r\n", self.store.url(to)), String::new())
        };
        match (question.method.as_str(), parts.as_slice()) {
            ("POST", ["plugins", "search", "advanced"]) => said(&searched(&plugins, &question.body)),
            ("POST", ["plugins", "batch"]) => {
                let wanted = |known: &&Listed| {
                    let id = json!(format!("{}/{}", known.author, known.name));
                    question.body["plugin_ids"].as_array().is_some_and(|ids| ids.contains(&id))
                };
                said(
                    &json!({"plugins": plugins.iter().filter(wanted).map(Listed::details).collect::<Vec<_>>()}),
                )
            }
            ("GET", ["plugins", org, name]) => {
                find(org, name).map_or_else(unknown, |known| said(&json!({"plugin": known.details()})))
            }
            ("GET", ["plugins", org, name, "versions"]) => {
                find(org, name).map_or_else(unknown, |known| said(&known.history()))
            }
            ("GET", ["plugins", org, name, "icon"]) if find(org, name).is_some() => {
                sent_on(&format!("/icons/{org}/{name}"), 307)
            }
            ("GET", ["plugins", org, name, version, "download"]) if find(org, name).is_some() => {
                sent_on(&format!("/packages/{org}/{name}/{version}"), 302)
            }
            _ => unknown(),
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Question> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut browser, mut versioned) = (0, false, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "user-agent" => browser = value.starts_with("Mozilla/5.0 "),
            "x-dify-version" => versioned = value.starts_with("1."),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Question { method, path, passes_the_edge: browser && versioned, body })
}

fn said(data: &Value) -> (u16, String, String) {
    (
        200,
        "Content-Type: application/json\r\n".to_owned(),
        json!({"code": 0, "data": data, "msg": "ok"}).to_string(),
    )
}

fn unknown() -> (u16, String, String) {
    (404, String::new(), json!({"code": -1, "data": null, "msg": "plugin not found"}).to_string())
}

fn searched(plugins: &[Listed], asked: &Value) -> Value {
    let (query, category) = (asked["query"].as_str().unwrap_or(""), asked["category"].as_str().unwrap_or(""));
    let fits =
        |known: &&Listed| known.name.contains(query) && (category.is_empty() || known.category == category);
    let mut found: Vec<&Listed> = plugins.iter().filter(fits).collect();
    if asked["sort_by"] == "version_updated_at" {
        found.sort_by(|one, other| other.updated.cmp(&one.updated));
    }
    let number = |member: &str| usize::try_from(asked[member].as_u64().unwrap_or(1)).unwrap();
    let size = number("page_size").clamp(1, LARGEST_PAGE);
    let page = found.iter().skip((number("page") - 1) * size).take(size);
    json!({"plugins": page.map(|known| known.card()).collect::<Vec<_>>(), "total": found.len()})
}

impl Listed {
    fn card(&self) -> Value {
        let (version, checksum) = self.versions.last().expect("a version");
        let Self { author, name, category, updated, downloads, .. } = self;
        json!({
            "type": "plugin", "org": author, "name": name, "plugin_id": format!("{author}/{name}"),
            "icon": format!("{author}/{name}/icon.png"), "label": {"en_US": format!("The {name} plugin")},
            "brief": {"en_US": "Made by a test", "zh_Hans": "x"}, "category": category,
            "tags": [{"name": "utilities"}], "latest_version": version, "install_count": downloads,
            "latest_package_identifier": format!("{author}/{name}:{version}@{checksum}"),
            "version_updated_at": updated, "verification": {"authorized_category": "partner"},
            "status": "active", "verified": true, "badges": [], "plugins": {},
        })
    }

    fn details(&self) -> Value {
        let mut card = self.card();
        card["introduction"] = json!(format!("# {}", self.name));
        card["created_at"] = json!("2024-01-01T00:00:00Z");
        card["updated_at"] = json!("2024-01-15T00:00:00Z");
        card["repository"] = json!("https://example.com/repository");
        card
    }

    fn history(&self) -> Value {
        let Self { author, name, .. } = self;
        let version = |(day, (version, checksum)): (usize, &(String, String))| {
            json!({
                "plugin_org": author, "plugin_name": name, "version": version, "checksum": checksum,
                "unique_identifier": format!("{author}/{name}:{version}@{checksum}"), "change_log": "Changed",
                "created_at": format!("2024-01-{:02}T00:00:00Z", day + 1), "status": "active",
            })
        };
        json!({"versions": self.versions.iter().enumerate().map(version).collect::<Vec<_>>(), "total": self.versions.len()})
    }
}
