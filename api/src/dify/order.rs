//! What a creation asks for: members read, then judged.

use application::{
    catalogue::latest,
    ports::marketplace::Marketplace,
    tasks::{Input, Tasks, Wish},
};
use domain::values::{Floor, Platform, PluginIdentity, PythonVersion, Suffix, TargetOptions};
use serde_json::{Map, Value, json};

use super::{DifyError, marketplace};
use crate::fields::Fields;
use crate::package_url;

const LONGEST_URL: usize = 8 * 1024;

/// What to repackage, and what to make of it.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) subject: Subject,
    pub(super) wish: Wish,
}

/// Where the package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Url(String),
    Marketplace(PluginIdentity),
}

/// The options as they were written; the same members in JSON and in a form.
#[derive(Debug, Default)]
pub(super) struct Options {
    platform: Option<String>,
    suffix: Option<String>,
    strict: Option<bool>,
    glibc: Option<String>,
    macos: Option<String>,
    python: Option<String>,
    verify: Option<String>,
    refresh: Option<bool>,
}

impl Order {
    pub(super) fn read(mut fields: Fields) -> Result<Self, DifyError> {
        let url = fields.text("url");
        let marketplace = fields.object("marketplace_plugin");
        let options = Options::read(&mut fields);
        fields.well_formed()?;
        let subject = Subject::judged(url, marketplace)?;
        Ok(Self { wish: options.judged()?, subject })
    }

    /// The meaning of the order, for telling a repetition from another request.
    pub(super) fn canonical(&self) -> Value {
        json!({"subject": self.subject.canonical(), "wish": canonical(&self.wish)})
    }
}

impl Subject {
    /// The plugin wins when both are given.
    pub(super) fn judged(
        url: Option<String>,
        marketplace: Option<Map<String, Value>>,
    ) -> Result<Self, DifyError> {
        match marketplace {
            Some(plugin) => Ok(Self::Marketplace(marketplace_plugin(&plugin)?)),
            None => Self::of_url(url),
        }
    }

    fn of_url(url: Option<String>) -> Result<Self, DifyError> {
        let url = url
            .filter(|url| !url.is_empty())
            .ok_or_else(|| DifyError::bad("Either url or marketplace_plugin must be provided"))?;
        if url.len() > LONGEST_URL {
            return Err(DifyError::bad("The URL is longer than 8 KiB"));
        }
        Ok(Self::Url(url))
    }

    /// A plugin's page in the place of a package means its latest version.
    pub(super) async fn settled(self, tasks: &Tasks, market: &dyn Marketplace) -> Result<Input, DifyError> {
        let url = match self {
            Self::Marketplace(plugin) => return Ok(Tasks::marketplace(plugin)),
            Self::Url(url) if package_url::leads_to_a_package(&url) => return Ok(tasks.url(&url)?),
            Self::Url(url) => url,
        };
        let (author, name) = market.page(&url).ok_or_else(|| DifyError::bad(package_url::REFUSED))?;
        let plugin = latest(market, &author, &name).await.map_err(marketplace::refused)?;
        Ok(Tasks::marketplace(plugin))
    }

    pub(super) fn canonical(&self) -> Value {
        match self {
            Self::Url(url) => json!({"url": url}),
            Self::Marketplace(plugin) => json!({"marketplace": plugin}),
        }
    }
}

pub(super) fn canonical(wish: &Wish) -> Value {
    json!({
        "platform": wish.platform,
        "options": wish.options,
        "suffix": wish.suffix,
        "combined_with": wish.combined_with,
        "verify_install": wish.verify_install,
        "refresh": wish.refresh,
    })
}

