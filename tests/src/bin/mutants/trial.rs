//! Owns one run of some tests in the copy: built first, since a mutant that does not compile proves nothing, then run within a bound.
//! A busy machine that is too slow, or short of memory, has not noticed a mutant.

use std::process::{Command, Output};

use crate::copy::Copy;

/// The tests take seconds, and each ends by itself when what it waits for does not come.
const SECONDS_MAX: &str = "240";

/// What `timeout` says when it had to end the command, and when it had to kill it.
const ENDED: [i32; 2] = [124, 137];

/// Lines of an output that are shown.
const LINES_SHOWN: usize = 40;

/// What the tests said.
pub(crate) enum Verdict {
    Passed {
        tests: u32,
    },
    Failed {
        by: String,
    },
    DoesNotBuild {
        output: String,
    },
    /// Nobody can say: no test failed, and the program did not end itself either.
    Undecided {
        why: String,
    },
}

/// A word of a command that is for the compiler, and not for cargo.
const CFG: &str = "--cfg=";

/// Builds and runs `cargo COMMAND`. With a `--cfg=NAME` in it, everything is built with that, in a folder of its own.
pub(crate) fn run(copy: &Copy, command: &str) -> Result<Verdict, String> {
    let words: Vec<&str> = command.split(' ').collect();
    let build = cargo(copy, "3600", &build_only(&words))?;
    if !build.status.success() {
        return Ok(Verdict::DoesNotBuild { output: last_lines(&build.stderr) });
    }
    let output = cargo(copy, SECONDS_MAX, &words)?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(Verdict::Passed { tests: passed(&text) });
    }
    if let Some(test) = text.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED")) {
        return Ok(Verdict::Failed { by: test.to_owned() });
    }
    let errors = last_lines(&output.stderr);
    let last = errors.lines().last().unwrap_or_default();
    Ok(match output.status.code() {
        Some(code) if ENDED.contains(&code) => Verdict::Undecided { why: format!("no test was done after {SECONDS_MAX} s") },
        // A stack that overflowed, or a panic while another was on its way, as a model ends whose threads wait for each other.
        _ if last.contains("SIGABRT") => Verdict::Failed { by: format!("a test program that aborted: {last}") },
        _ => Verdict::Undecided { why: format!("the tests ended early: {last}") },
    })
}

/// The same command without running anything: a filter of test names, and what follows `--`, is for the run.
fn build_only<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut build = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--" => break,
            "-p" | "--test" | "--bin" | "--features" => build.extend([word].into_iter().chain(words.next())),
            _ if word.starts_with('-') || word == "test" => build.push(word),
            _ => {}
        }
    }
    build.push("--no-run");
    build
}

fn cargo(copy: &Copy, seconds: &str, words: &[&str]) -> Result<Output, String> {
    let mut command = Command::new("timeout");
    let (cfgs, words): (Vec<&str>, Vec<&str>) = words.iter().copied().partition(|word| word.starts_with(CFG));
    let target = cfgs.iter().fold(copy.target.clone(), |target, cfg| target.join(&cfg[CFG.len()..]));
    command.args(["--kill-after=10", seconds, "cargo"]).args(words).current_dir(&copy.sources);
    command.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "1").env("CARGO_TERM_COLOR", "never");
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
    if !cfgs.is_empty() {
        // A model's threads have small stacks, and unoptimized code takes much of them.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_TEST_OPT_LEVEL", "1");
    }
    // Lints are for the sources as they are: a rule that is switched off leaves things unused.
    command.env("RUSTFLAGS", [&["--cap-lints=allow"][..], &cfgs].concat().join(" ")).env_remove("CARGO_MANIFEST_DIR");
    // What a model has to notice it notices early, and it need not look further.
    command.env("LOOM_MAX_PREEMPTIONS", "2");
    command.output().map_err(|error| format!("timeout: {error}"))
}

fn passed(text: &str) -> u32 {
    let counts = text.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<u32>().ok());
    counts.sum()
}

fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_names_no_tests() {
        let words: Vec<&str> = "test -p netref --lib proto::credit -- --skip slow".split(' ').collect();
        assert_eq!(build_only(&words), ["test", "-p", "netref", "--lib", "--no-run"]);
    }

    #[test]
    fn passed_tests_add_up_over_programs() {
        assert_eq!(passed("test result: ok. 3 passed; 0 failed\nnoise\ntest result: ok. 4 passed; 0 failed"), 7);
    }
}
