//! The report as people and scripts read it, by HTTP and on the command line alike.

use domain::task::Report;
use serde_json::{Value, json};

/// All members of the report; `target` also says whether its floor was taken literally.
pub(crate) fn body(report: &Report) -> Value {
    let mut body = json!(report);
    body["target"]["strict"] = report.strict.into();
    body
}
