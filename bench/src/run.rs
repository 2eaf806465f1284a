//! Owns the processes: starts a peer's two, interleaves the peers, gathers the samples.
//! Knows neither what a peer does nor what the figures mean.

use std::{
    env,
    ffi::OsString,
    future::Future,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Result,
    args::{self, Flavour, Peer, Plan, Scenario},
    measure::Sample,
    report::title,
};

/// What a peer is asked to do, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    pub(crate) scenario: Scenario,
    pub(crate) flavour: Flavour,
    pub(crate) pinned: bool,
}

/// All rounds of one peer in one setting.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) peer: Peer,
    pub(crate) setting: Setting,
    pub(crate) rounds: Vec<Sample>,
}

/// Everything that a run measured.
#[derive(Debug, Default)]
pub(crate) struct Results(pub(crate) Vec<Measured>);

impl Results {
    pub(crate) fn rounds(&self, peer: Peer, setting: Setting) -> &[Sample] {
        let found = self.0.iter().find(|one| one.peer == peer && one.setting == setting);
        found.map_or(&[], |measured| &measured.rounds)
    }

    pub(crate) fn add(&mut self, peer: Peer, setting: Setting, sample: Sample) {
        match self.0.iter_mut().find(|one| one.peer == peer && one.setting == setting) {
            Some(measured) => measured.rounds.push(sample),
            None => self.0.push(Measured { peer, setting, rounds: vec![sample] }),
        }
    }
}

/// Measures the whole plan.
pub(crate) fn all(plan: &Plan) -> Result<Results> {
    rounds(plan, &plan.settings(), &plan.peers)
}

/// Measures the peers in the settings: round by round, the peers next to one another in
/// each setting, and each round begins with another of them. What changes on the machine
/// meanwhile then changes for all of them.
pub(crate) fn rounds(plan: &Plan, settings: &[Setting], peers: &[Peer]) -> Result<Results> {
    let mut results = Results::default();
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        let mut order = peers.to_vec();
        order.rotate_left(round as usize % peers.len().max(1));
        for &setting in settings {
            for &peer in &order {
                let sample = once(plan, peer, setting).map_err(|error| format!("{}, {}: {error}", args::name(peer), title(setting)))?;
                results.add(peer, setting, sample);
            }
        }
    }
    Ok(results)
}

impl Plan {
    fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        for &scenario in &self.scenarios {
            for &pinned in &self.pinned {
                for &flavour in &self.flavours {
                    settings.push(Setting { scenario, flavour, pinned });
                }
            }
        }
        settings
    }
}

/// One sample, from two fresh processes.
fn once(plan: &Plan, peer: Peer, setting: Setting) -> Result<Sample> {
    let mut common: Vec<OsString> = vec!["--peer".into(), args::name(peer).into(), "--flavour".into(), args::name(setting.flavour).into()];
    if setting.pinned {
        common.extend(["--cpu".into(), plan.cpu.to_string().into()]);
    }

    let mut server = Process::start("serve", &common, Stdio::piped())?;
    let address = server.line()?;
    let mut client = common;
    client.extend([
        "--scenario".into(),
        args::name(setting.scenario).into(),
        "--seconds".into(),
        plan.seconds.to_string().into(),
        "--address".into(),
        address.trim().into(),
        "--server-pid".into(),
        server.0.id().to_string().into(),
    ]);
    Process::start("drive", &client, Stdio::null())?.answer()
}

/// What an echo costs on this machine with neither runtime nor framework.
pub(crate) fn bare_echo_us(plan: &Plan) -> Result<f64> {
    let cpu = ["--cpu".into(), plan.cpu.to_string().into()];
    Process::start("bare-echo", &cpu, Stdio::null())?.answer()
}

/// A process of this same binary; it is ended and reaped when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(part: &str, args: &[OsString], stdin: Stdio) -> Result<Self> {
        let child = Command::new(env::current_exe()?).arg(part).args(args).stdin(stdin).stdout(Stdio::piped()).spawn()?;
        Ok(Self(child))
    }

    pub(crate) fn line(&mut self) -> Result<String> {
        let stdout = self.0.stdout.as_mut().ok_or("the process's output is not piped")?;
        let mut line = String::new();
        // Nothing follows the line, so nothing is lost with the reader's buffer.
        if BufReader::new(stdout).read_line(&mut line)? == 0 {
            return Err("the serving process ended before it was ready".into());
        }
        Ok(line)
    }

    /// Waits for the process's end and gives what it measured.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let stdout = self.0.stdout.as_mut().ok_or("the process's output is not piped")?;
        let mut text = String::new();
        stdout.read_to_string(&mut text)?;
        let status = self.0.wait()?;
        if !status.success() {
            return Err(format!("the calling process ended with {status}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the process has ended and been waited for, which is the aim.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Confines this process, and every thread it starts from now on, to one CPU.
pub(crate) fn pin(cpu: Option<usize>) -> Result<()> {
    let Some(cpu) = cpu else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|error| format!("cannot pin to CPU {cpu}: {error}").into())
}

/// The last CPU that this process may use: the first tends to serve the interrupts.
pub(crate) fn last_cpu() -> Result<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    (0..CpuSet::count()).rev().find(|&cpu| allowed.is_set(cpu).unwrap_or(false)).ok_or_else(|| "this process may use no CPU".into())
}

/// Runs one task to its end on a new runtime. It is a spawned task in both flavours: the
/// future that a runtime blocks on is no worker's, and each of its wake-ups would cost one.
pub(crate) fn on_runtime<T: Send + 'static>(flavour: Flavour, task: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let mut builder = match flavour {
        Flavour::Ct => tokio::runtime::Builder::new_current_thread(),
        Flavour::Mt2 => tokio::runtime::Builder::new_multi_thread(),
    };
    if flavour == Flavour::Mt2 {
        builder.worker_threads(2);
    }
    let runtime = builder.enable_all().build()?;
    runtime.block_on(runtime.spawn(task))?
}
