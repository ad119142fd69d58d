//! What the process tells of itself: log lines on standard error, numbers on `/metrics`.

mod log;
mod observe;
#[cfg(test)]
pub(crate) mod overheard;

use std::{
    io::IsTerminal as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use infrastructure::{event_log::LogWriter, postgres::Pools};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use tracing::Level;
use tracing_subscriber::{
    Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use log::LogGauges;
pub(crate) use observe::{RequestId, observe};

/// JSON lines, or for people when standard error is a terminal. Panics are lines of the log too.
pub(crate) fn log_to_stderr(level: Level) {
    // PostgreSQL's notices are of no interest to whoever runs this.
    let level = Targets::new().with_default(level).with_target("sqlx", Level::WARN.min(level));
    let started = if std::io::stderr().is_terminal() {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        tracing_subscriber::registry().with(level).with(lines.with_target(false)).try_init()
    } else {
        tracing_subscriber::registry().with(level).with(json_lines(std::io::stderr)).try_init()
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    }
}

/// One object a line, whatever is in it.
fn json_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).json();
    lines.flatten_event(true).with_current_span(false).with_span_list(false)
}

/// The numbers of this process. Others add theirs through [`Telemetry::registry`].
pub(crate) struct Telemetry {
    registry: Registry,
    log: OnceLock<LogGauges>,
    requests: IntCounterVec,
    seconds: HistogramVec,
    pub(crate) sockets: IntGauge,
}

impl Telemetry {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("plugyard_http_requests_total", "Answers by route, status and dialect"),
            &["route", "status", "dialect"],
        )?;
        let buckets = vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0];
        let seconds = HistogramVec::new(
            HistogramOpts::new("plugyard_http_request_seconds", "From the request to the head of the answer")
                .buckets(buckets),
            &["route", "dialect"],
        )?;
        let sockets = IntGauge::new("plugyard_open_sockets", "WebSockets that are open")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(sockets.clone()))?;
        Ok(Self { registry, log: OnceLock::new(), requests, seconds, sockets })
    }

    /// Adds the numbers of the log.
    pub(crate) fn watch_log(&self, pools: Pools, writer: LogWriter) -> Result<(), prometheus::Error> {
        let gauges = LogGauges::register(&self.registry, pools, writer)?;
        // A second log cannot come: registering its names has failed already.
        let _ = self.log.set(gauges);
        Ok(())
    }

    fn count(&self, route: &str, status: StatusCode, dialect: &str, took: Duration) {
        self.requests.with_label_values(&[route, status.as_str(), dialect]).inc();
        self.seconds.with_label_values(&[route, dialect]).observe(took.as_secs_f64());
    }
}

pub(crate) async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> Response {
    if let Some(log) = telemetry.log.get() {
        log.refresh().await;
    }
    match TextEncoder::new().encode_to_string(&telemetry.registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
