//! How many recipients an app's calls may name within a minute. Minutes begin with the server, and a call counts whole.

use std::collections::HashMap;
use std::sync::Mutex;

use carillon_core::AppId;

const MINUTE_US: u64 = 60_000_000;

#[derive(Debug, Default)]
pub(in crate::tencent) struct Quota(Mutex<Minute>);

/// What was named in a minute, by app. It is forgotten with it, so that nothing stays of apps that are gone.
#[derive(Debug, Default)]
struct Minute {
    no: u64,
    named: HashMap<AppId, usize>,
}

impl Quota {
    /// Takes so many of what the app has left in this minute, or nothing where that is less.
    pub(super) fn take(&self, app: AppId, recipients: usize, max: usize, now_us: u64) -> bool {
        let mut minute = self.0.lock().expect("no holder of this lock panics");
        // Whoever took the time before, and the lock after, somebody of the next minute counts there.
        if minute.no < now_us / MINUTE_US {
            *minute = Minute { no: now_us / MINUTE_US, named: HashMap::new() };
        }
        let named = minute.named.entry(app).or_default();
        let fits = recipients <= max.saturating_sub(*named);
        *named += if fits { recipients } else { 0 };
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_recipients_by_app_and_a_call_that_is_too_much_takes_none() {
        let quota = Quota::default();
        let take = |app, recipients, now_s: u64| quota.take(AppId(app), recipients, 10, now_s * 1_000_000);
        assert!(take(1, 8, 0) && !take(1, 3, 1) && take(1, 2, 59) && !take(1, 1, 59));
        assert!(take(2, 10, 59), "another app");
        assert!(take(1, 10, 60) && !take(1, 1, 60));
        assert_eq!(quota.0.lock().unwrap().named.len(), 1, "what others named before is forgotten");
    }

    #[test]
    fn a_call_that_comes_late_counts_in_the_minute_that_runs() {
        let quota = Quota::default();
        let take = |now_s: u64| quota.take(AppId(1), 8, 10, now_s * 1_000_000);
        assert!(take(60) && !take(59) && !take(60));
    }
}
