//! PostgreSQL for the tests: one cluster for the whole run with a database per test, and private clusters for
//! tests that stop them. Durable settings stay on, because the product refuses to start without them.

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{Connection, PgConnection};

use crate::waiting::{seconds, until_blocking};

/// Runs the server as told on its standard input; the end of the input ends server and directory.
const SUPERVISOR: &str = r#"
run() { "$1/postgres" -D "$2/data" -k "$2" -p "$3" -c listen_addresses=127.0.0.1 \
        -c max_connections=300 >>"$2/log" 2>&1 & server=$!; }
run "$@"
while read -r word; do
  case $word in
    stop) kill -QUIT $server; wait $server;;
    start) run "$@";;
  esac
done
kill -QUIT $server 2>/dev/null; wait $server; rm -rf "$2"
"#;

pub struct Cluster {
    port: u16,
    dir: PathBuf,
    bin: PathBuf,
    supervisor: Child,
}

impl Cluster {
    /// The cluster that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A cluster of one's own.
    pub fn start() -> Self {
        let bin = binaries();
        let dir = tempfile::Builder::new().prefix("yard-pg-").tempdir().unwrap().keep();
        let owner = unprivileged();
        if let Some((user, group)) = owner {
            chown(&dir, Some(user), Some(group)).unwrap();
        }
        let as_owner = |command: &mut Command| {
            command.current_dir(&dir).process_group(0);
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
        };
        let mut initdb = Command::new(bin.join("initdb"));
        initdb.args(["-U", "plugyard", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
        initdb.arg(dir.join("data"));
        as_owner(&mut initdb);
        let made = initdb.output().expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let port = free_port();
        let mut sh = Command::new("sh");
        sh.args(["-c", SUPERVISOR, "sh"]).arg(&bin).arg(&dir).arg(port.to_string());
        sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        as_owner(&mut sh);
        let cluster = Self { port, dir: dir.clone(), supervisor: sh.spawn().expect("sh starts"), bin };
        cluster.wait_until_ready();
        cluster
    }

    /// Ends every server process at once, as a crash would.
    pub fn stop(&mut self) {
        self.tell("stop");
        let closed = || TcpStream::connect(("127.0.0.1", self.port)).is_err();
        until_blocking("PostgreSQL is gone", seconds(20), || closed().then_some(()));
    }

    pub fn start_again(&mut self) {
        self.tell("start");
        self.wait_until_ready();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://plugyard@127.0.0.1:{}/{database}", self.port)
    }

    /// A new empty database.
    pub async fn database(&self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("yard_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        sqlx::query(&format!("create database {name}")).execute(&mut connection).await.unwrap();
        Database { url: self.url(&name) }
    }

    /// A client program of the same version, such as `pg_dump`.
    pub fn client(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    fn tell(&mut self, word: &str) {
        let input = self.supervisor.stdin.as_mut().expect("the supervisor listens");
        writeln!(input, "{word}").unwrap();
        input.flush().unwrap();
    }

    fn answers(&self) -> bool {
        let mut ask = self.client("pg_isready");
        ask.args(["-q", "-h", "127.0.0.1", "-U", "plugyard", "-d", "postgres", "-p", &self.port.to_string()]);
        ask.status().expect("pg_isready runs").success()
    }

    fn wait_until_ready(&self) {
        until_blocking("PostgreSQL answers", seconds(60), || self.answers().then_some(()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// One test's database.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: String,
}

impl Database {
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the database answers")
    }

    /// The number a query answers with.
    pub async fn number(&self, query: &str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.connect().await).await.expect(query)
    }

    /// The first column, as text, of every row.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        sqlx::query_scalar(query).fetch_all(&mut self.connect().await).await.expect(query)
    }

    /// Runs statements on one connection; the error text is the database's own.
    pub async fn execute(&self, statements: &str) -> Result<(), String> {
        sqlx::raw_sql(statements)
            .execute(&mut self.connect().await)
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    /// How often events of these types stand on the task's stream.
    pub async fn events_of(&self, task: &str, types: &[&str]) -> i64 {
        let types = types.iter().map(|t| format!("'{t}'")).collect::<Vec<_>>().join(", ");
        let query = format!(
            "select count(*) from es.events where aggregate_id like '%{task}%' and event_type in ({types})"
        );
        self.number(&query).await
    }
}

/// User and group to run the server as: PostgreSQL refuses root.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let postgres = passwd.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    Some(postgres.unwrap_or((65534, 65534)))
}

/// The newest installed server, else the one on the search path.
fn binaries() -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .max();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|dir| dir.join("initdb").is_file())
    };
    newest.map(|(_, bin)| bin).or_else(on_path).expect("PostgreSQL is installed (initdb, postgres, pg_dump)")
}

/// A port that nothing listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Copies a database into another cluster with `pg_dump` alone, as an operator would after a loss. The roles do
/// not travel along, so what was granted to them is lost; nothing else may be.
pub fn dump_and_restore(from: (&Cluster, &Database), to: (&Cluster, &Database), scratch: &Path) {
    let file = scratch.join("dump.sql");
    let run = |command: &mut Command| {
        let ran = command.stdout(Stdio::null()).output().expect("the client program runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{command:?}: {said}");
        said
    };
    let (source, database) = from;
    run(source.client("pg_dump").arg("--file").arg(&file).arg(format!("--dbname={}", database.url)));
    let (target, database) = to;
    let mut psql = target.client("psql");
    psql.args(["-X", "-q"]).arg(format!("--dbname={}", database.url)).arg("--file").arg(&file);
    let said = run(&mut psql);
    let errors = said.lines().filter(|line| line.contains("ERROR:"));
    let others: Vec<&str> = errors.filter(|line| !line.contains("role \"plugyard_app\"")).collect();
    assert!(others.is_empty(), "{others:?}");
}
