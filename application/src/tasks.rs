//! Asking for work and taking it back. The work itself is done by [`crate::processes::run_tasks`].

use std::{path::Path, sync::Arc};

use domain::{
    recorded::Cursor,
    task::{PlatformTarget, RepackageOptions, Source, Task, TaskCommand, TaskError, TaskKind, TaskRequested},
    values::{
        Dialect, Digest, FloorPolicy, Metadata, Platform, PluginIdentity, Suffix, Target, TargetOptions,
        TaskId,
    },
};
use serde_json::{Value, json};

use crate::{
    commands::{CommandError, Commands, Once, Outcome},
    error::{Error, Kind},
    failure::Reason,
    ports::{
        blobs::Blobs,
        freshness::Freshness,
        packaging::{Downloads, Inspector},
        system::Ids,
    },
};

/// The read model that shows tasks.
pub const READ_MODEL: &str = "tasks";
/// A name longer than this is cut; it is data for a header and a list, never a path.
const LONGEST_NAME: usize = 200;

#[derive(Clone)]
pub struct Tasks {
    pub commands: Arc<dyn Commands<Task>>,
    pub downloads: Arc<dyn Downloads>,
    pub inspector: Arc<dyn Inspector>,
    pub blobs: Arc<dyn Blobs>,
    pub freshness: Arc<dyn Freshness>,
    pub ids: Arc<dyn Ids>,
    pub policy: FloorPolicy,
    /// Whether callers may ask for an install that is tried out: it runs their code in a sandbox.
    pub verifies_installs: bool,
}

/// What a repackaging should be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub platform: Platform,
    pub options: TargetOptions,
    pub suffix: Suffix,
    /// Further platforms for the same package.
    pub combined_with: Vec<Platform>,
    /// Install the result offline and start it, if this host can.
    pub verify_install: bool,
    /// Choose the versions of a package without a lock anew.
    pub refresh: bool,
}

/// Who asks, and under which idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub dialect: Dialect,
    pub metadata: Metadata,
    /// The caller's key and the hash of its request.
    pub once: Option<(String, [u8; 32])>,
}

/// An accepted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub task: TaskId,
    /// Where its event stands; none for a repeat, which wrote nothing.
    pub position: Option<Cursor>,
}

impl Tasks {
    /// Repackages what stands behind a URL. A URL that names a forbidden place is refused before any task exists;
    /// one that cannot be fetched becomes a failed task.
    pub async fn repackage_url(&self, url: &str, wish: Wish, caller: Caller) -> Result<Asked, Error> {
        self.downloads.check(url)?;
        let name = name_from_url(url);
        self.request(Source::Url(url.to_owned()), name, wish, caller).await
    }

    /// Repackages one version of a plugin of the marketplace. What the marketplace does not know becomes a failed
    /// task.
    pub async fn repackage_marketplace(
        &self,
        plugin: PluginIdentity,
        wish: Wish,
        caller: Caller,
    ) -> Result<Asked, Error> {
        let name = format!("{}.difypkg", plugin.name());
        self.request(Source::Marketplace(plugin), name, wish, caller).await
    }

    /// Repackages a file that has arrived whole; it is checked before the task exists.
    pub async fn repackage_upload(
        &self,
        file: &Path,
        sha256: &Digest,
        name: &str,
        wish: Wish,
        caller: Caller,
    ) -> Result<Asked, Error> {
        self.inspector.inspect(file, &[], &tokio_util::sync::CancellationToken::new()).await?;
        self.blobs.put(file, sha256).await?;
        self.request(Source::UploadSha256(sha256.clone()), plain_name(name), wish, caller).await
    }

    /// Ends an unfinished task at once, running or not.
    pub async fn cancel(&self, id: TaskId, caller: Caller) -> Result<Option<Cursor>, Error> {
        let by = caller.metadata.actor_principal.clone();
        let outcome =
            self.execute(id, TaskCommand::Cancel { by }, caller, "cancel", json!({"task_id": id})).await?;
        Ok(match outcome {
            Outcome::Written(position) => position,
            Outcome::Repeated(_) => None,
        })
    }

