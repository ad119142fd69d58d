//! The same SQL without the service: what PostgreSQL was asked for a request, taken from its log with the values, and
//! driven by `pgbench`, prepared, with as many clients.

use std::{fmt::Write as _, fs, path::Path};

use plugyard_tests::{Cluster, Database, python::succeeds};

use super::client::Connection;
use crate::figures::percentile;

/// The pool that answers requests, as it names itself.
const READS: &str = "plugyard-reads|LOG:  execute ";

/// From now on, in new connections.
pub(super) async fn overhear(database: &Database) {
    database.execute("alter system set log_line_prefix = '%a|'").await.expect("a superuser");
    database.execute("alter system set log_statement = 'all'").await.expect("a superuser");
    database.execute("select pg_reload_conf()").await.expect("a superuser");
}

pub(super) async fn overhear_no_more(database: &Database) {
    database.execute("alter system reset log_statement").await.expect("a superuser");
    database.execute("select pg_reload_conf()").await.expect("a superuser");
}

/// What one request asked of the catalogue.
pub(super) fn statements(cluster: &Cluster, address: &str, path: &str) -> Vec<Statement> {
    let mut connection = Connection::open(address);
    let before = cluster.log().len();
    connection.get(path);
    let log = cluster.log();
    let asked = entries(&log[before..]);
    let asked: Vec<Statement> = asked.into_iter().filter(|one| one.text.contains("catalogue")).collect();
    assert!(!asked.is_empty(), "{path} asked nothing:\n{}", &log[before..]);
    asked
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    text: String,
    /// As literals.
    values: Vec<String>,
}

/// Statements of the pool, with the values that a line below tells.
fn entries(log: &str) -> Vec<Statement> {
    let mut entries: Vec<Statement> = Vec::new();
    let mut open = false;
    for line in log.lines() {
        if let Some(rest) = line.strip_prefix(READS) {
            let text = rest.split_once(": ").map_or(rest, |(_, text)| text).to_owned();
            entries.push(Statement { text, values: Vec::new() });
            open = true;
        } else if let Some(values) = line.strip_prefix("plugyard-reads|DETAIL:  ") {
            if let (Some(entry), Some((_, values))) = (entries.last_mut(), values.split_once("arameters: ")) {
                entry.values = literals(values);
            }
            open = false;
        } else if let (true, Some(more), Some(entry)) = (open, line.strip_prefix('\t'), entries.last_mut()) {
            let _ = write!(entry.text, "\n{more}");
        } else {
            open = false;
        }
    }
    entries
}

/// `$1 = 'a', $2 = NULL` as `'a'` and `NULL`.
fn literals(values: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = values;
    while let Some((_, value)) = rest.split_once(" = ") {
        let mut end = value.len();
        if let Some(quoted) = value.strip_prefix('\'') {
            let mut bytes = quoted.bytes().enumerate().peekable();
            while let Some((place, byte)) = bytes.next() {
                if byte != b'\'' {
                    continue;
                }
                if bytes.peek().is_some_and(|(_, next)| *next == b'\'') {
                    bytes.next();
                    continue;
                }
                end = place + 2;
                break;
            }
        } else if let Some(comma) = value.find(", $") {
            end = comma;
        }
        literals.push(value[..end].to_owned());
        rest = &value[end..];
    }
    literals
}

/// The p99 of these requests' statements, in milliseconds: each request is one transaction of pgbench.
pub(super) async fn pgbench(
    cluster: &Cluster,
    database: &Database,
    clients: usize,
    seconds: u64,
    requests: &[Vec<Statement>],
) -> f64 {
    let ground = tempfile::tempdir().expect("a directory");
    let mut command = cluster.client("pgbench");
    command.args(["-n", "-M", "simple", "-j", "2", "-c", &clients.to_string(), "-T", &seconds.to_string()]);
    command.arg("--log").arg("--log-prefix").arg(ground.path().join("times"));
    for (nth, request) in requests.iter().enumerate() {
        let file = ground.path().join(format!("{nth}.sql"));
        fs::write(&file, script(nth, request)).expect("a file");
        command.args(["-D", &format!("ready{nth}=0")]).arg("-f").arg(file);
    }
    command.arg(&database.url);
    tokio::task::spawn_blocking(move || succeeds(&mut command)).await.expect("pgbench ends");
    percentile(&times(ground.path()), 99.0)
}

/// Prepares once a connection: variables belong to one client.
fn script(nth: usize, request: &[Statement]) -> String {
    let (mut prepare, mut execute) = (String::new(), String::new());
    for (place, statement) in request.iter().enumerate() {
        let name = format!("s{nth}_{place}");
        let _ = writeln!(prepare, "prepare {name} as {};", statement.text.trim_end_matches(';'));
        let values = statement.values.join(", ");
        let given = if statement.values.is_empty() { String::new() } else { format!("({values})") };
        let _ = writeln!(execute, "execute {name}{given};");
    }
    format!("\\if :ready{nth} = 0\n{prepare}\\set ready{nth} 1\n\\endif\n{execute}")
}

/// The third column of pgbench's log is microseconds.
fn times(directory: &Path) -> Vec<f64> {
    let files = fs::read_dir(directory).expect("a directory").flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("times"));
    let text: String = logs.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    let column = |line: &str| line.split_whitespace().nth(2)?.parse::<f64>().ok();
    let times: Vec<f64> = text.lines().filter_map(column).map(|microseconds| microseconds / 1e3).collect();
    assert!(!times.is_empty(), "pgbench tells how long each transaction took");
    times
}
