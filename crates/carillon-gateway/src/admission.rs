//! Who may open a connection: limits on connections in all and per address, and on failed logins per address.
//!
//! A [`Slot`] holds a connection's place from the handshake to its end.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::config::GatewayConfig;
use crate::metrics::GatewayMetrics;

/// Failed logins count for this long, in ms.
const WINDOW_MS: u64 = 60_000;

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
    addresses: HashMap<IpAddr, Address>,
}

#[derive(Default)]
struct Address {
    connections: usize,
    /// Times of failed logins, oldest first; at most as many as the limit.
    failed_ms: VecDeque<u64>,
}

/// One connection's place; given back when it is dropped.
pub(crate) struct Slot {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(config: Arc<GatewayConfig>, metrics: Arc<GatewayMetrics>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), config, metrics })
    }

    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, now_ms: u64) -> Result<Slot, Full> {
        let address = address.to_canonical();
        let mut state = self.lock();
        if state.connections >= self.config.connections_max {
            return Err(Full::Server);
        }
        if self.is_capped(address) {
            let known = state.addresses.entry(address).or_default();
            known.forget(now_ms);
            if known.connections >= self.config.connections_per_address_max {
                return Err(Full::Address);
            }
            if known.failed_ms.len() >= self.config.failed_logins_per_minute_max {
                return Err(Full::FailedLogins);
            }
            known.connections += 1;
        }
        state.connections += 1;
        self.metrics.connections.inc();
        Ok(Slot { admission: self.clone(), address })
    }

    fn is_capped(&self, address: IpAddr) -> bool {
        self.config.cap_loopback || !address.is_loopback()
    }

    /// Forgets addresses that have neither connections nor recent failures.
    pub(crate) fn tidy(&self, now_ms: u64) {
        self.lock().addresses.retain(|_, address| {
            address.forget(now_ms);
            address.connections > 0 || !address.failed_ms.is_empty()
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Address {
    fn forget(&mut self, now_ms: u64) {
        while self.failed_ms.front().is_some_and(|&at| at + WINDOW_MS <= now_ms) {
            self.failed_ms.pop_front();
        }
    }
}

impl Slot {
    /// Notes that a login over this connection failed.
    pub(crate) fn login_failed(&self, now_ms: u64) {
        if !self.admission.is_capped(self.address) {
            return;
        }
        if let Some(address) = self.admission.lock().addresses.get_mut(&self.address) {
            address.failed_ms.push_back(now_ms);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.connections -= 1;
        let is_gone = state.addresses.get_mut(&self.address).is_some_and(|address| {
            address.connections = address.connections.saturating_sub(1);
            address.connections == 0 && address.failed_ms.is_empty()
        });
        if is_gone {
            state.addresses.remove(&self.address);
        }
        self.admission.metrics.connections.dec();
    }
}
