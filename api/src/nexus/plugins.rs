//! Installed plugins: there are none.

use application::policy::{Action, Owner};
use axum::{Extension, extract::Request, http::Uri};
use serde_json::json;

use crate::{credential::Asking, fields::Fields, guard, refusal::Refusal, voice::Said};

const STATUSES: [&str; 4] = ["active", "inactive", "error", "loading"];
const LONGEST_SEARCH: usize = 256;

pub(super) async fn list(uri: Uri) -> Result<Said, Refusal> {
    let mut fields = Fields::of_query(&uri);
    fields.one_of("status", &STATUSES);
    fields.short_text("category", LONGEST_SEARCH);
    fields.short_text("search", LONGEST_SEARCH);
    fields.flag("include_disabled");
    fields.well_formed()?;
    Ok(Said::ok(json!({
        "plugins": [],
        "summary": {"total": 0, "active": 0, "inactive": 0, "error": 0, "disabled": 0},
    })))
}

/// Whatever the path names.
pub(super) async fn none_there(request: Request) -> Refusal {
    guard::read_on(request.into_body()).await;
    unknown()
}

/// Its secrets are for admins, whether or not it is there.
pub(super) async fn configuration(
    Extension(Asking(principal)): Extension<Asking>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let mut fields = Fields::of_query(&uri);
    fields.flag("include_schema");
    let with_secrets = fields.flag("include_secrets").unwrap_or(false);
    fields.well_formed()?;
    if with_secrets {
        principal.must(Action::ReadSecrets, Owner::Own, "Plugin not found")?;
    }
    Err(unknown())
}

fn unknown() -> Refusal {
    Refusal::not_found("Plugin not found").coded("PLUGIN_NOT_FOUND")
}
