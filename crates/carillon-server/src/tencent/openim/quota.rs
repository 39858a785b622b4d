//! How many recipients an app's calls may name within a minute. Minutes begin with the server, and a call counts whole.

use std::collections::HashMap;
use std::sync::Mutex;

use carillon_core::AppId;

const MINUTE_US: u64 = 60_000_000;

/// By app: a minute, and what was named in it. As many apps as there are.
#[derive(Debug, Default)]
pub(in crate::tencent) struct Quota(Mutex<HashMap<AppId, (u64, usize)>>);

impl Quota {
    /// Takes so many of what the app has left in this minute, or nothing where that is less.
    pub(super) fn take(&self, app: AppId, recipients: usize, max: usize, now_us: u64) -> bool {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let (minute, named) = all.entry(app).or_default();
        if *minute != now_us / MINUTE_US {
            (*minute, *named) = (now_us / MINUTE_US, 0);
        }
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
    }
}
