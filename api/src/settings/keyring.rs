//! The master keys, where they are given.

use anyhow::{Context as _, bail};
use infrastructure::vault::{Keyring, MasterKey};

use super::Environment;

/// None: they are kept in the data directory.
pub(super) fn keyring(environment: &Environment) -> anyhow::Result<Option<Keyring>> {
    let key = |name: &str| -> anyhow::Result<Option<MasterKey>> {
        let text = environment.secret_or_file(name)?;
        text.map(|text| text.reveal().parse()).transpose().with_context(|| name.to_owned())
    };
    match (key("PLUGYARD_SECRET_KEY")?, key("PLUGYARD_SECRET_KEY_PREVIOUS")?) {
        (None, None) => Ok(None),
        (None, Some(_)) => bail!("PLUGYARD_SECRET_KEY_PREVIOUS needs PLUGYARD_SECRET_KEY"),
        (Some(current), previous) => Ok(Some(Keyring::given(current, previous)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;

    #[test]
    fn a_master_key_is_a_key_or_refused_with_a_way_to_make_one() {
        let keyring = |variables: &[&str]| {
            settings(&[&["--data-dir=/d"], variables].concat()).map(|(settings, _)| settings.keyring)
        };
        let (new, old) = ("07".repeat(32), "08".repeat(32));
        let given = |name: &str, key: &str| format!("{name}={key}");
        assert!(keyring(&[]).unwrap().is_none());
        let (new, old) = (given("PLUGYARD_SECRET_KEY", &new), given("PLUGYARD_SECRET_KEY_PREVIOUS", &old));
        assert_eq!(keyring(&[&new]).unwrap().unwrap().ids().len(), 1);
        assert_eq!(keyring(&[&new, &old]).unwrap().unwrap().ids().len(), 2);
        assert!(keyring(&[&old]).is_err(), "the previous one alone");
        let refused = format!("{:#}", keyring(&["PLUGYARD_SECRET_KEY=hush"]).unwrap_err());
        assert!(
            refused.starts_with("PLUGYARD_SECRET_KEY: ") && refused.contains("openssl rand"),
            "{refused}"
        );
        assert!(!refused.contains("hush"), "{refused}");
    }
}
