//! Who may open a connection: limits on connections in all and per address, and on failed logins per address.
//!
//! A [`Slot`] holds a connection's place from the handshake to its end. Nothing here is ever looked at as a whole: what a
//! minute has passed over is at the front of one queue.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use crate::config::GatewayConfig;
use crate::metrics::GatewayMetrics;

/// Failed logins count for this long, in µs.
const WINDOW_US: u64 = 60_000_000;

/// Failed logins that are forgotten at a time, so that nobody waits long for the lock. Each handshake and each tick of a
/// shard forgets some, so they are forgotten faster than they come.
const FORGOTTEN_AT_ONCE: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Server,
    Address,
    FailedLogins,
}

pub(crate) struct Admission {
    state: Mutex<State>,
    config: Arc<GatewayConfig>,
    metrics: Arc<GatewayMetrics>,
}

#[derive(Default)]
struct State {
    connections: usize,
    /// How many there were.
    entered: u64,
    networks: HashMap<IpAddr, Network>,
    /// When and from where logins failed, oldest first.
    failed: VecDeque<(u64, IpAddr)>,
}

/// What is known of the addresses that are counted as one. Forgotten when there is nothing.
#[derive(Default)]
struct Network {
    connections: usize,
    failed: usize,
}

/// One connection's place; given back when it is dropped.
pub(crate) struct Slot {
    /// Rising in the order of requests to connect; of no other connection.
    pub(crate) serial: u64,
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
        Arc::new(Self { state: Mutex::default(), config, metrics })
    }

    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, now_us: u64) -> Result<Slot, Full> {
        let is_capped = self.config.cap_loopback || !address.to_canonical().is_loopback();
        let network = is_capped.then(|| network_of(address));
        let mut state = self.lock();
        state.forget(now_us);
        if state.connections >= self.config.connections_max {
            return Err(Full::Server);
        }
        if let Some(network) = network {
            let known = state.networks.get(&network);
            if known.is_some_and(|it| it.connections >= self.config.connections_per_address_max) {
                return Err(Full::Address);
            }
            if known.is_some_and(|it| it.failed >= self.config.failed_logins_per_minute_max) {
                return Err(Full::FailedLogins);
            }
            state.networks.entry(network).or_default().connections += 1;
        }
        state.connections += 1;
        state.entered += 1;
        self.metrics.connections.inc();
        Ok(Slot { serial: state.entered, admission: self.clone(), network })
    }

    /// Forgets failed logins that do not count any more.
    pub(crate) fn tidy(&self, now_us: u64) {
        self.lock().forget(now_us);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    fn forget(&mut self, now_us: u64) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.failed.front().is_none_or(|(at, _)| at + WINDOW_US > now_us) {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, network)) = self.failed.pop_front() {
            self.change(network, |it| it.failed -= 1);
        }
    }

    fn change(&mut self, network: IpAddr, change: impl FnOnce(&mut Network)) {
        let Some(known) = self.networks.get_mut(&network) else { return };
        change(known);
        if known.connections == 0 && known.failed == 0 {
            self.networks.remove(&network);
        }
    }
}

impl Slot {
    /// Notes that a login over this connection failed.
    pub(crate) fn login_failed(&self, now_us: u64) {
        let Some(network) = self.network else { return };
        let mut state = self.admission.lock();
        if state.failed.len() >= self.admission.config.failed_logins_max {
            state.forget_oldest();
            self.admission.metrics.failed_logins_forgotten.inc();
        }
        state.failed.push_back((now_us, network));
        state.change(network, |it| it.failed += 1);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.connections -= 1;
        if let Some(network) = self.network {
            state.change(network, |it| it.connections -= 1);
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
    fn failed_logins_count_for_a_minute_and_are_forgotten_with_their_address() {
        let admission = admission(GatewayConfig { failed_logins_per_minute_max: 2, ..GatewayConfig::default() });
        fail(&admission, "192.0.2.1", 0);
        fail(&admission, "192.0.2.1", 10);
        assert_eq!(outcome(&admission, "192.0.2.1", WINDOW_US - 1), Some(Full::FailedLogins));
        assert_eq!(outcome(&admission, "192.0.2.2", WINDOW_US - 1), None);
        assert_eq!(outcome(&admission, "192.0.2.1", WINDOW_US), None);
        admission.tidy(WINDOW_US + 10);
        let state = admission.lock();
        assert!(state.networks.is_empty() && state.failed.is_empty() && state.connections == 0);
    }

    #[test]
    fn a_tick_forgets_a_bounded_number_and_the_next_ones_forget_the_rest() {
        let admission = admission(GatewayConfig { failed_logins_per_minute_max: 9_999, ..GatewayConfig::default() });
        for _ in 0..2 * FORGOTTEN_AT_ONCE + 1 {
            fail(&admission, "192.0.2.1", 0);
        }
        for left in [FORGOTTEN_AT_ONCE + 1, 1, 0] {
            admission.tidy(WINDOW_US);
            assert_eq!(admission.lock().failed.len(), left);
        }
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
        assert_eq!(admission.lock().networks.len(), 2);
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
