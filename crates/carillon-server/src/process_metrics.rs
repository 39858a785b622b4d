//! What the system says of this process, asked at each look: CPU, memory, and what it wrote. Names as other servers have
//! them for Prometheus.
//!
//! What the system does not tell is left out. Two servers in one process show the same.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::time::{ClockId, clock_gettime};

#[derive(Debug)]
pub(crate) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut show = |name, help, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        let help = "CPU time that the process has used, in user mode and in the system";
        show("process_cpu_seconds", help, &ConstCounter::new(cpu_seconds()))?;
        if let Some(bytes) = resident_bytes() {
            show("process_resident_memory_bytes", "Memory of the process that is in RAM", &ConstGauge::new(bytes))?;
        }
        if let Some(bytes) = written_bytes() {
            show("process_written_bytes", "Bytes that the process had storage written", &ConstCounter::new(bytes))?;
        }
        Ok(())
    }
}

/// The CPU time that this process has used.
pub(crate) fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn written_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}
