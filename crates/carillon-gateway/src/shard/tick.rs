//! The time, for all connections of a shard at once: pings, tokens that end, closes that take too long.

use std::rc::Rc;

use super::connection::Connection;
use super::{ConnId, Shard};
use crate::config::GatewayConfig;
use crate::protocol::code::Close;

const TICK_US_MAX: u64 = 1_000_000;
const TICK_US_MIN: u64 = 10_000;

/// What is due for a connection.
enum Due {
    Nothing,
    Ping,
    Close(Close),
    Cut,
}

impl Shard {
    pub(super) async fn tick(self: Rc<Self>) {
        let clock = &self.server.pipeline.clock;
        let shortest_us = shortest_ms(&self.server.config) * 1_000;
        let tick_us = (shortest_us / 4).clamp(TICK_US_MIN, TICK_US_MAX);
        loop {
            clock.sleep_until_us(clock.monotonic_us() + tick_us).await;
            self.look_after(clock.monotonic_us(), clock.now_ms());
        }
    }

    pub(super) fn look_after(&self, now_us: u64, now_ms: u64) {
        self.server.metrics.queue(self.place, self.mailbox.len());
        self.server.admission.tidy(now_us);
        self.state.borrow_mut().rates.tidy(now_us);
        self.end_graces(now_us);
        self.forget_returning(now_us);
        self.tell_skipped(now_us, now_ms);
        let config = &self.server.config;
        for id in self.all() {
            match self.with(id, |it| due(it, config, now_us, now_ms)) {
                None | Some(Due::Nothing) => {}
                Some(Due::Ping) => self.ping(id, now_us),
                Some(Due::Close(close)) => self.close_and_send(id, close),
                Some(Due::Cut) => {
                    self.server.metrics.cuts.inc();
                    self.remove(id);
                }
            }
        }
    }

    fn ping(&self, id: ConnId, now_us: u64) {
        let interval_us = self.server.config.ping_interval_ms * 1_000;
        self.answer(id, |it| {
            it.pings.next_us = now_us + interval_us;
            it.ping(now_us);
        });
    }
}

/// The shortest of the times that are kept here.
fn shortest_ms(config: &GatewayConfig) -> u64 {
    config.ping_interval_ms.min(config.pong_timeout_ms).min(config.close_timeout_ms).min(config.expiry_grace_ms)
}

fn due(connection: &Connection, config: &GatewayConfig, now_us: u64, now_ms: u64) -> Due {
    if let Some(until_us) = connection.closing_until_us() {
        return if now_us >= until_us { Due::Cut } else { Due::Nothing };
    }
    if connection.pings.are_overdue(now_us, config.pong_timeout_ms * 1_000) {
        return Due::Close(Close::NO_PONG);
    }
    if connection.expires_ms.is_some_and(|at| now_ms >= at.saturating_add(config.expiry_grace_ms)) {
        return Due::Close(Close::EXPIRED);
    }
    if now_us >= connection.pings.next_us && !connection.is_opening() { Due::Ping } else { Due::Nothing }
}
