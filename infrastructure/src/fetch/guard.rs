//! Judges URLs that callers and packages give, and the addresses their names resolve to. Fails closed: what is
//! not plainly public, or let through by the operator's allow-list, is forbidden. No host is built in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use application::failure::{Failure, Reason};
use url::{Host, Url};

use super::allow::FetchAllow;

/// What the operator says about fetching the URLs of callers.
#[derive(Debug, Clone, Default)]
pub struct FetchPolicy {
    pub allow: FetchAllow,
    /// Hosts that packages may come from: exact names, or suffixes that begin with a dot. Empty: every host.
    pub hosts: Vec<String>,
}

impl FetchPolicy {
    /// Judges the URL as it is typed: scheme, user info, port, and the address if it is written as one.
    ///
    /// # Errors
    /// `UrlForbidden`.
    pub fn judge(&self, url: &Url) -> Result<(), Failure> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden(url));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(forbidden(url));
        };
        let fine = match host {
            Host::Ipv4(address) => self.admits(url, IpAddr::V4(address), port),
            Host::Ipv6(address) => self.admits(url, IpAddr::V6(address), port),
            // What the name resolves to decides; here, only whether anything could make it right.
            Host::Domain(_) => match url.scheme() {
                "https" => is_usual(port) || self.allow.knows_port(port),
                "http" => self.allow.knows_port(port),
                _ => false,
            },
        };
        if fine { Ok(()) } else { Err(forbidden(url)) }
    }

    /// Judges one address that the URL's host resolved to.
    pub fn admits(&self, url: &Url, address: IpAddr, port: u16) -> bool {
        match url.scheme() {
            "https" if is_usual(port) && !is_forbidden(address) => true,
            "https" | "http" => self.allow.admits(address, port),
            _ => false,
        }
    }

    /// Whether a connection to the address can be right at all, whatever URL it is for.
    pub(super) fn may_connect(&self, address: IpAddr) -> bool {
        !is_forbidden(address) || self.allow.admits_somewhere(address)
    }

    /// Whether packages may come from the URL's host.
    pub fn lists(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let host = host.trim_end_matches('.');
        self.hosts.is_empty()
            || self.hosts.iter().map(|known| known.to_ascii_lowercase()).any(|known| {
                host == known
                    || (known.starts_with('.') && host.len() > known.len() && host.ends_with(&known))
            })
    }
}

fn is_usual(port: u16) -> bool {
    matches!(port, 80 | 443)
}

/// The refusal of a URL itself; names its host only, the rest may hold a credential.
pub fn forbidden(url: &Url) -> Failure {
    let host: String = url.host_str().unwrap_or_else(|| url.scheme()).chars().take(120).collect();
    Failure::permanent(Reason::UrlForbidden, format!("URL host not allowed: {host}"))
}

pub(super) fn forbidden_redirect() -> Failure {
    Failure::permanent(Reason::RedirectForbidden, "Redirect to a forbidden address")
}

/// Whether an address is anything but a plain public one. The documentation ranges are public here: nothing
/// internal lives there, and closed networks map public names onto them.
pub fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => is_forbidden_v6(address),
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        [0 | 10 | 127 | 224..=255, ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 0, 0, _]
        | [192, 88, 99, _]
        | [192, 168, ..]
        | [198, 18 | 19, ..] => true,
        [_, _, _, _] => false,
    }
}

/// Only global unicast, and of that neither the IETF's special block nor 6to4. So every form that carries an
/// IPv4 address inside is refused with it.
fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_global = first & 0xe000 == 0x2000;
    let is_special = first == 0x2001 && second < 0x0200;
    let is_6to4 = first == 0x2002;
    !is_global || is_special || is_6to4
}

#[cfg(test)]
mod tests;
