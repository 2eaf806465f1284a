//! `netref-bench`: netref beside its peers, in one run on one machine.
//!
//! One binary plays three parts. `compare` plans the run, starts the other two as
//! processes of their own, and reports; `serve` is the serving process of one peer and
//! `drive` its calling process. So every peer is measured in two fresh processes.
//!
//! ```text
//! args ─▶ run ──spawns──▶ serve (peers/*)          floor: the peer nobody can beat
//!          │    └spawns─▶ drive (load over peers/*) ─▶ measure: one Sample
//!          └▶ report, check
//! ```
//!
//! `instructions` counts what one call executes; `calls` are the calls that it counts.
//!
//! A machine is noisy, so only ratios of one run mean anything; see `report`.

mod args;
mod check;
mod floor;
mod instructions;
mod load;
mod machine;
mod measure;
mod peers;
mod promises;
mod reference;
mod report;
mod run;
mod streams;

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;

use args::{BareEchoArgs, Command, CompareArgs, DriveArgs, ServeArgs};

/// Whatever went wrong, in words; a bench has no caller that would match on it.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let outcome = match args::parse() {
        Command::Compare(args) => compare(&args),
        Command::Promises(args) => promises::run(&args),
        Command::Serve(args) => serve(&args),
        Command::Drive(args) => drive(&args),
        Command::Instructions(args) => instructions::count(&args),
        Command::BareEcho(args) => bare_echo(&args),
        Command::Calls(args) => instructions::calls(&args),
        Command::Streams(args) => streams::compare(&args),
        Command::StreamServe(args) => streams::serve(&args),
        Command::StreamDrive(args) => streams::drive(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("netref-bench: {error}");
        ExitCode::FAILURE
    })
}

fn compare(args: &CompareArgs) -> Result<ExitCode> {
    let plan = args.plan()?;
    if args.check {
        check::require(&plan)?;
    }
    let before = machine::Load::now();
    let bare_echo_us = run::bare_echo_us(&plan)?;
    let results = run::all(&plan)?;
    let verdicts = if args.check { check::all(&plan, &results)? } else { Vec::new() };
    let disturbance = before.until_now();
    let method = report::Method::new(&plan, disturbance);
    let reference = reference::Comparison::new(&results, bare_echo_us, disturbance);

    let mut text = if args.json {
        report::json(&method, &results, &reference, &verdicts)?
    } else {
        report::text(&method, &results) + &reference.text() + &check::text(&verdicts)
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    let passed = verdicts.iter().all(|verdict| verdict.passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(args: &ServeArgs) -> Result<ExitCode> {
    // The plan's process holds our stdin open; when it goes, however it goes, so do we.
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    run::pin(args.cpu)?;
    run::on_runtime(args.flavour, peers::serve(args.peer))?;
    Ok(ExitCode::SUCCESS)
}

fn drive(args: &DriveArgs) -> Result<ExitCode> {
    let limit = Duration::from_secs_f64(args.seconds * 2.0 + 20.0);
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        eprintln!("netref-bench: the calls did not end within {limit:?}: a call was never answered");
        std::process::exit(1);
    });
    run::pin(args.cpu)?;
    let sample = run::on_runtime(args.flavour, peers::drive(args.clone()))?;
    answer(&sample)
}

fn bare_echo(args: &BareEchoArgs) -> Result<ExitCode> {
    run::pin(Some(args.cpu))?;
    answer(&machine::bare_echo_us()?)
}

/// Hands a measurement to the process that started us.
fn answer(measured: &impl Serialize) -> Result<ExitCode> {
    io::stdout().lock().write_all(&serde_json::to_vec(measured)?)?;
    Ok(ExitCode::SUCCESS)
}
