//! What a new installation is granted.

use std::collections::BTreeSet;

use domain::{installation::InstalledRelease, operation::OperationFault};
use serde_json::json;

use super::faults::Code;

/// What concerns nothing but the plugin itself.
const HARMLESS: [&str; 3] = ["database:", "storage:", "events:"];

/// What was named, or else the harmless part of what is asked for: the network, people and other plugins are granted by
/// somebody.
pub(super) fn granted(
    release: &InstalledRelease,
    named: Option<&BTreeSet<String>>,
) -> Result<BTreeSet<String>, OperationFault> {
    let requested = &release.permissions;
    let Some(named) = named else {
        let is_harmless = |one: &&String| HARMLESS.iter().any(|area| one.starts_with(area));
        return Ok(requested.iter().filter(is_harmless).cloned().collect());
    };
    let never: BTreeSet<&String> = named.difference(requested).collect();
    if never.is_empty() {
        return Ok(named.clone());
    }
    let message = "A permission can only be granted when the plugin's manifest requests it";
    Err(Code::PermissionDenied.because(message, json!({"never_requested": never})))
}
