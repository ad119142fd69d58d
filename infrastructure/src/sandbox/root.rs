//! The file system inside: nothing but the system's libraries and programs, a few devices, what the command is
//! shown, and the one directory that it may write in. No path of this machine that was not asked for has a name in
//! there.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt as _, lchown, symlink},
    path::{Path, PathBuf},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::statvfs::{FsFlags, statvfs},
    unistd::pivot_root,
};

use super::{JOB, Shown, Spec, Who, started::Refused};

/// Where the new root is put together. Hidden under the new root until then, so any directory does.
const BASE: &str = "/tmp";
const OLD: &str = "/old";
const NEW: &str = "/new";

const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];
/// Of the system's settings only what finds libraries and programs, and nothing that may hold a secret.
const SETTINGS: [&str; 4] = ["/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"];
const DEVICES: [&str; 5] = ["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

type Done = io::Result<()>;

/// Changes into the new root, and lets go of the old one.
pub(super) fn change(spec: &Spec, who: Who) -> Result<(), Refused> {
    let step = |step: &'static str| move |error: io::Error| Refused::new(step, error);
    if let Who::Own(user) = who {
        hand_over(&spec.directory, user).map_err(step("owner"))?;
    }
    begin().map_err(step("mount"))?;
    system().map_err(step("system"))?;
    processes(None);
    for link in ["/tmp", "/dev/shm"] {
        symlink(format!("{JOB}/tmp"), inside(Path::new(link))).map_err(step("system"))?;
    }
    for shown in &spec.shown {
        bind(&shown.outside, &shown.inside, MsFlags::MS_RDONLY).map_err(step("shown files"))?;
    }
    bind(&spec.directory, Path::new(JOB), MsFlags::empty()).map_err(step("job directory"))?;
    end().map_err(step("root"))
}

/// Changes into a root that has what is shown, and in which `own` is writable; `temporary` is where everybody writes.
pub(crate) fn show(shown: &[Shown], own: &[Shown], temporary: &Path) -> Result<(), Refused> {
    let step = |step: &'static str| move |error: io::Error| Refused::new(step, error);
    begin().map_err(step("mount"))?;
    system().map_err(step("system"))?;
    processes(Some("hidepid=2"));
    for everybodys in ["/tmp", "/dev/shm"] {
        bind(temporary, Path::new(everybodys), MsFlags::empty()).map_err(step("temporary directory"))?;
    }
    for one in shown {
        bind(&one.outside, &one.inside, MsFlags::MS_RDONLY).map_err(step("shown files"))?;
    }
    for one in own {
        bind(&one.outside, &one.inside, MsFlags::empty()).map_err(step("own directories"))?;
    }
    end().map_err(step("root"))
}

/// Links are handed over as links.
pub(crate) fn hand_over(path: &Path, user: u32) -> Done {
    lchown(path, Some(user), Some(user))?;
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        hand_over(&entry?.path(), user)?;
    }
    Ok(())
}

fn begin() -> Done {
    const NOTHING: Option<&str> = None;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), BASE, Some("tmpfs"), flags, Some("mode=755,size=4m"))?;
    for part in [OLD, NEW] {
        fs::create_dir(format!("{BASE}{part}"))?;
    }
    pivot_root(BASE, format!("{BASE}{OLD}").as_str())?;
    std::env::set_current_dir("/")?;
    mount(Some("tmpfs"), NEW, Some("tmpfs"), flags, Some("mode=755,size=4m"))?;
    Ok(())
}

fn system() -> Done {
    for path in SYSTEM {
        let old = outside(Path::new(path));
        match fs::symlink_metadata(&old) {
            Ok(data) if data.is_symlink() => symlink(fs::read_link(&old)?, inside(Path::new(path)))?,
            Ok(_) => bind(Path::new(path), Path::new(path), MsFlags::MS_RDONLY)?,
            Err(_not_on_this_system) => {}
        }
    }
    for path in SETTINGS.map(Path::new) {
        if outside(path).exists() {
            bind(path, path, MsFlags::MS_RDONLY)?;
        }
    }
    for path in DEVICES.map(Path::new) {
        bind(path, path, MsFlags::empty())?;
    }
    fs::create_dir(inside(Path::new("/proc")))?;
    fs::write(inside(Path::new("/etc/passwd")), "")?;
    fs::write(inside(Path::new("/etc/group")), "")
}

/// Inside a container it may be forbidden; hardly anything misses it.
fn processes(options: Option<&str>) {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _ = mount(Some("proc"), &inside(Path::new("/proc")), Some("proc"), flags, options);
}

/// Nothing is left of the old root afterwards, and nothing can be added to the new one.
fn end() -> Done {
    umount2(OLD, MntFlags::MNT_DETACH)?;
    std::env::set_current_dir(NEW)?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    std::env::set_current_dir("/")?;
    read_only(Path::new("/"))
}

fn outside(path: &Path) -> PathBuf {
    below(OLD, path)
}

fn inside(path: &Path) -> PathBuf {
    below(NEW, path)
}

fn below(base: &str, path: &Path) -> PathBuf {
    Path::new(base).join(path.strip_prefix("/").unwrap_or(path))
}

fn bind(from: &Path, to: &Path, flags: MsFlags) -> Done {
    let (from, to) = (outside(from), inside(to));
    if fs::metadata(&from)?.is_dir() {
        fs::create_dir_all(&to)?;
    } else {
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        if !to.exists() {
            fs::File::create(&to)?;
        }
    }
    mount(Some(&from), &to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
    if flags.contains(MsFlags::MS_RDONLY) { read_only(&to) } else { Ok(()) }
}

/// Keeps the flags that the mount has: a user namespace may not take any away.
fn read_only(path: &Path) -> Done {
    let has = statvfs(path)?.flags();
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    for (flag, same) in [
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        flags.set(same, has.contains(flag));
    }
    Ok(mount(None::<&str>, path, None::<&str>, flags, None::<&str>)?)
}
