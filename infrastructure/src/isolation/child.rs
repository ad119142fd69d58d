//! The child's side: limits first, then one request, then one answer.

use std::{
    cell::Cell,
    io::{self, BufRead, Read, Write},
    process::ExitCode,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use application::failure::Failure;
use domain::values::Digest;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Serialize;

use super::{Word, Work, protocol};
use crate::{
    archive::limits::Limits,
    builder::rewrite,
    packages::read,
    packaging::{inspect, pack},
    resolver::pylock,
    signing::verify,
    workplace::{unpacking, wanting},
};

const GIB: u64 = 1024 * 1024 * 1024;
/// Requests carry a selection of at most a few thousand wheels.
const LONGEST_REQUEST: u64 = 64 * 1024 * 1024;

/// Serves the one request on standard input. To be called before any runtime is started.
pub fn serve_child() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_nobody_listens) => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    limit(Resource::Core, 0)?;
    limit(Resource::As, GIB)?;
    limit(Resource::Nofile, 128)?;
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_REQUEST).read_line(&mut line)?;
    let Some(work) = line.strip_prefix(&protocol()).and_then(|line| line.strip_prefix(' ')) else {
        return end::<()>(Err(Failure::internal()));
    };
    let work: Work = serde_json::from_str(work)?;
    drop(line);
    let answers = hear_parent()?;
    match work {
        Work::Inspect(request) => {
            limit_cpu(60)?;
            limit(Resource::Fsize, 0)?;
            end(inspect::run(&request))
        }
        Work::Pack(request) => {
            limit_cpu(1800)?;
            limit(Resource::Fsize, Limits::OUTPUT + GIB)?;
            let said = Cell::new(0);
            let on_bytes = |done: u64, total| {
                if done.saturating_sub(said.get()) >= 1024 * 1024 {
                    said.set(done);
                    // A parent that no longer listens has other means to end this process.
                    let _ = say(&Word::Progress { done, total });
                }
            };
            end(pack::run(&request, on_bytes, |entries| sealed(entries, &answers)))
        }
        Work::ReadPackage(request) => {
            limit_cpu(60)?;
            limit(Resource::Fsize, 0)?;
            end(read::run(&request))
        }
        Work::ReadFile(request) => {
            limit_cpu(60)?;
            limit(Resource::Fsize, 0)?;
            end(read::file(&request))
        }
        Work::ReadSigned(request) => {
            limit_cpu(600)?;
            limit(Resource::Fsize, 0)?;
            end(verify::run(&request))
        }
        Work::Unpack(request) => {
            limit_cpu(300)?;
            limit(Resource::Fsize, GIB)?;
            end(unpacking::run(&request))
        }
        Work::Want(request) => {
            limit_cpu(60)?;
            limit(Resource::Fsize, 0)?;
            end(wanting::run(&request))
        }
        Work::Rewrite(request) => {
            limit_cpu(300)?;
            limit(Resource::Fsize, 2 * GIB)?;
            end(rewrite::run(&request))
        }
        Work::Pylock(request) => {
            limit_cpu(30)?;
            limit(Resource::Fsize, 0)?;
            end(pylock::run(&request))
        }
        #[cfg(test)]
        Work::Misbehave(how) => misbehave(&how, &answers),
    }
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?)
}

/// The soft limit comes first, so that SIGXCPU ends us: SIGKILL looks like somebody else's doing.
fn limit_cpu(seconds: u64) -> io::Result<()> {
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds + 5) })?)
}

/// The parent keeps our standard input open for as long as it wants the answer; what it says there answers us.
fn hear_parent() -> io::Result<Receiver<String>> {
    let (tell, answers) = sync_channel(1);
    let listen = move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            // Work that asks nothing wants no answers.
            let _ = tell.send(line);
        }
        std::process::exit(1);
    };
    thread::Builder::new().stack_size(64 * 1024).spawn(listen)?;
    Ok(answers)
}

/// The comment that the parent makes of these entries.
fn sealed(entries: &[Digest], answers: &Receiver<String>) -> Result<Vec<u8>, Failure> {
    say(&Word::Seal { entries: entries.to_vec() }).map_err(|_nobody_listens| Failure::internal())?;
    answers.recv().map(String::into_bytes).map_err(|_nobody_answers| Failure::internal())
}

fn end<T: Serialize>(outcome: Result<T, Failure>) -> io::Result<()> {
    match outcome {
        Ok(value) => say(&Word::Done(serde_json::to_value(value)?)),
        Err(failure) => say(&Word::Failed(failure)),
    }
}

fn say(word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

#[cfg(test)]
fn misbehave(how: &str, answers: &Receiver<String>) -> io::Result<()> {
    if let Some(signal) = how.strip_prefix("signal ") {
        let signal = rustix::process::Signal::from_named_raw(signal.parse().unwrap()).unwrap();
        // The first SIGSEGV and SIGBUS only end Rust's own handler.
        loop {
            rustix::process::kill_process(rustix::process::getpid(), signal)?;
            thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    match how {
        "abort" => std::process::abort(),
        "hang" => loop {
            thread::park();
        },
        "eat memory" => {
            let eaten = vec![1_u8; usize::try_from(2 * GIB).unwrap()];
            end(Ok(eaten.len()))
        }
        "write a file" => {
            limit(Resource::Fsize, 0)?;
            std::fs::write(std::env::temp_dir().join("plugyard-isolation-test"), b"x")?;
            end(Ok(1))
        }
        "spin" => {
            limit_cpu(1)?;
            loop {
                std::hint::spin_loop();
            }
        }
        "talk nonsense" => {
            let mut out = io::stdout().lock();
            out.write_all(b"{\"nonsense\": 1}\n")
        }
        "ask for a seal" => {
            let entries = [Digest::of_bytes([7; 32])];
            end(sealed(&entries, answers).map(|comment| String::from_utf8(comment).unwrap()))
        }
        "show environment" => end(Ok(std::env::vars().count())),
        _ => end(Ok(how.to_owned())),
    }
}
