//! What a plugin goes by. Secrets are masked, and a mask that comes back keeps what is there; in the clear they are for
//! admins, and that somebody has read them is told in the log.

use application::{
    hosting::Hosting,
    operating::configuring::rule_of,
    policy::{Action, Owner},
    secrets::Mask,
};
use axum::{
    body::Body,
    extract::State,
    http::{
        Uri,
        header::{CACHE_CONTROL, HeaderName},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use tracing::info;

use super::{
    moment,
    named::Slug,
    shown::{configuration, schema},
};
use crate::{asker::Asker, fields::Fields, refusal::Refusal, voice::Said, work::Work};

const UNKEPT: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

pub(super) async fn show(
    State(hosting): State<Hosting>,
    asker: Asker,
    slug: Slug,
    uri: Uri,
) -> Result<Response, Refusal> {
    let mut fields = Fields::of_query(&uri);
    let with_schema = fields.flag("include_schema").unwrap_or(true);
    let with_secrets = fields.flag("include_secrets").unwrap_or(false);
    fields.well_formed()?;
    if with_secrets {
        // They are for admins, whether or not it is there.
        asker.principal.must(Action::ReadSecrets, Owner::Own, "Plugin not found")?;
    }
    let shown = slug.find(&hosting).await?;
    let said = if with_secrets {
        let opened = hosting.opened_configuration(&shown.live).await?;
        let (principal, installation) = (asker.principal.id(), shown.view.id);
        info!(principal, plugin = %shown.view.name, %installation, "the secrets of a configuration were read");
        Value::Object(opened)
    } else {
        configuration(&shown.live)
    };
    let mut body = json!({"configuration": said, "last_updated": moment(shown.live.configured_at)});
    if with_schema {
        body["schema"] = schema(&shown.live);
    }
    let said = Said::ok(body);
    Ok(if with_secrets { (UNKEPT, said).into_response() } else { said.into_response() })
}

pub(super) async fn change(
    State(hosting): State<Hosting>,
    State(work): State<Work>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Result<Said, Refusal> {
    let (shown, body) = slug.find_before(&hosting, body).await?;
    let sent = Fields::of_json(body).await?.into_members()?;
    let (_, mask) = rule_of(&shown.live.release);
    let sent = with_its_mask(sent, mask);
    let (id, by) = (shown.view.id, asker.caller("/api/v1/plugins/{plugin_id}/config", &Value::Null).metadata);
    let service = hosting.clone();
    let configuring = async move { Ok(service.configure(id, sent, false, &by).await) };
    let configured = work.finish(configuring).await??;
    let (_, live) = hosting.live(id).await?;
    Ok(Said::ok(json!({
        "configuration": configuration(&live),
        "updated_fields": configured.fields,
        "restart_required": configured.restart_required,
        "updated_at": moment(configured.at),
    })))
}

/// A plugin of another protocol keeps its secrets for another mask than the one that is shown here.
fn with_its_mask(sent: Map<String, Value>, mask: Mask) -> Map<String, Value> {
    let translate = |(name, value)| (name, translated(value, mask));
    if mask == Mask::NEXUS { sent } else { sent.into_iter().map(translate).collect() }
}

/// The parser has bounded the depth.
fn translated(value: Value, mask: Mask) -> Value {
    match value {
        Value::String(text) if text == Mask::NEXUS.text => mask.text.into(),
        Value::Array(values) => values.into_iter().map(|value| translated(value, mask)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, translated(value, mask))).collect()
        }
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_the_one_that_the_plugin_knows() {
        let sent = json!({"key": "***hidden***", "list": [{"token": "***hidden***"}], "plain": "***"});
        let Value::Object(sent) = sent else { unreachable!() };
        assert_eq!(with_its_mask(sent.clone(), Mask::NEXUS), sent);
        let translated = Value::Object(with_its_mask(sent, Mask::LANGBOT));
        assert_eq!(translated, json!({"key": "***", "list": [{"token": "***"}], "plain": "***"}));
    }
}
