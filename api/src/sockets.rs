//! How many task sockets may be open: in all, and from one principal or address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use application::principal::Principal;
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
    by_holder: HashMap<Holder, usize>,
    ever: u64,
}

/// By whom sockets are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    Household(IpAddr),
    Principal(String),
}

/// One open socket; dropping it makes room.
pub(crate) struct Place {
    sockets: Arc<Sockets>,
    holder: Holder,
    number: u64,
}

impl Sockets {
    /// The gauge shows how many are open.
    pub(crate) fn new(caps: SocketCaps, gauge: IntGauge) -> Self {
        Self { caps, gauge, open: Mutex::default() }
    }

    pub(crate) fn enter(self: &Arc<Self>, client: Client, principal: &Principal) -> Option<Place> {
        let holder = if principal.is_anonymous() {
            Holder::Household(client.household())
        } else {
            Holder::Principal(principal.id())
        };
        let mut open = self.lock();
        let here = open.by_holder.get(&holder).copied().unwrap_or_default();
        if open.in_all >= self.caps.in_all || here >= self.caps.per_address {
            return None;
        }
        open.in_all += 1;
        open.by_holder.insert(holder.clone(), here + 1);
        open.ever = open.ever.wrapping_add(1);
        self.gauge.inc();
        Some(Place { sockets: self.clone(), holder, number: open.ever })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// When this socket is to close after the signal.
    pub(crate) fn turn(&self) -> Duration {
        let open = u32::try_from(self.sockets.lock().in_all).unwrap_or(u32::MAX);
        let spread = LONGEST_SPREAD.min(Duration::from_millis(1) * open);
        spread * u32::try_from(self.number % 100).unwrap_or(0) / 100
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        open.in_all -= 1;
        if let Some(here) = open.by_holder.get_mut(&self.holder) {
            *here -= 1;
            if *here == 0 {
                open.by_holder.remove(&self.holder);
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
    fn caps_hold_in_all_and_per_holder_and_leaving_makes_room() {
        let gauge = IntGauge::new("open", "open").unwrap();
        let sockets = Arc::new(Sockets::new(SocketCaps { in_all: 3, per_address: 2 }, gauge.clone()));
        let enter_as =
            |last: u8, who: &Principal| sockets.enter(Client(IpAddr::from([192, 0, 2, last])), who);
        let enter = |last: u8| enter_as(last, &Principal::anonymous());
        let (first, second) = (enter(1).unwrap(), enter(1).unwrap());
        assert!(enter(1).is_none(), "one address has two");
        let third = enter_as(1, &Principal::bootstrap()).unwrap();
        assert!(enter(3).is_none(), "three in all");
        assert_eq!(gauge.get(), 3);
        drop((first, third));
        assert!(enter(1).is_some());
        drop(second);
        assert_eq!((gauge.get(), sockets.lock().by_holder.len()), (0, 0));
    }
}
