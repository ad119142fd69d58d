//! Judges URLs that callers and packages give, and the addresses their names resolve to. Fails closed: what is
//! not plainly public, or let through by the operator's allow-list, is forbidden. No host is built in.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use application::failure::{Failure, Reason};
use url::{Host, Url};

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
    fn admits(&self, address: IpAddr, port: u16) -> bool {
        self.0.iter().any(|allowed| allowed.holds(address) && allowed.port.is_none_or(|own| own == port))
    }

    /// Whether the address is let through on some port.
    fn admits_somewhere(&self, address: IpAddr) -> bool {
        self.0.iter().any(|allowed| allowed.holds(address))
    }

    /// Whether some address is let through on this port.
    fn knows_port(&self, port: u16) -> bool {
        self.0.iter().any(|allowed| allowed.port.is_none_or(|own| own == port))
    }
}

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
            Host::Domain(name) if is_localhost(name) => {
                self.admits(url, IpAddr::V4(Ipv4Addr::LOCALHOST), port)
            }
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

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(allow: &str) -> FetchPolicy {
        FetchPolicy { allow: allow.parse().unwrap(), hosts: Vec::new() }
    }

    fn judged(allow: &str, url: &str) -> Result<(), Failure> {
        policy(allow).judge(&Url::parse(url).unwrap())
    }

    #[test]
    fn every_spelling_of_an_inner_address_is_refused_as_typed() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "0",
            "0.0.0.0",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:169.254.169.254]",
            "[::127.0.0.1]",
            "[64:ff9b::a00:1]",
            "[64:ff9b:1::a00:1]",
            "[2001::1]",
            "[2001:0:4136:e378::]",
            "[2001:1ff::1]",
            "[2002:7f00:1::]",
            "[fc00::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[100::1]",
            "[5f00::1]",
            "[4000::1]",
        ] {
            let Ok(url) = Url::parse(&format!("https://{host}/a.difypkg")) else {
                continue;
            };
            let refused = policy("").judge(&url).unwrap_err();
            assert_eq!(refused.reason, Reason::UrlForbidden, "{host}");
            assert!(refused.message.starts_with("URL host not allowed: "), "{host}");
        }
    }

    #[test]
    fn public_and_documentation_addresses_pass() {
        for host in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.0.2.1",
            "198.17.0.1",
            "198.20.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "223.255.255.255",
            "[2600::1]",
            "[2001:200::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "files.example",
        ] {
            assert_eq!(judged("", &format!("https://{host}/")), Ok(()), "{host}");
        }
    }

    #[test]
    fn schemes_ports_and_user_info_are_judged() {
        for url in [
            "http://files.example/",
            "ftp://files.example/",
            "file:///etc/passwd",
            "gopher://files.example/",
            "data:text/plain,x",
            "https://files.example:8443/",
            "https://files.example:22/",
            "https://user@files.example/",
            "https://user:pw@files.example/",
            "https://:pw@files.example/",
        ] {
            assert_eq!(judged("", url).unwrap_err().reason, Reason::UrlForbidden, "{url}");
        }
        assert_eq!(judged("", "https://files.example:80/"), Ok(()));
        assert!(!judged("", "https://user:pw@files.example/").unwrap_err().message.contains("pw"));
    }

    #[test]
    fn the_allow_list_lets_single_networks_and_ports_through() {
        assert_eq!(judged("127.0.0.0/8", "http://127.0.0.1:9999/"), Ok(()));
        assert_eq!(judged("127.0.0.1:8080", "http://127.0.0.1:8080/"), Ok(()));
        assert!(judged("127.0.0.1:8080", "http://127.0.0.1:8081/").is_err());
        assert!(judged("127.0.0.1:8080", "http://127.0.0.2:8080/").is_err());
        assert_eq!(judged("[::1]:80", "http://[::1]/"), Ok(()));
        assert_eq!(judged("fd00::/8, 10.0.0.0/8:443", "https://[fd12::1]:8443/"), Ok(()));
        assert_eq!(judged("10.0.0.0/8:443", "https://10.2.3.4/"), Ok(()));
        assert!(judged("10.0.0.0/8:443", "http://10.2.3.4/").is_err());
        assert!(judged("10.0.0.0/8", "https://[::ffff:10.0.0.1]/").is_err());
        assert!(judged("127.0.0.0/8", "ftp://127.0.0.1/").is_err());
        assert_eq!(judged("[fd00::]/8:81", "http://[fd01::1]:81/"), Ok(()));
        assert_eq!(judged("127.0.0.0/8", "http://localhost:1/"), Ok(()));
    }

    #[test]
    fn a_name_may_wait_for_its_addresses_only_where_they_could_make_it_right() {
        let allowing = policy("10.0.0.0/8:8443");
        let url = |text| Url::parse(text).unwrap();
        assert!(allowing.judge(&url("https://mirror.example:8443/")).is_ok());
        assert!(allowing.judge(&url("http://mirror.example/")).is_err());
        let inner = "10.1.1.1".parse().unwrap();
        let public = "1.1.1.1".parse().unwrap();
        assert!(allowing.admits(&url("https://mirror.example:8443/"), inner, 8443));
        assert!(!allowing.admits(&url("https://mirror.example:8443/"), public, 8443));
        assert!(!allowing.admits(&url("https://mirror.example/"), inner, 443));
        assert!(allowing.admits(&url("https://mirror.example/"), public, 443));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["localhost", "10.0.0.0/33", "10.0.0.1:0", "10.0.0.1:x", "::1/129", "[::1", "1.2.3"] {
            assert_eq!(text.parse::<FetchAllow>(), Err(InvalidAllow(text.to_owned())));
        }
        assert_eq!("".parse::<FetchAllow>(), Ok(FetchAllow::default()));
    }

    #[test]
    fn hosts_are_exact_names_or_dot_suffixes() {
        let policy = FetchPolicy {
            hosts: vec!["git.example".to_owned(), ".files.example".to_owned()],
            ..FetchPolicy::default()
        };
        let listed = |host: &str| policy.lists(&Url::parse(&format!("https://{host}/")).unwrap());
        assert!(listed("git.example") && listed("GIT.example") && listed("a.files.example"));
        for host in
            ["evilgit.example", "a.git.example", "files.example", "evilfiles.example", "git.example.org"]
        {
            assert!(!listed(host), "{host}");
        }
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_forbidden_v4_address_passes(bits: u32, form in 0..6) {
            let address = Ipv4Addr::from(bits);
            let [a, b, c, d] = address.octets();
            let host = match form {
                0 => address.to_string(),
                1 => bits.to_string(),
                2 => format!("0x{bits:x}"),
                3 => format!("0{a:o}.0x{b:x}.{}", u32::from(c) << 8 | u32::from(d)),
                4 => format!("[::ffff:{address}]"),
                _ => format!("{address}."),
            };
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            let passes = policy("").judge(&url).is_ok();
            let should = form != 4 && !is_forbidden(IpAddr::V4(address));
            prop_assert_eq!(passes, should);
        }

        #[test]
        fn a_v6_address_that_carries_an_inner_one_never_passes(low: u32) {
            for high in [0, 0xffff_u128 << 32, 0x64_ff9b_u128 << 96, (0x64_ff9b_u128 << 96) | (1 << 80)] {
                prop_assert!(is_forbidden(IpAddr::V6(Ipv6Addr::from(high | u128::from(low)))));
            }
            let inside_6to4 = (0x2002_u128 << 112) | (u128::from(low) << 80);
            prop_assert!(is_forbidden(IpAddr::V6(Ipv6Addr::from(inside_6to4))));
        }
    }
}
