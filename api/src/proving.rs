//! Whom a request speaks for: its credential is turned into a principal before anything else looks at the request, and
//! wrong ones count against the limits of the address.

use std::{sync::Arc, time::Instant};

use application::{
    authenticating::{Authenticating, Credential},
    principal::Principal,
};
use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use domain::values::Dialect;

use crate::{
    address::Client,
    credential::Asking,
    guard,
    limits::{Charge, SharedLimits, Standing},
    mount::Mount,
    refusal::{Fault, Refusal},
    voice::{Voice, caught},
};

/// What judges credentials, and counts the bad ones.
#[derive(Clone)]
pub(crate) struct Proving {
    pub(crate) authenticating: Arc<Authenticating>,
    pub(crate) limits: SharedLimits,
}

/// Around everything of one dialect, inside its voice: the request goes on with its principal, or ends here.
pub(crate) async fn authenticate(
    State(proving): State<Proving>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let voice = extensions.get::<&'static Voice>().copied();
    let mount = extensions.get::<Mount>().copied();
    let (Some(voice), Some(mount), Some(client)) = (voice, mount, extensions.get::<Client>().copied()) else {
        return Refusal::internal().into_response();
    };
    match proving.asking(voice, mount, client, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(Asking(principal.clone()));
            // Whoever meets a panic is still told of his own limit.
            let mut response = caught(next.run(request)).await;
            if response.extensions().get::<Standing>().is_none() {
                let now = Instant::now();
                let standing = proving.limits.look(voice.dialect, Charge::Shown, &principal, client, now);
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

impl Proving {
    async fn asking(
        &self,
        voice: &Voice,
        mount: Mount,
        client: Client,
        headers: &HeaderMap,
    ) -> Result<Arc<Principal>, Refusal> {
        match voice.accepts.read(headers) {
            Ok(None) => Ok(Arc::new(Principal::anonymous())),
            Ok(Some(credential)) if self.is_langbots_own(voice, mount, client, &credential).await => {
                Ok(Arc::new(Principal::anonymous()))
            }
            Ok(Some(credential)) => self.prove(voice, client, &credential, voice.dialect).await,
            Err(bad) => Err(self.count(voice, client, bad)),
        }
    }

    /// The front end of `LangBot` sends its session to everything below that mount: in the marketplace it proves nothing, and
    /// is nothing bad.
    async fn is_langbots_own(
        &self,
        voice: &Voice,
        mount: Mount,
        client: Client,
        credential: &Credential,
    ) -> bool {
        let beside = voice.dialect == Dialect::Space && mount == Mount::LANGBOT;
        if !beside || self.spent(client, credential, voice.dialect).is_some() {
            return false;
        }
        let principal = self.authenticating.authenticate(credential, Dialect::Langbot).await;
        principal.is_ok_and(|principal| !principal.dialects.contains(&Dialect::Space))
    }

    /// Where an address stands whose credentials were refused too often. It has to wait, unless its credential can be judged
    /// without asking the database.
    pub(crate) fn spent(
        &self,
        client: Client,
        credential: &Credential,
        dialect: Dialect,
    ) -> Option<Standing> {
        let (anonymous, now) = (Principal::anonymous(), Instant::now());
        let standing = self.limits.look(dialect, Charge::Refused, &anonymous, client, now)?;
        (standing.remaining == 0 && !self.authenticating.remembers(credential)).then_some(standing)
    }

    /// Whom the credential speaks for in `dialect`.
    pub(crate) async fn prove(
        &self,
        voice: &Voice,
        client: Client,
        credential: &Credential,
        dialect: Dialect,
    ) -> Result<Arc<Principal>, Refusal> {
        if let Some(standing) = self.spent(client, credential, dialect) {
            return Err(Refusal::limited(standing));
        }
        match self.authenticating.authenticate(credential, dialect).await {
            Ok(principal) => Ok(Arc::new(principal)),
            Err(error) if error.kind == application::Kind::Unauthenticated => {
                let bad = Refusal::new(Fault::BadCredential, error.message);
                Err(self.count(voice, client, bad))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A refused credential counts twice: as one, and as an anonymous request of the dialect.
    fn count(&self, voice: &Voice, client: Client, bad: Refusal) -> Refusal {
        let (anonymous, now) = (Principal::anonymous(), Instant::now());
        let take = |charge| self.limits.take(voice.dialect, charge, &anonymous, client, now);
        match (take(Charge::Refused), take(Charge::Usual)) {
            (Some(Err(exhausted)), _) | (_, Some(Err(exhausted))) => Refusal::limited(exhausted),
            (_, Some(Ok(standing))) => Refusal { standing: Some(standing), ..voice.accepts.challenged(bad) },
            (_, None) => voice.accepts.challenged(bad),
        }
    }
}
