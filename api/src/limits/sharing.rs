//! Nodes tell each other what was taken, about once a second and in one statement, whatever the number of requests.
//! Between two such moments each node lets through what it believes to be left.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use application::ports::quotas::{Quotas, Used};
use tokio_util::sync::CancellationToken;

use super::{
    Limits,
    bucket::Bucket,
    rates::{Key, Who},
};
use crate::address::{Addresses, Client};

const EVERY: Duration = Duration::from_secs(1);
/// Buckets in one statement.
const AT_ONCE: usize = 1_000;

/// Until `stop`.
pub(crate) async fn share(
    limits: Arc<Limits>,
    quotas: Arc<dyn Quotas>,
    addresses: Addresses,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        settle(&limits, &*quotas, &addresses).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// No statement when nothing was taken.
pub(super) async fn settle(limits: &Limits, quotas: &dyn Quotas, addresses: &Addresses) {
    for used in limits.unshared().chunks(AT_ONCE) {
        let began = Instant::now();
        let row = |untold: &Untold| Used {
            bucket: bucket_name(&untold.key, addresses),
            spent: untold.spent,
            since: began.saturating_duration_since(untold.since),
        };
        let rows: Vec<Used> = used.iter().map(row).collect();
        match quotas.settle(&rows).await {
            Ok(missing) => limits.learn(used, &missing, began),
            Err(error) => {
                tracing::debug!(%error, "limits cannot be shared for a moment");
                limits.take_back(used);
            }
        }
    }
}

fn bucket_name(key: &Key, addresses: &Addresses) -> String {
    let (limit, who) = match key {
        Key::Own(id) => return format!("key:{id}"),
        Key::Of(limit, who) => (limit.as_str(), who),
    };
    match who {
        Who::Household(address) => format!("{limit}:{}", addresses.hash(Client(*address))),
        Who::Account(account) => format!("{limit}:{account}"),
        Who::Bootstrap => format!("{limit}:bootstrap"),
    }
}

/// What was taken here from one bucket, and when the first of it was.
struct Untold {
    key: Key,
    spent: Duration,
    since: Instant,
}

impl Limits {
    /// What was taken since the last time, which is told now.
    fn unshared(&self) -> Vec<Untold> {
        let mut buckets = self.lock();
        let used = buckets.iter_mut().filter(|(_, bucket)| !bucket.unshared.is_zero());
        let told = |(key, bucket): (&Key, &mut Bucket)| Untold {
            key: *key,
            spent: std::mem::take(&mut bucket.unshared),
            since: bucket.since,
        };
        used.map(told).collect()
    }

    fn learn(&self, told: &[Untold], missing: &[Duration], began: Instant) {
        let mut buckets = self.lock();
        for (told, missing) in told.iter().zip(missing) {
            if let Some(bucket) = buckets.peek_mut(&told.key) {
                bucket.learn(*missing, began);
            }
        }
    }

    fn take_back(&self, untold: &[Untold]) {
        let mut buckets = self.lock();
        for untold in untold {
            if let Some(bucket) = buckets.peek_mut(&untold.key) {
                bucket.unshared += untold.spent;
                bucket.since = bucket.since.min(untold.since);
            }
        }
    }
}