    async fn request(
        &self,
        subject: Source,
        name: String,
        wish: Wish,
        caller: Caller,
    ) -> Result<Asked, Error> {
        if wish.verify_install && !self.verifies_installs {
            return Err(Error::invalid("Verified installs are disabled on this server"));
        }
        let id = TaskId(self.ids.secret());
        let command = TaskCommand::Request(TaskRequested {
            task_uid: id,
            kind: TaskKind::Repackage,
            label: name.clone(),
            subject,
            original_filename: name,
            options: self.options(wish),
            dialect: caller.dialect,
            tenant: caller.metadata.tenant.clone(),
            group: None,
        });
        match self.execute(id, command, caller, "repackage", json!({"task_id": id})).await? {
            Outcome::Written(position) => Ok(Asked { task: id, position }),
            Outcome::Repeated(answer) => match serde_json::from_value(answer["task_id"].clone()) {
                Ok(task) => Ok(Asked { task, position: None }),
                Err(_shape) => Err(Error::unavailable()),
            },
        }
    }

    fn options(&self, wish: Wish) -> RepackageOptions {
        let target = |platform: &Platform| Target::resolve(platform, wish.options, self.policy);
        let also = wish.combined_with.iter();
        RepackageOptions {
            target: target(&wish.platform),
            combined_with: also
                .map(|platform| PlatformTarget { target: target(platform), platform: platform.clone() })
                .collect(),
            platform: wish.platform,
            asked: wish.options,
            suffix: wish.suffix,
            verify_install: wish.verify_install,
            refresh: wish.refresh,
        }
    }

    /// Under the caller's key, if there is one, and shown by the next read by anyone.
    async fn execute(
        &self,
        id: TaskId,
        command: TaskCommand,
        caller: Caller,
        operation: &str,
        response: Value,
    ) -> Result<Outcome, Error> {
        let (stream, by) = (id.to_string(), caller.metadata);
        let outcome = match caller.once {
            None => Outcome::Written(self.commands.execute(&stream, command, by).await?),
            Some((key, request_hash)) => {
                let scope = format!("{}:{operation}", by.actor_principal);
                let once = Once { scope, key, request_hash, response };
                self.commands.execute_once(&stream, command, by, once).await?
            }
        };
        if let Outcome::Written(Some(cursor)) = &outcome {
            self.freshness.reached(READ_MODEL, *cursor).await;
        }
        Ok(outcome)
    }
}

impl From<CommandError<TaskError>> for Error {
    fn from(error: CommandError<TaskError>) -> Self {
        match &error {
            CommandError::Refused(TaskError::Unknown) => Self::not_found(TaskError::Unknown.to_string()),
            CommandError::Refused(refusal) => Self::new(Kind::Conflict, refusal.to_string()),
            CommandError::Contended => Self::new(Kind::Conflict, "Others kept changing this task; try again"),
            CommandError::KeyReused => Self {
                kind: Kind::Invalid,
                message: error.to_string(),
                reason: Some(Reason::IdempotencyKeyReused),
            },
            CommandError::Full => Self {
                kind: Kind::Unavailable,
                message: "The service has no space left for new work; try again later".to_owned(),
                reason: Some(Reason::StorageFull),
            },
            CommandError::Unavailable => Self::unavailable(),
        }
    }
}

/// The last part of the path, percent-decoded.
pub fn name_from_url(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path.rsplit('/').next().unwrap_or(path);
    plain_name(&percent_decoded(last))
}

/// What a name may hold wherever it is shown: no directory, no control character, not too long, an extension.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let clean: String = last.chars().filter(|c| !c.is_control()).collect();
    let stem = clean.strip_suffix(".difypkg").unwrap_or(&clean).trim_start_matches('.');
    let stem: String = stem.chars().take(LONGEST_NAME).collect();
    if stem.is_empty() { "plugin.difypkg".to_owned() } else { format!("{stem}.difypkg") }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match tail {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        let cases = [
            ("https://example.com/a/agent.difypkg", "agent.difypkg"),
            ("https://example.com/agent%20one.difypkg?x=/y.difypkg#z", "agent one.difypkg"),
            ("https://example.com/%2e%2e%2f%2e%2e%2fetc%2fpasswd.difypkg", "passwd.difypkg"),
            ("https://example.com/.difypkg", "plugin.difypkg"),
            ("https://example.com/a%zz%4.difypkg", "a%zz%4.difypkg"),
        ];
        for (url, name) in cases {
            assert_eq!(name_from_url(url), name, "{url}");
        }
    }

    #[test]
    fn a_name_is_data_never_a_path() {
        assert_eq!(plain_name("../../evil.difypkg"), "evil.difypkg");
        assert_eq!(plain_name("C:\\x\\evil.difypkg"), "evil.difypkg");
        assert_eq!(plain_name("a\r\nSet-Cookie: x.difypkg"), "aSet-Cookie: x.difypkg");
        assert_eq!(plain_name(&"x".repeat(999)).chars().count(), LONGEST_NAME + ".difypkg".len());
    }
}
