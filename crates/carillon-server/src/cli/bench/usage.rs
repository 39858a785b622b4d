//! What the server has used and done, read off its metrics.

use std::collections::BTreeMap;

/// Each is absent where the server, or its system, does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_s: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) written_bytes: Option<f64>,
    /// Groups of writes that were synced.
    pub(super) commits: Option<f64>,
}

impl Usage {
    pub(super) fn read(metrics: &str) -> Self {
        let value = |name: &str| {
            let values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            values.filter_map(|value| value.trim().parse().ok()).next()
        };
        Self {
            cpu_s: value("process_cpu_seconds_total"),
            resident_bytes: value("process_resident_memory_bytes"),
            written_bytes: value("process_written_bytes_total"),
            commits: value("carillon_store_commits_total"),
        }
    }

    /// What was used since.
    pub(super) fn since(self, before: Self) -> Self {
        let less = |now: Option<f64>, before: Option<f64>| Some(now? - before?);
        Self {
            cpu_s: less(self.cpu_s, before.cpu_s),
            resident_bytes: less(self.resident_bytes, before.resident_bytes),
            written_bytes: less(self.written_bytes, before.written_bytes),
            commits: less(self.commits, before.commits),
        }
    }
}

/// What became of copies of messages, in all apps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    pub(super) delivered: u64,
    /// By reason.
    pub(super) dropped: BTreeMap<String, u64>,
}

impl Copies {
    pub(super) fn read(metrics: &str) -> Self {
        let mut copies = Self::default();
        for line in metrics.lines() {
            let Some((labels, count)) =
                line.strip_prefix("carillon_copies_total{").and_then(|rest| rest.split_once("} "))
            else {
                continue;
            };
            let count: u64 = count.trim().parse().unwrap_or(0);
            let label = |name: &str| labels.split(',').find_map(|it| it.strip_prefix(name)?.strip_prefix("=\""));
            match label("fate") {
                Some("delivered\"") => copies.delivered = count,
                Some("dropped\"") => {
                    let reason = label("reason").unwrap_or_default().trim_end_matches('"');
                    copies.dropped.insert(reason.to_owned(), count);
                }
                Some(_) | None => {}
            }
        }
        copies
    }

    /// What has become of further ones since.
    pub(super) fn since(self, before: &Self) -> Self {
        let since = |(reason, now): (String, u64)| {
            let count = now - before.dropped.get(&reason).copied().unwrap_or(0);
            (count > 0).then_some((reason, count))
        };
        let dropped = self.dropped.into_iter().filter_map(since).collect();
        Self { delivered: self.delivered - before.delivered, dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_between_two_looks_is_their_difference_where_both_tell() {
        let before = Usage::read("# HELP process_cpu_seconds CPU\nprocess_cpu_seconds_total 1.5\n");
        let after = "process_cpu_seconds_total 4.0\nprocess_written_bytes_total 7\nprocess_written_bytes_total_x 9\n";
        let after = Usage::read(after);
        assert_eq!(after.written_bytes, Some(7.0));
        assert_eq!(after.since(before), Usage { cpu_s: Some(2.5), ..Usage::default() });
    }
    #[test]
    fn copies_are_told_apart_by_their_fates_and_reasons() {
        let line =
            |fate, reason, count| format!("carillon_copies_total{{fate=\"{fate}\",reason=\"{reason}\"}} {count}\n");
        let lines = |delivered, tags| {
            let lines = [("delivered", "", delivered), ("stored", "", 9), ("dropped", "tag_mismatch", tags)];
            let lines = lines.map(|(fate, reason, count)| line(fate, reason, count));
            lines.concat() + &line("dropped", "blocked", 3)
        };
        let before = Copies::read(&lines(5, 1));
        assert_eq!((before.delivered, before.dropped.len()), (5, 2));
        let since = Copies::read(&lines(7, 4)).since(&before);
        assert_eq!(since, Copies { delivered: 2, dropped: [("tag_mismatch".to_owned(), 3)].into() });
    }
}
