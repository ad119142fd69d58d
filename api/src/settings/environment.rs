//! The variables of the process, read once.

use std::{collections::HashMap, env, fs};

use anyhow::{Context as _, bail};

use super::{Secret, filled};

pub(crate) struct Environment(HashMap<String, String>);

impl Environment {
    /// What is not text is not set.
    pub(super) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(env::vars_os().filter_map(text).collect())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        filled(self.0.get(name).cloned())
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::from)
    }

    /// The variable itself, or the file that the variable with `_FILE` behind it names.
    pub(super) fn secret_or_file(&self, name: &str) -> anyhow::Result<Option<Secret>> {
        let by_file = format!("{name}_FILE");
        let Some(file) = self.text(&by_file) else { return Ok(self.secret(name)) };
        if self.text(name).is_some() {
            bail!("{name} and {by_file} are both set");
        }
        let text =
            fs::read_to_string(file).with_context(|| format!("the file of {by_file} cannot be read"))?;
        let Some(text) = filled(Some(text.trim_end_matches(['\r', '\n']).to_owned())) else {
            bail!("the file of {by_file} is empty")
        };
        Ok(Some(text.into()))
    }

    /// What pip and the interpreters behind wrappers read: how to find, whom to trust, which way out.
    pub(super) fn for_tools(&self) -> Vec<(String, String)> {
        const KNOWN: [&str; 15] = [
            "PATH",
            "HOME",
            "TMPDIR",
            "LANG",
            "PYENV_ROOT",
            "PYENV_VERSION",
            "XDG_CONFIG_HOME",
            "XDG_CONFIG_DIRS",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "REQUESTS_CA_BUNDLE",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
        ];
        let wanted = |name: &str| {
            name.starts_with("PIP_")
                || KNOWN.contains(&name)
                || name.ends_with("_proxy") && KNOWN.contains(&name.to_ascii_uppercase().as_str())
        };
        let set = self.0.iter().filter(|(name, _)| wanted(name));
        set.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(super) fn beginning_with(&self, prefix: &str) -> Vec<(String, String)> {
        let set = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        set.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
impl<'a> FromIterator<(&'a str, &'a str)> for Environment {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_its_variable_or_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let token = |variables: &[(&str, &str)]| {
            variables.iter().copied().collect::<Environment>().secret_or_file("TOKEN")
        };
        let by_file = ("TOKEN_FILE", file.to_str().unwrap());
        assert_eq!(token(&[]).unwrap(), None);
        assert_eq!(token(&[("TOKEN", "hush")]).unwrap().unwrap().reveal(), "hush");
        assert!(token(&[by_file]).is_err(), "missing");
        fs::write(&file, "\n").unwrap();
        assert!(token(&[by_file]).is_err(), "empty");
        fs::write(&file, "hush\n").unwrap();
        assert_eq!(token(&[by_file]).unwrap().unwrap().reveal(), "hush");
        assert!(token(&[by_file, ("TOKEN", "other")]).is_err(), "both");
    }
}
