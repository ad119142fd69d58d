//! What plugins ask of their host: events for others, messages to others, and a place to keep things. The only way from a
//! plugin to anything that is not its own; each question is held to what its installation was granted.

mod keeping;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    error::Error,
    hosting::{Hosting, Message, Undelivered},
    ports::{
        hosting::{Ask, Broker, Delivery, Denied, InstanceId},
        storage::PluginStorage,
    },
    queries::installations::{InstallationView, LiveView},
};

const USUAL_PATIENCE: u64 = 10_000;
const LONGEST_PATIENCE: u64 = 30_000;
const LONGEST_WORD: usize = 128;

/// Answers plugins. It is there before the host, which it needs: see [`Self::serve`].
pub struct Brokering {
    hosting: OnceLock<Hosting>,
    storage: Arc<dyn PluginStorage>,
}

/// Who asks.
struct Asker {
    view: InstallationView,
    live: LiveView,
}

impl Brokering {
    pub fn new(storage: Arc<dyn PluginStorage>) -> Self {
        Self { hosting: OnceLock::new(), storage }
    }

    /// From now on there is somebody to hand things on to.
    pub fn serve(&self, hosting: Hosting) {
        // A second one is the same.
        let _again = self.hosting.set(hosting);
    }

    async fn asker(&self, instance: InstanceId) -> Result<(&Hosting, Asker), Denied> {
        let hosting =
            self.hosting.get().ok_or_else(|| Denied::Unavailable("The host is starting".to_owned()))?;
        let owner = hosting.router.owner(instance).ok_or(Denied::Unknown)?;
        let (view, live) = hosting.live(owner).await.map_err(denied)?;
        Ok((hosting, Asker { view, live }))
    }
}

#[async_trait]
impl Broker for Brokering {
    async fn asked(&self, instance: InstanceId, ask: Ask) -> Result<Value, Denied> {
        let (hosting, asker) = self.asker(instance).await?;
        match ask.method.as_str() {
            "event/emit" => emit(hosting, &asker, &ask.params).await,
            "message/send" => send(hosting, &asker, &ask.params).await,
            "storage/get" | "storage/put" | "storage/delete" | "storage/list" => {
                let right = if matches!(ask.method.as_str(), "storage/get" | "storage/list") {
                    "read"
                } else {
                    "write"
                };
                asker.must(&format!("storage:{right}"))?;
                keeping::answer(self.storage.as_ref(), asker.view.id, &ask).await
            }
            _ => Err(Denied::Unknown),
        }
    }
}

impl Asker {
    /// `area:*` stands for one more word.
    fn must(&self, right: &str) -> Result<(), Denied> {
        if grants(&self.live.granted, right) { Ok(()) } else { Err(Denied::Permission(right.to_owned())) }
    }
}

fn grants(granted: &BTreeSet<String>, right: &str) -> bool {
    let covers = |one: &String| {
        let mut wanted = right.split(':');
        let mut given = one.split(':');
        loop {
            match (given.next(), wanted.next()) {
                (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(given), Some(wanted)) if given == wanted => {}
                (Some(_) | None, _) => return false,
            }
        }
    };
    granted.iter().any(covers)
}

/// To all in its scope that run; who has not subscribed does not hear it. Nobody is waited for.
async fn emit(hosting: &Hosting, asker: &Asker, params: &Value) -> Result<Value, Denied> {
    asker.must("events:emit")?;
    let event_type = word(params, "event_type")?;
    let event_id = format!("evt_{}", hosting.ids.secret().simple());
    let mut delivered = 0;
    for other in others(hosting, asker).await? {
        let Some(instance) = hosting.router.current(other.id) else { continue };
        let event = Delivery {
            event_id: event_id.clone(),
            event_type: event_type.to_owned(),
            source_plugin: Some(asker.view.name.to_string()),
            data: params["data"].clone(),
        };
        if hosting.host.deliver(instance, event).await.is_ok() {
            delivered += 1;
        }
    }
    Ok(json!({"event_id": event_id, "delivered": delivered}))
}

async fn send(hosting: &Hosting, asker: &Asker, params: &Value) -> Result<Value, Denied> {
    let target = word(params, "target_plugin")?;
    asker.must(&format!("message:send:{}", target.to_ascii_lowercase()))?;
    let message_type = word(params, "message_type")?.to_owned();
    let to = others(hosting, asker).await?;
    let to = to.iter().find(|view| view.name.folded() == target.to_ascii_lowercase());
    let to = to.ok_or_else(|| Denied::Invalid(format!("No plugin {target} is installed")))?;
    let patience = params["timeout_ms"].as_u64().unwrap_or(USUAL_PATIENCE).clamp(1, LONGEST_PATIENCE);
    let message = Message {
        message_type,
        data: params["data"].clone(),
        caller: format!("plugin:{}", asker.view.name),
        source: Some(asker.view.name.clone()),
        timeout: Duration::from_millis(patience),
    };
    let answer = hosting.send(to.id, message).await.map_err(undelivered)?;
    Ok(match answer.answer {
        Ok(data) => json!({"message_id": answer.message_id, "status": "success", "data": data}),
        Err(error) => {
            let error = json!({"code": error.code, "message": error.message});
            json!({"message_id": answer.message_id, "status": "error", "error": error})
        }
    })
}

async fn others(hosting: &Hosting, asker: &Asker) -> Result<Vec<InstallationView>, Denied> {
    let live = hosting.installations.live().await.map_err(denied)?;
    Ok(live.into_iter().filter(|view| view.scope == asker.view.scope && view.id != asker.view.id).collect())
}

fn word<'a>(params: &'a Value, name: &str) -> Result<&'a str, Denied> {
    let word = params[name].as_str().filter(|word| (1..=LONGEST_WORD).contains(&word.len()));
    word.ok_or_else(|| Denied::Invalid(format!("{name} has to be 1 to {LONGEST_WORD} characters")))
}

fn denied(error: Error) -> Denied {
    Denied::Unavailable(error.message)
}

fn undelivered(fault: Undelivered) -> Denied {
    Denied::Unavailable(match fault {
        Undelivered::Error(error) => error.message,
        Undelivered::NotRunning => "That plugin is not running".to_owned(),
        Undelivered::Busy => "That plugin has too much to do".to_owned(),
        Undelivered::TimedOut => "That plugin did not answer in time".to_owned(),
        Undelivered::Died => "That plugin ended before it answered".to_owned(),
        Undelivered::TooLarge => "That message is too large".to_owned(),
    })
}

#[cfg(test)]
mod tests;
