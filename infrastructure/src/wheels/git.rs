//! A git source as a lock writes it: `https://host/owner/name?rev=main&subdirectory=part#<commit>`.

use application::ports::packaging::SdistOrigin;
use url::Url;

/// `None` unless it is one commit, reached over the web without a password.
pub(super) fn read(locked: &str) -> Option<SdistOrigin> {
    let mut url = Url::parse(locked).ok()?;
    let commit = url.fragment()?.to_ascii_lowercase();
    let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_open =
        matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none();
    if !is_commit || !is_open {
        return None;
    }
    let subdirectory = url.query_pairs().find(|(key, _)| key == "subdirectory");
    let subdirectory = subdirectory.map(|(_, value)| value.trim_end_matches('/').to_owned());
    if subdirectory.as_deref().is_some_and(|path| !is_below(path)) {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(SdistOrigin::Git { repository: url.into(), commit, subdirectory })
}

fn is_below(path: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part != ".." && part != ".";
    path.len() <= 255 && path.split('/').all(is_plain) && path.chars().all(|c| !c.is_control() && c != '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_commit_of_a_repository_is_read() {
        let found =
            read(&format!("https://forge.example/o/r.git?subdirectory=a%2Fb&rev=v1#{COMMIT}")).unwrap();
        let wanted = SdistOrigin::Git {
            repository: "https://forge.example/o/r.git".to_owned(),
            commit: COMMIT.to_owned(),
            subdirectory: Some("a/b".to_owned()),
        };
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_no_commit_or_leads_elsewhere_is_not() {
        for locked in [
            "https://forge.example/o/r?rev=main#main".to_owned(),
            "https://forge.example/o/r?rev=main".to_owned(),
            format!("ssh://git@forge.example/o/r#{COMMIT}"),
            format!("https://user:secret@forge.example/o/r#{COMMIT}"),
            format!("file:///o/r#{COMMIT}"),
            format!("https://forge.example/o/r?subdirectory=../x#{COMMIT}"),
            format!("https://forge.example/o/r?subdirectory=%2Fetc#{COMMIT}"),
        ] {
            assert_eq!(read(&locked), None, "{locked}");
        }
    }
}
