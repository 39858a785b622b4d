//! How many connections each address has at a listener, so that no one address takes all places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use carillon_gateway::network_of;

use crate::config::Network;

/// Counts for one listener.
pub(crate) struct Addresses {
    pub(crate) connections_max: usize,
    /// Whose connections are many clients'.
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) cap_loopback: bool,
    pub(crate) open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Place {
    addresses: Arc<Addresses>,
    /// Whom it counts for, if anybody.
    network: Option<IpAddr>,
}

impl Addresses {
    /// A place for one more connection of that peer.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let is_free = peer.is_loopback() && !self.cap_loopback || Network::any_contains(&self.trusted_proxies, peer);
        let network = (!is_free).then(|| network_of(peer));
        if let Some(network) = network {
            let mut open = self.lock();
            let count = open.entry(network).or_default();
            if *count >= self.connections_max {
                return None;
            }
            *count += 1;
        }
        Some(Place { addresses: self.clone(), network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut open = self.addresses.lock();
        let Some(count) = open.get_mut(&network) else { return };
        *count -= 1;
        if *count == 0 {
            open.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_proxies_as_many_as_they_like() {
        let addresses = Arc::new(Addresses {
            connections_max: 2,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            cap_loopback: false,
            open: Mutex::default(),
        });
        let enter = |address: &str| addresses.enter(address.parse().unwrap());
        let places = [enter("192.0.2.1").unwrap(), enter("::ffff:192.0.2.1").unwrap()];
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").is_some());
        for free in ["10.1.2.3", "127.0.0.1", "::1"] {
            let many: Vec<_> = (0..5).map(|_| enter(free).unwrap()).collect();
            assert_eq!(many.len(), 5);
        }
        drop(places);
        assert!(enter("192.0.2.1").is_some());
        assert!(addresses.lock().is_empty());
    }
}
