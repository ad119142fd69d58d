//! Files out of the package of an installed plugin: its readme, its icon, its assets. The package is opened where hostile
//! bytes are read, and a name in it is a name and no path; what is given out is shown where nothing in it runs.

use application::{
    hosting::{Hosting, Shown},
    publishing::Publishing,
};
use axum::{
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use serde_json::json;

use super::named::Pair;
use crate::{fields::Fields, refusal::Refusal, services::Uploads, space, voice::Said};

const LARGEST_README: usize = 512 * 1024;
const LONGEST_LANGUAGE: usize = 16;

pub(super) async fn icon(
    State(hosting): State<Hosting>,
    State(publishing): State<Publishing>,
    State(Uploads(directory)): State<Uploads>,
    pair: Pair,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let shown = pair.find(&hosting).await?;
    let no_icon = || Refusal::not_found("plugin icon not found");
    let path = shown.live.release.manifest["metadata"]["icon"].as_str().ok_or_else(no_icon)?;
    let name = path.strip_prefix("./").unwrap_or(path).to_owned();
    let digest = &shown.live.release.digest;
    let file = publishing.asset(digest, &name, &directory).await?.filter(|file| file.image.is_some());
    let tag = space::tag_of(digest, &name);
    space::given(&method, &headers, &tag, &name, file.ok_or_else(no_icon)?)
}

pub(super) async fn asset(
    State(hosting): State<Hosting>,
    State(publishing): State<Publishing>,
    State(Uploads(directory)): State<Uploads>,
    pair: Pair,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let shown = pair.find(&hosting).await?;
    let name = format!("assets/{}", pair.rest);
    let digest = &shown.live.release.digest;
    let file = publishing.asset(digest, &name, &directory).await?;
    let file = file.ok_or_else(|| Refusal::not_found("plugin asset not found"))?;
    space::given(&method, &headers, &space::tag_of(digest, &name), &name, file)
}

/// In this language, or else as it is at the root; empty where there is none.
pub(super) async fn readme(
    State(hosting): State<Hosting>,
    State(publishing): State<Publishing>,
    State(Uploads(directory)): State<Uploads>,
    pair: Pair,
    uri: Uri,
) -> Result<Said, Refusal> {
    let shown: Shown = pair.find(&hosting).await?;
    let mut fields = Fields::of_query(&uri);
    let language = fields.short_text("language", LONGEST_LANGUAGE).unwrap_or_else(|| "en".to_owned());
    fields.well_formed()?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !language.bytes().all(is_word) {
        return Err(Refusal::meaningless("language must be a code such as en or zh_Hans"));
    }
    let root = ["README.md".to_owned(), "readme/README_en_US.md".to_owned()];
    let named = format!("readme/README_{language}.md");
    for name in std::iter::once(named).chain(root) {
        let found = publishing.asset(&shown.live.release.digest, &name, &directory).await?;
        let text = found.filter(|file| file.bytes.len() <= LARGEST_README);
        if let Some(readme) = text.and_then(|file| String::from_utf8(file.bytes.to_vec()).ok()) {
            return Ok(Said::ok(json!({"readme": readme})));
        }
    }
    Ok(Said::ok(json!({"readme": ""})))
}
