//! What is built because there is no wheel of it.

use application::ports::packaging::{Note, Sdist, SdistOrigin};

use super::{Job, Offence, Package};

impl Job<'_> {
    pub(super) fn sdist(&self, named: &str, package: &Package<'_>) -> Result<SdistOrigin, Offence> {
        if !self.sources.policy().builds() {
            return Err(Offence::no_wheel(format!(
                "{named} has no wheel; building is disabled on this server"
            )));
        }
        let unbuildable = || {
            Offence::no_wheel(format!("{named} has neither a wheel nor a source archive that can be built"))
        };
        let locked = package.sdist.as_ref().ok_or_else(unbuildable)?;
        let file_name = locked.file_name().filter(|name| is_archive(name)).ok_or_else(unbuildable)?;
        Ok(SdistOrigin::File {
            urls: self.urls(named, locked)?,
            sha256: locked
                .sha256()
                .ok_or_else(|| Offence::invalid(format!("{named} has no sha256 in uv.lock")))?,
            size: locked.size,
            file_name: file_name.into_owned(),
        })
    }
}

/// What source distributions are called that anybody builds today.
fn is_archive(file_name: &str) -> bool {
    let plain = !file_name.starts_with('.') && !file_name.contains(['/', '\\']) && file_name.len() <= 200;
    plain && [".tar.gz", ".zip"].iter().any(|end| file_name.ends_with(end))
}

pub(super) fn git_note(sdist: &Sdist) -> Option<Note> {
    match &sdist.origin {
        SdistOrigin::File { .. } => None,
        SdistOrigin::Git { commit, .. } => {
            let short = commit.get(..8).unwrap_or_default();
            Some(Note::new("git", format!("{} comes from git commit {short}.", sdist.name)))
        }
    }
}
