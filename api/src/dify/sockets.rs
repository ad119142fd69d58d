//! How many task sockets may be open, in all and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus::IntGauge;

use crate::{address::Client, settings::SocketCaps};

/// At the end, sockets are closed over a time that grows with their number, so that not all clients come back at
/// once.
const LONGEST_SPREAD: Duration = Duration::from_secs(5);

pub(crate) struct Sockets {
    caps: SocketCaps,
    gauge: IntGauge,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    in_all: usize,
    by_address: HashMap<IpAddr, usize>,
    ever: u64,
}

/// One open socket; dropping it makes room.
pub(super) struct Place {
    sockets: Arc<Sockets>,
    address: IpAddr,
    number: u64,
}

impl Sockets {
    /// The gauge shows how many are open.
    pub(crate) fn new(caps: SocketCaps, gauge: IntGauge) -> Self {
        Self { caps, gauge, open: Mutex::default() }
    }

    pub(super) fn enter(self: &Arc<Self>, client: Client) -> Option<Place> {
        let address = client.household();
        let mut open = self.lock();
        let here = open.by_address.get(&address).copied().unwrap_or_default();
        if open.in_all >= self.caps.in_all || here >= self.caps.per_address {
            return None;
        }
        open.in_all += 1;
        open.by_address.insert(address, here + 1);
        open.ever = open.ever.wrapping_add(1);
        self.gauge.inc();
        Some(Place { sockets: self.clone(), address, number: open.ever })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// When this socket is to close after the signal.
    pub(super) fn turn(&self) -> Duration {
        let open = u32::try_from(self.sockets.lock().in_all).unwrap_or(u32::MAX);
        let spread = LONGEST_SPREAD.min(Duration::from_millis(1) * open);
        spread * u32::try_from(self.number % 100).unwrap_or(0) / 100
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        open.in_all -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
        drop(open);
        self.sockets.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_hold_in_all_and_per_address_and_leaving_makes_room() {
        let gauge = IntGauge::new("open", "open").unwrap();
        let sockets = Arc::new(Sockets::new(SocketCaps { in_all: 3, per_address: 2 }, gauge.clone()));
        let enter = |last: u8| sockets.enter(Client(IpAddr::from([192, 0, 2, last])));
        let (first, second) = (enter(1).unwrap(), enter(1).unwrap());
        assert!(enter(1).is_none(), "one address has two");
        let third = enter(2).unwrap();
        assert!(enter(3).is_none(), "three in all");
        assert_eq!(gauge.get(), 3);
        drop((first, third));
        assert!(enter(1).is_some());
        drop(second);
        assert_eq!((gauge.get(), sockets.lock().by_address.len()), (0, 0));
    }
}
