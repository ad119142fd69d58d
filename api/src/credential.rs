//! What a request brings to prove whom it speaks for: read as the dialect's clients write it, and turned into a
//! principal before anything else looks at the request.

use std::{sync::Arc, time::Instant};

use application::{
    authenticating::{Authenticating, Credential},
    ports::vault::Secret,
    principal::Principal,
};
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

use crate::{
    address::Client,
    guard,
    limits::Charge,
    refusal::{Fault, Refusal},
    services::Services,
    voice::Voice,
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
            && let Some(key) = headers.get("x-api-key")
        {
            return token(key.as_bytes()).map(Some);
        }
        if self == Self::NOTHING {
            return Ok(None);
        }
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = given.next() else { return Ok(None) };
        if given.next().is_some() {
            return Err(bad());
        }
        let value = value.as_bytes();
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

/// Around everything of one dialect, inside its voice: the request goes on with its principal, or ends here. Wrong
/// credentials count against the limit of the address.
pub(crate) async fn authenticate(
    State(services): State<Services>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(&voice) = request.extensions().get::<&'static Voice>() else {
        return Refusal::internal().into_response();
    };
    match asking(&services.authenticating, voice, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(Asking(principal));
            next.run(request).await
        }
        Err(refusal) => {
            let client = request.extensions().get::<Client>().copied();
            guard::read_on(request).await;
            let anonymous = Principal::anonymous();
            let standing = client.and_then(|client| {
                services.limits.take(voice.dialect, Charge::Usual, &anonymous, client, Instant::now())
            });
            match standing {
                Some(Err(standing)) => Refusal::limited(standing).into_response(),
                Some(Ok(standing)) => {
                    let mut response = refusal.into_response();
                    response.extensions_mut().insert(standing);
                    response
                }
                None => refusal.into_response(),
            }
        }
    }
}

async fn asking(
    authenticating: &Authenticating,
    voice: &Voice,
    headers: &HeaderMap,
) -> Result<Arc<Principal>, Refusal> {
    let Some(credential) = voice.accepts.read(headers).map_err(|bad| voice.accepts.challenged(bad))? else {
        return Ok(Arc::new(Principal::anonymous()));
    };
    match authenticating.authenticate(&credential, voice.dialect).await {
        Ok(principal) => Ok(Arc::new(principal)),
        Err(error) if error.kind == application::Kind::Unauthenticated => {
            Err(voice.accepts.challenged(Refusal::new(Fault::BadCredential, error.message)))
        }
        Err(error) => Err(error.into()),
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
