//! As whom the server runs: this process's own user, or as root an unprivileged one.

use std::{io, os::unix::fs::MetadataExt, os::unix::process::CommandExt, path::Path};

use super::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl User {
    /// `None`: no need to change user.
    pub(super) fn for_server() -> Result<Option<Self>, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(|_unreadable| Error::NoUser)?;
        let user = ["postgres", "nobody"].iter().find_map(|name| entry(&passwd, name));
        user.map(Some).ok_or(Error::NoUser)
    }

    pub(super) fn run(&self, command: &mut std::process::Command) {
        command.uid(self.uid).gid(self.gid);
    }

    pub(super) fn is(&self, uid: u32) -> bool {
        self.uid == uid
    }

    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }

    /// Every directory above `path` must let this user through.
    pub(super) fn can_reach(&self, path: &Path) -> Result<(), Error> {
        for ancestor in path.ancestors() {
            let open = std::fs::metadata(ancestor).is_ok_and(|meta| {
                let mode = meta.mode();
                (meta.uid() == self.uid && mode & 0o100 != 0)
                    || (meta.gid() == self.gid && mode & 0o010 != 0)
                    || mode & 0o001 != 0
            });
            if !open {
                return Err(Error::Unreachable { user: self.name.clone(), path: ancestor.to_owned() });
            }
        }
        Ok(())
    }
}

fn entry(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_read_from_the_password_file() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:n:/:/x\n";
        assert_eq!(entry(passwd, "nobody"), Some(User { name: "nobody".into(), uid: 65534, gid: 65533 }));
        assert_eq!(entry(passwd, "postgres"), None);
    }
}
