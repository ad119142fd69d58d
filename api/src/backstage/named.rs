//! What a path names: a plugin by its number, its uid or its name, and a review by its number or its uid.

use application::{
    catalogue::shown,
    queries::{
        catalogue::{CatalogueQueries, PluginView, Which},
        reviews::{ReviewQueries, ReviewView, WhichReview},
    },
};
use axum::{
    RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use domain::values::{Dialect, PluginName};

use crate::refusal::Refusal;

const NO_PLUGIN: &str = "PLUGIN_NOT_FOUND";
const NO_REVIEW: &str = "REVIEW_NOT_FOUND";

/// As it was written.
pub(super) struct Named {
    plugin: String,
    review: String,
}

impl<S: Sync> FromRequestParts<S> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let path: RawPathParams = parts.extract().await.map_err(|_not_utf8| Refusal::unknown_path())?;
        let of = |wanted: &str| {
            path.iter().find(|(name, _)| *name == wanted).map_or("", |(_, text)| text).to_owned()
        };
        Ok(Self { plugin: of("pluginId"), review: of("reviewId") })
    }
}

impl Named {
    /// Only what this catalogue shows.
    pub(super) async fn plugin(&self, catalogue: &dyn CatalogueQueries) -> Result<PluginView, Refusal> {
        for which in plugins(&self.plugin) {
            let found = catalogue.plugin(&which).await?;
            if let Some(plugin) = found.filter(|plugin| plugin.is_visible(Dialect::Backstage)) {
                return Ok(plugin);
            }
        }
        Err(self.no_plugin())
    }

    /// Of this plugin, and neither withdrawn nor hidden.
    pub(super) async fn review(
        &self,
        plugin: &PluginView,
        reviews: &dyn ReviewQueries,
    ) -> Result<ReviewView, Refusal> {
        let Some(which) = review(&self.review) else { return Err(self.no_review()) };
        let found = reviews.review(which).await?;
        let is_there =
            |review: &ReviewView| review.plugin == plugin.id && !review.is_withdrawn && !review.is_hidden;
        found.filter(is_there).ok_or_else(|| self.no_review())
    }

    pub(super) fn no_plugin(&self) -> Refusal {
        Refusal::not_found(format!("Plugin with ID '{}' not found", shown(&self.plugin))).coded(NO_PLUGIN)
    }

    pub(super) fn no_review(&self) -> Refusal {
        Refusal::not_found(format!("Review with ID '{}' not found", shown(&self.review))).coded(NO_REVIEW)
    }
}

/// What the text may mean, likeliest first.
fn plugins(text: &str) -> Vec<Which> {
    let number = numbered(text, "plugin_").map(Which::Number);
    let id = text.parse().ok().map(Which::Id);
    let word = PluginName::new(text).ok();
    let word = word.map(|name| Which::Word { dialect: Dialect::Backstage, name: name.to_string() });
    number.into_iter().chain(id).chain(word).collect()
}

fn review(text: &str) -> Option<WhichReview> {
    let number = numbered(text, "review_").map(WhichReview::Number);
    number.or_else(|| text.parse().ok().map(WhichReview::Id))
}

/// One thing has one spelling; numbers are those of a database.
fn numbered(text: &str, prefix: &str) -> Option<u64> {
    let digits = text.strip_prefix(prefix)?;
    let number = digits.parse().ok().filter(|number| i64::try_from(*number).is_ok())?;
    (digits == format!("{number}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_by_its_number_its_uid_or_its_name() {
        let word = |name: &str| Which::Word { dialect: Dialect::Backstage, name: name.to_owned() };
        assert_eq!(plugins("plugin_123"), [Which::Number(123), word("plugin_123")]);
        let uid = "0193d1a5-0000-7000-8000-000000000001";
        assert_eq!(plugins(uid), [Which::Id(uid.parse().unwrap()), word(uid)]);
        assert_eq!(plugins("catalog-backend"), [word("catalog-backend")]);
        for none in ["", "..", "a b", "plugin_1\u{0}", "@scope/name", "health", &"x".repeat(200)] {
            assert_eq!(plugins(none), [], "{none}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(numbered("plugin_0", "plugin_"), Some(0));
        assert_eq!(numbered("plugin_9223372036854775807", "plugin_"), Some(i64::MAX as u64));
        for odd in
            ["plugin_", "plugin_01", "plugin_+1", "plugin_-1", "plugin_9223372036854775808", "Plugin_1"]
        {
            assert_eq!(numbered(odd, "plugin_"), None, "{odd}");
        }
        assert_eq!(review("review_789"), Some(WhichReview::Number(789)));
        assert_eq!(review("789"), None);
    }
}
