//! Who may open a connection: limits on connections in all and per address, and on failed logins per address.
//!
//! A [`Slot`] holds a connection's place from the handshake to its end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use carillon_core::failures::Failures;

use crate::config::GatewayConfig;
use crate::metrics::GatewayMetrics;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Server,
    Address,
    FailedLogins,
}

pub(crate) struct Admission {
    state: Mutex<State>,
    failed: Failures<IpAddr>,
    config: Arc<GatewayConfig>,
    metrics: Arc<GatewayMetrics>,
}

#[derive(Default)]
struct State {
    connections: usize,
    /// How many there were.
    entered: u64,
    /// Of each network from which there are any.
    by_network: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when it is dropped.
pub(crate) struct Slot {
    /// Rising in the order of requests to connect; of no other connection.
    pub(crate) serial: u64,
    /// When it asked to connect.
    pub(crate) entered_us: u64,
    admission: Arc<Admission>,
    /// Whom it counts for; `None` where only the limit on all connections holds.
    network: Option<IpAddr>,
}

/// Whom limits per address count: of IPv6 the network, since anybody has 2^64 addresses.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(it) => it.into(),
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() >> 64 << 64).into(),
    }
}

impl Admission {
    pub(crate) fn new(config: Arc<GatewayConfig>, metrics: Arc<GatewayMetrics>) -> Arc<Self> {
        let failed = Failures::new(config.failed_logins_per_minute_max, config.failed_logins_max);
        Arc::new(Self { state: Mutex::default(), failed, config, metrics })
    }

    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, now_us: u64) -> Result<Slot, Full> {
        let is_capped = self.config.cap_loopback || !address.to_canonical().is_loopback();
        let network = is_capped.then(|| network_of(address));
        let has_failed = network.is_some_and(|network| self.failed.are_too_many(network, now_us));
        let mut state = self.lock();
        if state.connections >= self.config.connections_max {
            return Err(Full::Server);
        }
        if let Some(network) = network {
            let connections = state.by_network.get(&network).copied().unwrap_or(0);
            if connections >= self.config.connections_per_address_max {
                return Err(Full::Address);
            }
            if has_failed {
                return Err(Full::FailedLogins);
            }
            state.by_network.insert(network, connections + 1);
        }
        state.connections += 1;
        state.entered += 1;
        self.metrics.connections.inc();
        Ok(Slot { serial: state.entered, entered_us: now_us, admission: self.clone(), network })
    }

    /// Forgets failed logins that do not count any more.
    pub(crate) fn tidy(&self, now_us: u64) {
        self.failed.tidy(now_us);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Slot {
    /// Notes that a login over this connection failed.
    pub(crate) fn login_failed(&self, now_us: u64) {
        let Some(network) = self.network else { return };
        if self.admission.failed.note(network, now_us) {
            self.admission.metrics.failed_logins_forgotten.inc();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.connections -= 1;
        if let Some(network) = self.network
            && let Entry::Occupied(mut connections) = state.by_network.entry(network)
        {
            *connections.get_mut() -= 1;
            if *connections.get() == 0 {
                connections.remove();
            }
        }
        self.admission.metrics.connections.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(config: GatewayConfig) -> Arc<Admission> {
        Admission::new(Arc::new(config), Arc::new(GatewayMetrics::new()))
    }

    fn fail(admission: &Arc<Admission>, address: &str, now_us: u64) {
        admission.enter(address.parse().unwrap(), now_us).ok().unwrap().login_failed(now_us);
    }

    fn outcome(admission: &Arc<Admission>, address: &str, now_us: u64) -> Option<Full> {
        admission.enter(address.parse().unwrap(), now_us).err()
    }

    #[test]
    fn failed_logins_count_against_their_address_and_a_connection_as_long_as_it_is_there() {
        let admission = admission(GatewayConfig { failed_logins_per_minute_max: 2, ..GatewayConfig::default() });
        fail(&admission, "192.0.2.1", 0);
        fail(&admission, "192.0.2.1", 10);
        assert_eq!(outcome(&admission, "192.0.2.1", 59_999_999), Some(Full::FailedLogins));
        assert_eq!(outcome(&admission, "192.0.2.2", 59_999_999), None);
        assert_eq!(outcome(&admission, "192.0.2.1", 60_000_000), None);
        let state = admission.lock();
        assert!(state.by_network.is_empty() && state.connections == 0);
    }

    #[test]
    fn above_the_limit_the_oldest_failed_login_is_forgotten() {
        let config =
            GatewayConfig { failed_logins_max: 2, failed_logins_per_minute_max: 1, ..GatewayConfig::default() };
        let admission = admission(config);
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            fail(&admission, address, 0);
        }
        assert_eq!(outcome(&admission, "192.0.2.1", 0), None);
        assert_eq!(outcome(&admission, "192.0.2.2", 0), Some(Full::FailedLogins));
        assert_eq!(admission.metrics.failed_logins_forgotten.get(), 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let admission = admission(GatewayConfig { connections_per_address_max: 1, ..GatewayConfig::default() });
        let _first = admission.enter("2001:db8:0:1::1".parse().unwrap(), 0).ok().unwrap();
        assert_eq!(outcome(&admission, "2001:db8:0:1:ffff::2", 0), Some(Full::Address));
        assert_eq!(outcome(&admission, "2001:db8:0:2::1", 0), None);
        let _second = admission.enter("::ffff:192.0.2.1".parse().unwrap(), 0).ok().unwrap();
        assert_eq!(outcome(&admission, "192.0.2.1", 0), Some(Full::Address));
        assert_eq!(outcome(&admission, "::ffff:192.0.2.2", 0), None);
    }
}
