//! The numbers of the log: how far its readers are, what its writer does, who holds the horizon.

use std::{sync::atomic::Ordering, time::Duration};

use infrastructure::{
    event_log::{LogWriter, oldest_writer},
    postgres::Pools,
    subscription::statuses,
};
use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts, Registry};

/// A parked event must show within five seconds.
const EVERY: Duration = Duration::from_secs(4);

pub(crate) struct LogGauges {
    lag: IntGaugeVec,
    parked: IntGaugeVec,
    oldest_writer: Gauge,
    statements: IntGauge,
    events: IntGauge,
    conflicts: IntGauge,
}

impl LogGauges {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let of_subscription = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["subscription"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let number = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let oldest_writer = Gauge::new(
            "feed_oldest_writer_seconds",
            "Age of the oldest transaction of the cluster that holds the feed back",
        )?;
        registry.register(Box::new(oldest_writer.clone()))?;
        Ok(Self {
            lag: of_subscription("subscription_lag_events", "Events not yet applied, parked ones included")?,
            parked: of_subscription("subscription_parked_events", "Events that could not be applied")?,
            oldest_writer,
            statements: number("plugyard_log_statements", "Append statements since the start")?,
            events: number("plugyard_log_events", "Events appended by this node since the start")?,
            conflicts: number("plugyard_log_conflicts", "Lost version races since the start")?,
        })
    }
}

/// Refreshes the gauges for ever.
pub(crate) async fn watch_log(gauges: LogGauges, pools: Pools, writer: LogWriter) {
    loop {
        let facts = writer.facts();
        let read = |fact: &std::sync::atomic::AtomicU64| {
            i64::try_from(fact.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
        };
        gauges.statements.set(read(&facts.statements));
        gauges.events.set(read(&facts.events));
        gauges.conflicts.set(read(&facts.conflicts));
        for status in statuses(&pools.reads).await.unwrap_or_default() {
            if status.status == "live" || status.status == "halted" {
                let name = [status.subscription.as_str()];
                gauges.lag.with_label_values(&name).set(status.lag);
                gauges
                    .parked
                    .with_label_values(&name)
                    .set(i64::try_from(status.parked.len()).unwrap_or(i64::MAX));
            }
        }
        if let Ok(age) = oldest_writer(&pools.reads).await {
            gauges.oldest_writer.set(age.as_secs_f64());
        }
        tokio::time::sleep(EVERY).await;
    }
}
