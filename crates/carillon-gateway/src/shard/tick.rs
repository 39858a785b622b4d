//! The time, for all connections of a shard: pings, tokens that end, closes that take too long; and what is due in rooms.
//!
//! It may be due for all of them at once, as where all came, or were lost, with a proxy in front of them. So it is done a
//! [`Stretch`] at a time, and others are served meanwhile. Each is looked at as it is when it has its turn.

use std::rc::Rc;

use super::connection::Connection;
use super::{ConnId, Shard};
use crate::config::GatewayConfig;
use crate::protocol::code::Close;

const TICK_US_MAX: u64 = 1_000_000;
const TICK_US_MIN: u64 = 10_000;

/// As much as is done before others have their turn: about half a millisecond.
pub(super) struct Stretch {
    looks: usize,
    acts: usize,
}

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
            self.look_after(clock.monotonic_us(), clock.now_ms()).await;
        }
    }

    pub(super) async fn look_after(&self, now_us: u64, now_ms: u64) {
        self.server.metrics.queue(self.place, self.mailbox.len());
        self.server.admission.tidy(now_us);
        self.state.borrow_mut().rates.tidy(now_us);
        let mut stretch = Stretch::begin();
        while self.end_graces(now_us, &mut stretch) {
            stretch.end().await;
        }
        for room in self.rooms_with_returning() {
            while self.forget_returning(room, now_us, &mut stretch) {
                stretch.end().await;
            }
        }
        for (room, mut members) in self.rooms_that_skipped() {
            while self.tell_skipped(room, &mut members, (now_us, now_ms), &mut stretch) {
                stretch.end().await;
            }
        }
        let mut place = 0;
        while self.look_after_connections(&mut place, (now_us, now_ms), &mut stretch) {
            stretch.end().await;
        }
    }

    /// From a place on; whether there are more of them than fit into the stretch.
    fn look_after_connections(&self, place: &mut usize, (now_us, now_ms): (u64, u64), stretch: &mut Stretch) -> bool {
        while stretch.has_place() {
            let (id, due) = {
                let connections = &self.state.borrow().connections;
                if *place >= connections.capacity() {
                    return false;
                }
                stretch.look();
                *place += 1;
                let Some(it) = connections.get(*place - 1) else { continue };
                (ConnId { place: *place - 1, serial: it.serial() }, due(it, &self.server.config, now_us, now_ms))
            };
            match due {
                Due::Nothing => continue,
                Due::Ping => self.ping(id, now_us),
                Due::Close(close) => self.close_and_send(id, close),
                Due::Cut => {
                    self.server.metrics.cuts.inc();
                    self.remove(id);
                }
            }
            stretch.act();
        }
        true
    }

    fn ping(&self, id: ConnId, now_us: u64) {
        let interval_us = self.server.config.ping_interval_ms * 1_000;
        self.answer(id, |it| {
            it.pings.next_us = now_us + interval_us;
            it.ping(now_us);
        });
    }
}

impl Stretch {
    /// As many as are written to in a round of a room.
    pub(super) const ACTS: usize = 64;
    /// Mostly nothing is due, and then it is the looks that take time.
    const LOOKS: usize = 1_024;

    pub(super) fn begin() -> Self {
        Self { looks: Self::LOOKS, acts: Self::ACTS }
    }

    /// With fewer acts, where there are to be so few.
    pub(super) fn at_most(self, acts: usize) -> Self {
        Self { acts: self.acts.min(acts), ..self }
    }

    /// Lets others have their turn, and begins anew.
    async fn end(&mut self) {
        tokio::task::yield_now().await;
        *self = Self::begin();
    }

    pub(super) fn has_place(&self) -> bool {
        self.looks > 0 && self.acts > 0
    }

    /// Something was looked at.
    pub(super) fn look(&mut self) {
        self.looks = self.looks.saturating_sub(1);
    }

    /// Somebody was written to, or is gone.
    pub(super) fn act(&mut self) {
        self.acts = self.acts.saturating_sub(1);
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

#[cfg(test)]
#[path = "tick_tests.rs"]
mod tests;
