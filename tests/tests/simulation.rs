//! The protocol under thousands of seeds: nodes, sessions and a clock in one value, everything in any order, every rule checked after
//! every step. A seed that fails says so, and is run again with `NETREF_SEED`. It knows nothing of the machine it drives.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use netref::internals::simulation;

/// Seeds of a plain `cargo test`, which is not optimized.
const SEEDS: u64 = 600;

/// So many seeds have to come across everything that there is to come across.
const REACH: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number, and not `{value}`")))
}

fn command(seed: u64) -> String {
    format!("NETREF_SEED={seed} cargo test --release -p netref-tests --test simulation -- --nocapture")
}

/// `NETREF_SEEDS` says how many, `NETREF_SEED_FROM` from which one on; `NETREF_SEED` replays one and prints all of it.
#[test]
fn no_seed_breaks_a_rule() {
    if let Some(seed) = number("NETREF_SEED") {
        let (trace, result) = simulation::replay(seed);
        println!("{trace}");
        return match result {
            Ok(summary) => println!("seed {seed}: no rule was broken, {summary:?}"),
            Err(failure) => panic!("seed {seed}, step {}: {}", failure.step, failure.text),
        };
    }
    let seeds = number("NETREF_SEEDS").unwrap_or(SEEDS);
    let from = number("NETREF_SEED_FROM").unwrap_or(0);
    let (next, steps, calls, sights) = (AtomicU64::new(from), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds || failed.lock().unwrap().is_some() {
                        return;
                    }
                    match simulation::run(seed) {
                        Ok(summary) => {
                            steps.fetch_add(summary.steps as u64, Ordering::Relaxed);
                            calls.fetch_add(summary.calls as u64, Ordering::Relaxed);
                            sights.fetch_or(summary.sights, Ordering::Relaxed);
                        }
                        Err(failure) => *failed.lock().unwrap() = Some((seed, failure)),
                    }
                }
            });
        }
    });
    if let Some((seed, failure)) = failed.into_inner().unwrap() {
        panic!("seed {seed} breaks a rule at {failure}\nreplay: {}", command(seed));
    }
    let (steps, calls) = (steps.into_inner(), calls.into_inner());
    println!("{seeds} seeds, {steps} steps, {calls} calls: no rule was broken");
    if seeds >= REACH {
        let missing = simulation::missing(sights.into_inner());
        assert!(missing.is_empty(), "no seed came across {missing:?}: the simulation has lost its reach");
    }
}

/// Streams have a world of their own: two ends, and the frames between them.
#[test]
fn no_seed_loses_an_item_or_credit_of_a_stream() {
    let mut reads = 0;
    let seeds = number("NETREF_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        match simulation::streams::run(seed) {
            Ok(seen) => reads += seen.reads,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(reads as u64 > 20 * seeds, "only {reads} items were read");
}
