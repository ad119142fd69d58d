//! What an installation goes by, out of a package that was read.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    installation::{InstalledRelease, Origin, Runtime},
    operation::OperationFault,
    plugin::PackageFormat,
    values::{InstalledName, PublisherName},
};
use serde_json::Value;

use super::faults::Code;
use crate::ports::packages::Package;

/// The formats that a host can run.
pub(super) const RUNNABLE: [PackageFormat; 3] =
    [PackageFormat::Zip, PackageFormat::Difypkg, PackageFormat::Lbpkg];

pub(super) fn release(package: Package, origin: Origin) -> Result<InstalledRelease, OperationFault> {
    let runtime = match package.artifact.format {
        PackageFormat::Zip => Runtime::Native,
        PackageFormat::Difypkg => Runtime::Dify,
        PackageFormat::Lbpkg => Runtime::Langbot,
        PackageFormat::Tarball => {
            return Err(Code::Incompatible.fault(
                "This package is for an editor; a host runs packages with manifest.json, .difypkg and .lbpkg",
            ));
        }
    };
    let author = match runtime {
        Runtime::Native => None,
        Runtime::Dify | Runtime::Langbot => Some(author(package.author.as_deref())?),
    };
    let requested = match runtime {
        Runtime::Native => package.permissions.iter().map(|one| spelled(one)).collect(),
        Runtime::Dify => of_dify(&package.manifest["resource"]["permission"]),
        Runtime::Langbot => BTreeSet::new(),
    };
    let schema = match runtime {
        Runtime::Native => package.config_schema,
        Runtime::Langbot => Some(package.manifest["spec"]["config"].clone()).filter(Value::is_array),
        Runtime::Dify => None,
    };
    Ok(InstalledRelease {
        name: InstalledName { author, name: package.name },
        version: package.version,
        runtime,
        format: package.artifact.format,
        digest: package.artifact.sha256,
        origin,
        is_exclusive: package.manifest["exclusive"].as_bool().unwrap_or(false),
        dependencies: if runtime == Runtime::Native { package.dependencies } else { BTreeMap::default() },
        manifest: package.manifest,
        schema,
        permissions: requested,
    })
}

fn author(said: Option<&str>) -> Result<PublisherName, OperationFault> {
    let author = said.unwrap_or_default();
    PublisherName::new(author).map_err(|error| {
        Code::InstallationFailed.fault(format!("The manifest's author is not usable: {error}"))
    })
}

/// `database.read` is found in the wild for `database:read`.
fn spelled(permission: &str) -> String {
    match permission.split_once('.') {
        Some((area, right)) if !permission.contains(':') => format!("{area}:{right}"),
        Some(_) | None => permission.to_owned(),
    }
}

/// `resource.permission` of a Dify manifest: areas, each enabled or with what of it is.
fn of_dify(said: &Value) -> BTreeSet<String> {
    let areas = said.as_object().into_iter().flatten();
    let is_on = |value: &Value| value["enabled"].as_bool().unwrap_or(false);
    areas.filter(|(_, value)| is_on(value)).map(|(area, _)| format!("dify:{area}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_of_a_permission_are_one() {
        assert_eq!(spelled("database.read"), "database:read");
        assert_eq!(spelled("database:read"), "database:read");
        assert_eq!(spelled("message:send:a.b"), "message:send:a.b");
        assert_eq!(spelled("admin"), "admin");
    }

    #[test]
    fn dify_plugins_ask_for_areas() {
        let said = json!({"tool": {"enabled": true}, "model": {"enabled": false}, "storage": {"enabled": true, "size": 1}});
        assert_eq!(of_dify(&said), ["dify:storage", "dify:tool"].map(str::to_owned).into());
        assert!(of_dify(&json!(null)).is_empty());
    }
}