impl Options {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self {
            platform: fields.text("platform"),
            suffix: fields.text("suffix"),
            strict: fields.flag("strict"),
            glibc: fields.text("glibc"),
            macos: fields.text("macos"),
            python: fields.text("python"),
            verify: fields.text("verify"),
            refresh: fields.flag("refresh"),
        }
    }

    pub(super) fn judged(self) -> Result<Wish, DifyError> {
        let platform = match self.platform {
            Some(text) => Platform::documented(&text).map_err(refused)?,
            None => Platform::host(),
        };
        let suffix = match self.suffix {
            Some(text) => text.parse().map_err(refused)?,
            None => Suffix::default(),
        };
        let python = match self.python {
            Some(text) => text.parse().map_err(refused)?,
            None => PythonVersion::default(),
        };
        let options = TargetOptions {
            strict: self.strict.unwrap_or_default(),
            glibc: self.glibc.map(|text| floor("glibc", &text)).transpose()?,
            macos: self.macos.map(|text| floor("macOS", &text)).transpose()?,
            python,
        };
        let verify_install = match self.verify.as_deref() {
            None | Some("" | "none") => false,
            Some("install") => true,
            Some(_) => return Err(DifyError::bad("verify can be `install` or `none`")),
        };
        let refresh = self.refresh.unwrap_or_default();
        Ok(Wish { platform, options, suffix, combined_with: Vec::new(), verify_install, refresh })
    }
}

fn refused(error: impl std::error::Error) -> DifyError {
    DifyError::bad(error.to_string())
}

fn floor(system: &str, text: &str) -> Result<Floor, DifyError> {
    text.parse().map_err(|_invalid| {
        let shown: String = text.chars().take(32).collect();
        DifyError::bad(format!("Invalid {system} version: {shown} (write it as 2.28)"))
    })
}

pub(super) fn marketplace_plugin(plugin: &Map<String, Value>) -> Result<PluginIdentity, DifyError> {
    let given = |name| plugin.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(author), Some(name), Some(version)) = (given("author"), given("name"), given("version")) else {
        return Err(DifyError::bad("marketplace_plugin must contain author, name, and version"));
    };
    PluginIdentity::new(author, name, version)
        .map_err(|invalid| DifyError::bad(format!("marketplace_plugin has an invalid {invalid}")))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode, response::IntoResponse as _};

    use super::*;

    const URL: &str = "https://example.com/a.difypkg";

    async fn read(body: Value) -> Result<Order, StatusCode> {
        let fields = Fields::of_json(Body::from(body.to_string())).await.unwrap();
        Order::read(fields).map_err(|error| error.into_response().status())
    }

    #[tokio::test]
    async fn null_is_the_same_as_nothing_and_unknown_members_are_ignored() {
        let plain = read(json!({"url": URL})).await.unwrap();
        let nulls = json!({"url": URL, "platform": null, "suffix": null, "strict": null, "x": [1]});
        let spelled =
            json!({"url": URL, "platform": "", "suffix": "offline", "strict": false, "python": "3.12"});
        for body in [nulls, spelled] {
            assert_eq!(read(body).await.unwrap().canonical(), plain.canonical(), "one meaning");
        }
    }

    #[tokio::test]
    async fn another_wish_is_another_request() {
        let plain = read(json!({"url": URL})).await.unwrap().canonical();
        for (member, value) in [
            ("platform", json!("manylinux2014_aarch64")),
            ("suffix", json!("x")),
            ("strict", json!(true)),
            ("glibc", json!("2.28")),
            ("macos", json!("13.0")),
            ("python", json!("3.11")),
            ("verify", json!("install")),
            ("refresh", json!(true)),
            ("marketplace_plugin", json!({"author": "a", "name": "b", "version": "0.0.1"})),
        ] {
            let order = read(json!({"url": URL, member: value})).await.unwrap();
            assert_ne!(order.canonical(), plain, "{member}");
        }
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_400_and_what_is_malformed_422() {
        for (body, status) in [
            (json!({"url": URL, "glibc": "new"}), 400),
            (json!({"url": URL, "python": "2.7"}), 400),
            (json!({"url": format!("{URL}?x=.zip"), "suffix": "/"}), 400),
            (json!({"url": format!("https://example.com/{}.difypkg", "a".repeat(9000))}), 400),
            (json!({"url": URL, "glibc": 2.28}), 422),
            (json!({"url": URL, "strict": "maybe"}), 422),
            (json!({"url": format!("{URL}\0")}), 422),
        ] {
            assert_eq!(read(body.clone()).await.unwrap_err().as_u16(), status, "{body}");
        }
    }
}
