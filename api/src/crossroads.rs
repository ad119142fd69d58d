//! `GET /api/v1/plugins` at the root: the one path that two dialects document. The credential decides, then the query,
//! then the setting. Without a valid credential nobody knows whom the answer is for: it has the members of both.

use std::{collections::BTreeSet, panic::AssertUnwindSafe};

use application::{Kind, policy::Action};
use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
    routing::any,
};
use domain::values::Dialect;
use futures::FutureExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{
    address::Client,
    credential::{Accepts, spent},
    guard, langbot,
    limits::ResetForm,
    mount::Mount,
    nexus,
    operations::{Operation, get, router as speaking},
    refusal::{Fault, Refusal},
    services::Services,
    settings::PluginsDialect,
    voice::{Heard, JSON, Voice, no_stamp},
};

const PATH: &str = "/api/v1/plugins";
/// Of the list in the Nexus document; the other list takes no query.
const NEXUS_KEYS: [&str; 4] = ["status", "category", "search", "include_disabled"];

/// Of whoever has not said which dialect is meant.
static UNDECIDED: Voice = Voice {
    dialect: Dialect::Nexus,
    accepts: Accepts { bearer: true, api_key: true, basic: false },
    refuse: refuse_for_both,
    refusal_type: JSON,
    accept: as_it_is,
    stamp: no_stamp,
    reset: ResetForm::UnixSecondsAndWindow,
    read_models: &[],
};

#[derive(Clone)]
struct Crossroads {
    services: Services,
    default: PluginsDialect,
    nexus: Router,
    langbot: Router,
    undecided: Router,
}

/// Where a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Nexus,
    Langbot,
    Undecided,
}

/// What a dialect serves at the root beside the crossroads.
pub(crate) fn beside(operations: Vec<Operation>) -> Vec<Operation> {
    operations.into_iter().filter(|operation| operation.path != PATH).collect()
}

pub(crate) fn router(services: &Services, default: PluginsDialect) -> Router<Services> {
    let of = |voice: &'static Voice, operations: Vec<Operation>| {
        let here = operations.into_iter().filter(|operation| operation.path == PATH).collect();
        speaking(services, voice, Mount::ROOT, here).with_state(services.clone())
    };
    let undecided = of(&UNDECIDED, vec![get(PATH, Action::ReadHost, unproven)]);
    let crossroads = Crossroads {
        services: services.clone(),
        default,
        nexus: of(&nexus::VOICE, nexus::operations()),
        langbot: of(&langbot::VOICE, langbot::operations()),
        // Read by whatever page may ask for the list at all.
        undecided: match services.cross_origin.layer(voice_of(default).dialect) {
            Some(layer) => undecided.layer(layer),
            None => undecided,
        },
    };
    Router::new().route(PATH, any(go_on).with_state(crossroads))
}

async fn go_on(
    State(crossroads): State<Crossroads>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    // Whoever stands on the way proves the credential again, and words what goes wrong.
    let way = AssertUnwindSafe(crossroads.way(client, method, uri, headers)).catch_unwind().await;
    let router = match way.unwrap_or_else(|_panic| of(crossroads.default)) {
        Way::Nexus => crossroads.nexus,
        Way::Langbot => crossroads.langbot,
        Way::Undecided => crossroads.undecided,
    };
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

impl Crossroads {
    /// Decides about nothing but the way, and looks at no credential of a request that is refused anyway.
    async fn way(&self, client: Client, method: &Method, uri: &Uri, headers: &HeaderMap) -> Way {
        // What a browser asks before it asks has no credential.
        if method == Method::OPTIONS || guard::judge(uri, headers).is_err() {
            return of(self.default);
        }
        let Ok(Some(credential)) = UNDECIDED.accepts.read(headers) else { return Way::Undecided };
        if spent(&self.services, client, &credential, UNDECIDED.dialect).is_some() {
            return Way::Undecided;
        }
        match self.services.authenticating.dialects(&credential).await {
            Ok(dialects) => chosen(&dialects, names_a_nexus_key(uri), self.default),
            Err(error) if error.kind == Kind::Unauthenticated => Way::Undecided,
            // It cannot be asked now; the next one says so in words of one dialect.
            Err(_) => of(self.default),
        }
    }
}

fn chosen(dialects: &BTreeSet<Dialect>, has_nexus_key: bool, default: PluginsDialect) -> Way {
    match (dialects.contains(&Dialect::Nexus), dialects.contains(&Dialect::Langbot)) {
        (true, false) => Way::Nexus,
        (false, true) => Way::Langbot,
        (true, true) if has_nexus_key => Way::Nexus,
        (true, true) => of(default),
        (false, false) => Way::Undecided,
    }
}

fn of(default: PluginsDialect) -> Way {
    match default {
        PluginsDialect::Langbot => Way::Langbot,
        PluginsDialect::Nexus => Way::Nexus,
    }
}

fn voice_of(default: PluginsDialect) -> &'static Voice {
    match default {
        PluginsDialect::Langbot => &langbot::VOICE,
        PluginsDialect::Nexus => &nexus::VOICE,
    }
}

fn names_a_nexus_key(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| NEXUS_KEYS.contains(&&*name))
}

/// Only whoever is somebody gets past the policy, and that one has been sent on already.
async fn unproven() -> Refusal {
    UNDECIDED.accepts.challenged(Refusal::new(Fault::BadCredential, "The credential is not valid here"))
}

/// Nothing is ever accepted here.
fn as_it_is(value: Value, _: &Heard) -> Value {
    value
}

fn refuse_for_both(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let (status, mut body) = nexus::refuse(refusal, heard);
    if status == StatusCode::UNAUTHORIZED {
        body["code"] = (-1).into();
        body["msg"] = refusal.message.clone().into();
    }
    (status, body)
}

#[cfg(test)]
mod tests;
