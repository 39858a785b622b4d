//! How long messages took to those who got them: counted in classes, so that ten million cost no more than ten.

use std::sync::atomic::{AtomicU64, Ordering};

use carillon_core::port::Clock as _;

use crate::server::SystemClock;

/// How much longer each class is than the one before: times are exact to so much.
const GROWTH: f64 = 1.02;
/// Up to about an hour.
const CLASSES: usize = 1_120;
/// What comes before the time at which a message was sent, in its text.
const MARK: &str = "sent at ";

pub(super) struct Latencies {
    clock: SystemClock,
    classes: Vec<AtomicU64>,
    longest_us: AtomicU64,
}

impl Latencies {
    pub(super) fn new(clock: SystemClock) -> Self {
        let classes = (0..CLASSES).map(|_| AtomicU64::new(0)).collect();
        Self { clock, classes, longest_us: AtomicU64::new(0) }
    }

    /// A text that says when it was sent, and is so long at least.
    pub(super) fn text(sent_us: u64, bytes: usize) -> String {
        format!("{:-<bytes$}", format!("{MARK}{sent_us} "))
    }

    /// A member got this. What does not say when it was sent is no message of the bench.
    pub(super) fn note(&self, push: &str) {
        let Some((_, rest)) = push.split_once(MARK) else { return };
        let digits = rest.split(' ').next().unwrap_or_default();
        if let Ok(sent_us) = digits.parse::<u64>() {
            self.add(self.clock.monotonic_us().saturating_sub(sent_us));
        }
    }

    fn add(&self, us: u64) {
        let class = (us.max(1) as f64).ln() / GROWTH.ln();
        self.classes[(class as usize).min(CLASSES - 1)].fetch_add(1, Ordering::Relaxed);
        self.longest_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> u64 {
        self.classes.iter().map(|it| it.load(Ordering::Relaxed)).sum()
    }

    /// The time that this part of the deliveries took at most, in ms; 0 where there were none.
    pub(super) fn quantile_ms(&self, part: f64) -> f64 {
        let longest_ms = self.longest_us.load(Ordering::Relaxed) as f64 / 1e3;
        let wanted = (self.len() as f64 * part).ceil() as u64;
        let mut below = 0;
        for (class, count) in self.classes.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            if below >= wanted {
                return (GROWTH.powi(class as i32 + 1) / 1e3).min(longest_ms);
            }
        }
        longest_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_exact_to_a_fiftieth_and_the_longest_time_is_exact() {
        let latencies = Latencies::new(SystemClock::new());
        assert_eq!(latencies.quantile_ms(0.5), 0.0);
        (1..=1_000).for_each(|n| latencies.add(n * 1_000));
        for (part, ms) in [(0.5, 500.0), (0.99, 990.0)] {
            let found = latencies.quantile_ms(part);
            assert!((ms..=ms * 1.03).contains(&found), "{part}: {found}");
        }
        assert_eq!((latencies.len(), latencies.quantile_ms(1.0)), (1_000, 1_000.0));
        latencies.add(u64::MAX);
        assert_eq!(latencies.len(), 1_001);
    }

    #[test]
    fn only_what_says_when_it_was_sent_counts() {
        let latencies = Latencies::new(SystemClock::new());
        let text = Latencies::text(12, 40);
        assert_eq!((text.len(), text.starts_with("sent at 12 -")), (40, true));
        latencies.note(&format!(r#"{{"push":{{"text":"{text}"}}}}"#));
        latencies.note(r#"{"push":{"event":"skipped"}}"#);
        assert_eq!(latencies.len(), 1);
    }
}
