//! Asking for work and taking it back. The work itself is done by [`crate::processes::run_tasks`].

mod batch;
mod names;

use std::{path::Path, sync::Arc};

use domain::{
    recorded::Cursor,
    task::{PlatformTarget, RepackageOptions, Source, Task, TaskCommand, TaskError, TaskKind, TaskRequested},
    values::{Digest, FloorPolicy, GroupId, Platform, PluginIdentity, Suffix, Target, TargetOptions, TaskId},
};
use serde_json::{Value, json};

pub use batch::AskedGroup;
pub use names::name_from_url;

use names::plain_name;

use crate::{
    caller::Caller,
    commands::{CommandError, Commands, Outcome},
    error::{Error, Kind},
    ports::{
        blobs::Blobs,
        freshness::Freshness,
        packaging::{Downloads, Inspector},
        system::Ids,
    },
};

/// The read model that shows tasks.
pub const READ_MODEL: &str = "tasks";

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

/// What is to be repackaged, judged as far as it can be before a task exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    source: Source,
    name: String,
}

impl Input {
    /// As the task's record shows it.
    pub fn name(&self) -> &str {
        &self.name
    }
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

/// An accepted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub task: TaskId,
    /// Where its event stands; none for a repeat, which wrote nothing.
    pub position: Option<Cursor>,
}

impl Tasks {
    /// What stands behind a URL. One that names a forbidden place is refused before any task exists; one that cannot
    /// be fetched becomes a failed task.
    pub fn url(&self, url: &str) -> Result<Input, Error> {
        self.downloads.check(url)?;
        Ok(Input { source: Source::Url(url.to_owned()), name: name_from_url(url) })
    }

    /// One version of a plugin of the marketplace. What the marketplace does not know becomes a failed task.
    pub fn marketplace(plugin: PluginIdentity) -> Input {
        let name = format!("{}.difypkg", plugin.name());
        Input { source: Source::Marketplace(plugin), name }
    }

    /// A file that has arrived whole; it is checked before any task exists.
    pub async fn upload(&self, file: &Path, sha256: &Digest, name: &str) -> Result<Input, Error> {
        self.inspector.inspect(file, &[], &tokio_util::sync::CancellationToken::new()).await?;
        self.blobs.put(file, sha256).await?;
        Ok(Input { source: Source::UploadSha256(sha256.clone()), name: plain_name(name) })
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

    pub async fn repackage(&self, input: Input, wish: Wish, caller: Caller) -> Result<Asked, Error> {
        self.must_be_served(&wish)?;
        let id = TaskId(self.ids.secret());
        let command = self.request(id, None, input, wish, &caller);
        match self.execute(id, command, caller, "repackage", json!({"task_id": id})).await? {
            Outcome::Written(position) => Ok(Asked { task: id, position }),
            Outcome::Repeated(answer) => match serde_json::from_value(answer["task_id"].clone()) {
                Ok(task) => Ok(Asked { task, position: None }),
                Err(_shape) => Err(Error::unavailable()),
            },
        }
    }

    fn must_be_served(&self, wish: &Wish) -> Result<(), Error> {
        if wish.verify_install && !self.verifies_installs {
            return Err(Error::invalid("Verified installs are disabled on this server"));
        }
        Ok(())
    }

    fn request(
        &self,
        id: TaskId,
        group: Option<GroupId>,
        input: Input,
        wish: Wish,
        caller: &Caller,
    ) -> TaskCommand {
        TaskCommand::Request(TaskRequested {
            task_uid: id,
            kind: TaskKind::Repackage,
            label: input.name.clone(),
            subject: input.source,
            original_filename: input.name,
            options: self.options(wish),
            dialect: caller.dialect,
            tenant: caller.metadata.tenant.clone(),
            group,
        })
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
        let outcome = self.append(id, command, caller, operation, response).await?;
        if let Outcome::Written(position) = &outcome {
            self.show(*position).await;
        }
        Ok(outcome)
    }

    async fn append(
        &self,
        id: TaskId,
        command: TaskCommand,
        caller: Caller,
        operation: &str,
        response: Value,
    ) -> Result<Outcome, Error> {
        let (stream, once) = (id.to_string(), caller.once(operation, response));
        Ok(match once {
            None => Outcome::Written(self.commands.execute(&stream, command, caller.metadata).await?),
            Some(once) => self.commands.execute_once(&stream, command, caller.metadata, once).await?,
        })
    }

    async fn show(&self, position: Option<Cursor>) {
        if let Some(position) = position {
            self.freshness.reached(READ_MODEL, position).await;
        }
    }
}

impl From<CommandError<TaskError>> for Error {
    fn from(error: CommandError<TaskError>) -> Self {
        error.told("task", |refusal| match refusal {
            TaskError::Unknown => Self::not_found(refusal.to_string()),
            TaskError::AlreadyRequested
            | TaskError::Finished
            | TaskError::Unfinished
            | TaskError::StaleAttempt { .. } => Self::new(Kind::Conflict, refusal.to_string()),
        })
    }
}
