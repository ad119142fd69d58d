//! The launcher outside: it makes the namespaces, starts the first process inside, and stays its parent. The order
//! matters: a user namespace wants a process of one thread, and no thread can be made once the next child is to
//! live in another process namespace.

use std::{
    fs, io,
    io::Write as _,
    process::{Command, Stdio},
};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid, getpid, setsid},
};

use super::{
    Entry, Report, Request, Spec, Who,
    started::{Refused, end_with_parent},
};

pub(super) fn launch(spec: Spec) -> Result<Option<Report>, Refused> {
    // Fails for the leader of a group, who has left its parent's already.
    let _ = setsid();
    let who = if geteuid().is_root() {
        Who::Own(own_user().map_err(|error| Refused::new("user", error))?)
    } else {
        become_root_of_a_namespace().map_err(|error| Refused::new("user namespace", error))?;
        Who::Ourselves
    };
    end_with_parent().map_err(|error| Refused::new("thread", error))?;
    let apart = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(apart).map_err(|error| Refused::new("namespaces", error))?;
    run_inside(&Request::Enter(Box::new(Entry { spec, who })))
        .map_err(|error| Refused::new("start", error))?;
    Ok(None)
}

/// The first process inside reports by itself, through the same standard error.
fn run_inside(request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    let mut first = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env_clear()
        .stdin(Stdio::piped())
        .spawn()?;
    // Open until we end: that is how the process inside learns of it.
    let mut stdin = first.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    stdin.write_all(&line)?;
    first.wait()?;
    Ok(())
}

/// Numbers that distributions give to nobody, one for each process that can exist at a time.
pub(crate) const HIGHEST: u64 = 2_004_194_304;
const MOST: u64 = 4_194_304;

/// A user that nobody else on this machine is: as many processes as there can be, as many users.
fn own_user() -> io::Result<u32> {
    let known = fs::read_to_string("/proc/self/uid_map")?;
    user_within(&known, u64::from(getpid().as_raw().unsigned_abs()))
        .ok_or_else(|| io::Error::other("no unprivileged user is known here"))
}

/// From the widest range of users that this user namespace knows; another for each number.
pub(crate) fn user_within(known: &str, process: u64) -> Option<u32> {
    let ranges = known.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u64>().ok());
        let (first, _outside, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some((count, first))
    });
    let (count, first) = ranges.max()?;
    let end = (first + count).min(HIGHEST);
    let room = end.checked_sub(first.max(1000))?.min(MOST) / 2;
    u32::try_from(end.checked_sub(1 + process.checked_rem(room)?)?).ok()
}

/// All rights over what is made inside, and none over anything else.
fn become_root_of_a_namespace() -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    map(0, user, group)
}

/// Makes `inside` of the user and group that we are outside.
pub(crate) fn map(inside: u32, user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{inside} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{inside} {group} 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_gets_a_user_of_its_own_that_is_known() {
        let all = "         0          0 4294967295\n";
        let [one, other] = [1, 2].map(|process| user_within(all, process).unwrap());
        assert!(one != other && one > 2_000_000_000 && u64::from(one) < HIGHEST);
        let few = "0 100000 65536\n";
        for process in [1, 40_000, 4_000_000] {
            let user = user_within(few, process).unwrap();
            assert!((1000..65536).contains(&user), "{user}");
        }
        assert_eq!(user_within("0 1000 1\n", 7), None, "root is the only user there is");
        assert_eq!(user_within("", 7), None);
    }
}
