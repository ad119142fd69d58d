//! What a request brings to prove whom it speaks for, read as the dialect's clients write it.

use std::sync::Arc;

use application::{authenticating::Credential, ports::vault::Secret, principal::Principal};
use axum::http::{
    HeaderMap,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::refusal::{Fault, Refusal};

const LONGEST: usize = 4 * 1024;

/// The forms that a dialect takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accepts {
    pub(crate) bearer: bool,
    /// `X-API-Key`; it wins over `Authorization`.
    pub(crate) api_key: bool,
    /// `Basic id:secret`.
    pub(crate) basic: bool,
}

/// Whom the request speaks for; every request of a dialect has one.
#[derive(Debug, Clone)]
pub(crate) struct Asking(pub(crate) Arc<Principal>);

impl Accepts {
    pub(crate) const NOTHING: Self = Self { bearer: false, api_key: false, basic: false };

    /// `Ok(None)`: none was sent. What is sent in a form that is not taken, or cannot be read, is a bad one.
    pub(crate) fn read(self, headers: &HeaderMap) -> Result<Option<Credential>, Refusal> {
        if self.api_key
            && let Some(key) = single(headers, "x-api-key")?
        {
            return token(key).map(Some);
        }
        if self == Self::NOTHING {
            return Ok(None);
        }
        let Some(value) = single(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
        let place = value.iter().position(|&byte| byte == b' ').ok_or_else(bad)?;
        let (scheme, rest) = (&value[..place], value[place..].trim_ascii());
        if self.bearer && scheme.eq_ignore_ascii_case(b"bearer") {
            token(rest).map(Some)
        } else if self.basic && scheme.eq_ignore_ascii_case(b"basic") {
            pair(rest).map(Some)
        } else {
            Err(bad())
        }
    }

    /// With the header that a 401 carries.
    pub(crate) fn challenged(self, refusal: Refusal) -> Refusal {
        let basic = self.basic.then_some("Basic realm=\"plugyard\", charset=\"UTF-8\"");
        let challenges = basic.into_iter().chain(self.bearer.then_some("Bearer"));
        challenges.fold(refusal, |refusal, challenge| refusal.with_header(WWW_AUTHENTICATE, challenge))
    }
}

/// Of two, nobody knows which was meant.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h [u8]>, Refusal> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(value.as_bytes())),
        (Some(_), Some(_)) => Err(bad()),
    }
}

fn token(bytes: &[u8]) -> Result<Credential, Refusal> {
    text(bytes).map(|text| Credential::Token(Secret::from(text)))
}

fn pair(bytes: &[u8]) -> Result<Credential, Refusal> {
    let decoded = BASE64_STANDARD.decode(bytes).map_err(|_not_base64| bad())?;
    let text = text(&decoded)?;
    let (id, secret) = text.split_once(':').ok_or_else(bad)?;
    Ok(Credential::Pair { id: id.to_owned(), secret: Secret::from(secret.to_owned()) })
}

fn text(bytes: &[u8]) -> Result<String, Refusal> {
    let fits = (1..=LONGEST).contains(&bytes.len());
    let text = std::str::from_utf8(bytes).ok().filter(|_| fits);
    text.map(str::to_owned).ok_or_else(bad)
}

fn bad() -> Refusal {
    Refusal::new(Fault::BadCredential, "The credential is not valid")
}

#[cfg(test)]
mod tests;
