//! Owns what is measured of streams: bytes beside a raw TCP copy, items beside remoc's
//! channel, and small calls while bytes flow. Two fresh processes per figure, on two
//! workers each; the rounds are interleaved. What a peer does is in the files below.

mod netref;
mod raw;
mod remoc;

use std::{ffi::OsString, fmt::Write as _, io::Write as _, process::ExitCode, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    args::{self, Flavour, Flow, StreamDriveArgs, StreamPeer, StreamServeArgs, StreamsArgs},
    run::{Process, on_runtime},
};

/// Bytes that one write or read is asked to take.
const BUFFER: usize = 64 * 1024;
/// How long items are counted, after a quarter of it as warm-up.
const COUNTED: Duration = Duration::from_secs(1);
/// Items that may wait to be read.
const UNREAD: usize = 1_024;

/// One figure, and for calls a second one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Figures {
    /// Bytes or items per second; microseconds for calls.
    figure: f64,
    /// Calls only: while bytes flow, in microseconds.
    busy: f64,
    /// Calls only: bytes per second meanwhile.
    rate: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    figure: f64,
    against: f64,
    /// Of `figure` to `against`, at least; for calls `figure` may be at most `against`.
    target: f64,
    passed: bool,
}

/// As many times the rounds that were asked for are made of bytes, and of calls beside them: a copy takes a third of a second, and runs at one of
/// two speeds, by where the system puts the two threads. A median of three tells which of them came more often, and not more.
const MORE_ROUNDS: usize = 3;

/// How often a row that misses is measured anew.
const REPEATS: usize = 2;

const ROWS: [fn(&StreamsArgs) -> Result<Row>; 3] = [bytes, items, calls];

pub(crate) fn compare(args: &StreamsArgs) -> Result<ExitCode> {
    let mut rows = Vec::new();
    for row in ROWS {
        let mut measured = row(args)?;
        for attempt in 1..=REPEATS {
            if measured.passed || !args.check {
                break;
            }
            eprintln!("missed: {}; measured anew, {attempt} of {REPEATS}", measured.what);
            measured = row(args)?;
        }
        rows.push(measured);
    }
    let text = if args.json { serde_json::to_string(&rows)? } else { table(&rows)? };
    writeln!(std::io::stdout().lock(), "{text}")?;
    let passed = !args.check || rows.iter().all(|row| row.passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(rows: &[Row]) -> Result<String> {
    let mut text = String::from("| what | netref | against | ratio | target | |\n|---|---:|---:|---:|---:|---|\n");
    for Row { what, figure, against, target, passed } in rows {
        let verdict = if *passed { "ok" } else { "missed" };
        writeln!(text, "| {what} | {figure:.1} | {against:.1} | {:.2} | {target:.2} | {verdict} |", figure / against)?;
    }
    Ok(text)
}

fn rates(args: &StreamsArgs, peers: [StreamPeer; 2], flow: Flow, rounds_of: usize) -> Result<[f64; 2]> {
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..args.rounds as usize * rounds_of {
        for turn in 0..2 {
            let which = (turn + round) % 2;
            rounds[which].push(once(peers[which], flow, args.mib)?.figure);
        }
    }
    Ok(rounds.map(median))
}

fn bytes(args: &StreamsArgs) -> Result<Row> {
    let [figure, against] = rates(args, [StreamPeer::Netref, StreamPeer::Raw], Flow::Bytes, MORE_ROUNDS)?;
    let (figure, against) = (figure / f64::from(1 << 20), against / f64::from(1 << 20));
    Ok(Row { what: "bytes, MiB/s, against a raw TCP copy", figure, against, target: 0.8, passed: figure >= 0.8 * against })
}

fn items(args: &StreamsArgs) -> Result<Row> {
    let [figure, against] = rates(args, [StreamPeer::Netref, StreamPeer::Remoc], Flow::Items, 1)?;
    Ok(Row { what: "u64 items/s, against remoc's channel", figure, against, target: 2.0, passed: figure >= 2.0 * against })
}

fn calls(args: &StreamsArgs) -> Result<Row> {
    let (mut busy, mut allowed) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds as usize * MORE_ROUNDS {
        let measured = once(StreamPeer::Netref, Flow::Calls, args.mib)?;
        // Two chunks of 64 KiB at the rate of the transfer.
        let chunks = 2.0 * BUFFER as f64 / measured.rate * 1e6;
        busy.push(measured.busy);
        allowed.push(measured.figure + chunks);
    }
    let (figure, against) = (median(busy), median(allowed));
    let what = "p99 of a small call during a transfer, µs, against idle and two chunks";
    Ok(Row { what, figure, against, target: 1.0, passed: figure <= against })
}

fn once(peer: StreamPeer, flow: Flow, mib: u64) -> Result<Figures> {
    let common: Vec<OsString> = vec!["--peer".into(), args::name(peer).into()];
    let mut server = Process::start("stream-serve", &common, Stdio::piped())?;
    let address = server.line()?;
    let mut client = common;
    client.extend(["--flow".into(), args::name(flow).into(), "--address".into(), address.trim().into()]);
    client.extend(["--mib".into(), mib.to_string().into()]);
    Process::start("stream-drive", &client, Stdio::null())?.answer()
}

pub(crate) fn serve(args: &StreamServeArgs) -> Result<ExitCode> {
    // The other process holds our stdin open; when it goes, however it goes, so do we.
    std::thread::spawn(|| {
        let _ = std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new());
        std::process::exit(0);
    });
    match args.peer {
        StreamPeer::Raw => on_runtime(Flavour::Mt2, raw::serve())?,
        StreamPeer::Netref => on_runtime(Flavour::Mt2, netref::serve())?,
        StreamPeer::Remoc => on_runtime(Flavour::Mt2, remoc::serve())?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn drive(args: &StreamDriveArgs) -> Result<ExitCode> {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(120));
        eprintln!("netref-bench: the stream did not end within two minutes");
        std::process::exit(1);
    });
    let (address, bytes) = (args.address.clone(), args.mib << 20);
    let figures = match (args.peer, args.flow) {
        (StreamPeer::Raw, _) => on_runtime(Flavour::Mt2, raw::bytes(address, bytes))?,
        (StreamPeer::Remoc, _) => on_runtime(Flavour::Mt2, remoc::items(address))?,
        (StreamPeer::Netref, Flow::Bytes) => on_runtime(Flavour::Mt2, netref::bytes(address, bytes))?,
        (StreamPeer::Netref, Flow::Items) => on_runtime(Flavour::Mt2, netref::items(address))?,
        (StreamPeer::Netref, Flow::Calls) => on_runtime(Flavour::Mt2, netref::calls(address))?,
    };
    std::io::stdout().lock().write_all(&serde_json::to_vec(&figures)?)?;
    Ok(ExitCode::SUCCESS)
}

fn rate(count: u64, took: Duration) -> Figures {
    Figures { figure: count as f64 / took.as_secs_f64(), busy: 0.0, rate: 0.0 }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
