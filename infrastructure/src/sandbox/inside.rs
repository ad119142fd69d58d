//! The first process inside: it changes the root, takes the last rights off itself, runs the command, and buries
//! whatever is left by processes that ended before their children. When it goes, the kernel ends all others.

use std::{
    io::{self, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        prctl::{set_dumpable, set_no_new_privs, set_pdeathsig},
        signal::Signal,
        wait::{WaitStatus, wait},
    },
    unistd::{Gid, Uid, getegid, geteuid, setgroups, sethostname, setresgid, setresuid},
};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{
    Caps, Entry, JOB, Report, Spec, Who, confine,
    launcher::map,
    root,
    started::{Refused, end_with_parent},
};

/// A user that is nobody's root.
const PLAIN: u32 = 1000;

pub(super) fn enter(Entry { spec, who }: Entry) -> Result<Option<Report>, Refused> {
    let step = |step: &'static str| move |error: io::Error| Refused::new(step, error);
    end_with_our_starter().map_err(step("parent"))?;
    sethostname("sandbox").map_err(|error| Refused::new("host name", error))?;
    root::change(&spec, who)?;
    let own = own_directories(who).map_err(step("job directory"));
    drop_rights(who).map_err(step("rights"))?;
    own?;
    // The change of the user took it back.
    end_with_our_starter().map_err(step("parent"))?;
    set_dumpable(false).map_err(|error| Refused::new("memory", error))?;
    limit(spec.caps).map_err(step("limits"))?;
    set_no_new_privs().map_err(|error| Refused::new("privileges", error))?;
    confine::files(&[Path::new("/")], &[Path::new(JOB)]).map_err(step("file rules"))?;
    confine::calls(true).map_err(step("system calls"))?;
    end_with_parent().map_err(step("thread"))?;
    run(&spec).map(Some).map_err(step("command"))
}

fn end_with_our_starter() -> io::Result<()> {
    Ok(set_pdeathsig(Signal::SIGKILL)?)
}

fn own_directories(who: Who) -> io::Result<()> {
    for name in ["home", "tmp"] {
        let path = Path::new(JOB).join(name);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                if let Who::Own(user) = who {
                    std::os::unix::fs::lchown(&path, Some(user), Some(user))?;
                }
            }
        }
    }
    Ok(())
}

fn drop_rights(who: Who) -> io::Result<()> {
    match who {
        Who::Own(user) => {
            let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            Ok(setresuid(uid, uid, uid)?)
        }
        Who::Ourselves => {
            // Root of the namespace that holds the mounts no longer, but a plain user of one below.
            let (user, group) = (geteuid().as_raw(), getegid().as_raw());
            unshare(CloneFlags::CLONE_NEWUSER)?;
            map(PLAIN, user, group)
        }
    }
}

fn limit(caps: Caps) -> io::Result<()> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::As, caps.address_space),
        (Resource::Cpu, caps.cpu_seconds),
        (Resource::Fsize, caps.file_size),
        (Resource::Nofile, caps.open_files),
        (Resource::Nproc, caps.processes),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

fn run(spec: &Spec) -> io::Result<Report> {
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IWGRP | nix::sys::stat::Mode::S_IWOTH);
    // Never closed: there are programs that go mad at the end of their input.
    let (stdin, mut input) = io::pipe()?;
    input.write_all(spec.input.as_bytes())?;
    // Standard error is where we report; nobody else may.
    let said = rustix::stdio::stdout().try_clone_to_owned()?;
    let child = Command::new(&spec.program)
        .args(&spec.arguments)
        .env_clear()
        .env("HOME", format!("{JOB}/home"))
        .env("TMPDIR", format!("{JOB}/tmp"))
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(&spec.environment)
        .current_dir(&spec.cwd)
        .stdin(stdin)
        .stderr(Stdio::from(said))
        .spawn()?;
    let status = bury_until(child.id())?;
    drop(input);
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => Report::Code(code),
        (None, signal) => Report::Signal(signal.unwrap_or_default()),
    })
}

/// Waits for every process that ends, until it is the one.
fn bury_until(command: u32) -> io::Result<ExitStatus> {
    loop {
        match wait()? {
            WaitStatus::Exited(pid, code) if pid.as_raw().unsigned_abs() == command => {
                return Ok(ExitStatus::from_raw((code & 0xff) << 8));
            }
            WaitStatus::Signaled(pid, signal, _) if pid.as_raw().unsigned_abs() == command => {
                return Ok(ExitStatus::from_raw(signal as i32));
            }
            // Somebody else, whom nobody waits for.
            WaitStatus::Exited(..)
            | WaitStatus::Signaled(..)
            | WaitStatus::Stopped(..)
            | WaitStatus::PtraceEvent(..)
            | WaitStatus::PtraceSyscall(_)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive => {}
        }
    }
}
