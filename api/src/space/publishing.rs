//! Publishing, as `lbp` does it: author and name are those of the package, and the plugin is live at once unless it is
//! held back.

use application::publishing::{self, Expects, Order, Publishing};
use axum::extract::{Request, State};
use domain::{plugin::PackageFormat, values::Dialect};
use serde_json::json;

use crate::{
    asker::Asker,
    consistency::LogPosition,
    fields::Fields,
    package_form::{PackageForm, Wanted},
    refusal::Refusal,
    services::Uploads,
    voice::Said,
    work::Work,
};

const FORM: Wanted = Wanted { part: "file", largest: 64 * 1024 * 1024 };

pub(super) async fn publish(
    State(publishing): State<Publishing>,
    State(Uploads(dir)): State<Uploads>,
    State(work): State<Work>,
    asker: Asker,
    request: Request,
) -> Result<(LogPosition, Said), Refusal> {
    let form = PackageForm::read(request, &dir, FORM).await?;
    let mut fields = Fields::of_form(form.texts);
    let changelog = fields.text("changelog").filter(|text| !text.is_empty());
    fields.well_formed()?;
    let package = form.file;
    let canonical = json!({"package": package.sha256, "changelog": changelog});
    let order = Order {
        formats: vec![PackageFormat::Lbpkg],
        dialects: vec![Dialect::Space],
        name: None,
        version: None,
        publisher: None,
        repository: None,
        changelog,
        expects: Expects::Any,
        dry_run: false,
    };
    let principal = asker.principal.clone();
    let caller = asker.caller("/api/v1/marketplace/plugins/publish", &canonical);
    // The file goes with the work, not with the request.
    let publication = async move {
        let by = publishing::Asker { principal: &principal, caller };
        publishing.publish(&package.path, order, by).await
    };
    let published = work.finish(Box::pin(publication)).await?;
    let status = if published.quarantine.is_some() { "pending" } else { "live" };
    let submission = json!({
        "status": status,
        "plugin_id": format!("{}/{}", published.publisher, published.name),
        "version": published.version,
        "reason": published.quarantine.unwrap_or_default(),
    });
    Ok((LogPosition(published.position), Said::ok(json!({"submission": submission}))))
}
