//! Which index to look at for what uv does not tell: the operator's, else the one that uv uses by itself. That one
//! nobody here named, so it is reached as any other address of a stranger: guarded, and without credentials.

use std::{fs, time::Duration};

use tokio::sync::OnceCell;
use url::Url;

use super::{asking::Question, index::SimpleIndex};
use crate::{
    fetch::{ClientError, GuardedClient},
    uv::run::Call,
    wheels::sources::IndexPolicy,
};

/// It reads a file and says a line.
const TIME: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub struct Pages {
    operators: Option<SimpleIndex>,
    guarded: GuardedClient,
    learned: OnceCell<Option<SimpleIndex>>,
}

impl Pages {
    /// # Errors
    /// [`ClientError`] without any CA certificate.
    pub fn of(policy: &IndexPolicy, guarded: GuardedClient) -> Result<Self, ClientError> {
        let operators = SimpleIndex::of(policy, guarded.clone())?;
        Ok(Self { operators, guarded, learned: OnceCell::new() })
    }

    /// `None` when uv does not say where it looks.
    pub(super) async fn index(&self, question: &Question<'_>) -> Option<&SimpleIndex> {
        if self.operators.is_some() {
            return self.operators.as_ref();
        }
        let learn = || async {
            let url = said(question).await;
            url.map(|url| SimpleIndex::of_nobody(url, self.guarded.clone())).transpose()
        };
        self.learned.get_or_try_init(learn).await.ok()?.as_ref()
    }
}

/// Asked for nothing, uv looks nowhere and still writes down where it would have looked.
async fn said(question: &Question<'_>) -> Option<Url> {
    fs::write(question.directory.join("nothing.txt"), "").ok()?;
    let call = Call::new(&question.uv, question.directory, TIME)
        .args(["pip", "compile", "nothing.txt", "--emit-index-url", "--offline", "--quiet", "--no-config"])
        .args(["--no-header", "--no-progress", "--color", "never", "--no-python-downloads", "--python"])
        .args([&question.python.path])
        .args(["--cache-dir"])
        .args([&question.cache])
        .envs([("HOME", question.directory.as_os_str()), ("PATH", "".as_ref())]);
    let ended = call.run().await.ok().filter(|ended| ended.status.success())?;
    let url = read(&ended.out);
    if url.is_none() {
        tracing::warn!("uv does not say which package index it uses");
    }
    url
}

fn read(said: &str) -> Option<Url> {
    let mut url: Url =
        said.lines().find_map(|line| line.strip_prefix("--index-url "))?.trim().parse().ok()?;
    // Fails only for URLs that cannot have user info.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    matches!(url.scheme(), "http" | "https").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_without_credentials_and_only_if_it_is_of_the_web() {
        let said = "warning: x\n--index-url https://me:pw@index.example/simple\n\n# nothing\n";
        assert_eq!(read(said).unwrap().as_str(), "https://index.example/simple");
        for other in ["", "--index-url", "--index-url file:///srv/simple\n", "--index-url x y\n"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
