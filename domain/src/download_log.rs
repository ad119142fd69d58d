//! Downloads of a plugin: telemetry. A history without a decision, on streams of its own, one a plugin and month.

use std::{convert::Infallible, fmt, str::FromStr};

use chrono::{DateTime, Datelike as _, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::values::{Dialect, InvalidPluginId, PluginId};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadLog;

/// Several at once: what was counted while the last append was on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordDownloads(pub Vec<DownloadRecorded>);

/// One whole GET that was answered to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadRecorded {
    pub plugin_uid: PluginId,
    pub version: String,
    /// Whose door it was.
    pub dialect: Dialect,
    pub channel: Channel,
    /// Keyed hash of whoever it was, as far as anybody knows: equal for equal downloaders of one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downloader: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Tarball,
    Download,
    Install,
    Repackage,
}

/// Stored as one flat object with the member `type`. Variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum DownloadLogEvent {
    DownloadRecorded(DownloadRecorded),
}

/// `<plugin>-<yyyymm>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DownloadStream {
    pub plugin: PluginId,
    pub year: i32,
    pub month: u32,
}

impl DownloadStream {
    pub fn of(recorded: &DownloadRecorded) -> Self {
        Self { plugin: recorded.plugin_uid, year: recorded.at.year(), month: recorded.at.month() }
    }
}

impl fmt::Display for DownloadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04}{:02}", self.plugin, self.year, self.month)
    }
}

impl FromStr for DownloadStream {
    type Err = InvalidPluginId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (plugin, month) = text.rsplit_once('-').ok_or(InvalidPluginId)?;
        let plugin = plugin.parse()?;
        let digits = month.len() == 6 && month.bytes().all(|b| b.is_ascii_digit());
        let month: u32 =
            if digits { month.parse().unwrap_or_default() } else { return Err(InvalidPluginId) };
        let year = i32::try_from(month / 100).map_err(|_range| InvalidPluginId)?;
        Ok(Self { plugin, year, month: month % 100 })
    }
}

impl Aggregate for DownloadLog {
    const TYPE: &'static str = "downloads";
    type Command = RecordDownloads;
    type Event = DownloadLogEvent;
    type Error = Infallible;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for recorded in command.0 {
            sink.write(DownloadLogEvent::DownloadRecorded(recorded), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, _: Self::Event) {}
}

impl DownloadLogEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &["DownloadRecorded"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::DownloadRecorded(_) => "DownloadRecorded",
        }
    }
}

domain_event!(DownloadLogEvent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_plugin_and_a_month() {
        let text = "123e4567-e89b-42d3-a456-426614174000-202611";
        let stream: DownloadStream = text.parse().unwrap();
        assert_eq!((stream.year, stream.month), (2026, 11));
        assert_eq!(stream.to_string(), text);
        for other in [
            "",
            "x-202611",
            "123e4567-e89b-42d3-a456-426614174000",
            "123e4567-e89b-42d3-a456-426614174000-2026",
        ] {
            assert!(other.parse::<DownloadStream>().is_err(), "{other}");
        }
    }
}
