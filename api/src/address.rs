//! Who is at the other end: the address of the connection, or what configured proxies say of it.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::http::{Extensions, HeaderMap, HeaderValue, header::HOST};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

/// The other end of the connection; put into every request by the accept loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The client's address; put into every request by the outermost layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

/// How addresses are read, and how they are written where they must not be seen.
#[derive(Clone)]
pub(crate) struct Addresses {
    trusted: Arc<[IpNet]>,
    key: [u8; 32],
}

impl Addresses {
    /// `key` makes the hashes of addresses: secret, and the same on every node.
    pub(crate) fn new(trusted_proxies: &[IpNet], key: [u8; 32]) -> Self {
        Self { trusted: trusted_proxies.into(), key }
    }

    pub(crate) fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Client {
        let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let mut client = peer.to_canonical();
        let forwarded = headers.get_all("x-forwarded-for").iter().rev();
        let hops = forwarded.flat_map(|value| value.to_str().unwrap_or("?").rsplit(',').map(str::trim));
        // From the nearest hop outwards, for as long as the one that vouches for it is trusted.
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = read_hop(hop) else { break };
            client = address;
        }
        Client(client)
    }

    /// The name under which the client has asked for this service.
    pub(crate) fn host<'h>(&self, headers: &'h HeaderMap, extensions: &Extensions) -> Option<&'h str> {
        let peer = extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
        let forwarded =
            headers.get("x-forwarded-host").filter(|_| peer.is_some_and(|peer| self.trusts(peer)));
        // Of several, the first is what the client has written.
        let first = |value: &'h HeaderValue| value.to_str().ok()?.split(',').next().map(str::trim);
        forwarded.or_else(|| headers.get(HOST)).and_then(first)
    }

    /// Tells two addresses apart without naming either.
    pub(crate) fn hash(&self, client: Client) -> String {
        let digest = Sha256::new().chain_update(self.key).chain_update(client.0.to_string()).finalize();
        digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

fn read_hop(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

impl Client {
    /// What limits count by: one host of IPv4, one /64 of IPv6.
    pub(crate) fn household(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let mut extensions = Extensions::new();
        extensions.insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        Addresses::new(&trusted, [0; 32]).client(&headers, &extensions).0.to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_from_a_configured_proxy() {
        assert_eq!(client(&[], "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client(&["192.0.2.0/24"], "192.0.2.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&["192.0.2.0/24"], "192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn what_the_client_itself_wrote_is_not_believed() {
        let trusted = ["192.0.2.0/24", "10.0.0.0/8"];
        let forged = ["8.8.8.8, 203.0.113.9", "10.1.1.1"];
        assert_eq!(client(&trusted, "192.0.2.1", &forged), "203.0.113.9");
        assert_eq!(client(&trusted, "192.0.2.1", &["203.0.113.9, nonsense"]), "192.0.2.1");
        assert_eq!(client(&trusted, "::ffff:192.0.2.1", &["203.0.113.9:4711"]), "203.0.113.9");
    }

    #[test]
    fn the_name_of_the_host_is_what_the_client_wrote_or_a_configured_proxy_says() {
        let host = |trusted: &[IpNet]| {
            let mut extensions = Extensions::new();
            extensions.insert(Peer("192.0.2.1:1".parse().unwrap()));
            let headers = [("host", "inside:8000"), ("x-forwarded-host", "yard.example, other")];
            let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers: HeaderMap = headers.into_iter().collect();
            Addresses::new(trusted, [0; 32]).host(&headers, &extensions).map(str::to_owned)
        };
        assert_eq!(host(&[]).unwrap(), "inside:8000");
        assert_eq!(host(&["192.0.2.0/24".parse().unwrap()]).unwrap(), "yard.example");
    }

    #[test]
    fn one_household_is_one_address_of_ipv4_and_one_64_of_ipv6() {
        let household = |text: &str| Client(text.parse().unwrap()).household().to_string();
        assert_eq!(household("203.0.113.9"), "203.0.113.9");
        assert_eq!(household("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }

    #[test]
    fn a_hash_depends_on_the_key() {
        let hash = |key| Addresses::new(&[], [key; 32]).hash(Client("203.0.113.9".parse().unwrap()));
        assert_ne!(hash(1), hash(2));
        assert_eq!(hash(1).len(), 32);
    }
}
