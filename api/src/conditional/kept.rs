//! Answers that were made before, as they go out, each under the validator that it was made for: a new state of the read
//! models finds none of them, and what nobody asks for any more makes room. Together they stay below a bound.

use std::sync::{Mutex, PoisonError};

use axum::{
    Json,
    body::{Body, HttpBody as _, to_bytes},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use lru::LruCache;

use crate::{
    refusal::Refusal,
    voice::{Close, Heard, Said, Unclosed, Voice},
};

/// Bytes of all of them.
const MOST: usize = 32 << 20;
/// Of one answer.
const LARGEST: usize = 1 << 20;
/// What an answer takes beside its body: names, headers, places in maps.
const BESIDE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Shelf>);

#[derive(Debug)]
struct Shelf {
    answers: LruCache<u128, Answer>,
    bytes: usize,
}

/// A 200. Handing it out copies neither the body nor what it was made of.
#[derive(Debug, Clone)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
    /// Of a body that each request ends for itself.
    close: Option<Close>,
}

impl Answers {
    pub(super) fn get(&self, validator: u128) -> Option<Response> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).answers.get(&validator).cloned();
        kept.map(Answer::response)
    }

    /// Hands the answer on, and keeps it if it is one that can be handed out again.
    pub(super) async fn keep(&self, validator: u128, voice: &Voice, answer: Response) -> Response {
        match Answer::of(voice, answer).await {
            Ok(answer) => {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).put(validator, answer.clone());
                answer.response()
            }
            Err(as_it_was) => as_it_was,
        }
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self { answers: LruCache::unbounded(), bytes: 0 }
    }
}

impl Shelf {
    fn put(&mut self, validator: u128, answer: Answer) {
        self.bytes += answer.weight();
        let before = self.answers.put(validator, answer);
        self.bytes -= before.map_or(0, |before| before.weight());
        while self.bytes > MOST {
            let Some((_, answer)) = self.answers.pop_lru() else { break };
            self.bytes -= answer.weight();
        }
    }
}

impl Answer {
    /// Only of what is in memory already, and small.
    async fn of(voice: &Voice, answer: Response) -> Result<Self, Response> {
        let (mut parts, body) = answer.into_parts();
        if let Some(unclosed) = parts.extensions.remove::<Unclosed>() {
            let Unclosed { body, close } = unclosed;
            let answer = Self { headers: parts.headers, body, close: Some(close) };
            return if answer.weight() > LARGEST { Err(answer.response()) } else { Ok(answer) };
        }
        let mut answer = Response::from_parts(parts, body);
        if let Some(Said { value, .. }) = answer.extensions_mut().remove::<Said>() {
            // No dialect whose envelope speaks of the request keeps answers.
            let (said, body) = Json((voice.accept)(value, &Heard::of_nobody())).into_response().into_parts();
            answer.headers_mut().extend(said.headers);
            *answer.body_mut() = body;
        }
        if answer.body().size_hint().exact().is_none_or(|length| length > LARGEST as u64) {
            return Err(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, LARGEST).await.map_err(|_broken| Refusal::internal().into_response())?;
        Ok(Self { headers: parts.headers, body, close: None })
    }

    fn weight(&self) -> usize {
        self.body.len() + BESIDE
    }

    fn response(self) -> Response {
        let Self { headers, body, close } = self;
        let mut response = match close {
            Some(close) => Unclosed { body, close }.into_response(),
            None => Response::new(Body::from(body)),
        };
        *response.headers_mut() = headers;
        response
    }
}

#[cfg(test)]
mod tests;
