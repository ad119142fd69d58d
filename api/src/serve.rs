//! The service: its own accept loop, because the limits on connections and the order of the end are ours.

use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, info, warn};

use crate::{
    address::Peer,
    connection::Patient,
    crowd::Crowd,
    router::router,
    settings::Settings,
    shutdown::{LONGEST, Shutdown},
    wiring::{self, Yard},
};

const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// More than a request may have, so that it can be refused in words.
const MOST_HEADERS: usize = 400;
/// Holds a URL of the longest form that can still be refused in words.
const LARGEST_HEAD: usize = 96 * 1024;
/// To one connection more than its client may hold; nobody knows yet which dialect it would have spoken.
const CROWDED: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\nretry-after: 2\r\n\
    connection: close\r\ncontent-length: 113\r\n\r\n{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\
    \"status\":429,\"detail\":\"Too many connections from this address\"}";
/// While draining, health probes still get an answer for this long.
const GRACE: Duration = Duration::from_millis(500);
/// Beyond the time that everything else has.
const LAST: Duration = Duration::from_secs(3);

/// Serves until a signal; returns when everything has ended in its order.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    shutdown.listen().context("signals cannot be received")?;
    raise_file_limit();
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    let yard = tokio::select! {
        yard = wiring::build_services(settings, &shutdown) => yard?,
        () = shutdown.draining.cancelled() => return Ok(()),
    };
    until_drained(listener, settings, yard, &shutdown).await;
    Ok(())
}

/// Answers until the signal, and then for as long as somebody still waits for an answer.
pub(crate) async fn until_drained(
    listener: TcpListener,
    settings: &Settings,
    yard: Yard,
    shutdown: &Shutdown,
) {
    let Yard { services, close } = yard;
    let work = services.work.clone();
    let closing = CancellationToken::new();
    let doors = Doors {
        most: Arc::new(Semaphore::new(settings.connections)),
        crowd: Crowd::new(settings.connections_per_address, &settings.trusted_proxies),
    };
    let accept = accept(listener, router(services, settings.role), doors, closing.clone());
    shutdown.foreground.spawn(accept);
    shutdown.draining.cancelled().await;
    let deadline = tokio::time::Instant::now() + LONGEST;
    sleep(GRACE).await;
    closing.cancel();
    let drained = async {
        tokio::join!(shutdown.foreground_ended(), work.drained());
        shutdown.stop().await;
    };
    if timeout_at(deadline, drained).await.is_err() {
        warn!("not everything ended in time");
        shutdown.stopping.cancel();
    }
    // The database goes last.
    if timeout(LAST, close).await.is_err() {
        warn!("the database did not end in time");
    }
    info!("ended");
}

fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "plugyard listens on http://{address}")?;
    out.flush()
}

/// Who may come in.
struct Doors {
    most: Arc<Semaphore>,
    crowd: Crowd,
}

async fn accept(listener: TcpListener, router: Router, doors: Doors, closing: CancellationToken) {
    if let Ok(address) = listener.local_addr()
        && announce(address).is_err()
    {
        debug!("nobody reads the address");
    }
    let open = tokio_util::task::TaskTracker::new();
    loop {
        let next = async {
            let place = doors.most.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let Some(held) = doors.crowd.enter(address) else {
                    // A socket that was just opened has room for so much; who does not read it sees the end.
                    let _ = stream.try_write(CROWDED);
                    continue;
                };
                let connection = serve(stream, address, router.clone(), closing.clone());
                open.spawn(async move {
                    connection.await;
                    drop((place, held));
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely; those of ended connections come back.
                warn!(%error, "a connection cannot be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn serve(stream: TcpStream, address: SocketAddr, router: Router, closing: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(address));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection broke off");
    }
}

/// One descriptor per socket: the soft limit of most systems is far below what the hard one allows.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        debug!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::Instant,
    };

    use super::*;
    use crate::fakes::Served;

    #[tokio::test]
    async fn what_is_no_http_is_answered_400_and_closed() {
        let served = Served::with(&[]).await;
        for bytes in [
            "nonsense\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            let answer = served.say(bytes.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{bytes:?}: {answer}");
        }
    }

    #[tokio::test]
    async fn two_ways_to_tell_the_length_end_the_connection() {
        let served = Served::with(&[]).await;
        let smuggled = "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
                        0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let answer = served.say(smuggled.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }

    #[tokio::test]
    async fn urls_and_heads_too_long_have_their_own_status() {
        let served = Served::with(&[]).await;
        let get = |url: usize, header: usize| {
            let (url, header) = ("a".repeat(url), "b".repeat(header));
            format!("GET /api/v1/{url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: {header}\r\n\r\n")
        };
        for (url, header, status) in [(9_000, 1, 414), (60_000, 1, 414), (1, 20_000, 431), (1, 200_000, 431)]
        {
            let answer = served.say(get(url, header).as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{url} {header}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_head_that_does_not_arrive_ends_the_connection() {
        let served = Served::with(&[]).await;
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        tokio::time::pause();
        let began = Instant::now();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        assert!((9..=11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn one_address_holds_only_its_number_of_connections() {
        let served = Served::with(&["--connections-per-address", "2"]).await;
        let get = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let idle = TcpStream::connect(served.address).await.unwrap();
        let other = TcpStream::connect(served.address).await.unwrap();
        let mut third = TcpStream::connect(served.address).await.unwrap();
        let mut answer = String::new();
        third.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 429") && head.contains(&format!("content-length: {}", body.len()))
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["detail"], "Too many connections from this address");
        drop((idle, other));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(served.say(get).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn requests_in_flight_are_answered_before_the_end() {
        let served = Served::with(&["--rate-limits", "off"]).await;
        let mut slow = TcpStream::connect(served.address).await.unwrap();
        let head = "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 43\r\n\r\n";
        slow.write_all(head.as_bytes()).await.unwrap();
        let idle = TcpStream::connect(served.address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        served.services.shutdown.draining.cancel();
        let ready = served.say(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("DRAINING"), "{ready}");
        tokio::time::sleep(GRACE * 2).await;
        assert!(TcpStream::connect(served.address).await.is_err(), "no new connections");
        slow.write_all(br#"{"url": "https://example.com/x.difypkg"}   "#).await.unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        served.ended.await.unwrap();
        drop(idle);
    }
}
