//! How slowly a body may come: neither silence nor a drip holds a place for ever. A body of JSON is read whole, within
//! its size.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    guard::read_on,
    refusal::{Fault, Refusal},
};

const LARGEST_JSON: usize = 1024 * 1024;

/// What is asked of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    /// The longest silence; also what every body has in advance.
    patience: Duration,
    /// What has to come on average after that, in bytes per second.
    slowest: u64,
}

const UPLOAD: Pace = Pace { patience: Duration::from_secs(30), slowest: 16 * 1024 };
/// The largest arrives, at its slowest, before the time for the whole answer is over.
const JSON: Pace = Pace { patience: Duration::from_secs(10), slowest: 64 * 1024 };

pub(crate) struct Arrival {
    pace: Pace,
    began: Instant,
    arrived: u64,
}

/// The client took too long, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    Silent,
    Slow,
}

impl Arrival {
    pub(crate) fn of_upload() -> Self {
        Self::at(UPLOAD)
    }

    fn at(pace: Pace) -> Self {
        Self { pace, began: Instant::now(), arrived: 0 }
    }

    pub(crate) fn count(&mut self, bytes: usize) {
        self.arrived += bytes as u64;
    }

    pub(crate) async fn in_time<T>(&self, next: impl Future<Output = T>) -> Result<T, Late> {
        let Pace { patience, slowest } = self.pace;
        let silent = Instant::now() + patience;
        let slow = self.began + patience + Duration::from_millis(self.arrived * 1000 / slowest);
        let late = if slow < silent { Late::Slow } else { Late::Silent };
        timeout_at(silent.min(slow), next).await.map_err(|_elapsed| late)
    }
}

impl Late {
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Silent => "The upload stood still for 30 seconds",
            Self::Slow => "The upload is slower than 16 KiB per second",
        }
    }
}

/// A body of at most 1 MiB.
pub(crate) async fn whole(body: Body) -> Result<Vec<u8>, Refusal> {
    let announced = body.size_hint().lower();
    let (mut arrival, mut rest) = (Arrival::at(JSON), body.into_data_stream());
    let mut bytes = Vec::new();
    let mut too_large = announced > LARGEST_JSON as u64;
    while !too_large {
        let more: Bytes = match arrival.in_time(rest.next()).await {
            Ok(None) => return Ok(bytes),
            Ok(Some(Ok(more))) => more,
            Ok(Some(Err(_broken))) => return Err(Refusal::meaningless("The request body broke off")),
            Err(_late) => {
                return Err(Refusal::new(Fault::Late, "The request body did not arrive in time"));
            }
        };
        arrival.count(more.len());
        too_large = bytes.len() + more.len() > LARGEST_JSON;
        bytes.extend_from_slice(&more);
    }
    read_on(Body::from_stream(rest)).await;
    Err(Refusal::new(Fault::TooLarge, "The request body is larger than 1 MiB"))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::*;

    /// How many pieces of this size come in, one every so often, before it is too late.
    async fn pieces(size: usize, every: Duration) -> (u64, Late) {
        let (mut arrival, mut pieces) = (Arrival::of_upload(), 0);
        loop {
            match arrival.in_time(sleep(every)).await {
                Ok(()) if pieces == 10_000 => return (pieces, Late::Silent),
                Ok(()) => arrival.count(size),
                Err(late) => return (pieces, late),
            }
            pieces += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_ends_and_a_slow_stream_does_not() {
        assert_eq!(pieces(1, Duration::from_secs(1)).await.1, Late::Slow);
        assert!(pieces(1, Duration::from_secs(1)).await.0 <= 30);
        assert_eq!(pieces(16 * 1024, Duration::from_secs(1)).await.0, 10_000, "the slowest that is admitted");
        assert_eq!(pieces(15 * 1024, Duration::from_secs(1)).await.1, Late::Slow);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_after_half_a_minute_whatever_came_before() {
        let mut arrival = Arrival::of_upload();
        arrival.count(100 << 20);
        assert_eq!(arrival.in_time(ready(7)).await, Ok(7));
        let began = Instant::now();
        assert_eq!(arrival.in_time(pending::<()>()).await, Err(Late::Silent));
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    /// A body of pieces of this size, so often.
    fn dripping(size: usize, every: Duration) -> Body {
        Body::from_stream(futures::stream::repeat(()).then(move |()| async move {
            sleep(every).await;
            Ok::<_, std::convert::Infallible>(vec![b' '; size])
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn json_comes_whole_in_time_and_within_its_size() {
        let fault = async |body: Body| whole(body).await.err().map(|refusal| refusal.fault);
        assert_eq!(whole(Body::from("{}")).await.unwrap(), b"{}");
        assert_eq!(fault(Body::from(vec![b' '; LARGEST_JSON])).await, None);
        assert_eq!(fault(Body::from(vec![b' '; LARGEST_JSON + 1])).await, Some(Fault::TooLarge));
        assert_eq!(fault(dripping(64 * 1024, Duration::from_millis(1))).await, Some(Fault::TooLarge));
        let began = Instant::now();
        assert_eq!(fault(dripping(1, Duration::from_secs(1))).await, Some(Fault::Late));
        assert_eq!(fault(dripping(1, Duration::MAX)).await, Some(Fault::Late));
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
        let broken = futures::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("gone"))]);
        assert_eq!(fault(Body::from_stream(broken)).await, Some(Fault::Meaningless));
    }

    #[test]
    fn the_slowest_json_arrives_before_its_answer_is_due() {
        let longest = JSON.patience.as_secs() + LARGEST_JSON as u64 / JSON.slowest;
        assert!(longest < crate::operations::LONGEST_ANSWER.as_secs(), "{longest}");
    }
}
