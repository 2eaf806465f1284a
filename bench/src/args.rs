//! Owns the command line: what may be asked for, its defaults, and the checked [`Plan`].
//! Knows nothing of how a peer is run or measured.

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::Result;

/// Parses the process's arguments; prints usage and exits (code 2) where they are wrong.
pub(crate) fn parse() -> Command {
    Cli::parse().command
}

#[derive(Debug, Parser)]
#[command(name = "netref-bench", version, about = "netref beside its peers, measured in one run")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure the peers interleaved and print medians, with ratios to floor and tarpc.
    Compare(CompareArgs),
    /// Measure a chain of calls ahead of their results over a slow link, beside one call.
    Promises(PromisesArgs),
    /// The serving process of one peer (started by `compare`).
    #[command(hide = true)]
    Serve(ServeArgs),
    /// The calling process of one peer (started by `compare`).
    #[command(hide = true)]
    Drive(DriveArgs),
    /// Count the instructions of one call under valgrind, which do not depend on how busy the machine is.
    Instructions(InstructionsArgs),
    /// What an echo costs without runtime and framework (started by `compare`).
    #[command(hide = true)]
    BareEcho(BareEchoArgs),
    /// So many calls between two nodes of one process (started by `instructions`).
    #[command(hide = true)]
    Calls(CallsArgs),
    /// Measure streams: bytes beside a raw TCP copy, items beside remoc's channel, and small calls during a transfer.
    Streams(StreamsArgs),
    /// The serving process of `streams` (started by it).
    #[command(hide = true)]
    StreamServe(StreamServeArgs),
    /// The reading process of `streams` (started by it).
    #[command(hide = true)]
    StreamDrive(StreamDriveArgs),
}

/// Who is measured in `streams`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StreamPeer {
    /// A TCP connection and two loops.
    Raw,
    /// netref on its defaults.
    Netref,
    /// remoc's mpsc channel.
    Remoc,
}

/// What is measured in `streams`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flow {
    /// Bytes, all of them.
    Bytes,
    /// `u64` items for a second.
    Items,
    /// The slowest of a hundred small calls, idle and while bytes flow.
    Calls,
}

#[derive(Debug, Args)]
pub(crate) struct StreamsArgs {
    /// How much is transferred, in MiB.
    #[arg(long, default_value_t = 1_024)]
    pub(crate) mib: u64,
    /// Rounds; the figures are medians over them.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Compare with the targets; exit with 1 where one is missed.
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StreamServeArgs {
    #[arg(long)]
    pub(crate) peer: StreamPeer,
}

#[derive(Debug, Args)]
pub(crate) struct StreamDriveArgs {
    #[arg(long)]
    pub(crate) peer: StreamPeer,
    #[arg(long)]
    pub(crate) flow: Flow,
    #[arg(long)]
    pub(crate) address: String,
    #[arg(long)]
    pub(crate) mib: u64,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// A hand-written echo: what the machine can do, not an RPC.
    Floor,
    /// netref on the defaults that its README shows.
    Netref,
    /// The RPC framework tarpc, with its limits raised.
    Tarpc,
}

/// What is done, with one client process and one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// One call after the other.
    Seq,
    /// 64 tasks, each one call after the other.
    Pipe64,
}

/// The runtime that both processes of a peer use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flavour {
    /// tokio's current_thread runtime.
    Ct,
    /// tokio's multi_thread runtime with 2 workers.
    Mt2,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The peers to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "floor,netref,tarpc")]
    peers: Vec<Peer>,
    /// The scenarios to run.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "seq,pipe64")]
    scenarios: Vec<Scenario>,
    /// The runtimes to run them on.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ct,mt2")]
    flavours: Vec<Flavour>,
    /// Only with both processes pinned to one CPU (left out: pinned and unpinned).
    #[arg(long, conflicts_with = "no_pin")]
    pin: bool,
    /// Only unpinned.
    #[arg(long)]
    no_pin: bool,
    /// The CPU to pin to (left out: the last one that this process may use).
    #[arg(long)]
    cpu: Option<usize>,
    /// Seconds measured per peer, scenario and round, after a quarter of it as warm-up.
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    seconds: f64,
    /// Rounds; the figures are medians over them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Compare with the targets; exit with 1 where one is missed.
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A run that makes sense: every list non-empty and without doubles.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) peers: Vec<Peer>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) flavours: Vec<Flavour>,
    /// Whether to measure unpinned (`false`), pinned (`true`) or both.
    pub(crate) pinned: Vec<bool>,
    pub(crate) cpu: usize,
    pub(crate) seconds: f64,
    pub(crate) rounds: u32,
}

impl CompareArgs {
    pub(crate) fn plan(&self) -> Result<Plan> {
        let pinned = match (self.pin, self.no_pin) {
            (true, _) => vec![true],
            (_, true) => vec![false],
            _ => vec![true, false],
        };
        Ok(Plan {
            peers: distinct(&self.peers),
            scenarios: distinct(&self.scenarios),
            flavours: distinct(&self.flavours),
            pinned,
            cpu: self.cpu.map_or_else(crate::run::last_cpu, Ok)?,
            seconds: self.seconds,
            rounds: self.rounds,
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct InstructionsArgs {
    /// Compare with the number that is committed; exit with 1 where it is exceeded.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    #[arg(long)]
    pub(crate) calls: u64,
}

#[derive(Debug, Args)]
pub(crate) struct PromisesArgs {
    /// How long the link takes each way, in milliseconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) delay_ms: u64,
    /// Rounds; the figures are medians over them.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Compare with the targets; exit with 1 where one is missed.
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BareEchoArgs {
    #[arg(long)]
    pub(crate) cpu: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[arg(long)]
    pub(crate) peer: Peer,
    #[arg(long)]
    pub(crate) flavour: Flavour,
    #[arg(long)]
    pub(crate) cpu: Option<usize>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DriveArgs {
    #[arg(long)]
    pub(crate) peer: Peer,
    #[arg(long)]
    pub(crate) flavour: Flavour,
    #[arg(long)]
    pub(crate) cpu: Option<usize>,
    #[arg(long)]
    pub(crate) scenario: Scenario,
    #[arg(long)]
    pub(crate) seconds: f64,
    /// What the serving process printed when it was ready.
    #[arg(long)]
    pub(crate) address: String,
    #[arg(long)]
    pub(crate) server_pid: u32,
}

/// The name of a value as the command line writes it.
pub(crate) fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|possible| possible.get_name().to_owned()).unwrap_or_default()
}

fn distinct<T: Copy + PartialEq>(values: &[T]) -> Vec<T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(value) {
            distinct.push(*value);
        }
    }
    distinct
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.05..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("write a number of seconds from 0.05 to 60".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_peer_named_twice_is_measured_once() {
        let peers = [Peer::Tarpc, Peer::Floor, Peer::Tarpc];
        assert_eq!(distinct(&peers), [Peer::Tarpc, Peer::Floor]);
    }
}
