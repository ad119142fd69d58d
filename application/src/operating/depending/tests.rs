use chrono::DateTime;
use domain::{
    installation::{Configuration, Health, Origin, ResourceLimits, SecurityLevel},
    plugin::PackageFormat,
    values::{Digest, InstallScope, InstallationId, OperationId},
};
use uuid::Uuid;

use super::*;
use crate::queries::installations::LiveView;

fn release(name: &str, version: &str, needs: &[(&str, &str)]) -> InstalledRelease {
    InstalledRelease {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        runtime: Runtime::Native,
        format: PackageFormat::Zip,
        digest: Digest::of_bytes([0; 32]),
        origin: Origin::Folder { file: "x".to_owned() },
        manifest: json!({}),
        schema: None,
        permissions: BTreeSet::new(),
        dependencies: needs.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect(),
        is_exclusive: false,
    }
}

fn here(release: InstalledRelease) -> InstallationView {
    let scope = InstallScope::default();
    let at = DateTime::UNIX_EPOCH;
    InstallationView {
        id: InstallationId::of(&scope, &release.name),
        name: release.name.clone(),
        scope,
        owner: None,
        life: OperationId(Uuid::nil()),
        operation: None,
        live: Some(Box::new(LiveView {
            release,
            configuration: Configuration::default(),
            configured_at: at,
            granted: BTreeSet::new(),
            security_level: SecurityLevel::Medium,
            limits: ResourceLimits::default(),
            is_enabled: true,
            disabled_because: None,
            health: Health::Unknown,
            is_broken: false,
            crashes: 0,
            last_crash: None,
            installed_at: at,
            updated_at: at,
        })),
        backups: BTreeMap::new(),
        requested_at: at,
        removed_at: None,
    }
}

#[test]
fn ranges_are_written_in_several_ways() {
    for range in ["^1.2", ">=1.0.0", ">=1.0, <2", ">=1.0.0 <2.0.0", "1.2.3", "*"] {
        assert!(parsed(range).unwrap().matches(&Version::new(1, 2, 3)), "{range}");
    }
    assert!(parsed("whatever").is_none() && parsed(&"1".repeat(300)).is_none());
}

#[test]
fn a_dependency_is_there_in_range_and_in_no_circle() {
    let base = || vec![here(release("Base", "1.2.0", &[]))];
    assert_eq!(must_be_met(&release("user", "1.0.0", &[("base", "^1.0")]), &base()), Ok(()));
    let fault = must_be_met(&release("user", "1.0.0", &[("base", "^2")]), &base()).unwrap_err();
    assert_eq!(fault.details, json!({"dependency": "base", "required": "^2", "installed": "1.2.0"}));
    let fault = must_be_met(&release("user", "1.0.0", &[("none", "^2")]), &base()).unwrap_err();
    assert_eq!(fault.code, "PLUGIN_DEPENDENCY_ERROR");
    assert!(must_be_met(&release("user", "1.0.0", &[("base", "??")]), &base()).is_err());
    let round = [here(release("a", "1.0.0", &[("b", "*")]))];
    let fault = must_be_met(&release("b", "1.0.0", &[("a", "*")]), &round).unwrap_err();
    assert_eq!(fault.details, json!({"cycle": ["b", "a", "b"]}));
    assert!(must_be_met(&release("b", "1.0.0", &[("b", "*")]), &[]).is_err(), "nobody needs himself");
}

#[test]
fn whoever_is_needed_is_loaded_first() {
    let all = [
        here(release("a", "1.0.0", &[("b", "*"), ("absent", "*")])),
        here(release("b", "1.0.0", &[("c", "*")])),
        here(release("c", "1.0.0", &[])),
        here(release("x", "1.0.0", &[("y", "*")])),
        here(release("y", "1.0.0", &[("x", "*")])),
    ];
    let order: Vec<String> = load_order(&all).into_iter().map(|view| view.name.to_string()).collect();
    assert_eq!(order, ["c", "b", "a", "x", "y"]);
    assert_eq!(dependents(&"C".parse().unwrap(), &all), ["b"]);
}
