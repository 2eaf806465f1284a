//! Owns what is known of the machine: its parts, and how much of it others used meanwhile.
//! A figure that cannot be read is left out, never a reason to fail.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::Result;

/// The machine in one line of words.
pub(crate) fn describe() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
        .map_or_else(String::new, |kib| format!(", {} GiB", kib.div_ceil(1024 * 1024)));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpus} CPUs ({model}){memory}, Linux {}", kernel.trim())
}

/// Counters, in ticks, of the whole machine and of this process with its ended children.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    total: u64,
    idle: u64,
    stolen: u64,
    ours: u64,
}

/// Shares of all CPUs' time between two moments, in percent.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Disturbance {
    /// Used by processes that are not part of the bench.
    pub(crate) others_percent: f64,
    /// Taken by the hypervisor for other guests.
    pub(crate) stolen_percent: f64,
}

impl Load {
    pub(crate) fn now() -> Self {
        // user nice system idle iowait irq softirq steal; what follows is contained in user.
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let cpu = numbers(stat.lines().next().unwrap_or_default(), 1);
        let tick = |index: usize| cpu.get(index).copied().unwrap_or_default();
        // The name in the second field may hold spaces; utime is the twelfth after it.
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let own = numbers(own.rsplit(')').next().unwrap_or_default(), 11);
        Self {
            total: cpu.iter().take(8).sum(),
            idle: tick(3) + tick(4),
            stolen: tick(7),
            // utime stime cutime cstime
            ours: own.iter().take(4).sum(),
        }
    }

    pub(crate) fn until_now(&self) -> Disturbance {
        let now = Self::now();
        let total = (now.total - self.total).max(1) as f64;
        let idle = now.idle.saturating_sub(self.idle) as f64;
        let stolen = now.stolen.saturating_sub(self.stolen) as f64;
        let ours = now.ours.saturating_sub(self.ours) as f64;
        Disturbance { others_percent: ((total - idle - stolen - ours) / total * 100.0).max(0.0), stolen_percent: stolen / total * 100.0 }
    }
}

/// What an echo of 12 bytes costs with neither runtime nor framework: two threads with
/// blocking sockets, in microseconds (median).
pub(crate) fn bare_echo_us() -> Result<f64> {
    const MEASURED: Duration = Duration::from_millis(300);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    thread::spawn(move || {
        let mut message = [0; 12];
        while server.read_exact(&mut message).and_then(|()| server.write_all(&message)).is_ok() {}
    });

    let mut message = [7; 12];
    let mut latencies = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < MEASURED {
        let started = Instant::now();
        client.write_all(&message)?;
        client.read_exact(&mut message)?;
        latencies.push(started.elapsed());
    }
    latencies.sort_unstable();
    Ok(latencies[latencies.len() / 2].as_nanos() as f64 / 1e3)
}

/// The version of a dependency that this binary was built with.
pub(crate) fn version(package: &str) -> Option<&'static str> {
    const LOCK: &str = include_str!("../../Cargo.lock");
    let (_, after) = LOCK.split_once(&format!("\nname = \"{package}\"\nversion = \""))?;
    after.split('"').next()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn numbers(text: &str, skip: usize) -> Vec<u64> {
    text.split_whitespace().skip(skip).map_while(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_work_is_counted_as_ours() {
        let before = Load::now();
        let begun = Instant::now();
        while Load::now().ours < before.ours + 10 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{before:?} {:?}", Load::now());
        }
        assert!(before.until_now().others_percent < 100.0);
    }

    #[test]
    fn versions_come_from_the_lock_file() {
        assert!(version("tarpc").is_some_and(|version| version.starts_with("0.38")));
        assert_eq!(version("no-such-package"), None);
    }
}
