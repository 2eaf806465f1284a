//! Owns the count of the instructions of one call: the same calls twice under valgrind, in two numbers, so that what a process
//! executes before the first call and after the last one is not counted.
//! Knows nothing of time, and of no peer but netref.

use std::{
    env,
    io::{self, Write as _},
    process::{Command, ExitCode, Stdio},
};

use netref::{Node, Remote, remote};

use crate::{
    Result,
    args::{CallsArgs, Flavour, InstructionsArgs},
    run,
};

/// Instructions of one call with everything on that is on by default, both sides together: measured by `netref-bench instructions` on
/// x86-64 with Rust 1.95 on 2026-11-21.
const COMMITTED: u64 = 10_693;

/// How much more than [`COMMITTED`] is still taken for the same, in percent: what another compiler, or other code beside it, makes of it.
const SLACK: u64 = 1;

/// The runs that are compared: the difference is [`MORE`] calls.
const FEW: u64 = 2_000;
const MORE: u64 = 10_000;

#[remote]
trait Adder {
    async fn add(&self, left: u64, right: u64) -> Result<u64, netref::Error>;
}

struct Exact;

impl Adder for Exact {
    async fn add(&self, left: u64, right: u64) -> Result<u64, netref::Error> {
        Ok(left.wrapping_add(right))
    }
}

/// Counts, prints, and compares where that is wanted.
pub(crate) fn count(args: &InstructionsArgs) -> Result<ExitCode> {
    let per_call = executed(FEW + MORE)?.saturating_sub(executed(FEW)?) / MORE;
    let limit = COMMITTED + COMMITTED * SLACK / 100;
    writeln!(io::stdout(), "instructions per call, both sides: {per_call} (committed: {COMMITTED}, at most {limit})")?;
    if args.check && !(1..=limit).contains(&per_call) {
        eprintln!("netref-bench: a call executes {per_call} instructions where {limit} are allowed");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// So many calls from one node to another over memory, on one thread.
pub(crate) fn calls(args: &CallsArgs) -> Result<ExitCode> {
    run::on_runtime(Flavour::Ct, call(args.calls))?;
    Ok(ExitCode::SUCCESS)
}

async fn call(calls: u64) -> Result<()> {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let ((here_in, here_out), (there_in, there_out)) = (tokio::io::split(here), tokio::io::split(there));
    let host = Node::builder().publish("adder", Remote::<dyn Adder>::new(Exact)).start().await?;
    let user = Node::builder().start().await?;
    let (accepted, session) = tokio::join!(host.accept_io(there_in, there_out), user.connect_io(here_in, here_out));
    let (_accepted, session) = (accepted?, session?);
    let adder = session.lookup::<dyn Adder>("adder").await?;
    for number in 0..calls {
        if adder.add(number, 1).await? != number + 1 {
            return Err("netref: a wrong answer".into());
        }
    }
    Ok(())
}

/// What this binary executes for so many calls.
fn executed(calls: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["calls", "--calls", &calls.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind cannot be started ({error}): it is a package of that name in most distributions"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("the calls ended with {} under valgrind: {said}", output.status).into());
    }
    instructions(&said).ok_or_else(|| format!("valgrind printed no count of instructions: {said}").into())
}

/// The number in valgrind's line `==1234== I refs:        1,234,567` (`I   refs:` in older ones).
fn instructions(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.split_whitespace().skip(1).take(2).eq(["I", "refs:"]))?;
    line.rsplit(' ').next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_valgrind_says() {
        let said = "==7== Cachegrind, a high-precision tracing profiler\n==7== \n==7== I   refs:      118,240,017\n";
        assert_eq!(instructions(said), Some(118_240_017));
        assert_eq!(instructions("==7== I refs: 5"), Some(5));
        assert_eq!(instructions("==7== Command: I refs"), None);
    }
}
