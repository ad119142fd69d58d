//! Messages between plugins. The path names the sender, and whoever asks has to be allowed to speak for it: an admin, or
//! whose installation it is.

use std::{collections::BTreeSet, time::Duration};

use application::{
    hosting::{Answer, Hosting, Message, Shown, Undelivered},
    policy::{Action, Owner, Verdict},
    principal::Principal,
};
use axum::{body::Body, extract::State};
use serde_json::{Value, json};

use super::{
    manifest::Manifest,
    named::{Slug, named, slug as slug_of},
};
use crate::{
    asker::Asker,
    fields::Fields,
    refusal::{Fault, Refusal},
    voice::Said,
};

const LONGEST_TYPE: usize = 128;
const LONGEST_NAME: usize = 256;
const MOST_NAMES: usize = 200;
const LONGEST_WAIT: u32 = 30;
const USUAL_WAIT: u32 = 10;

/// What is said, without to whom.
struct Letter {
    message_type: String,
    data: Value,
    timeout: Duration,
}

impl Letter {
    fn read(fields: &mut Fields) -> Self {
        let message_type = fields.short_text("message_type", LONGEST_TYPE);
        let message_type =
            message_type.filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
        let message_type = fields.needed("message_type", |_, _| message_type).unwrap_or_default();
        let data = fields.any("data").unwrap_or_else(|| json!({}));
        let seconds = fields.exact_count("timeout_seconds", LONGEST_WAIT).unwrap_or(USUAL_WAIT);
        Self { message_type, data, timeout: Duration::from_secs(seconds.into()) }
    }

    fn from(self, principal: &Principal, source: Option<&Shown>) -> Message {
        Message {
            message_type: self.message_type,
            data: self.data,
            caller: format!("user:{}", principal.id()),
            source: source.map(|shown| shown.view.name.clone()),
            timeout: self.timeout,
        }
    }
}

pub(super) async fn send(
    State(hosting): State<Hosting>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Result<Said, Refusal> {
    let (sender, body) = slug.find_before(&hosting, body).await?;
    let mut fields = Fields::of_json(body).await?;
    let target = fields.short_text("target_plugin", LONGEST_NAME).filter(|name| !name.is_empty());
    let target = fields.needed("target_plugin", |_, _| target);
    let letter = Letter::read(&mut fields);
    let target = fields.checked(target)?;
    must_speak_for(&asker.principal, &sender)?;
    let receiver = named(&hosting, &target).await?;
    let timeout = letter.timeout;
    let message = letter.from(&asker.principal, Some(&sender));
    let answer = hosting.send(receiver.view.id, message).await;
    let answer = answer.map_err(|undelivered| undelivered_to(&receiver, timeout, undelivered))?;
    Ok(Said::ok(told(answer)))
}

fn must_speak_for(principal: &Principal, sender: &Shown) -> Result<(), Refusal> {
    let is_own = principal.owner_of(sender.view.owner) == Owner::Own;
    if is_own || principal.verdict(Action::ChangeHost, Owner::Own) == Verdict::Allowed {
        return Ok(());
    }
    let told = "Only an admin, or who has installed a plugin, sends messages in its name";
    Err(Refusal::new(Fault::Forbidden, told).detail("plugin_id", slug_of(&sender.view.name)))
}

fn undelivered_to(receiver: &Shown, timeout: Duration, undelivered: Undelivered) -> Refusal {
    let timed_out = undelivered == Undelivered::TimedOut;
    let refusal = Refusal::from(undelivered).detail("plugin_id", slug_of(&receiver.view.name));
    if timed_out { refusal.detail("timeout_seconds", timeout.as_secs()) } else { refusal }
}

/// An error of the plugin is an answer.
fn told(Answer { message_id, answer, took }: Answer) -> Value {
    let response = match answer {
        Ok(data) => json!({"status": "success", "data": data}),
        Err(error) => json!({
            "status": "error",
            "error": {"code": error.code, "message": error.message, "data": error.data},
        }),
    };
    let milliseconds = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    json!({"message_id": message_id, "response": response, "response_time_ms": milliseconds})
}

pub(super) async fn broadcast(
    State(hosting): State<Hosting>,
    asker: Asker,
    body: Body,
) -> Result<Said, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let letter = Letter::read(&mut fields);
    let categories = folded(fields.words("target_categories", MOST_NAMES, LONGEST_NAME));
    let not_to = folded(fields.words("exclude_plugins", MOST_NAMES, LONGEST_NAME));
    fields.well_formed()?;
    let is_meant = |shown: &Shown| {
        let category = Manifest::of(&shown.live.release).category().unwrap_or_default().to_lowercase();
        shown.live.is_enabled && (categories.is_empty() || categories.contains(&category))
    };
    let is_excluded = |shown: &Shown| {
        not_to.contains(&slug_of(&shown.view.name)) || not_to.contains(&shown.view.name.folded())
    };
    let all = hosting.all_shown().await?;
    let meant: Vec<Shown> = all.into_iter().filter(is_meant).collect();
    let (excluded, targets): (Vec<Shown>, Vec<Shown>) = meant.into_iter().partition(is_excluded);
    let targets: Vec<_> = targets.into_iter().map(|shown| shown.view).collect();
    let sent = hosting.broadcast(&targets, &letter.from(&asker.principal, None)).await;
    let (mut delivered, mut failed) = (Vec::new(), Vec::new());
    for (view, (_, outcome)) in targets.iter().zip(sent.results) {
        let plugin = slug_of(&view.name);
        match outcome {
            Ok(()) => delivered.push(plugin),
            Err(undelivered) => failed.push(failure(&plugin, undelivered)),
        }
    }
    Ok(Said::ok(json!({
        "message_id": sent.message_id,
        "delivered_count": delivered.len(),
        "delivered_to": delivered,
        "failed": failed,
        "excluded": excluded.iter().map(|shown| slug_of(&shown.view.name)).collect::<Vec<_>>(),
    })))
}

/// As the refusal of a single message would say it.
fn failure(plugin: &str, undelivered: Undelivered) -> Value {
    let refusal = Refusal::from(undelivered);
    let code = refusal.code.unwrap_or_else(|| super::error::code(refusal.fault));
    json!({"plugin_id": plugin, "code": code, "message": refusal.message})
}

fn folded(words: Vec<String>) -> BTreeSet<String> {
    words.into_iter().map(|word| word.trim().to_lowercase()).collect()
}
