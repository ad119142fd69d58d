//! Messages to plugins. Whom a message speaks for is the caller, never what it says of itself.

use std::time::Duration;

use domain::values::{InstallationId, InstalledName};
use futures::future::join_all;
use serde_json::Value;

use super::Hosting;
use crate::{
    error::Error,
    ports::hosting::{Call, CallFault, PluginError},
    queries::installations::InstallationView,
};

/// Of a type, from somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub message_type: String,
    pub data: Value,
    /// Such as `user:<account>`.
    pub caller: String,
    /// The plugin that it is sent in the name of.
    pub source: Option<InstalledName>,
    pub timeout: Duration,
}

/// What a plugin answered. An error of its own is an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub message_id: String,
    pub answer: Result<Value, PluginError>,
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Undelivered {
    Error(Error),
    NotRunning,
    Busy,
    TimedOut,
    Died,
    TooLarge,
}

/// To many: nobody waits for another.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    pub message_id: String,
    /// By name, with what came of it.
    pub results: Vec<(String, Result<(), Undelivered>)>,
}

impl Hosting {
    pub async fn send(&self, to: InstallationId, message: Message) -> Result<Answer, Undelivered> {
        let message_id = self.message_id();
        let instance = self.router.current(to).ok_or(Undelivered::NotRunning)?;
        let call = call(&message_id, &message);
        let reply = self.host.call(instance, call).await?;
        Ok(Answer { message_id, answer: reply.answer, took: reply.took })
    }

    /// To all of these that run.
    pub async fn broadcast(&self, to: &[InstallationView], message: &Message) -> Broadcast {
        let message_id = self.message_id();
        let results = to.iter().map(async |view| {
            let name = view.name.to_string();
            let Some(instance) = self.router.current(view.id) else {
                return (name, Err(Undelivered::NotRunning));
            };
            let sent = self.host.call(instance, call(&message_id, message)).await;
            (name, sent.map(drop).map_err(Undelivered::from))
        });
        Broadcast { message_id: message_id.clone(), results: join_all(results).await }
    }

    fn message_id(&self) -> String {
        format!("msg_{}", self.ids.secret().simple())
    }
}

fn call(message_id: &str, message: &Message) -> Call {
    Call {
        message_id: message_id.to_owned(),
        message_type: message.message_type.clone(),
        data: message.data.clone(),
        caller: Some(message.caller.clone()),
        source_plugin: message.source.as_ref().map(ToString::to_string),
        deadline: message.timeout,
    }
}

impl From<CallFault> for Undelivered {
    fn from(fault: CallFault) -> Self {
        match fault {
            CallFault::NotRunning => Self::NotRunning,
            CallFault::Busy => Self::Busy,
            CallFault::TimedOut(_) => Self::TimedOut,
            CallFault::Died => Self::Died,
            CallFault::TooLarge => Self::TooLarge,
        }
    }
}
