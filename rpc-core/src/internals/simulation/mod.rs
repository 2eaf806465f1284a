//! The simulator: two or three nodes, the sessions between them and a clock, in one value, driven by a seed. The protocol in it is the real
//! one (`crate::proto` and `crate::wire`; every frame is encoded and decoded on its way); the shell around it, tasks, locks and sockets, is a model.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `world` | the nodes, the sessions, the clock, and what can happen |
//! | `node` | one node, its objects, and the handles to them |
//! | `end` | one end of a session and its half of the link |
//! | `call` | one call: what it is to do, and what really happened |
//! | `sending`, `returning`, `receiving`, `references`, `handling`, `ending` | the model of the shell |
//! | `promising` | calls on results that are not there yet, at both ends |
//! | `oracle`, `audit` | what must be true of calls, and of the two ends of a session |
//! | `settling` | what is due, and the way of a world to rest |
//! | `driver`, `rng` | a run, from a seed or from bytes |
//! | `sight` | what runs have to come across to be worth anything |
//! | `trace` | what happened, for people |
//! | `streams` | a world of its own: the table of streams at both ends of a session |

mod audit;
pub(super) mod call;
mod driver;
mod end;
mod ending;
mod handling;
mod node;
mod oracle;
mod promising;
mod receiving;
mod references;
mod returning;
mod rng;
mod sending;
mod settling;
mod sight;
pub mod streams;
mod trace;
pub(super) mod world;

use std::fmt;

use driver::Driver;
use rng::Choices;

/// What a run without a fault consisted of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Things that happened, after each of which everything was checked.
    pub steps: usize,
    /// Calls that were made, each hop counted.
    pub calls: usize,
    /// Sessions that there were.
    pub sessions: usize,
    /// What was come across, a bit each; see [`missing`].
    pub sights: u64,
}

/// The names of what none of the runs has come across whose sights are in `sights`.
pub fn missing(sights: u64) -> Vec<String> {
    let missed = sight::ALL.iter().filter(|&&sight| sights & (1 << sight as u32) == 0);
    missed.map(|sight| format!("{sight:?}")).collect()
}

/// A rule was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which step broke it.
    pub step: usize,
    /// In words.
    pub text: String,
    /// The last steps.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}\n{}", self.step, self.text, self.trace)
    }
}

/// Lines of the trace that a failure quotes.
const QUOTED: usize = 80;

/// Runs one seed.
///
/// # Errors
///
/// The first rule that was broken, with the steps that led there.
pub fn run(seed: u64) -> Result<Summary, Failure> {
    run_choices(&Choices::Seed(seed))
}

/// Runs what the bytes say: the first few choose the world, each of the others the next step, or a part of it.
///
/// # Errors
///
/// The first rule that was broken, with the steps that led there.
pub fn run_bytes(bytes: &[u8]) -> Result<Summary, Failure> {
    run_choices(&Choices::Bytes(bytes))
}

/// Runs one seed again and writes down all of it.
pub fn replay(seed: u64) -> (String, Result<Summary, Failure>) {
    let mut driver = Driver::new(Choices::Seed(seed), true);
    driver.run();
    (driver.world.trace().tail(usize::MAX), outcome(&driver))
}

fn run_choices(choices: &Choices<'_>) -> Result<Summary, Failure> {
    let mut driver = Driver::new(choices.clone(), false);
    driver.run();
    if driver.world.broken().is_some() {
        // Once more, with a trace.
        driver = Driver::new(choices.clone(), true);
        driver.run();
    }
    outcome(&driver)
}

fn outcome(driver: &Driver<'_>) -> Result<Summary, Failure> {
    let world = &driver.world;
    match world.broken() {
        Some(text) => Err(Failure { step: world.beside.steps, text: text.to_owned(), trace: world.trace().tail(QUOTED) }),
        None => {
            Ok(Summary { steps: world.beside.steps, calls: world.calls.len(), sessions: world.ends.len() / 2, sights: world.beside.sights })
        }
    }
}
