//! One commit of a repository as the archive that forges make of it: no git, no history, one guarded request.

use std::path::Path;

use application::failure::{Failure, Reason};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fetch::{
    clients::Get,
    transfer::{Fault, Patience, Wanted, disk_failure, transfer},
};

const LARGEST: u64 = 512 * 1024 * 1024;
const GZIP: &[u8] = b"\x1f\x8b";

/// Where the common forges have the archive of a commit, in the order of how common they are.
fn addresses(repository: &str, commit: &str) -> Vec<Url> {
    let Ok(base) = Url::parse(repository) else { return Vec::new() };
    let path = base.path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() {
        return Vec::new();
    }
    let forms = [
        format!("/{path}/archive/{commit}.tar.gz"),
        format!("/{path}/-/archive/{commit}/{name}-{commit}.tar.gz"),
        format!("/{path}/get/{commit}.tar.gz"),
    ];
    let at = |form: &String| {
        let mut url = base.clone();
        url.set_path(form);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    forms.iter().map(at).collect()
}

/// Brings the archive into the new file `into`.
///
/// # Errors
/// `UrlForbidden` and `RedirectForbidden` of the guard; `FetchFailed`.
pub(super) async fn fetch(
    client: &dyn Get,
    (repository, commit): (&str, &str),
    named: &str,
    into: &Path,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let mut last =
        Failure::permanent(Reason::FetchFailed, format!("{named} comes from git, from no usable address"));
    for url in addresses(repository, commit) {
        let wanted = Wanted { url: &url, into, limit: LARGEST, magic: GZIP };
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Failure::cancelled()),
            outcome = transfer(client, wanted, Patience::default(), &|_, _| {}) => outcome,
        };
        let host = url.host_str().unwrap_or_default();
        last = match outcome {
            Ok(_) => return Ok(()),
            Err(Fault::Refused(failure)) => return Err(failure),
            Err(Fault::Disk(failure)) => return Err(disk_failure(&failure)),
            Err(Fault::TooLarge) => {
                let text = format!("{named}: the archive of its commit is larger than 512 MB");
                return Err(Failure::permanent(Reason::FetchFailed, text));
            }
            Err(Fault::Unresolved | Fault::Unreachable | Fault::Stalled | Fault::Cut) => {
                let text = format!("{named}: the server {host} could not be reached");
                return Err(Failure::transient(Reason::FetchFailed, text));
            }
            // Another forge has it elsewhere.
            Err(Fault::Status { .. } | Fault::WrongHead { .. }) => Failure::permanent(
                Reason::FetchFailed,
                format!("{named}: {host} has no archive of commit {}", &commit[..commit.len().min(8)]),
            ),
        };
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_forge_is_asked_in_its_own_way() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let found: Vec<String> =
            addresses("https://forge.example/group/project.git", commit).iter().map(Url::to_string).collect();
        assert_eq!(found[0], format!("https://forge.example/group/project/archive/{commit}.tar.gz"));
        assert_eq!(
            found[1],
            format!("https://forge.example/group/project/-/archive/{commit}/project-{commit}.tar.gz")
        );
        assert_eq!(found[2], format!("https://forge.example/group/project/get/{commit}.tar.gz"));
        assert!(addresses("https://forge.example/", commit).is_empty());
    }
}
