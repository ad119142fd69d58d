//! How soon others see what was published: from the time of the event in the log to the first answer that shows it, to
//! somebody who keeps asking.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plugyard_tests::{Yard, packages};
use reqwest::{Method, multipart};

use super::{address, answers, client::Connection};
use crate::{
    figures::percentile,
    table::{Table, Target},
};

const PUBLICATIONS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn measure(yard: &Yard, measure: &str, table: &mut Table) {
    let key = yard.key_for("a-publisher", &["inkdrop"], "publisher").await;
    let stamp = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_millis();
    let (mut visible, mut answered) = (Vec::new(), Vec::new());
    for nth in 0..PUBLICATIONS {
        let name = format!("measured-{stamp}-{nth}");
        let package = packages::inkdrop_tarball(&name, "1.0.0");
        let file = multipart::Part::bytes(package.bytes()).file_name(package.file_name());
        let form = multipart::Form::new().part("tarball", file).text("repository", "somebody/measured");
        let request = yard.request(Method::POST, "/v2/packages").header("Authorization", key.basic());
        let watched = watch(address(yard), format!("/v1/packages/{name}"));
        let begun = Instant::now();
        yard.send(request.multipart(form)).await.expect(201);
        answered.push(begun.elapsed().as_secs_f64() * 1e3);
        let seen = watched.await.expect("it is seen");
        let recorded = recorded(yard, &name).await;
        visible.push((seen - recorded).max(0.0) * 1e3);
    }
    let unit = format!(
        "ms from the log to others (median {:.1}); the publication itself is answered in {:.0} ms, p99 {:.0} ms",
        percentile(&visible, 50.0),
        percentile(&answered, 50.0),
        percentile(&answered, 99.0)
    );
    table.judge(measure, percentile(&visible, 99.0), unit, Target::AtMost(100.0));
}

/// When it was there first, in seconds.
fn watch(address: String, path: String) -> tokio::task::JoinHandle<f64> {
    tokio::task::spawn_blocking(move || {
        let (mut connection, begun) = (Connection::open(&address), Instant::now());
        while !answers(&mut connection, &path) {
            assert!(begun.elapsed() < PATIENCE, "{path} never shows");
            std::thread::sleep(Duration::from_millis(1));
        }
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
    })
}

async fn recorded(yard: &Yard, name: &str) -> f64 {
    let query = format!(
        "select extract(epoch from max(recorded_at))::text from es.events
          where aggregate_type = 'plugin' and event_type = 'PluginRegistered' and payload->>'name' = '{name}'"
    );
    let texts = yard.database().texts(&query).await;
    texts.first().and_then(|text| text.parse().ok()).expect("its event stands in the log")
}
