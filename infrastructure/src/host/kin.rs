//! All processes of one instance, however they tried to get away: by control group, by user, by what is mounted for
//! them, by a mark in their environment, by where they are at work, by group and session, and as descendants of those. Nothing is ended by a number alone: a process is
//! its number and its start.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::cgroups::Group;

/// The variable that says whose a process is.
pub(super) const MARK: &str = "PLUGYARD_INSTANCE";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) id: u32,
    /// In ticks since the machine started.
    pub(super) started: u64,
}

/// One process at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) process: Process,
    parent: u32,
    group: u32,
    session: u32,
    dead: bool,
    /// In ticks.
    pub(super) cpu: u64,
    pub(super) pages: u64,
}

impl Process {
    pub(super) fn of(id: u32) -> Option<Self> {
        see(id).map(|seen| seen.process)
    }

    /// Whether it was still there to be ended.
    pub(super) fn kill(self) -> bool {
        let Some(pid) = i32::try_from(self.id).ok().and_then(Pid::from_raw) else { return false };
        // Held by its descriptor it cannot become another between the look and the blow.
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        Self::of(self.id) == Some(self) && pidfd_send_signal(held, Signal::KILL).is_ok()
    }
}

/// `None` for who is not there.
pub(super) fn see(id: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    read(id, &stat)
}

/// The name in there may hold anything, brackets too.
fn read(id: u32, stat: &str) -> Option<Seen> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let short = |at: usize| u32::try_from(number(at)?).ok();
    Some(Seen {
        process: Process { id, started: number(19)? },
        parent: short(1)?,
        group: short(2)?,
        session: short(3)?,
        dead: matches!(*fields.first()?, "Z" | "X"),
        cpu: number(11)? + number(12)? + number(13)? + number(14)?,
        pages: number(21)?,
    })
}

/// How to know them.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    /// The first of them.
    pub(super) first: Option<Process>,
    pub(super) group: Option<Group>,
    /// When nobody else is this user.
    pub(super) user: Option<u32>,
    /// The value of [`MARK`]; several are one's own when it ends with a star.
    pub(super) mark: String,
    /// What only they have mounted, at this place or below it. No plugin can change what is mounted for it.
    pub(super) place: Option<PathBuf>,
    /// Directories in which no other plugin is at work.
    pub(super) homes: Vec<PathBuf>,
    /// Seen before as descendants.
    pub(super) known: BTreeSet<Process>,
}

impl Family {
    /// All that are alive. Looks at every process of the machine.
    pub(super) fn alive(&self) -> BTreeSet<Process> {
        let everybody: Vec<Seen> =
            numbers(Path::new("/proc")).filter_map(see).filter(|seen| !seen.dead).collect();
        let grouped: BTreeSet<u32> = self.group.iter().flat_map(Group::processes).collect();
        let mut found: BTreeSet<Process> = everybody
            .iter()
            .filter(|seen| grouped.contains(&seen.process.id) || self.is_kin(seen))
            .map(|seen| seen.process)
            .collect();
        loop {
            let parents: BTreeSet<u32> = found.iter().map(|process| process.id).collect();
            let children =
                everybody.iter().filter(|seen| parents.contains(&seen.parent)).map(|seen| seen.process);
            let before = found.len();
            found.extend(children);
            if found.len() == before {
                found.retain(|process| process.id != std::process::id());
                return found;
            }
        }
    }

    fn is_kin(&self, seen: &Seen) -> bool {
        let first = self.first.is_some_and(|first| {
            // The number of a group is not given again while anybody is in it.
            seen.process == first
                || (seen.process.started >= first.started && [seen.group, seen.session].contains(&first.id))
        });
        first
            || self.known.contains(&seen.process)
            || self.user.is_some_and(|user| owner(seen.process.id) == Some(user))
            || is_marked(seen.process.id, &self.mark)
            || is_at_work(seen.process.id, &self.homes)
            || self.place.as_ref().is_some_and(|place| has_mounted(seen.process.id, place))
    }
}

fn owner(id: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{id}")).ok().map(|data| data.uid())
}

