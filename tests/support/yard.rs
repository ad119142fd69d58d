//! The product as its users meet it: a running server on ground of its own, and the verbs of a session with it.

mod identity;
mod serving;
mod upload;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::{
    identity::{Token, basic},
    serving::Server,
    upload::Upload,
};
use crate::{
    Answer, Cli, Cluster, Database, Plugin, Socket, Unpacked, binary, tree, until, waiting::seconds,
};

/// The bootstrap credential of every server in the tests.
pub const ADMIN: &str = "the-bootstrap-credential-of-the-tests";

/// How a server shall be run. The defaults: a new database, fetches from loopback allowed, no rate limits, no
/// repository read unless somebody asks for it.
pub struct Plan {
    settings: BTreeMap<String, String>,
    database: Option<Database>,
    embedded: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let plan = Self { settings: BTreeMap::new(), database: None, embedded: false };
        plan.set("PLUGYARD_LISTEN", "127.0.0.1:0")
            .set("PLUGYARD_ADMIN_TOKEN", ADMIN)
            .set("PLUGYARD_FETCH_ALLOW", "127.0.0.0/8")
            .set("PLUGYARD_RATE_LIMITS", "off")
            .set("PLUGYARD_SYNC_INTERVAL", "off")
    }
}

impl Plan {
    #[must_use]
    pub fn set(mut self, setting: &str, value: &str) -> Self {
        self.settings.insert(setting.into(), value.into());
        self
    }

    #[must_use]
    pub fn database(mut self, database: &Database) -> Self {
        self.database = Some(database.clone());
        self
    }

    /// Without `DATABASE_URL`: the server brings its own PostgreSQL.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.embedded = true;
        self
    }

    pub async fn start(self) -> Yard {
        self.start_on(binary::ground()).await
    }

    /// On ground that an earlier server may have left.
    pub async fn start_on(mut self, ground: TempDir) -> Yard {
        let database = match self.database {
            Some(database) => Some(database),
            None if self.embedded => None,
            None => Some(Cluster::shared().database().await),
        };
        if let Some(database) = &database {
            self.settings.insert("DATABASE_URL".into(), database.url.clone());
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(seconds(30))
            .build()
            .unwrap();
        let mut yard =
            Yard { settings: self.settings, database, http, server: None, ground: Arc::new(ground) };
        yard.restart().await;
        yard
    }
}

pub struct Yard {
    settings: BTreeMap<String, String>,
    database: Option<Database>,
    http: reqwest::Client,
    server: Option<Server>,
    ground: Arc<TempDir>,
}

impl Yard {
    pub async fn start() -> Self {
        Plan::default().start().await
    }

    pub fn base(&self) -> &str {
        self.server().base()
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("a database of the tests' own")
    }

    pub fn ground(&self) -> &Path {
        self.ground.path()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.ground().join("data")
    }

    /// Files of the service's ground outside its data directory; there must be none.
    pub fn strays(&self) -> Vec<String> {
        let all = tree::files_below(self.ground());
        all.into_iter().filter(|path| !path.starts_with("data/") && path != "server.log").collect()
    }

    /// The command line beside this server, with its settings.
    pub fn cli(&self) -> Cli {
        self.settings.iter().fold(Cli::on(self.ground()), |cli, (name, value)| cli.set(name, value))
    }

