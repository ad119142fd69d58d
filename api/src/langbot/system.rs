//! What the instance is and can do: nothing is claimed that this version does not do.

use application::{
    identity::Identity,
    policy::{Action, Owner, Verdict},
    principal::{Principal, Proof},
};
use axum::{Extension, extract::State};
use serde_json::{Map, Value, json};

use crate::{
    credential::Asking,
    refusal::{Fault, Refusal},
    voice::Said,
};

/// Each is allowed to whom the policy allows the action that it stands for.
const PERMISSIONS: [(&str, Action); 3] = [
    ("resource.view", Action::ReadHost),
    ("resource.manage", Action::ChangeHost),
    ("audit.view", Action::ReadHostLogs),
];
/// What a command line of this dialect asks for before it acts.
const OPERATIONS: [(&str, bool); 12] = [
    ("task.list", true),
    ("task.get", true),
    ("plugin.list", true),
    ("plugin.get", true),
    ("plugin.install.local", true),
    ("plugin.install.github", true),
    ("plugin.install.marketplace", true),
    ("plugin.upgrade", true),
    ("plugin.config.get", true),
    ("plugin.config.update", true),
    ("plugin.logs", true),
    ("plugin.delete", true),
];

pub(super) async fn info() -> Said {
    Said::ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "edition": "community",
        "debug": false,
        "beta": false,
        "deployment_mode": "standalone",
        "enable_marketplace": false,
        "cloud_service_url": "",
        "allow_modify_login_info": false,
        "disable_models_service": true,
        "mcp_stdio_enabled": false,
        "limitation": {},
        "outbound_ips": [],
        "wizard_status": "completed",
        "wizard_progress": null,
    }))
}

pub(super) async fn context(
    State(identity): State<Identity>,
    Extension(Asking(principal)): Extension<Asking>,
) -> Result<Said, Refusal> {
    of_a_key(&principal)?;
    let permissions = PERMISSIONS
        .iter()
        .filter(|(_, action)| principal.verdict(*action, Owner::Own) == Verdict::Allowed)
        .map(|(name, _)| *name);
    Ok(Said::ok(json!({
        "instance_uuid": identity.only("langbot-instance").await?,
        "workspace_uuid": identity.only("langbot-workspace").await?,
        "api_key_id": principal.key.map_or_else(|| principal.id(), |key| key.to_string()),
        "permissions": permissions.collect::<Vec<_>>(),
    })))
}

pub(super) async fn capabilities(Extension(Asking(principal)): Extension<Asking>) -> Result<Said, Refusal> {
    of_a_key(&principal)?;
    let operations: Map<String, Value> = OPERATIONS
        .iter()
        .map(|(name, supported)| ((*name).to_owned(), json!({"supported": supported})))
        .collect();
    Ok(Said::ok(json!({"schema_version": 1, "operations": operations})))
}

pub(super) async fn plugin_system(Extension(Asking(principal)): Extension<Asking>) -> Result<Said, Refusal> {
    if principal.proof == Proof::Token {
        return Err(Refusal::new(Fault::BadCredential, "This takes the token of a session"));
    }
    Ok(Said::ok(json!({"is_enable": true, "is_connected": true, "plugin_connector_error": "ok"})))
}

fn of_a_key(principal: &Principal) -> Result<(), Refusal> {
    if principal.proof == Proof::Session {
        return Err(Refusal::new(Fault::BadCredential, "This takes an API key"));
    }
    Ok(())
}
