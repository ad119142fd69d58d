//! What the log keeps about an event beside the event: one flat object of strings.

use serde::{Deserialize, Serialize};

use super::Actor;

/// Stored with every event. Never holds a secret or personal data in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The request or process run that all events of one story share.
    pub correlation_id: String,
    /// The command or event that led to this one.
    pub causation_id: String,
    pub actor_principal: String,
    pub actor_dialect: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_ip_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    pub tenant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Metadata {
    /// Of a command that came in with a request.
    pub fn of_request(actor: &Actor, request_id: &str) -> Self {
        Self {
            correlation_id: request_id.to_owned(),
            causation_id: request_id.to_owned(),
            actor_principal: actor.principal.clone(),
            actor_dialect: actor.dialect.as_str().to_owned(),
            actor_ip_hash: actor.ip_hash.clone(),
            request_id: Some(request_id.to_owned()),
            tenant: "default".to_owned(),
            traceparent: None,
        }
    }

    /// Of a command that a process of the service gives on its own account.
    pub fn of_process(process: &str, correlation_id: String, causation_id: String) -> Self {
        let actor = Actor::system(process);
        Self {
            correlation_id,
            causation_id,
            actor_principal: actor.principal,
            actor_dialect: actor.dialect.as_str().to_owned(),
            actor_ip_hash: None,
            request_id: None,
            tenant: "default".to_owned(),
            traceparent: None,
        }
    }
}
