//! Owns the proof that the tests bite: every file in `tests/mutants` switches one rule of netref off in a copy of the sources, and the
//! tests that the file names have to fail there. It changes nothing outside the build folder.
//!
//! ```text
//! cargo run -p netref-tests --bin mutants            # all of them
//! cargo run -p netref-tests --bin mutants -- credit  # those whose name contains a word
//! cargo run -p netref-tests --bin mutants -- --part 1/2  # one of two halves
//! cargo run -p netref-tests --bin mutants -- --list
//! ```

mod copy;
mod mutant;
mod trial;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use copy::Copy;
use mutant::Mutant;
use trial::Verdict;

/// More copies than this at a time would take more disk and memory than they save time: each builds everything.
const COPIES_MAX: usize = 2;

fn main() -> ExitCode {
    let asked = match Asked::read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&asked) {
        Ok(survivors) if survivors.is_empty() => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{} not caught: {}", survivors.len(), survivors.join(", "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for.
struct Asked {
    /// Mutants whose names contain one of these, or all.
    words: Vec<String>,
    /// Of those, one part of so many: the first, the second, and so on.
    part: (usize, usize),
    lists: bool,
}

impl Asked {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self { words: Vec::new(), part: (1, 1), lists: false };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--list" => asked.lists = true,
                "--part" => asked.part = part(&args.next().unwrap_or_default())?,
                word if word.starts_with('-') => return Err(format!("there is no option {word}: only --list and --part K/N")),
                word => asked.words.push(word.to_owned()),
            }
        }
        Ok(asked)
    }

    fn takes(&self, mutant: &Mutant) -> bool {
        let is_called = self.words.is_empty() || self.words.iter().any(|word| mutant.name.contains(word.as_str()));
        // By the name alone, so that a new one moves no other into another part.
        let number = mutant.name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        is_called && number % self.part.1 == self.part.0 - 1
    }
}

/// `K/N`.
fn part(text: &str) -> Result<(usize, usize), String> {
    let part = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    part.filter(|(part, parts)| (1..=*parts).contains(part)).ok_or_else(|| format!("`--part {text}` is not K/N, with K from 1 to N"))
}

/// Tries the mutants that are asked for. Gives the names of those that were not caught, in order.
fn run(asked: &Asked) -> Result<Vec<String>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).ok_or("the workspace has no folder")?;
    let mut mutants = mutant::read_all(&root.join("tests/mutants"))?;
    mutants.retain(|mutant| asked.takes(mutant));
    if mutants.is_empty() {
        return Err(format!("no mutant of part {}/{} is called like {:?}", asked.part.0, asked.part.1, asked.words));
    }
    if asked.lists {
        for mutant in &mutants {
            println!("{}: {}", mutant.name, mutant.rule);
        }
        return Ok(Vec::new());
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let copies = (0..processors.min(COPIES_MAX)).map(|number| Copy::of(&root, number)).collect::<Result<Vec<_>, _>>()?;
    // A mutant that can no longer be applied is told before anything is built.
    for mutant in &mutants {
        copies[0].apply(mutant).map_err(|error| format!("{}: {error}", mutant.name))?.undo()?;
    }
    sound(&copies, &mutants)?;
    let survivors = Mutex::new(BTreeSet::new());
    in_turn(&copies, &mutants, |copy, mutant| {
        if !is_caught(copy, mutant)? {
            survivors.lock().unwrap_or_else(PoisonError::into_inner).insert(mutant.name.clone());
        }
        Ok(())
    })?;
    let survivors = Vec::from_iter(survivors.into_inner().unwrap_or_else(PoisonError::into_inner));
    println!("{} mutants, {} caught", mutants.len(), mutants.len() - survivors.len());
    Ok(survivors)
}

/// Works through `items`, one at a time in each copy. The first error ends it, once what has begun is done.
fn in_turn<T: Sync>(copies: &[Copy], items: &[T], work: impl Fn(&Copy, &T) -> Result<(), String> + Sync) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for copy in copies {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = work(copy, item) {
                        next.store(items.len(), Ordering::Relaxed);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// The tests have to pass, and to be there, while nothing is changed: else their failing proves nothing.
fn sound(copies: &[Copy], mutants: &[Mutant]) -> Result<(), String> {
    let commands: BTreeSet<&str> = mutants.iter().flat_map(|mutant| mutant.runs.iter().map(String::as_str)).collect();
    println!("{} test commands on the sources as they are", commands.len());
    in_turn(copies, &Vec::from_iter(commands), |copy, command| match trial::run(copy, command)? {
        Verdict::Passed { tests: 0 } => Err(format!("`cargo {command}` runs no test")),
        Verdict::Passed { .. } => Ok(()),
        Verdict::Failed { by } => Err(format!("`cargo {command}` fails without any mutant: {by}")),
        Verdict::DoesNotBuild { output } => Err(format!("`cargo {command}` does not build:\n{output}")),
        Verdict::Undecided { why } => Err(format!("`cargo {command}` says nothing without any mutant: {why}")),
    })
}

fn is_caught(copy: &Copy, mutant: &Mutant) -> Result<bool, String> {
    let began = Instant::now();
    let applied = copy.apply(mutant).map_err(|error| format!("{}: {error}", mutant.name))?;
    let mut caught = None;
    for command in &mutant.runs {
        match trial::run(copy, command)? {
            Verdict::Passed { .. } => {}
            Verdict::Failed { by } => {
                caught = Some(by);
                break;
            }
            Verdict::DoesNotBuild { output } => return Err(format!("{} does not build:\n{output}", mutant.name)),
            Verdict::Undecided { why } => println!("nobody can say whether {} is noticed by `cargo {command}`: {why}", mutant.name),
        }
    }
    applied.undo()?;
    let seconds = began.elapsed().as_secs();
    match &caught {
        Some(by) => println!("caught   {} ({}) by {by}, {seconds} s", mutant.name, mutant.rule),
        None => println!("SURVIVED {} ({}), {seconds} s", mutant.name, mutant.rule),
    }
    Ok(caught.is_some())
}
