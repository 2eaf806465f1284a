//! Owns how results are written: the method first, then tables, or one JSON object.
//! Measures nothing and judges nothing.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use crate::{
    Result,
    args::{self, Flavour, Peer, Plan, Scenario},
    check::Verdict,
    machine::{self, Disturbance},
    measure::{Figure, median},
    reference::Comparison,
    run::{Measured, Results, Setting},
};

/// How the figures came about: a figure without it means nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Method {
    machine: String,
    versions: Vec<String>,
    rounds: u32,
    seconds: f64,
    pinned_to_cpu: usize,
    disturbance: Disturbance,
    notes: Vec<String>,
}

/// What is the same in every run.
const NOTES: [&str; 8] = [
    "each peer in two fresh processes per sample over 127.0.0.1 with TCP_NODELAY; peers interleaved, order rotating; medians over rounds",
    "every answer is verified; a quarter of the time measured goes before it as warm-up",
    "ct = tokio current_thread, mt2 = tokio multi_thread with 2 workers, in both processes",
    "seq = one u64 echo after the other; pipe64 = 64 tasks looping over one connection",
    "CPU per call = scheduler time of all threads of both processes (/proc/PID/task/*/schedstat), over the calls",
    "pinned = both processes on one CPU; unpinned seq mostly measures how long a halted CPU takes to wake, so compare it pinned",
    "floor = hand-written echo, one task a side, all ready frames in one write: not reachable by an RPC with calls in flight",
    "tarpc = stock serde_transport with bincode, requests spawned, limits raised (1M in flight, 4096 buffered); compared flavour by flavour",
];

impl Method {
    pub(crate) fn new(plan: &Plan, disturbance: Disturbance) -> Self {
        let versions = ["tokio", "tarpc", "tokio-serde"];
        let versions = versions.iter().filter_map(|&package| machine::version(package).map(|version| format!("{package} {version}")));
        let mut notes: Vec<String> = NOTES.iter().map(|&note| note.to_owned()).collect();
        if plan.rounds < 5 {
            notes.push("fewer than 5 rounds: a trial, not a comparison".to_owned());
        }
        if disturbance.others_percent > 5.0 {
            notes.push("other processes were busy meanwhile: expect wider spreads".to_owned());
        }
        Self {
            machine: machine::describe(),
            versions: versions.chain([env!("NETREF_BENCH_RUSTC").to_owned()]).collect(),
            rounds: plan.rounds,
            seconds: plan.seconds,
            pinned_to_cpu: plan.cpu,
            disturbance,
            notes,
        }
    }

    fn text(&self) -> String {
        let mut text =
            format!("machine: {}\nversions: {}; release, lto = \"thin\", codegen-units = 1\n", self.machine, self.versions.join(", "),);
        let _ = writeln!(
            text,
            "settings: {} rounds of {} s a sample; pinned to CPU {}; others used {:.0} % of all \
             CPUs meanwhile, {:.0} % was stolen",
            self.rounds, self.seconds, self.pinned_to_cpu, self.disturbance.others_percent, self.disturbance.stolen_percent,
        );
        text.push_str("method:\n");
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text
    }
}

impl Scenario {
    /// The scenario's figures, the one that the comparison is about first.
    pub(crate) fn figures(self) -> &'static [Figure] {
        match self {
            Self::Seq => &[Figure::P50, Figure::P99, Figure::CpuPerCall, Figure::CallsPerSecond],
            Self::Pipe64 => &[Figure::CpuPerCall, Figure::CallsPerSecond],
        }
    }
}

/// Method and tables.
pub(crate) fn text(method: &Method, results: &Results) -> String {
    let mut text = method.text();
    for setting in settings(results) {
        let _ = write!(text, "\n{}\n\n{}", title(setting), table(results, setting));
    }
    let better = better_flavours(results);
    if !better.is_empty() {
        let _ = write!(text, "\nflavours:\n{better}");
    }
    text
}

/// A setting in words.
pub(crate) fn title(setting: Setting) -> String {
    let scenario = match setting.scenario {
        Scenario::Seq => "sequential",
        Scenario::Pipe64 => "64 in flight",
    };
    let pinned = if setting.pinned { "pinned" } else { "unpinned" };
    format!("{scenario}, {}, {pinned}", args::name(setting.flavour))
}

