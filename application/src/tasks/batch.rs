//! Several packages of one input, asked for at once: an ordinary task each, bound by the id of their group.

use domain::{
    recorded::Cursor,
    task::{TaskCommand, TaskError},
    values::{GroupId, TaskId},
};
use serde_json::{Value, json};

use super::{Input, Tasks, Wish};
use crate::{
    caller::Caller,
    commands::{CommandError, Outcome},
    error::Error,
};

/// An accepted batch, its tasks in the order of the wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedGroup {
    pub group: GroupId,
    pub tasks: Vec<TaskId>,
    /// Where the last event stands; none for a repeat that found nothing missing.
    pub position: Option<Cursor>,
}

impl Tasks {
    /// All of them or none, as far as streams of their own allow: should a later task be refused, the earlier ones
    /// are taken back, unless the caller can repeat the request under its key, which asks for the missing ones.
    pub async fn repackage_many(
        &self,
        input: Input,
        wishes: Vec<Wish>,
        caller: Caller,
    ) -> Result<AskedGroup, Error> {
        wishes.iter().try_for_each(|wish| self.must_be_served(wish))?;
        let mut asked = AskedGroup {
            group: GroupId(self.ids.secret()),
            tasks: wishes.iter().map(|_| TaskId(self.ids.secret())).collect(),
            position: None,
        };
        for (number, wish) in wishes.into_iter().enumerate() {
            let id = asked.tasks[number];
            let command = self.request(id, Some(asked.group), input.clone(), wish, &caller);
            if number == 0 {
                let outcome =
                    self.append(id, command, caller.clone(), "repackage", asked.remembered()).await?;
                match outcome {
                    Outcome::Written(position) => asked.position = position,
                    Outcome::Repeated(answer) => {
                        asked = asked.as_remembered(&answer).ok_or_else(Error::unavailable)?;
                    }
                }
                continue;
            }
            match self.commands.execute(&id.to_string(), command, caller.metadata.clone()).await {
                Ok(position) => asked.position = position,
                Err(CommandError::Refused(TaskError::AlreadyRequested)) => {}
                Err(error) => {
                    if caller.once.is_none() {
                        self.take_back(&asked.tasks[..number], &caller).await;
                    }
                    return Err(error.into());
                }
            }
        }
        self.show(asked.position).await;
        Ok(asked)
    }

    async fn take_back(&self, tasks: &[TaskId], caller: &Caller) {
        for task in tasks {
            let by = caller.metadata.actor_principal.clone();
            let command = TaskCommand::Cancel { by };
            if let Err(error) =
                self.commands.execute(&task.to_string(), command, caller.metadata.clone()).await
            {
                tracing::warn!(%task, %error, "a task of a batch that was refused stays");
            }
        }
    }
}

impl AskedGroup {
    fn remembered(&self) -> Value {
        json!({"group_id": self.group, "tasks": self.tasks})
    }

    /// The same number of tasks: the request was the same.
    fn as_remembered(&self, answer: &Value) -> Option<Self> {
        let group = serde_json::from_value(answer["group_id"].clone()).ok()?;
        let tasks: Vec<TaskId> = serde_json::from_value(answer["tasks"].clone()).ok()?;
        (tasks.len() == self.tasks.len()).then_some(Self { group, tasks, position: None })
    }
}
