//! What it costs to know who asks and how often: the same answer with a key and limits, and without either; and how
//! soon a revoked key is refused by another node.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use plugyard_tests::{Plan, Yard, until, waiting::seconds};
use reqwest::Method;

use crate::{
    cost,
    figures::{count, median},
    table::{Table, Target},
};

/// The list of an empty catalogue: the same for whoever asks, so that what it costs drops out of the difference.
const PATH: &str = "/backstage/api/marketplace/v1/plugins";
const ROUNDS: usize = 40;
const REQUESTS: usize = 500;
const REVOCATIONS: usize = 20;
/// Long enough for the server to go to sleep after every answer: whether it has to be woken costs more than what is
/// measured here, so it always has to be.
const BREATH: Duration = Duration::from_micros(200);

pub(crate) async fn measure() -> Table {
    let mut table = Table::default();
    each_request(&mut table).await;
    revocations(&mut table).await;
    table
}

/// One way to ask: a server, and what is sent to it.
struct Way {
    address: String,
    request: Vec<u8>,
    server: u32,
    /// Microseconds, one median a round.
    medians: Vec<f64>,
    /// Processor seconds of the server.
    spent: f64,
}

impl Way {
    fn new(yard: &Yard, headers: &str) -> Self {
        let address = yard.base().strip_prefix("http://").expect("an address");
        let request = format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").into_bytes();
        let server = yard.server().process_id();
        Self { address: address.to_owned(), request, server, medians: Vec::new(), spent: 0.0 }
    }

    /// On a connection of its own: which thread of the server answers one makes more of a difference than what is
    /// measured here.
    fn round(&mut self, keep: bool) {
        let mut connection = TcpStream::connect(&self.address).expect("the server takes connections");
        connection.set_nodelay(true).expect("a socket");
        let (mut times, mut buffer) = (Vec::with_capacity(REQUESTS), [0; 4096]);
        let before = cost::of_process(self.server);
        for _ in 0..REQUESTS {
            std::thread::sleep(BREATH);
            let begun = Instant::now();
            connection.write_all(&self.request).expect("the server reads");
            let mut read = 0;
            while !is_whole(&buffer[..read]) {
                let more = connection.read(&mut buffer[read..]).expect("the server answers");
                assert!(more > 0, "the server ended the connection");
                read += more;
            }
            times.push(begun.elapsed().as_secs_f64() * 1e6);
            assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
        }
        if keep {
            self.medians.push(median(&times));
            self.spent += cost::of_process(self.server) - before;
        }
    }
}

/// The body is one JSON object; looking closer would cost as much as what is measured.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}")
}

async fn each_request(table: &mut Table) {
    let open = Plan::default().start().await;
    let limits = "backstage=100000000/60,backstage.authenticated=100000000/60";
    let guarded = Plan::default().set("PLUGYARD_RATE_LIMITS", limits).start().await;
    let key = guarded.key_for("somebody", &["backstage"], "user").await;
    let with_key = format!("Authorization: Bearer {}\r\n", key.secret);
    let ways = [Way::new(&open, ""), Way::new(&guarded, ""), Way::new(&guarded, &with_key)];
    let ways = tokio::task::spawn_blocking(move || interleaved(ways)).await.expect("the rounds end");
    let [neither, limited, both] = &ways;
    let added = |way: &Way| {
        let pairs = way.medians.iter().zip(&neither.medians);
        median(&pairs.map(|(with, without)| with - without).collect::<Vec<_>>())
    };
    let base = median(&neither.medians);
    let unit = format!("us a request, median of {ROUNDS} pairs of rounds (without: {base:.1} us)");
    table.judge("a cached key and limits, added", added(both), unit, Target::AtMost(30.0));
    table.fact("limits alone, added", format!("{:.2} us a request", added(limited)));
    let each = |way: &Way| way.spent / count(ROUNDS * REQUESTS) * 1e6;
    let ratio = each(both) / each(neither);
    let told = format!("{ratio:.2} ({:.1} us : {:.1} us)", each(both), each(neither));
    table.fact("processor time of the server a request, with : without", told);
}

fn interleaved(mut ways: [Way; 3]) -> [Way; 3] {
    for round in 0..=ROUNDS {
        for turn in 0..ways.len() {
            // Nobody is always first.
            let place = (turn + round) % ways.len();
            ways[place].round(round > 0);
        }
    }
    ways
}

async fn revocations(table: &mut Table) {
    let yard = Yard::start().await;
    let other = yard.neighbour("api").await;
    let (path, mut times) = ("/nexus/api/v1/plugins", Vec::new());
    for _ in 0..REVOCATIONS {
        let key = yard.key_for("somebody", &["nexus"], "user").await;
        until("the other node takes the key", seconds(10), async || {
            (other.get_as(path, &key.secret).await.status == 200).then_some(())
        })
        .await;
        let own = format!("/nexus/identity/keys/{}", key.id);
        yard.send(yard.bearing(Method::DELETE, &own, &key.secret)).await.expect(200);
        let revoked = Instant::now();
        while other.get_as(path, &key.secret).await.status == 200 {
            assert!(revoked.elapsed() < seconds(10), "a revoked key is taken for ten seconds");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(revoked.elapsed().as_secs_f64() * 1e3);
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    let unit = format!("ms, worst of {REVOCATIONS} (median {:.0} ms)", median(&times));
    table.judge("revoked to refused on another node", worst, unit, Target::AtMost(2_000.0));
}
