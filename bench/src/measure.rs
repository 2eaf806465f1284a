//! Owns the figures: how one phase becomes a [`Sample`], how CPU time is read, and how
//! rounds become a median. Knows no peer and prints nothing.

use std::{
    fs, process, thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    args::Scenario,
    load::{Load, Phase, Stop},
};

/// One round of one peer in one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    /// Latency, where calls are made one by one.
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) client_cpu_us: f64,
    pub(crate) server_cpu_us: f64,
}

/// A figure that a sample has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    P50,
    P99,
    CallsPerSecond,
    CpuPerCall,
}

impl Sample {
    /// The figure, in microseconds or calls per second.
    pub(crate) fn figure(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::P50 => self.p50_us,
            Figure::P99 => self.p99_us,
            Figure::CallsPerSecond => Some(self.calls as f64 / self.seconds),
            Figure::CpuPerCall => Some((self.client_cpu_us + self.server_cpu_us) / self.calls as f64),
        }
    }
}

/// The median of a figure over rounds; `None` where the scenario does not have it.
pub(crate) fn median(rounds: &[Sample], figure: Figure) -> Option<f64> {
    let mut values: Vec<f64> = rounds.iter().filter_map(|sample| sample.figure(figure)).collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((values[values.len() / 2 - 1] + upper) / 2.0)
}

/// Drives `load` for a warm-up and then for `seconds`, and gives what the latter took.
pub(crate) async fn sample(mut load: impl Load, scenario: Scenario, seconds: f64, server_pid: u32) -> Result<Sample> {
    phase(&mut load, scenario, seconds / 4.0).await?;

    let client_before = cpu_time(process::id())?;
    let server_before = cpu_time(server_pid)?;
    let started = Instant::now();
    let mut phase = phase(&mut load, scenario, seconds).await?;
    let elapsed = started.elapsed();
    let server_cpu = cpu_time(server_pid)?.saturating_sub(server_before);
    let client_cpu = cpu_time(process::id())?.saturating_sub(client_before);

    if phase.calls == 0 {
        return Err("not one call was answered in the time measured".into());
    }
    phase.latencies_ns.sort_unstable();
    Ok(Sample {
        calls: phase.calls,
        seconds: elapsed.as_secs_f64(),
        p50_us: percentile_us(&phase.latencies_ns, 50),
        p99_us: percentile_us(&phase.latencies_ns, 99),
        client_cpu_us: client_cpu.as_nanos() as f64 / 1e3,
        server_cpu_us: server_cpu.as_nanos() as f64 / 1e3,
    })
}

async fn phase(load: &mut impl Load, scenario: Scenario, seconds: f64) -> Result<Phase> {
    let stop = Stop::after(Duration::from_secs_f64(seconds));
    match scenario {
        Scenario::Seq => load.sequential(stop).await,
        Scenario::Pipe64 => load.pipelined(64, stop).await,
    }
}

/// The CPU time that the scheduler has charged to all live threads of a process.
///
/// The caller reads the server's as well as its own, so that both are taken at the same
/// moment with no message in between that would cost either of them time.
fn cpu_time(pid: u32) -> Result<Duration> {
    // A running thread is charged when it leaves its CPU or at a tick; yielding charges us now.
    thread::yield_now();
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path().join("schedstat");
        // A thread may end between the listing and the read.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        nanoseconds += text
            .split_whitespace()
            .next()
            .and_then(|first| first.parse::<u64>().ok())
            .ok_or_else(|| format!("{} is not a schedstat: {text:?}", path.display()))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The nearest-rank percentile of sorted nanoseconds, in microseconds.
fn percentile_us(sorted_ns: &[u64], percent: usize) -> Option<f64> {
    let rank = (sorted_ns.len() * percent).div_ceil(100);
    sorted_ns.get(rank.max(1) - 1).map(|&ns| ns as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(p50_us: Option<f64>) -> Sample {
        Sample { calls: 10, seconds: 2.0, p50_us, p99_us: None, client_cpu_us: 30.0, server_cpu_us: 20.0 }
    }

    #[test]
    fn median_is_the_middle_or_between_the_two_middle_ones() {
        let rounds: Vec<_> = [9.0, 1.0, 4.0].map(|p50| sample(Some(p50))).into();
        assert_eq!(median(&rounds, Figure::P50), Some(4.0));
        assert_eq!(median(&rounds[1..], Figure::P50), Some(2.5));
        assert_eq!(median(&rounds, Figure::P99), None);
        assert_eq!(median(&[], Figure::P50), None);
    }

    #[test]
    fn cpu_per_call_sums_both_processes() {
        assert_eq!(sample(None).figure(Figure::CpuPerCall), Some(5.0));
        assert_eq!(sample(None).figure(Figure::CallsPerSecond), Some(5.0));
    }

    #[test]
    fn percentile_is_the_nearest_rank() {
        let sorted: Vec<u64> = (1..=200).map(|n| n * 1000).collect();
        assert_eq!(percentile_us(&sorted, 50), Some(100.0));
        assert_eq!(percentile_us(&sorted, 99), Some(198.0));
        assert_eq!(percentile_us(&sorted[..1], 99), Some(1.0));
        assert_eq!(percentile_us(&[], 50), None);
    }

    #[test]
    fn own_cpu_time_grows_with_work() {
        let before = cpu_time(process::id()).unwrap();
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(20) {}
        assert!(cpu_time(process::id()).unwrap() > before);
    }
}