    /// The environment of the server, for other programs beside it.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// For the next start.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.settings.insert(setting.into(), value.into());
    }

    // Requests.

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base()))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("the server answers")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn try_upload(&self, upload: Upload) -> Answer {
        let request = self.request(Method::POST, "/api/v1/tasks/upload");
        self.send(request.timeout(seconds(60)).multipart(upload.form())).await
    }

    // Verbs.

    /// Uploads for the platform and answers the task's id.
    pub async fn upload(&self, plugin: &Plugin, platform: &str) -> String {
        let answer = self.try_upload(Upload::of(plugin).field("platform", platform)).await;
        task_id(&answer.expect(200).json())
    }

    pub async fn repackage_url(&self, url: &str, platform: &str) -> String {
        self.repackage(&json!({ "url": url, "platform": platform })).await
    }

    /// Creates a task from this body.
    pub async fn repackage(&self, body: &Value) -> String {
        task_id(&self.post("/api/v1/tasks", body).await.expect(200).json())
    }

    pub async fn task(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/tasks/{id}")).await.expect(200).json()
    }

    /// The record once the task has ended.
    pub async fn finished(&self, id: &str) -> Value {
        self.finished_within(id, seconds(60)).await
    }

    pub async fn finished_within(&self, id: &str, limit: Duration) -> Value {
        let what = format!("task {id} ends");
        until(&what, limit, async || {
            let record = self.task(id).await;
            ["completed", "failed"].contains(&record["status"].as_str()?).then_some(record)
        })
        .await
    }

    /// The record of a task that must succeed.
    pub async fn completed(&self, id: &str) -> Value {
        let record = self.finished(id).await;
        assert_eq!(record["status"], "completed", "{record}");
        record
    }

    /// The error text of a task that must fail.
    pub async fn failed(&self, id: &str) -> String {
        let record = self.finished(id).await;
        assert_eq!(record["status"], "failed", "{record}");
        record["error"].as_str().expect("a failed task says why").to_owned()
    }

    pub async fn download(&self, id: &str) -> Vec<u8> {
        self.get(&format!("/api/v1/tasks/{id}/download")).await.expect(200).body
    }

    /// Waits for success and reads the result.
    pub async fn result(&self, id: &str) -> Unpacked {
        self.completed(id).await;
        Unpacked::read(&self.download(id).await)
    }

    pub async fn report(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/tasks/{id}/report")).await.expect(200).json()
    }

    pub async fn socket(&self, id: &str) -> Socket {
        Socket::open(&format!("{}/ws/tasks/{id}", self.base())).await
    }

    /// What the admin view says of the log and its readers.
    pub async fn readers(&self) -> Value {
        let request = self.request(Method::GET, "/admin/projections").bearer_auth(ADMIN);
        self.send(request).await.expect(200).json()
    }

    /// How many events somebody's request led to; the service itself only names the marketplace of its settings.
    pub async fn asked_for(&self) -> i64 {
        let query = "select count(*) from es.events where aggregate_type <> 'repository'";
        self.database().number(query).await
    }

    /// Waits until every reader has reached the last event.
    pub async fn settle(&self) {
        until("every reader has caught up", seconds(30), async || {
            let view = self.readers().await;
            let readers = view["projections"].as_array().expect("a list of readers");
            assert!(!readers.is_empty(), "no reader is listed");
            readers.iter().all(|reader| reader["lag"] == 0).then_some(())
        })
        .await;
    }

    /// Answers `/readyz` with 200.
    pub async fn ready(&self) {
        until("the server is ready", seconds(30), async || {
            (self.get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.server.as_mut().expect("the server runs").kill();
    }

    /// SIGTERM; the exit code and how long it took.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        self.server.as_mut().expect("the server runs").terminate()
    }

    /// Starts the server again, on the same data.
    pub async fn restart(&mut self) {
        drop(self.server.take());
        self.server = Some(Server::start(self.ground.path(), &self.settings).await);
    }

    /// The same data directory with another database.
    pub async fn moved_to(mut self, database: &Database) -> Self {
        self.settings.insert("DATABASE_URL".into(), database.url.clone());
        self.database = Some(database.clone());
        self.restart().await;
        self
    }

    /// Another server on the same ground, with the same settings.
    pub async fn twin(&self) -> Self {
        let (settings, database) = (self.settings.clone(), self.database.clone());
        let (http, ground) = (self.http.clone(), Arc::clone(&self.ground));
        let mut twin = Self { settings, database, http, server: None, ground };
        twin.restart().await;
        twin
    }

    /// Another node on the same database, with a directory of its own and the master key of this one.
    pub async fn neighbour(&self, role: &str) -> Self {
        let mut plan = Plan { database: self.database.clone(), ..Plan::default() };
        plan.settings = self.settings.clone();
        if !plan.settings.contains_key("PLUGYARD_SECRET_KEY") {
            let made_here = self.data_dir().join("secret.key");
            plan = plan.set("PLUGYARD_SECRET_KEY_FILE", made_here.to_str().expect("a path of text"));
        }
        plan.set("PLUGYARD_ROLE", role).start().await
    }
}

/// The id in a task record.
pub fn task_id(record: &Value) -> String {
    record["task_id"].as_str().unwrap_or_else(|| panic!("no task id in {record}")).to_owned()
}
