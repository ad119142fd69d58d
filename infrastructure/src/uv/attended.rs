//! A tool that ends when whoever wants its answer does, even if that one was killed: between the two stands this
//! program, which hears on its standard input that nobody waits any more.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Read as _},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Signal, kill_current_process_group};

/// The hidden argument that turns the binary into an attendant; the command follows.
pub const ATTENDANT_ARGUMENT: &str = "__attended";
/// As a shell says that a command cannot be started.
const NOT_STARTED: u8 = 127;

/// Runs the command to its end, and ends as it does. To be called as the leader of a process group.
pub fn serve_attendant(command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else { return ExitCode::from(NOT_STARTED) };
    let ended =
        watch().and_then(|()| start(Path::new(program), arguments)).and_then(|mut child| child.wait());
    let code = ended.map_or(Some(NOT_STARTED.into()), |status| status.code());
    // What a signal ended has none.
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::from(128), ExitCode::from)
}

fn watch() -> io::Result<()> {
    let watch = || {
        let mut rest = [0; 64];
        while matches!(io::stdin().read(&mut rest), Ok(1..)) {}
        // This process is one of the group.
        let _ = kill_current_process_group(Signal::KILL);
    };
    thread::Builder::new().stack_size(64 * 1024).spawn(watch).map(drop)
}

fn start(program: &Path, arguments: &[OsString]) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        let started = Command::new(program).args(arguments).stdin(Stdio::null()).spawn();
        match started {
            // A child that is just being started elsewhere may hold the file open for a moment.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries < 20 => {
                tries += 1;
                thread::sleep(Duration::from_millis(50));
            }
            started => return started,
        }
    }
}
