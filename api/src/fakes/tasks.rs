//! Tasks in memory: commands, and what is asked about them.

use application::{
    Error,
    commands::{CommandError, Commands, Once, Outcome},
    queries::tasks::{Storage, TaskQueries, TaskStatus, TaskView},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    recorded::Cursor,
    task::{Task, TaskCommand, TaskError, TaskRequested},
    values::{Digest, GroupId, Metadata, TaskId},
};

use super::{Fakes, queued_view};
#[async_trait]
impl Commands<Task> for Fakes {
    async fn execute(
        &self,
        id: &str,
        command: TaskCommand,
        _: Metadata,
    ) -> Result<Option<Cursor>, CommandError<TaskError>> {
        let mut state = self.up().map_err(|_down| CommandError::Unavailable)?;
        if command == TaskCommand::Acknowledge {
            return Ok(None);
        }
        let id: TaskId = id.parse().unwrap();
        if let TaskCommand::Request(TaskRequested { original_filename, options, group, .. }) = command {
            if state.tasks.contains_key(&id) {
                return Err(CommandError::Refused(TaskError::AlreadyRequested));
            }
            match &mut state.room {
                Some(0) => return Err(CommandError::Full),
                Some(room) => *room -= 1,
                None => {}
            }
            let view = TaskView { id, original_filename, platform: options.platform, group, ..queued_view() };
            state.tasks.insert(id, view);
        } else if command == TaskCommand::ExpireArtifact {
            let view = state.tasks.get_mut(&id).ok_or(CommandError::Refused(TaskError::Unknown))?;
            if view.status == TaskStatus::Expired {
                return Ok(None);
            }
            view.status = TaskStatus::Expired;
        } else {
            assert!(matches!(command, TaskCommand::Cancel { .. }), "nobody expected {command:?}");
            let view = state.tasks.get_mut(&id).ok_or(CommandError::Refused(TaskError::Unknown))?;
            if view.status.is_final() {
                return Err(CommandError::Refused(TaskError::Finished));
            }
            view.status = TaskStatus::Cancelled;
            view.error =
                Some(domain::task::Fault { code: "CANCELLED".to_owned(), message: "Cancelled".to_owned() });
        }
        Ok(Some(Cursor::default()))
    }

    async fn execute_once(
        &self,
        id: &str,
        command: TaskCommand,
        by: Metadata,
        once: Once,
    ) -> Result<Outcome, CommandError<TaskError>> {
        if let Some(answer) = Commands::<Task>::answered(self, &once).await? {
            return Ok(Outcome::Repeated(answer));
        }
        let name = format!("{} {}", once.scope, once.key);
        self.lock().once.insert(name, (once.request_hash, once.response));
        Commands::<Task>::execute(self, id, command, by).await.map(Outcome::Written)
    }

    async fn answered(&self, once: &Once) -> Result<Option<serde_json::Value>, CommandError<TaskError>> {
        match self.lock().once.get(&format!("{} {}", once.scope, once.key)) {
            Some((hash, answer)) if *hash == once.request_hash => Ok(Some(answer.clone())),
            Some(_) => Err(CommandError::KeyReused),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl TaskQueries for Fakes {
    async fn get(&self, id: TaskId) -> Result<Option<TaskView>, Error> {
        Ok(self.up()?.tasks.get(&id).cloned())
    }

    async fn get_many(&self, ids: &[TaskId]) -> Result<Vec<TaskView>, Error> {
        let state = self.up()?;
        Ok(ids.iter().filter_map(|id| state.tasks.get(id).cloned()).collect())
    }

    async fn recent(&self, limit: u32) -> Result<Vec<TaskView>, Error> {
        Ok(self.up()?.tasks.values().take(limit as usize).cloned().collect())
    }

    async fn completed(&self, limit: u32, offset: u32) -> Result<(Vec<TaskView>, u64), Error> {
        let state = self.up()?;
        let done = state.tasks.values().filter(|view| view.status == TaskStatus::Completed);
        let done: Vec<TaskView> = done.cloned().collect();
        let total = done.len() as u64;
        Ok((done.into_iter().skip(offset as usize).take(limit as usize).collect(), total))
    }

    async fn group(&self, id: GroupId) -> Result<Vec<TaskView>, Error> {
        Ok(self.up()?.tasks.values().filter(|view| view.group == Some(id)).cloned().collect())
    }

    async fn storage(&self) -> Result<Storage, Error> {
        let state = self.up()?;
        let offered = state.tasks.values().filter(|view| view.status == TaskStatus::Completed);
        let sizes: Vec<u64> =
            offered.filter_map(|view| view.artifact.as_ref()).map(|artifact| artifact.size).collect();
        Ok(Storage { files: sizes.len() as u64, bytes: sizes.iter().sum(), ..Storage::default() })
    }

    async fn due_to_expire(&self, _: DateTime<Utc>, _: u32) -> Result<Vec<TaskView>, Error> {
        Ok(Vec::new())
    }

    async fn needs_blob(&self, _: &Digest) -> Result<bool, Error> {
        Ok(true)
    }
}
