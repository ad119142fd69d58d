//! Control groups, where this process may make any: the kernel then counts and bounds all processes of an instance
//! together, and knows each of them whatever it did to its parents. Version 2, else version 1.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use application::ports::hosting::Limits;

const MOUNT: &str = "/sys/fs/cgroup";
/// In microseconds: what a share of the processor is a share of.
const PERIOD: u64 = 100_000;

/// Where groups can be made.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    parents: Vec<Controlled>,
}

/// One directory of a hierarchy and what it controls.
#[derive(Debug, Clone)]
struct Controlled {
    path: PathBuf,
    version: Version,
    controls: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The groups of one instance.
#[derive(Debug, Clone)]
pub(super) struct Group {
    parts: Vec<Controlled>,
}

impl Groups {
    /// `name` sets this host apart from others on the machine.
    pub(super) fn find(name: &str) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let parents = second(&own, name).map_or_else(|| first(&own, name), |one| vec![one]);
        (!parents.is_empty()).then_some(Self { parents })
    }

    pub(super) fn controls(&self, control: &str) -> bool {
        self.parents.iter().any(|parent| parent.controls.contains(&control))
    }

    pub(super) fn make(&self, name: &str, limits: &Limits) -> io::Result<Group> {
        let parts =
            self.parents.iter().map(|parent| Controlled { path: parent.path.join(name), ..parent.clone() });
        let group = Group { parts: parts.collect() };
        for part in &group.parts {
            fs::create_dir_all(&part.path)?;
        }
        let memory = u64::from(limits.memory_mb) * 1024 * 1024;
        for (control, old, new, value) in [
            ("memory", "memory.limit_in_bytes", "memory.max", memory.to_string()),
            ("pids", "pids.max", "pids.max", limits.processes.to_string()),
        ] {
            group.set(control, old, new, &value)?;
        }
        // Not everywhere is there swap to be bounded.
        let _ = group.set(
            "memory",
            "memory.memsw.limit_in_bytes",
            "memory.swap.max",
            &match group.version() {
                Version::One => memory.to_string(),
                Version::Two => "0".to_owned(),
            },
        );
        Ok(group)
    }

    /// The groups that an earlier run has left.
    pub(super) fn left(&self) -> Vec<Group> {
        let Some(parent) = self.parents.first() else { return Vec::new() };
        let names = fs::read_dir(&parent.path).into_iter().flatten().flatten();
        let names = names.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
        let groups = names.map(|name| {
            let parts = self
                .parents
                .iter()
                .map(|parent| Controlled { path: parent.path.join(&name), ..parent.clone() });
            Group { parts: parts.collect() }
        });
        groups.collect()
    }

    /// To be called when no instance is left.
    pub(super) fn remove(&self) {
        for parent in &self.parents {
            // Somebody else of this name may still be at work in there.
            let _ = fs::remove_dir(&parent.path);
        }
    }
}

/// Below the group that we are in, if the controllers can be had there.
fn second(own: &str, name: &str) -> Option<Controlled> {
    let base = Path::new(MOUNT).join(own.lines().find_map(|line| line.strip_prefix("0::/"))?);
    let known = fs::read_to_string(base.join("cgroup.controllers")).ok()?;
    let controls: Vec<&'static str> = ["memory", "cpu", "pids"]
        .into_iter()
        .filter(|control| known.split_whitespace().any(|word| word == *control))
        .collect();
    let path = base.join(name);
    let wanted = controls.iter().map(|control| format!("+{control}")).collect::<Vec<_>>().join(" ");
    fs::write(base.join("cgroup.subtree_control"), &wanted).ok()?;
    fs::create_dir_all(&path).ok()?;
    fs::write(path.join("cgroup.subtree_control"), &wanted).ok()?;
    (controls.len() == 3).then_some(Controlled { path, version: Version::Two, controls })
}

