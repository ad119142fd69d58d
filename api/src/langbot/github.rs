//! A release of a forge as clients name it: the owner, the repository and the tag are looked at first, then what of the
//! release is meant. Whatever does not belong together is refused.

use domain::operation::Source;
use url::Url;

use crate::{fields::Fields, refusal::Refusal};

const LONGEST_OWNER: usize = 39;
const LONGEST_WORD: usize = 100;
const LONGEST_TAG: usize = 255;
const LONGEST_ADDRESS: usize = 2_048;

pub(super) fn source(mut fields: Fields) -> Result<Source, Refusal> {
    let (owner, repository) = (fields.needed_text("owner"), fields.needed_text("repo"));
    let tag = fields.needed_text("release_tag");
    let has_release = fields.has("release_id");
    let has_asset = fields.has("asset_id");
    let address = fields.short_text("asset_url", LONGEST_ADDRESS);
    fields.well_formed()?;
    let is_owner = owner.len() <= LONGEST_OWNER
        && owner.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_owner || !is_word(&repository, LONGEST_WORD) {
        return Err(Refusal::meaningless("owner and repo must name a GitHub repository"));
    }
    if tag.len() > LONGEST_TAG || !tag.split('/').all(|word| is_word(word, LONGEST_TAG)) {
        return Err(Refusal::meaningless("release_tag must be the tag of a GitHub release"));
    }
    if has_release != has_asset {
        return Err(Refusal::meaningless("release_id and asset_id must be provided together"));
    }
    let no_address = || Refusal::meaningless("asset_url must be an HTTPS GitHub release asset URL");
    let Some(address) = address else {
        // Only the forge knows what the ids mean, and it is not asked.
        return Err(if has_release { Refusal::not_built() } else { no_address() });
    };
    let url = Url::parse(address.trim()).map_err(|_no_url| no_address())?;
    let words: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let is_plain = url.scheme() == "https"
        && url.host_str() == Some("github.com")
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain || words.len() < 6 || words[2..4] != ["releases", "download"] {
        return Err(no_address());
    }
    let asset = words[words.len() - 1].to_owned();
    let is_meant = words[0].eq_ignore_ascii_case(&owner)
        && words[1].eq_ignore_ascii_case(&repository)
        && words[4..words.len() - 1].join("/") == tag
        && is_word(&asset, LONGEST_TAG);
    if !is_meant {
        return Err(Refusal::meaningless("asset_url does not match the requested GitHub release"));
    }
    Ok(Source::Github { owner, repository, tag, asset })
}

/// Nothing that a path would have to escape.
fn is_word(text: &str, longest: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-~@".contains(&byte);
    (1..=longest).contains(&text.len()) && text.bytes().all(is_plain) && !matches!(text, "." | "..")
}