fn table(results: &Results, setting: Setting) -> String {
    let figures = setting.scenario.figures();
    let mut text = String::from("| peer |");
    for &figure in figures {
        let _ = write!(text, " {} |", heading(figure));
    }
    text.push_str(" x floor | x tarpc | all rounds |\n|---|");
    text.push_str(&"---:|".repeat(figures.len() + 2));
    text.push_str("---|\n");
    for measured in results.0.iter().filter(|measured| measured.setting == setting) {
        let _ = write!(text, "| {} |", args::name(measured.peer));
        for &figure in figures {
            let _ = write!(text, " {} |", number(median(&measured.rounds, figure)));
        }
        for against in [Peer::Floor, Peer::Tarpc] {
            let ratio = ratio(results, setting, figures[0], measured.peer, against);
            let _ = write!(text, " {} |", ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")));
        }
        let mut rounds: Vec<_> = measured.rounds.iter().filter_map(|sample| sample.figure(figures[0])).collect();
        rounds.sort_by(f64::total_cmp);
        let rounds: Vec<_> = rounds.into_iter().map(|value| number(Some(value))).collect();
        let _ = writeln!(text, " {} |", rounds.join(" "));
    }
    text
}

/// Says in which flavour each RPC does better, since a fair comparison knows both.
fn better_flavours(results: &Results) -> String {
    let mut text = String::new();
    for measured in &results.0 {
        let Measured { peer, setting, rounds } = measured;
        if *peer == Peer::Floor || setting.flavour != Flavour::Ct {
            continue;
        }
        let figure = setting.scenario.figures()[0];
        let other = Setting { flavour: Flavour::Mt2, ..*setting };
        let (Some(ct), Some(mt2)) = (median(rounds, figure), median(results.rounds(*peer, other), figure)) else {
            continue;
        };
        let _ = writeln!(
            text,
            "- {}, {}: {} is better for {} ({}: ct {}, mt2 {})",
            args::name(setting.scenario),
            if setting.pinned { "pinned" } else { "unpinned" },
            if ct <= mt2 { "ct" } else { "mt2" },
            args::name(*peer),
            heading(figure),
            number(Some(ct)),
            number(Some(mt2)),
        );
    }
    text
}

/// One object with everything: method, medians and ratios, all samples, verdicts.
pub(crate) fn json(method: &Method, results: &Results, reference: &Comparison, verdicts: &[Verdict]) -> Result<String> {
    let results: Vec<_> = results
        .0
        .iter()
        .map(|measured| {
            let median = |figure| median(&measured.rounds, figure);
            let first = measured.setting.scenario.figures()[0];
            let ratio = |against| ratio(results, measured.setting, first, measured.peer, against);
            json!({
                "peer": measured.peer,
                "setting": measured.setting,
                "p50_us": median(Figure::P50),
                "p99_us": median(Figure::P99),
                "calls_per_second": median(Figure::CallsPerSecond),
                "cpu_us_per_call": median(Figure::CpuPerCall),
                "ratio_of": first,
                "ratio_to_floor": ratio(Peer::Floor),
                "ratio_to_tarpc": ratio(Peer::Tarpc),
                "rounds": measured.rounds,
            })
        })
        .collect();
    let object = json!({
        "method": method,
        "results": results,
        "reference": reference,
        "checks": verdicts,
    });
    Ok(serde_json::to_string_pretty(&object)?)
}

/// How often `against`'s median goes into `peer`'s.
pub(crate) fn ratio(results: &Results, setting: Setting, figure: Figure, peer: Peer, against: Peer) -> Option<f64> {
    let peer = median(results.rounds(peer, setting), figure)?;
    Some(peer / median(results.rounds(against, setting), figure)?)
}

/// A figure's name and unit.
pub(crate) fn heading(figure: Figure) -> &'static str {
    match figure {
        Figure::P50 => "p50 us",
        Figure::P99 => "p99 us",
        Figure::CallsPerSecond => "calls/s",
        Figure::CpuPerCall => "CPU us per call",
    }
}

/// A figure with three significant digits, or a whole number with its thousands apart.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => dash(),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => thousands(value.round() as u64),
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn dash() -> String {
    "-".to_owned()
}

fn settings(results: &Results) -> Vec<Setting> {
    let mut settings = Vec::new();
    for measured in &results.0 {
        if !settings.contains(&measured.setting) {
            settings.push(measured.setting);
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let shown = [0.126, 9.994, 17.84, 126.3, 916_951.2].map(|value| number(Some(value)));
        assert_eq!(shown, ["0.13", "9.99", "17.8", "126", "916,951"]);
        assert_eq!(number(None), "-");
    }
}
