//! How many connections one client may hold at the same time; task sockets have their own number.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;

use crate::address::Client;

#[derive(Clone)]
pub(crate) struct Crowd(Arc<Inner>);

struct Inner {
    most: usize,
    /// Proxies hold the connections of many.
    trusted: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One open connection; dropping it makes room.
pub(crate) struct Held {
    crowd: Crowd,
    /// None: of a proxy, not counted.
    address: Option<IpAddr>,
}

impl Crowd {
    pub(crate) fn new(most: usize, trusted_proxies: &[IpNet]) -> Self {
        Self(Arc::new(Inner { most, trusted: trusted_proxies.to_vec(), open: Mutex::default() }))
    }

    pub(crate) fn enter(&self, peer: SocketAddr) -> Option<Held> {
        let client = Client(peer.ip().to_canonical());
        if self.0.trusted.iter().any(|network| network.contains(&client.0)) {
            return Some(Held { crowd: self.clone(), address: None });
        }
        let address = client.household();
        let mut open = self.lock();
        let here = open.get(&address).copied().unwrap_or_default();
        if here >= self.0.most {
            return None;
        }
        open.insert(address, here + 1);
        Some(Held { crowd: self.clone(), address: Some(address) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut open = self.crowd.lock();
        if let Some(here) = open.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                open.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_has_its_number_and_a_trusted_proxy_has_none() {
        let crowd = Crowd::new(2, &["10.0.0.0/8".parse().unwrap()]);
        let enter = |address: &str| crowd.enter(SocketAddr::new(address.parse().unwrap(), 1));
        for [first, second, third, other] in [
            ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"],
            ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"],
        ] {
            let held = (enter(first).unwrap(), enter(second).unwrap());
            assert!(enter(third).is_none(), "{third}");
            assert!(enter(other).is_some(), "{other}");
            drop(held.0);
            assert!(enter(third).is_some(), "leaving makes room");
        }
        let proxied: Vec<_> = (0..9).map(|_| enter("10.1.1.1").unwrap()).collect();
        drop(proxied);
        assert!(crowd.lock().is_empty());
    }
}
