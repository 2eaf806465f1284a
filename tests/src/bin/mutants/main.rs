//! Owns the proof that the tests bite: every file in `tests/mutants` switches one rule of netref off in a copy of the sources, and the
//! tests that the file names have to fail there. It changes nothing outside the build folder.
//!
//! ```text
//! cargo run -p netref-tests --bin mutants            # all of them
//! cargo run -p netref-tests --bin mutants -- credit  # those whose name contains a word
//! cargo run -p netref-tests --bin mutants -- --list
//! ```

mod copy;
mod mutant;
mod trial;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use copy::Copy;
use mutant::Mutant;
use trial::Verdict;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let lists = words.iter().any(|word| word == "--list");
    words.retain(|word| word != "--list");
    match run(&words, lists) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{survivors} not caught");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tries the mutants whose names contain one of `words`, or all. Gives how many were not caught.
fn run(words: &[String], lists: bool) -> Result<usize, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).ok_or("the workspace has no folder")?;
    let mut mutants = mutant::read_all(&root.join("tests/mutants"))?;
    mutants.retain(|mutant| words.is_empty() || words.iter().any(|word| mutant.name.contains(word.as_str())));
    if mutants.is_empty() {
        return Err(format!("no mutant is called like {words:?}"));
    }
    if lists {
        for mutant in &mutants {
            println!("{}: {}", mutant.name, mutant.rule);
        }
        return Ok(0);
    }
    let copy = Copy::of(&root)?;
    // A mutant that can no longer be applied is told before anything is built.
    for mutant in &mutants {
        copy.apply(mutant).map_err(|error| format!("{}: {error}", mutant.name))?.undo()?;
    }
    sound(&copy, &mutants)?;
    let mut survivors = 0;
    for mutant in &mutants {
        survivors += usize::from(!is_caught(&copy, mutant)?);
    }
    println!("{} mutants, {} caught", mutants.len(), mutants.len() - survivors);
    Ok(survivors)
}

/// The tests have to pass, and to be there, while nothing is changed: else their failing proves nothing.
fn sound(copy: &Copy, mutants: &[Mutant]) -> Result<(), String> {
    let commands: BTreeSet<&str> = mutants.iter().flat_map(|mutant| mutant.runs.iter().map(String::as_str)).collect();
    println!("{} test commands on the sources as they are", commands.len());
    for command in commands {
        match trial::run(copy, command)? {
            Verdict::Passed { tests: 0 } => return Err(format!("`cargo {command}` runs no test")),
            Verdict::Passed { .. } => {}
            Verdict::Failed { by } => return Err(format!("`cargo {command}` fails without any mutant: {by}")),
            Verdict::DoesNotBuild { output } => return Err(format!("`cargo {command}` does not build:\n{output}")),
            Verdict::Undecided { why } => return Err(format!("`cargo {command}` says nothing without any mutant: {why}")),
        }
    }
    Ok(())
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
