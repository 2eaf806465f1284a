//! Owns the measurement of calls ahead of their results: a chain of four calls over netref's own relay, with a delay each way, beside one
//! call and beside the same four made one after the other. Whoever measures nothing on the way needs nothing else: all is in one process.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use netref::{Node, Remote, remote, testing::Relay};
use serde::Serialize;

use crate::{Result, args::PromisesArgs};

/// An interface of its own for each step, so that the first use of a chain is the first of all of them.
#[remote]
trait First {
    async fn next(&self) -> netref::Result<Remote<dyn Second>>;
    async fn value(&self) -> netref::Result<u64>;
}

#[remote]
trait Second {
    async fn next(&self) -> netref::Result<Remote<dyn Third>>;
}

#[remote]
trait Third {
    async fn next(&self) -> netref::Result<Remote<dyn Fourth>>;
}

#[remote]
trait Fourth {
    async fn value(&self) -> netref::Result<u64>;
}

struct Chain;

impl First for Chain {
    async fn next(&self) -> netref::Result<Remote<dyn Second>> {
        Ok(Remote::new(Self))
    }

    async fn value(&self) -> netref::Result<u64> {
        Ok(1)
    }
}

impl Second for Chain {
    async fn next(&self) -> netref::Result<Remote<dyn Third>> {
        Ok(Remote::new(Self))
    }
}

impl Third for Chain {
    async fn next(&self) -> netref::Result<Remote<dyn Fourth>> {
        Ok(Remote::new(Self))
    }
}

impl Fourth for Chain {
    async fn value(&self) -> netref::Result<u64> {
        Ok(4)
    }
}

/// What is timed, on a session of its own each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    OneCall,
    Ahead,
    StepByStep,
}

const WAYS: [Way; 3] = [Way::OneCall, Way::Ahead, Way::StepByStep];

/// The medians of one run, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Times {
    one_call: f64,
    ahead: f64,
    step_by_step: f64,
}

/// What has to be true of the medians.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: &'static str,
    ratio: f64,
    at_least: f64,
    at_most: f64,
    passed: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    delay_ms: u64,
    rounds: u32,
    first_use: Times,
    later: Times,
    rows: Vec<Row>,
    /// How often it was measured until every row passed.
    attempts: u32,
}

/// How often a run that misses is measured in all.
const ATTEMPTS: u32 = 3;

pub(crate) fn run(args: &PromisesArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut attempts = 0;
    let outcome = loop {
        attempts += 1;
        let outcome = runtime.block_on(measure(args, attempts))?;
        if !args.check || attempts == ATTEMPTS || outcome.passed() {
            break outcome;
        }
    };
    let text = if args.json { serde_json::to_string_pretty(&outcome)? + "\n" } else { outcome.text() };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if !args.check || outcome.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &PromisesArgs, attempts: u32) -> Result<Outcome> {
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("chain", Remote::<dyn First>::new(Chain)).start().await?;
    let relay = Relay::to(&host.addresses()[0].to_string(), 1).await?;
    let delay = Duration::from_millis(args.delay_ms);
    relay.onward().change(|conditions| conditions.delay = delay);
    relay.back().change(|conditions| conditions.delay = delay);
    let url = format!("{}/chain", relay.address());

    let mut first_use = [const { Vec::new() }; WAYS.len()];
    let mut later = first_use.clone();
    for _ in 0..args.rounds {
        for (index, way) in WAYS.into_iter().enumerate() {
            let node = Node::builder().start().await?;
            let chain = node.connect::<dyn First>(&url).await?;
            first_use[index].push(time(way, &chain).await?);
            later[index].push(time(way, &chain).await?);
        }
    }
    let [first_use, later] = [first_use, later].map(Times::of);
    let rows = vec![
        row("a chain of 4 ahead, beside one call", later.ahead / later.one_call, 0.0, 1.05),
        row("the same, each at its first use", first_use.ahead / first_use.one_call, 0.0, 1.05),
        row("the chain step by step, beside one call", later.step_by_step / later.one_call, 3.6, 4.4),
    ];
    Ok(Outcome { delay_ms: args.delay_ms, rounds: args.rounds, first_use, later, rows, attempts })
}

/// In milliseconds.
async fn time(way: Way, first: &Remote<dyn First>) -> Result<f64> {
    let began = Instant::now();
    let (value, expected) = match way {
        Way::OneCall => (first.value().await?, 1),
        Way::Ahead => (first.next().pipelined().next().pipelined().next().pipelined().value().await?, 4),
        Way::StepByStep => (first.next().await?.next().await?.next().await?.value().await?, 4),
    };
    let took = began.elapsed();
    if value != expected {
        return Err(format!("the chain gave {value} where it has {expected}").into());
    }
    Ok(took.as_secs_f64() * 1e3)
}

fn row(what: &'static str, ratio: f64, at_least: f64, at_most: f64) -> Row {
    Row { what, ratio, at_least, at_most, passed: (at_least..=at_most).contains(&ratio) }
}

impl Times {
    fn of(times: [Vec<f64>; WAYS.len()]) -> Self {
        let [one_call, ahead, step_by_step] = times.map(middle);
        Self { one_call, ahead, step_by_step }
    }
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Outcome {
    fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.passed)
    }

    fn text(&self) -> String {
        let mut text = String::from("Calls ahead of their results\n");
        let _ = writeln!(
            text,
            "A chain of 4 calls over a relay with {} ms each way; medians of {} rounds, in ms.\n",
            self.delay_ms, self.rounds
        );
        for (when, times) in [("first use", &self.first_use), ("later", &self.later)] {
            let Times { one_call, ahead, step_by_step } = times;
            let _ = writeln!(text, "{when:<10} one call {one_call:>7.2}   ahead {ahead:>7.2}   step by step {step_by_step:>7.2}");
        }
        text.push('\n');
        for Row { what, ratio, at_least, at_most, passed } in &self.rows {
            let verdict = if *passed { "ok    " } else { "MISSED" };
            let _ = writeln!(text, "{verdict} {what}: {ratio:.3} ({at_least} to {at_most})");
        }
        if self.attempts > 1 {
            let _ = writeln!(text, "measured {} times", self.attempts);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_passes_between_its_bounds() {
        assert!(row("", 1.0, 0.0, 1.05).passed && !row("", 1.06, 0.0, 1.05).passed && !row("", f64::NAN, 0.0, 1.05).passed);
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
