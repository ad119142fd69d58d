//! The port [`Scanner`]: a program of the operator looks at each file. Its exit status alone says that a file is clean;
//! whatever keeps it from saying so says nothing about the file.

use std::{ffi::OsString, path::Path, path::PathBuf, time::Duration};

use application::ports::packages::{Scan, Scanner};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::uv::run::Call;

const TIME: Duration = Duration::from_mins(1);
/// Scanners take a processor, and much memory.
const AT_A_TIME: usize = 4;
/// Characters of what it found.
const LONGEST: usize = 200;

/// Ends with 0 for a clean file, with 1 for one in which it found what the first line that it prints names.
#[derive(Debug, Clone)]
pub struct ScanCommand {
    pub program: PathBuf,
    /// Before the path of the file.
    pub arguments: Vec<OsString>,
    /// Where it finds other programs; all that it gets of our environment.
    pub path: Option<OsString>,
    /// This program, whose `main` calls [`crate::uv::serve_attendant`]: the scanner ends when we do.
    pub attendant: Option<PathBuf>,
}

/// Without a command every file is clean.
#[derive(Debug)]
pub struct CommandScanner {
    command: Option<ScanCommand>,
    slots: Semaphore,
    time: Duration,
}

impl CommandScanner {
    pub fn new(command: Option<ScanCommand>) -> Self {
        Self { command, slots: Semaphore::new(AT_A_TIME), time: TIME }
    }

    async fn run(&self, command: &ScanCommand, file: &Path) -> Scan {
        let not_run = |why: &str| Scan::NotRun(format!("the scanner gave no answer: {why}"));
        let Ok(Ok(_slot)) = tokio::time::timeout(self.time, self.slots.acquire()).await else {
            return not_run("it is busy");
        };
        let Ok(file) = std::path::absolute(file) else { return not_run("the file has no path") };
        let call = Call::new(&command.program, Path::new("/"), self.time)
            .attended(command.attendant.as_deref())
            .args(&command.arguments)
            .args([file])
            .envs(command.path.iter().map(|path| ("PATH", path)));
        match call.run().await {
            Ok(ended) => match ended.status.code() {
                Some(0) => Scan::Clean,
                Some(1) => Scan::Found(first_line(&ended.out)),
                status => {
                    tracing::warn!(?status, said = first_line(&ended.err), "the scanner failed");
                    not_run("it failed")
                }
            },
            Err(error) => {
                tracing::warn!(%error, "the scanner did not end");
                not_run("it did not start, or took too long")
            }
        }
    }
}

#[async_trait]
impl Scanner for CommandScanner {
    async fn scan(&self, file: &Path) -> Scan {
        match &self.command {
            Some(command) => self.run(command, file).await,
            None => Scan::Clean,
        }
    }
}

fn first_line(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if line.trim().is_empty() { "something it does not name".to_owned() } else { line.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner(script: &str) -> CommandScanner {
        let arguments = ["-c", script, "scanner"].map(OsString::from).to_vec();
        let path = Some("/usr/bin:/bin".into());
        CommandScanner::new(Some(ScanCommand { program: "/bin/sh".into(), arguments, path, attendant: None }))
    }

    async fn scanned(script: &str) -> Scan {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "evil\n").unwrap();
        scanner(script).scan(file.path()).await
    }

    #[tokio::test]
    async fn the_exit_status_is_the_answer() {
        assert_eq!(scanned("exit 0").await, Scan::Clean);
        assert_eq!(scanned("cat \"$1\"; exit 1").await, Scan::Found("evil".to_owned()));
        assert_eq!(scanned("exit 1").await, Scan::Found("something it does not name".to_owned()));
        for script in ["exit 2", "exit 127", "kill -9 $$"] {
            assert!(matches!(scanned(script).await, Scan::NotRun(_)), "{script}");
        }
    }

    #[tokio::test]
    async fn what_it_says_is_cut_to_one_line_that_can_be_shown() {
        let Scan::Found(said) =
            scanned("printf '\\033[31m'; printf 'ä%.0s' $(seq 300); echo; echo more; exit 1").await
        else {
            panic!("it was found")
        };
        assert_eq!((said.chars().count(), said.contains('\u{1b}')), (200, false));
        assert!(said.starts_with("[31mä"));
    }

    #[tokio::test]
    async fn it_gets_no_environment_but_the_search_path() {
        let expected = "[ \"$(env | cut -d= -f1 | grep -v -e '^_$' -e PWD -e SHLVL | tr -d '\\n')\" = PATH ]";
        assert_eq!(scanned(expected).await, Scan::Clean);
    }

    #[tokio::test]
    async fn one_that_hangs_or_is_not_there_says_nothing() {
        let hanging = CommandScanner { time: Duration::from_millis(100), ..scanner("sleep 600 & sleep 600") };
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(hanging.scan(file.path()).await, Scan::NotRun(_)));
        let command = ScanCommand {
            program: "/nowhere/scanner".into(),
            arguments: Vec::new(),
            path: None,
            attendant: None,
        };
        let missing = CommandScanner::new(Some(command));
        assert!(matches!(missing.scan(file.path()).await, Scan::NotRun(_)));
    }

    #[tokio::test]
    async fn without_a_scanner_every_file_is_clean() {
        assert_eq!(CommandScanner::new(None).scan(Path::new("/nowhere")).await, Scan::Clean);
    }
}