fn first(own: &str, name: &str) -> Vec<Controlled> {
    let of = |control: &'static str| {
        let line = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controls = parts.next()?;
            controls.split(',').any(|one| one == control).then(|| parts.next()).flatten()
        })?;
        let path = Path::new(MOUNT).join(control).join(line.trim_start_matches('/')).join(name);
        fs::create_dir_all(&path).ok()?;
        Some(Controlled { path, version: Version::One, controls: vec![control] })
    };
    ["memory", "cpu", "pids"].into_iter().filter_map(of).collect()
}

impl Group {
    /// The files to write one's number to.
    pub(super) fn doors(&self) -> Vec<PathBuf> {
        self.parts.iter().map(|part| part.path.join("cgroup.procs")).collect()
    }

    fn version(&self) -> Version {
        self.parts.first().map_or(Version::Two, |part| part.version)
    }

    fn part(&self, control: &str) -> Option<&Controlled> {
        self.parts.iter().find(|part| part.controls.contains(&control))
    }

    fn set(&self, control: &str, old: &str, new: &str, value: &str) -> io::Result<()> {
        let Some(part) = self.part(control) else { return Ok(()) };
        let file = if part.version == Version::One { old } else { new };
        fs::write(part.path.join(file), value)
    }

    fn number(&self, control: &str, old: &str, new: &str) -> Option<u64> {
        let part = self.part(control)?;
        let file = if part.version == Version::One { old } else { new };
        fs::read_to_string(part.path.join(file)).ok()?.trim().parse().ok()
    }

    /// From now on: a plugin that starts may take what there is.
    pub(super) fn bound_cpu(&self, percent: u32) -> io::Result<()> {
        let quota = (u64::from(percent) * PERIOD / 100).max(1000);
        let Some(part) = self.part("cpu") else { return Ok(()) };
        match part.version {
            Version::One => {
                fs::write(part.path.join("cpu.cfs_period_us"), PERIOD.to_string())?;
                fs::write(part.path.join("cpu.cfs_quota_us"), quota.to_string())
            }
            Version::Two => fs::write(part.path.join("cpu.max"), format!("{quota} {PERIOD}")),
        }
    }

    /// Bytes that are charged to it, without files that could be read again.
    pub(super) fn resident(&self) -> Option<u64> {
        let used = self.number("memory", "memory.usage_in_bytes", "memory.current")?;
        let part = self.part("memory")?;
        let said = fs::read_to_string(part.path.join("memory.stat")).unwrap_or_default();
        let idle = said.lines().find_map(|line| {
            let line = line.strip_prefix("total_").unwrap_or(line);
            line.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok()
        });
        Some(used.saturating_sub(idle.unwrap_or_default()))
    }

    /// How often the kernel ended one of its processes for want of memory.
    pub(super) fn kills(&self) -> u64 {
        let Some(part) = self.part("memory") else { return 0 };
        let file = if part.version == Version::One { "memory.oom_control" } else { "memory.events" };
        let said = fs::read_to_string(part.path.join(file)).unwrap_or_default();
        said.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or_default()
    }

    /// How often it had to wait because it had used its share of the processor.
    pub(super) fn throttled(&self) -> u64 {
        let said =
            self.part("cpu").map(|part| fs::read_to_string(part.path.join("cpu.stat")).unwrap_or_default());
        let said = said.unwrap_or_default();
        said.lines()
            .find_map(|line| line.strip_prefix("nr_throttled ")?.trim().parse().ok())
            .unwrap_or_default()
    }

    /// Every process in it, whoever its parent is.
    pub(super) fn processes(&self) -> Vec<u32> {
        let mut all = Vec::new();
        for door in self.doors() {
            let said = fs::read_to_string(door).unwrap_or_default();
            all.extend(said.lines().filter_map(|line| line.trim().parse::<u32>().ok()));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// False while a process is left in it.
    pub(super) fn remove(&self) -> bool {
        self.parts.iter().all(|part| match fs::remove_dir(&part.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        })
    }
}
