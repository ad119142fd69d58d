//! What the writer's connections are doing under load, sampled.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;

use super::{
    ground::Ground,
    load::{Load, Until},
};
use crate::figures::count;

const SAMPLE: &str =
    "select case when state = 'active' then coalesce(wait_event_type || ' ' || wait_event, 'running')
                                  else 'without a statement' end
                        from pg_stat_activity where application_name = 'plugyard-appends'";

/// States of the writer's connections and their shares of all samples, most frequent first.
pub(super) async fn during(
    ground: &Ground,
    load: &Load,
    concurrent: usize,
    length: Duration,
) -> Vec<(String, String)> {
    let node = ground.node();
    load.drive(&node, concurrent, Until::Commands(concurrent * 4)).await;
    let mut connection = ground.database.connect().await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let sampling = async {
        loop {
            let states: Vec<String> = sqlx::query_scalar(SAMPLE).fetch_all(&mut connection).await.unwrap();
            for state in states {
                *seen.entry(state).or_default() += 1;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let end = std::time::Instant::now() + length;
    let (_, _over) = tokio::join!(load.drive(&node, concurrent, Until::Time(end)), timeout(length, sampling));
    node.end().await;
    let all = count(seen.values().sum());
    let mut shares: Vec<_> = seen.into_iter().collect();
    shares.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    shares.into_iter().take(6).map(|(what, n)| (what, format!("{:.0} %", count(n) / all * 100.0))).collect()
}
