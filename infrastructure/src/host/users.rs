//! A user of the system for each installation, the same after every restart: its data belongs to it.

use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Mutex};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::sandbox::launcher::user_within;

/// Kept in a file: one line for each, the number and whose it is.
pub(super) struct Users {
    file: PathBuf,
    known: Mutex<BTreeMap<Uuid, u32>>,
}

impl Users {
    pub(super) fn of(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let known = text.lines().filter_map(|line| {
            let (user, installation) = line.split_once(' ')?;
            Some((installation.parse().ok()?, user.parse().ok()?))
        });
        let known = Mutex::new(known.collect());
        Self { file, known }
    }

    pub(super) fn known(&self) -> Vec<u32> {
        self.known.lock().map(|known| known.values().copied().collect()).unwrap_or_default()
    }

    /// One that no other installation is, and nobody else on the machine.
    pub(super) fn user(&self, installation: Uuid) -> io::Result<u32> {
        let mut known = self.known.lock().map_err(|_poisoned| io::ErrorKind::Other)?;
        if let Some(user) = known.get(&installation) {
            return Ok(*user);
        }
        let ranges = fs::read_to_string("/proc/self/uid_map")?;
        let digest = Sha256::digest(format!("{} {installation}", self.file.display()));
        let begin = digest.iter().take(4).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let user = (begin..begin + 4096)
            .filter_map(|number| user_within(&ranges, number))
            .find(|user| !known.values().any(|taken| taken == user))
            .ok_or_else(|| io::Error::other("no unprivileged user is known here"))?;
        known.insert(installation, user);
        let lines = known.iter().map(|(installation, user)| format!("{user} {installation}"));
        let lines = lines.collect::<Vec<_>>().join("\n");
        let new = self.file.with_extension("new");
        fs::write(&new, lines)?;
        fs::rename(new, &self.file)?;
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_keeps_its_user_and_shares_it_with_nobody() {
        let ground = tempfile::tempdir().unwrap();
        let file = ground.path().join("users");
        let users = Users::of(file.clone());
        let ids: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
        let Ok(first) = users.user(ids[0]) else { return };
        let all: std::collections::BTreeSet<u32> = ids.iter().map(|id| users.user(*id).unwrap()).collect();
        assert_eq!(all.len(), 20);
        assert_eq!(Users::of(file).user(ids[0]).unwrap(), first);
    }
}
