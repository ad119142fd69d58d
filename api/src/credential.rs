//! What a request brings to prove whom it speaks for: read as the dialect's clients write it, and turned into a
//! principal before anything else looks at the request.

use std::{sync::Arc, time::Instant};

use application::{authenticating::Credential, ports::vault::Secret, principal::Principal};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::values::Dialect;

use crate::{
    address::Client,
    guard,
    limits::{Charge, Standing},
    mount::Mount,
    refusal::{Fault, Refusal},
    services::Services,
    voice::{Voice, caught},
};

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

/// Around everything of one dialect, inside its voice: the request goes on with its principal, or ends here.
pub(crate) async fn authenticate(
    State(services): State<Services>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let voice = extensions.get::<&'static Voice>().copied();
    let mount = extensions.get::<Mount>().copied();
    let (Some(voice), Some(mount), Some(client)) = (voice, mount, extensions.get::<Client>().copied()) else {
        return Refusal::internal().into_response();
    };
    match asking(&services, voice, mount, client, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(Asking(principal.clone()));
            // Whoever meets a panic is still told of his own limit.
            let mut response = caught(next.run(request)).await;
            if response.extensions().get::<Standing>().is_none() {
                let now = Instant::now();
                let standing = services.limits.look(voice.dialect, Charge::Shown, &principal, client, now);
                standing.map(|standing| response.extensions_mut().insert(standing));
            }
            response.extensions_mut().get_or_insert(Asking(principal));
            response
        }
        Err(refusal) => {
            guard::read_on(request.into_body()).await;
            refusal.into_response()
        }
    }
}

/// Around what begins or renews a session, which brings its own proof: whoever comes for a new credential may still send
/// the old one, and nobody looks whether it is good.
pub(crate) async fn without(mut request: Request, next: Next) -> Response {
    let nobody = Asking(Arc::new(Principal::anonymous()));
    request.extensions_mut().insert(nobody.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().get_or_insert(nobody);
    response
}

async fn asking(
    services: &Services,
    voice: &Voice,
    mount: Mount,
    client: Client,
    headers: &HeaderMap,
) -> Result<Arc<Principal>, Refusal> {
    match voice.accepts.read(headers) {
        Ok(None) => Ok(Arc::new(Principal::anonymous())),
        Ok(Some(credential)) if is_langbots_own(services, voice, mount, client, &credential).await => {
            Ok(Arc::new(Principal::anonymous()))
        }
        Ok(Some(credential)) => prove(services, voice, client, &credential, voice.dialect).await,
        Err(bad) => Err(count(services, voice, client, bad)),
    }
}

/// The front end of `LangBot` sends its session to everything below that mount: in the marketplace it proves nothing, and
/// is nothing bad.
async fn is_langbots_own(
    services: &Services,
    voice: &Voice,
    mount: Mount,
    client: Client,
    credential: &Credential,
) -> bool {
    let beside = voice.dialect == Dialect::Space && mount == Mount::LANGBOT;
    if !beside || spent(services, client, credential, voice.dialect).is_some() {
        return false;
    }
    let principal = services.authenticating.authenticate(credential, Dialect::Langbot).await;
    principal.is_ok_and(|principal| !principal.dialects.contains(&Dialect::Space))
}

/// Where an address stands whose credentials were refused too often. It has to wait, unless its credential can be judged
/// without asking the database.
pub(crate) fn spent(
    services: &Services,
    client: Client,
    credential: &Credential,
    dialect: Dialect,
) -> Option<Standing> {
    let (anonymous, now) = (Principal::anonymous(), Instant::now());
    let standing = services.limits.look(dialect, Charge::Refused, &anonymous, client, now)?;
    (standing.remaining == 0 && !services.authenticating.remembers(credential)).then_some(standing)
}

/// Whom the credential speaks for in `dialect`.
pub(crate) async fn prove(
    services: &Services,
    voice: &Voice,
    client: Client,
    credential: &Credential,
    dialect: Dialect,
) -> Result<Arc<Principal>, Refusal> {
    if let Some(standing) = spent(services, client, credential, dialect) {
        return Err(Refusal::limited(standing));
    }
    match services.authenticating.authenticate(credential, dialect).await {
        Ok(principal) => Ok(Arc::new(principal)),
        Err(error) if error.kind == application::Kind::Unauthenticated => {
            let bad = Refusal::new(Fault::BadCredential, error.message);
            Err(count(services, voice, client, bad))
        }
        Err(error) => Err(error.into()),
    }
}

/// A refused credential counts twice: as one, and as an anonymous request of the dialect.
fn count(services: &Services, voice: &Voice, client: Client, bad: Refusal) -> Refusal {
    let (anonymous, now) = (Principal::anonymous(), Instant::now());
    let take = |charge| services.limits.take(voice.dialect, charge, &anonymous, client, now);
    match (take(Charge::Refused), take(Charge::Usual)) {
        (Some(Err(exhausted)), _) | (_, Some(Err(exhausted))) => Refusal::limited(exhausted),
        (_, Some(Ok(standing))) => Refusal { standing: Some(standing), ..voice.accepts.challenged(bad) },
        (_, None) => voice.accepts.challenged(bad),
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
