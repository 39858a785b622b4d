//! What the server has used, read off its metrics.

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
}
