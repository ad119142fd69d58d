//! The forms that settings are written in.

use std::{net::IpAddr, str::FromStr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use url::Url;

/// Values separated by commas; empty ones are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(T::from_str).collect::<Result<_, _>>().map(Self)
    }
}

/// `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network(pub(super) IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse().ok().or_else(alone);
        network.map(Self).ok_or_else(|| format!("{text} is neither a network nor an address"))
    }
}

/// `http` or `https`, without user, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicAddress(pub(super) Url);

impl FromStr for PublicAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = Url::parse(text).ok().filter(fits);
        url.map(Self).ok_or("it must be an address such as https://plugins.example.org")
    }
}

/// `7d`, `12h`, `30m`, `45s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REFUSED: &str = "write a time as 7d, 12h, 30m or 45s";
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(REFUSED)?;
        let unit = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return Err(REFUSED),
        };
        let number: u32 = number.parse().map_err(|_not_a_number| REFUSED)?;
        Ok(Self(Duration::from_secs(u64::from(number) * unit)))
    }
}

/// A [`Span`] that something is done in again and again, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval(pub(super) Option<Duration>);

impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let Span(span) = text.parse().map_err(|_no_span: &str| "write a time as 1h, 30m or 45s, or off")?;
        if span.is_zero() { Err("write off for never") } else { Ok(Self(Some(span))) }
    }
}

/// A span from now, or a moment as ISO 8601 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    In(Duration),
    At(DateTime<Utc>),
}

impl Expiry {
    /// None beyond all time.
    pub(crate) fn after(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::In(span) => now.checked_add_signed(TimeDelta::from_std(span).ok()?),
            Self::At(end) => Some(end),
        }
    }
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(Span(span)) = text.parse() {
            return Ok(Self::In(span));
        }
        let end = DateTime::parse_from_rfc3339(text)
            .map_err(|_no_time| "write a time as 30d, 12h, 30m, 45s or 2030-01-31T00:00:00Z")?;
        Ok(Self::At(end.to_utc()))
    }
}

/// `20GiB`, `500MiB`, `20GB` or plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REFUSED: &str = "write a size as 20GiB, 500MiB or a number of bytes";
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit: u64 = match unit.trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => return Err(REFUSED),
        };
        let number: u64 = number.parse().map_err(|_not_a_number| REFUSED)?;
        number.checked_mul(unit).map(Self).ok_or(REFUSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_a_network_too() {
        let read = |text: &str| text.parse::<Network>().map(|Network(network)| network.to_string());
        assert_eq!(read("192.0.2.1").unwrap(), "192.0.2.1/32");
        assert_eq!(read("2001:db8::/32").unwrap(), "2001:db8::/32");
        assert!(read("proxy").is_err());
    }

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!("90m".parse(), Ok(Span(Duration::from_mins(90))));
        assert_eq!("20GiB".parse(), Ok(Bytes(20 << 30)));
        assert_eq!("1000".parse(), Ok(Bytes(1000)));
        for text in ["", "d", "7", "7w", "-1d", "7é"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "99999999999TiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_ends_after_a_span_or_at_a_moment() {
        let now: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
        let end =
            |text: &str| text.parse::<Expiry>().map(|expiry| expiry.after(now).map(|end| end.to_rfc3339()));
        assert_eq!(end("12h"), Ok(Some("2026-02-01T00:00:00+00:00".to_owned())));
        assert_eq!(end("2030-01-31T02:00:00+02:00"), Ok(Some("2030-01-31T00:00:00+00:00".to_owned())));
        assert_eq!(end("4294967295d"), Ok(None), "no calendar goes so far");
        for text in ["", "never", "30", "2030-01-31", "2030-13-31T00:00:00Z"] {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_skips_what_is_empty() {
        assert_eq!(" a, ,b,".parse(), Ok(List(vec!["a".to_owned(), "b".to_owned()])));
    }
}
