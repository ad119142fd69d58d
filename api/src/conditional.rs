//! Answers that a client may hold already: a validator made of the state of the read models and of what was asked, so
//! that 304 is said before anything is looked up, and so is what somebody else was answered in the same state. A new
//! state makes every validator a new one; whoever has written never gets the answer of before. What other nodes write is
//! seen as late as [`KnownState`] says.
//!
//! Only for answers that are made of read models alone, and the same for everybody.

mod kept;

use std::sync::{Arc, Mutex};

use application::{known_state::KnownState, ports::system::Clock, queries::catalogue::State as Position};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, NaiveTime, Utc};
use domain::values::Dialect;
use sha2::{Digest as _, Sha256};

use self::kept::Answers;
use crate::{mount::Mount, refusal::Refusal, voice::Voice};

/// For how long an answer may be used without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// Not at all: the read after a write shows it.
    Revalidated,
    /// As lists of the Backstage marketplace are.
    List,
    /// As its details are.
    Details,
    Feed,
}

impl Cache {
    fn control(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Revalidated => "public, max-age=0, must-revalidate",
            Self::List => "public, max-age=60, s-maxage=300",
            Self::Details => "public, max-age=300, s-maxage=600",
            Self::Feed => "public, max-age=60",
        })
    }
}

/// What the layer around an operation needs.
#[derive(Clone)]
pub(crate) struct Conditional {
    pub(crate) validators: Arc<Validators>,
    pub(crate) cache: Cache,
}

/// Names the states of one node.
pub(crate) struct Validators {
    state: KnownState,
    clock: Arc<dyn Clock>,
    newest: Mutex<Option<Named>>,
    answers: Answers,
}

/// The state that a second belongs to: a date has no finer parts, and must not stand for two states.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    second: i64,
    tag: String,
}

/// A state as a client can name it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Validator {
    /// Of the state, and of what was asked of whom.
    number: u128,
    etag: String,
    /// None: the second is another state's.
    modified: Option<DateTime<Utc>>,
}

impl Validators {
    pub(crate) fn new(state: KnownState, clock: Arc<dyn Clock>) -> Self {
        Self { state, clock, newest: Mutex::default(), answers: Answers::default() }
    }

    async fn state(&self) -> Result<Position, application::Error> {
        Ok(of_today(&self.state.get().await?, self.clock.now()))
    }

    fn validator(&self, state: &Position, request: &Request) -> Validator {
        let modified = self.second_of(state, self.clock.now());
        let number = number(&state.tag, request);
        // Weak: what a dialect puts around an answer may tell the time.
        Validator { number, etag: format!("W/\"{number:032x}\""), modified }
    }

    /// By the handler. The answer to HEAD may have lost its body already, so only that to GET is kept.
    async fn made(&self, validator: &Validator, request: Request, next: Next) -> Response {
        let voice = request.extensions().get::<&'static Voice>().copied();
        let is_whole = request.method() == Method::GET;
        let response = next.run(request).await;
        match voice {
            Some(voice) if is_whole && response.status() == StatusCode::OK => {
                self.answers.keep(validator.number, voice, response).await
            }
            _ => response,
        }
    }

    /// The first second since the state began that stands for no other state.
    fn second_of(&self, state: &Position, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut newest = self.newest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let began = state.at.timestamp();
        let second = match &*newest {
            Some(named) if named.tag == state.tag => named.second,
            Some(named) => began.max(named.second + 1),
            None => began,
        };
        if second > now.timestamp().max(began) {
            return None;
        }
        *newest = Some(Named { second, tag: state.tag.clone() });
        DateTime::from_timestamp(second, 0)
    }
}

/// Figures of the last days change with the day.
fn of_today(state: &Position, now: DateTime<Utc>) -> Position {
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    Position { tag: format!("{} {}", state.tag, now.date_naive()), at: state.at.max(midnight) }
}

/// Another one for every state, dialect, mount, host, path and query: everything that an answer is made of.
fn number(tag: &str, request: &Request) -> u128 {
    let (extensions, uri) = (request.extensions(), request.uri());
    let dialect = extensions.get::<&'static Voice>().map_or(Dialect::Yard, |voice| voice.dialect);
    let mount = extensions.get::<Mount>().map_or("", |mount| mount.prefix());
    let host = request.headers().get(HOST).map_or(&b""[..], |host| host.as_bytes());
    let asked = uri.path_and_query().map_or("", |asked| asked.as_str());
    let mut hash = Sha256::new();
    for part in [tag, env!("CARGO_PKG_VERSION"), dialect.as_str(), mount, asked] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(host);
    let digest = hash.finalize();
    digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte))
}

/// Around the handler of one operation.
pub(crate) async fn answer(State(conditional): State<Conditional>, request: Request, next: Next) -> Response {
    let state = match conditional.validators.state().await {
        Ok(state) => state,
        Err(error) => return Refusal::from(error).into_response(),
    };
    let validator = conditional.validators.validator(&state, &request);
    let held = Held::read(request.headers(), &validator);
    if held == Held::This {
        return not_modified(&validator, conditional.cache);
    }
    let response = match conditional.validators.answers.get(validator.number) {
        Some(response) => response,
        None => conditional.validators.made(&validator, request, next).await,
    };
    if response.status() != StatusCode::OK {
        return response;
    }
    if held == Held::ThisIfThereIsOne {
        return not_modified(&validator, conditional.cache);
    }
    let mut response = response;
    validator.write(response.headers_mut(), conditional.cache);
    response
}

fn not_modified(validator: &Validator, cache: Cache) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    validator.write(response.headers_mut(), cache);
    response
}

impl Validator {
    fn write(&self, headers: &mut HeaderMap, cache: Cache) {
        set(headers, ETAG, &self.etag);
        if let Some(modified) = self.modified {
            set(headers, LAST_MODIFIED, &http_date(modified));
        }
        headers.insert(CACHE_CONTROL, cache.control());
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What the client says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    This,
    /// Whatever there is: nobody knows yet whether there is anything.
    ThisIfThereIsOne,
}

impl Held {
    /// A list of validators counts, and the date only where there is none (RFC 9110, 13.2.2).
    fn read(asked: &HeaderMap, validator: &Validator) -> Self {
        if asked.contains_key(IF_NONE_MATCH) {
            let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
            let given: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
            let opaque = |tag: &'static str, text: &str| text.strip_prefix(tag).unwrap_or(text).to_owned();
            let own = opaque("W/", &validator.etag);
            return match given {
                given if given.iter().any(|one| opaque("W/", one) == own) => Self::This,
                given if given.contains(&"*") => Self::ThisIfThereIsOne,
                _ => Self::Nothing,
            };
        }
        let since =
            asked.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok()).and_then(read_http_date);
        match (since, validator.modified) {
            // Given out by us, for this state.
            (Some(since), Some(modified)) if since == modified => Self::This,
            (Some(since), Some(modified)) if since > modified => Self::ThisIfThereIsOne,
            _ => Self::Nothing,
        }
    }
}

fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn read_http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests;
