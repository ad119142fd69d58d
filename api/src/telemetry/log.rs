//! The numbers of the log: how far its readers are, what its writer does, who holds the horizon. Read when they are
//! asked for.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use infrastructure::{
    event_log::{LogWriter, horizon},
    postgres::Pools,
    subscription::statuses,
};
use prometheus::{Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Numbers that a slow database cannot give in time are those of the last look.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct LogGauges {
    pools: Pools,
    writer: LogWriter,
    lag: IntGaugeVec,
    lag_seconds: GaugeVec,
    parked: IntGaugeVec,
    held: Gauge,
    oldest_writer: GaugeVec,
    statements: IntGauge,
    events: IntGauge,
    conflicts: IntGauge,
}

impl LogGauges {
    pub(super) fn register(
        registry: &Registry,
        pools: Pools,
        writer: LogWriter,
    ) -> Result<Self, prometheus::Error> {
        let number = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let events = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["subscription"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let held =
            Gauge::new("feed_horizon_lag_seconds", "Age of the oldest event that readers may not see yet")?;
        registry.register(Box::new(held.clone()))?;
        Ok(Self {
            pools,
            writer,
            lag: events("subscription_lag_events", "Events not yet applied, parked ones included")?,
            lag_seconds: seconds(
                "subscription_lag_seconds",
                "Age of the oldest event not applied",
                &["subscription"],
            )?,
            parked: events("subscription_parked_events", "Events that could not be applied")?,
            held,
            oldest_writer: seconds(
                "feed_oldest_writer_seconds",
                "Age of the oldest transaction of the cluster that holds the feed back",
                &["database", "application"],
            )?,
            statements: number("plugyard_log_statements", "Append statements since the start")?,
            events: number("plugyard_log_events", "Events appended by this node since the start")?,
            conflicts: number("plugyard_log_conflicts", "Lost version races since the start")?,
        })
    }

    pub(super) async fn refresh(&self) {
        let facts = self.writer.facts();
        let read = |fact: &AtomicU64| i64::try_from(fact.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        self.statements.set(read(&facts.statements));
        self.events.set(read(&facts.events));
        self.conflicts.set(read(&facts.conflicts));
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, self.ask_the_database()).await {
            tracing::debug!(%error, "the numbers of the log are those of the last look");
        }
    }

    async fn ask_the_database(&self) -> anyhow::Result<()> {
        for status in statuses(&self.pools.reads).await? {
            if status.status == "live" || status.status == "halted" {
                let name = [status.subscription.as_str()];
                self.lag.with_label_values(&name).set(status.lag);
                self.lag_seconds.with_label_values(&name).set(status.lag_seconds);
                self.parked.with_label_values(&name).set(i64::try_from(status.parked.len())?);
            }
        }
        let horizon = horizon(&self.pools.reads).await?;
        self.held.set(horizon.held.as_secs_f64());
        self.oldest_writer.reset();
        if let Some(writer) = horizon.oldest_writer {
            let labels = [writer.database.as_str(), writer.application.as_str()];
            self.oldest_writer.with_label_values(&labels).set(writer.age.as_secs_f64());
        }
        Ok(())
    }
}
