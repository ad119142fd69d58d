//! Who opens a socket. A browser can send no header with one, so a ticket in the query stands in for it: good once, for
//! half a minute. What proves somebody must not come from a page of another origin.

use std::sync::Arc;

use application::{authenticating::Credential, ports::vault::Secret, principal::Principal};
use axum::{
    Extension,
    extract::{FromRef, FromRequestParts},
    http::{
        HeaderMap, Uri,
        header::{ORIGIN, UPGRADE},
        request::Parts,
    },
};
use domain::values::Dialect;

use crate::{
    address::{Addresses, Client},
    asker::layered,
    cors::CrossOrigin,
    cors::Origin,
    credential::{Accepts, Asking},
    proving::Proving,
    refusal::{Fault, Refusal},
    voice::Voice,
};

/// In a dialect without credentials everybody is welcome; who proves himself all the same is known there too.
pub(crate) struct SocketCaller(pub(crate) Arc<Principal>);

impl<S: Sync> FromRequestParts<S> for SocketCaller
where
    Addresses: FromRef<S>,
    CrossOrigin: FromRef<S>,
    Proving: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Extension(Asking(principal)) = layered::<Asking>(parts).await?;
        if !asks_for_upgrade(&parts.headers) {
            return Ok(Self(principal));
        }
        let Extension(voice) = layered::<&'static Voice>(parts).await?;
        let Extension(client) = layered::<Client>(parts).await?;
        let without_credentials = voice.accepts == Accepts::NOTHING;
        let good_for = if without_credentials { Dialect::Yard } else { voice.dialect };
        if let Some(ticket) = ticket(&parts.uri)? {
            same_origin(parts, &Addresses::from_ref(state), &CrossOrigin::from_ref(state))?;
            return Proving::from_ref(state).prove(voice, client, &ticket, good_for).await.map(Self);
        }
        let principal = match yard_credential(&parts.headers) {
            // What is not good is ignored, as every credential is there.
            Some(credential) if without_credentials => Proving::from_ref(state)
                .prove(voice, client, &credential, good_for)
                .await
                .unwrap_or(principal),
            Some(_) | None => principal,
        };
        if !principal.is_anonymous() {
            same_origin(parts, &Addresses::from_ref(state), &CrossOrigin::from_ref(state))?;
        }
        Ok(Self(principal))
    }
}

/// A plain request does not use up the ticket that it brings.
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn ticket(uri: &Uri) -> Result<Option<Credential>, Refusal> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut tickets = pairs.filter(|(name, _)| name == "ticket");
    match (tickets.next(), tickets.next()) {
        (None, _) => Ok(None),
        (Some((_, ticket)), None) => Ok(Some(Credential::Ticket(Secret::from(ticket.into_owned())))),
        (Some(_), Some(_)) => Err(Refusal::meaningless("Send one ticket")),
    }
}

fn yard_credential(headers: &HeaderMap) -> Option<Credential> {
    Accepts { bearer: true, api_key: true, basic: false }.read(headers).ok().flatten()
}

/// No browser, a page of this very host, or one that the operator has named.
fn same_origin(parts: &Parts, addresses: &Addresses, known: &CrossOrigin) -> Result<(), Refusal> {
    let mut given = parts.headers.get_all(ORIGIN).iter();
    let Some(origin) = given.next() else { return Ok(()) };
    let alone = given.next().is_none();
    let origin: Option<Origin> =
        origin.to_str().ok().filter(|_| alone).and_then(|origin| origin.parse().ok());
    let host = addresses.host(&parts.headers, &parts.extensions);
    let is_known =
        origin.is_some_and(|origin| known.allows(&origin) || host.is_some_and(|host| origin.is_of(host)));
    if is_known {
        return Ok(());
    }
    Err(Refusal::new(Fault::Forbidden, "A page of this origin may not open a socket with a credential"))
}