fn is_marked(id: u32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    let variables =
        environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let mut marks = variables.filter_map(|variable| variable.strip_prefix(MARK)?.strip_prefix('='));
    marks.any(|found| match mark.strip_suffix('*') {
        Some(start) => found.starts_with(start),
        None => found == mark,
    })
}

/// Whoever else has gone there, such as the operator in a shell, has not been held in like a plugin.
fn is_at_work(id: u32, homes: &[PathBuf]) -> bool {
    let Ok(cwd) = fs::read_link(format!("/proc/{id}/cwd")) else { return false };
    homes.iter().any(|home| cwd.starts_with(home)) && is_held_in(id)
}

fn is_held_in(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let has = |field: &str, value: &str| {
        status.lines().any(|line| line.strip_prefix(field).is_some_and(|found| found.trim() == value))
    };
    has("NoNewPrivs:", "1") && has("Seccomp:", "2")
}

fn has_mounted(id: u32, place: &Path) -> bool {
    const POINT: usize = 4;
    let mounts = fs::read_to_string(format!("/proc/{id}/mountinfo")).unwrap_or_default();
    let mut points = mounts.lines().filter_map(|mount| mount.split(' ').nth(POINT));
    points.any(|point| Path::new(point).starts_with(place))
}

fn numbers(directory: &Path) -> impl Iterator<Item = u32> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A process and its descendants, without a look at anybody else.
pub(super) fn tree(first: Process) -> Vec<Seen> {
    let (mut found, mut left) = (Vec::new(), vec![first.id]);
    while let Some(id) = left.pop() {
        let Some(seen) = see(id) else { continue };
        if found.is_empty() && seen.process != first {
            return found;
        }
        found.push(seen);
        for task in numbers(&Path::new("/proc").join(id.to_string()).join("task")) {
            let children = fs::read_to_string(format!("/proc/{id}/task/{task}/children")).unwrap_or_default();
            left.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

/// Bytes that are its own, and its share of what it has in common with others; slow to find out.
pub(super) fn share(id: u32) -> Option<u64> {
    let said = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let kib = said.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// What it has open.
pub(super) fn handles(id: u32) -> u32 {
    u32::try_from(numbers(&Path::new("/proc").join(id.to_string()).join("fd")).count()).unwrap_or(u32::MAX)
}

/// Ends all of them; how many that were. Some have children while they are being ended, so it looks again until
/// there is nobody.
pub(super) fn end(family: &Family) -> usize {
    const ROUNDS: usize = 100;
    let mut ended = BTreeSet::new();
    for _ in 0..ROUNDS {
        let alive = family.alive();
        if alive.is_empty() {
            break;
        }
        for process in alive {
            if process.kill() {
                ended.insert(process);
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    ended.len()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_hide_a_process() {
        let stat = "7 (a) 1 (b) S 3 5 6 0 -1 0 0 0 0 0 10 20 1 2 20 0 1 0 99 1000 25 184467";
        let seen = read(7, stat).unwrap();
        assert_eq!((seen.parent, seen.group, seen.session), (3, 5, 6));
        assert_eq!((seen.process.started, seen.cpu, seen.pages), (99, 33, 25));
    }

    #[test]
    fn who_left_group_session_and_parent_is_known_by_its_mark() {
        let mark = format!("test/{}", std::process::id());
        let mut child = Command::new("/bin/sh")
            .args(["-c", "setsid sleep 60 & exit 0"])
            .env(MARK, &mark)
            .spawn()
            .unwrap();
        child.wait().unwrap();
        let family = Family { mark: mark.clone(), ..Family::default() };
        assert_eq!(family.alive().len(), 1);
        let by_start = Family { mark: "test/*".to_owned(), ..Family::default() };
        assert!(!by_start.alive().is_empty());
        assert_eq!(end(&family), 1);
        assert_eq!(family.alive().len(), 0);
    }

    #[test]
    fn nobody_is_ended_under_the_number_of_another() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let it = Process::of(child.id()).unwrap();
        assert!(!Process { started: it.started + 1, ..it }.kill());
        assert!(child.try_wait().unwrap().is_none());
        assert!(it.kill());
        child.wait().unwrap();
    }
}
