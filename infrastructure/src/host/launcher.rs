//! The process that becomes a plugin: it takes its place in its groups and namespaces, takes all rights off itself
//! step by step, says that it has, and runs the program. A step that fails ends it before a byte of the plugin ran.

use std::{
    fs, io,
    io::Write as _,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::Path,
    process::{Command, ExitCode},
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        prctl::{set_no_new_privs, set_pdeathsig},
        signal::Signal,
        stat::{Mode, umask},
    },
    unistd::{
        AccessFlags, Gid, Uid, access, getegid, geteuid, getppid, setgroups, setresgid, setresuid, setsid,
    },
};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::order::{Caps, LENGTH, Order, Request, Walls, Word};
use crate::sandbox::{confine, launcher::map, root, started::Refused};

const LONGEST_ORDER: usize = 1024 * 1024;
/// A user that is nobody's root.
const PLAIN: u32 = 1000;
/// When memory is short on the whole machine, plugins go before their host.
const BADNESS: &str = "500";

/// Becomes the plugin that standard input tells of. To be called before any thread is started.
pub fn serve_launcher() -> ExitCode {
    let refused = match read() {
        Ok(Request::Escape(attempts)) => return attempts.escape(),
        Ok(Request::Become(order)) => match enter(&order) {
            Ok(()) => run(&order),
            Err(refused) => refused,
        },
        Err(error) => Refused::new("order", error),
    };
    // Whoever does not hear this sees that we end.
    let _ = say(&Word::Refused { step: refused.step.to_owned(), cause: refused.cause });
    ExitCode::from(125)
}

/// Not a byte more than the order: what follows is for the plugin.
fn read() -> io::Result<Request> {
    let mut length = [0; LENGTH];
    fill(&mut length)?;
    let digits = std::str::from_utf8(&length).map_err(io::Error::other)?;
    let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
    if length > LONGEST_ORDER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut order = vec![0; length];
    fill(&mut order)?;
    Ok(serde_json::from_slice(&order)?)
}

/// Past the buffer of the standard library, which would take what is not ours.
fn fill(mut room: &mut [u8]) -> io::Result<()> {
    while !room.is_empty() {
        match rustix::io::read(rustix::stdio::stdin(), &mut *room)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => room = &mut room[count..],
        }
    }
    Ok(())
}

fn say(word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

fn enter(order: &Order) -> Result<(), Refused> {
    let step = |step: &'static str| move |error: io::Error| Refused::new(step, error);
    setsid().map_err(|error| Refused::new("session", error))?;
    for group in &order.groups {
        fs::write(group, "0").map_err(step("control group"))?;
    }
    // Refused where somebody has set it higher already.
    let _ = fs::write("/proc/self/oom_score_adj", BADNESS);
    if let Some(user) = order.user {
        for path in order.writable.iter().map(|shown| &shown.outside) {
            own(path, user).map_err(step("own directories"))?;
        }
    }
    if order.walls == Walls::Namespaces {
        apart(order)?;
    }
    drop_rights(order).map_err(step("rights"))?;
    end_with(order.parent).map_err(step("parent"))?;
    limit(order.caps).map_err(step("limits"))?;
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    if order.walls != Walls::None {
        set_no_new_privs().map_err(|error| Refused::new("privileges", error))?;
        confine(order).map_err(step("file rules"))?;
        confine::calls(order.network || order.walls == Walls::Namespaces).map_err(step("system calls"))?;
    }
    access(&order.program, AccessFlags::X_OK).map_err(|error| Refused::new("program", error))?;
    std::env::set_current_dir(&order.cwd).map_err(step("code directory"))
}

/// A directory that is its own already is left as it is, however much there is in it.
fn own(path: &Path, user: u32) -> io::Result<()> {
    if fs::symlink_metadata(path)?.uid() == user { Ok(()) } else { root::hand_over(path, user) }
}

fn apart(order: &Order) -> Result<(), Refused> {
    if order.user.is_none() {
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| Refused::new("user namespace", error))?;
        map(0, user, group).map_err(|error| Refused::new("user namespace", error))?;
    }
    let mut spaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    spaces.set(CloneFlags::CLONE_NEWNET, !order.network);
    unshare(spaces).map_err(|error| Refused::new("namespaces", error))?;
    root::show(&order.readable, &order.writable, &order.temporary)
}

fn drop_rights(order: &Order) -> io::Result<()> {
    match order.user {
        Some(user) => {
            let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            Ok(setresuid(uid, uid, uid)?)
        }
        None if order.walls == Walls::Namespaces => {
            // Root of the namespace that holds the mounts no longer, but a plain user of one below.
            let (user, group) = (geteuid().as_raw(), getegid().as_raw());
            unshare(CloneFlags::CLONE_NEWUSER)?;
            map(PLAIN, user, group)
        }
        None => Ok(()),
    }
}

/// The change of the user would have taken it back, so it comes after.
fn end_with(parent: u32) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw().unsigned_abs() == parent {
        return Ok(());
    }
    Err(io::Error::other("whoever wanted it is gone"))
}

fn limit(caps: Caps) -> io::Result<()> {
    for (resource, most) in [
        (Resource::Core, Some(0)),
        (Resource::As, caps.address_space),
        (Resource::Fsize, Some(caps.file_size)),
        (Resource::Nofile, Some(caps.open_files)),
        (Resource::Nproc, caps.processes),
    ] {
        if most.is_some() {
            setrlimit(resource, Rlimit { current: most, maximum: most })?;
        }
    }
    Ok(())
}

/// What a program finds of the system where no root of its own shows it.
const SYSTEM: [&str; 15] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/passwd",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/self",
];

fn confine(order: &Order) -> io::Result<()> {
    let mut writable: Vec<&Path> = order.writable.iter().map(|shown| shown.inside.as_path()).collect();
    if order.walls == Walls::Namespaces {
        writable.extend(["/tmp", "/dev/shm"].map(Path::new));
        return confine::files(&[Path::new("/")], &writable);
    }
    let system = SYSTEM.iter().map(Path::new);
    let readable =
        system.chain(order.readable.iter().map(|shown| shown.outside.as_path())).filter(|path| path.exists());
    confine::files(&readable.collect::<Vec<_>>(), &writable)
}

/// Returns only when the program cannot be run.
fn run(order: &Order) -> Refused {
    if let Err(error) = say(&Word::Entered) {
        return Refused::new("report", error);
    }
    let error =
        Command::new(&order.program).args(&order.arguments).env_clear().envs(&order.environment).exec();
    Refused::new("program", error)
}
