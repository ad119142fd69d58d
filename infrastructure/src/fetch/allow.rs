//! Networks that the operator lets callers' URLs reach although the guard would not.

use std::{net::IpAddr, str::FromStr};

/// Networks, each with an optional port, that the operator lets through: `127.0.0.0/8`, `10.0.0.5:8080`,
/// `[::1]:80`, `fd00::/8`; separated by commas or white space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchAllow(Vec<Allowed>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowed {
    network: IpAddr,
    prefix: u8,
    port: Option<u16>,
}

/// The text is no list of networks; holds the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a network with an optional port: {0} (write it as 10.0.0.0/8, 127.0.0.1:8080 or [::1]:80)")]
pub struct InvalidAllow(pub String);

impl FromStr for FetchAllow {
    type Err = InvalidAllow;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        let read = |entry: &str| Allowed::read(entry).ok_or_else(|| InvalidAllow(entry.to_owned()));
        Ok(Self(entries.map(read).collect::<Result<_, _>>()?))
    }
}

impl Allowed {
    fn read(entry: &str) -> Option<Self> {
        let (network, port) = if let Some(rest) = entry.strip_prefix('[') {
            let (inside, after) = rest.split_once(']')?;
            // The prefix may stand on either side of the bracket.
            let (after, port) = match after.rsplit_once(':') {
                Some((before, port)) => (before, Some(port)),
                None => (after, None),
            };
            (format!("{inside}{after}"), port)
        } else if entry.matches(':').count() == 1 {
            let (network, port) = entry.split_once(':')?;
            (network.to_owned(), Some(port))
        } else {
            (entry.to_owned(), None)
        };
        let (address, prefix) = match network.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (network.as_str(), None),
        };
        let network: IpAddr = address.parse().ok()?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok())?;
        let port = port.map(|port| port.parse().ok().filter(|port| *port != 0).ok_or(())).transpose().ok()?;
        (prefix <= longest).then_some(Self { network, prefix, port })
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let bits = u32::from(network) ^ u32::from(address);
                bits.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let bits = u128::from(network) ^ u128::from(address);
                bits.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FetchAllow {
    pub(super) fn admits(&self, address: IpAddr, port: u16) -> bool {
        self.0.iter().any(|allowed| allowed.holds(address) && allowed.port.is_none_or(|own| own == port))
    }

    /// Whether the address is let through on some port.
    pub(super) fn admits_somewhere(&self, address: IpAddr) -> bool {
        self.0.iter().any(|allowed| allowed.holds(address))
    }

    /// Whether some address is let through on this port.
    pub(super) fn knows_port(&self, port: u16) -> bool {
        self.0.iter().any(|allowed| allowed.port.is_none_or(|own| own == port))
    }
}
