//! Owns the targets: each a row with a figure, whom it is compared with, and how much of
//! theirs it may be. A row that misses is measured anew, twice at most, and says so.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    Result,
    args::{self, Flavour, Peer, Plan, Scenario},
    measure::{Figure, median},
    report::{heading, number, ratio, title},
    run::{self, Results, Setting},
};

/// How often a row that misses is measured anew.
const REPEATS: usize = 2;

/// `peer`'s figure may be at most `factor` times `against`'s, in the same setting.
#[derive(Debug, Clone, Copy, Serialize)]
struct Row {
    setting: Setting,
    figure: Figure,
    peer: Peer,
    against: Peer,
    factor: f64,
}

const ROWS: [Row; 6] = [
    sequential(Flavour::Ct),
    sequential(Flavour::Mt2),
    in_flight(Flavour::Ct, true),
    in_flight(Flavour::Mt2, true),
    in_flight(Flavour::Ct, false),
    in_flight(Flavour::Mt2, false),
];

/// The rows that a plan is judged by: with `--pin` the pinned ones only, which do not depend on where the scheduler puts the processes.
fn rows(plan: &Plan) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.setting.pinned || plan.pinned.contains(&false))
}

const fn sequential(flavour: Flavour) -> Row {
    Row {
        setting: Setting { scenario: Scenario::Seq, flavour, pinned: true },
        figure: Figure::P50,
        peer: Peer::Netref,
        against: Peer::Floor,
        factor: 1.35,
    }
}

const fn in_flight(flavour: Flavour, pinned: bool) -> Row {
    Row {
        setting: Setting { scenario: Scenario::Pipe64, flavour, pinned },
        figure: Figure::CpuPerCall,
        peer: Peer::Netref,
        against: Peer::Tarpc,
        factor: 0.5,
    }
}

/// What became of a row.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    row: Row,
    /// The first is the run's own; the others are repeats.
    attempts: Vec<Attempt>,
    /// The same row pinned where it is judged unpinned, and the reverse; for the reader only.
    beside: Option<Attempt>,
    pub(crate) passed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Attempt {
    figure: f64,
    against: f64,
    ratio: f64,
}

/// Fails where the plan leaves out what a row needs, before anything is measured.
pub(crate) fn require(plan: &Plan) -> Result<()> {
    for row in rows(plan) {
        let Setting { scenario, flavour, pinned } = row.setting;
        let planned = plan.peers.contains(&row.peer)
            && plan.peers.contains(&row.against)
            && plan.scenarios.contains(&scenario)
            && plan.flavours.contains(&flavour)
            && plan.pinned.contains(&pinned);
        if !planned {
            return Err(format!(
                "--check judges {} of {} against {}: leave it in the run",
                title(row.setting),
                args::name(row.peer),
                args::name(row.against),
            )
            .into());
        }
    }
    Ok(())
}

/// Judges every row, measuring anew those that miss.
pub(crate) fn all(plan: &Plan, results: &Results) -> Result<Vec<Verdict>> {
    rows(plan)
        .map(|row| {
            judge(row, results, |attempt| {
                eprintln!("missed: {}; measured anew, {attempt} of {REPEATS}", title(row.setting));
                run::rounds(plan, &[row.setting], &[row.against, row.peer])
            })
        })
        .collect()
}

fn judge(row: &Row, results: &Results, mut again: impl FnMut(usize) -> Result<Results>) -> Result<Verdict> {
    let mut attempts = vec![row.attempt(row.setting, results).ok_or("a row was not measured")?];
    let mut passed = row.holds(&attempts[0]);
    for attempt in 1..=REPEATS {
        if passed {
            break;
        }
        let results = again(attempt)?;
        let attempt = row.attempt(row.setting, &results).ok_or("a row was not measured")?;
        passed = row.holds(&attempt);
        attempts.push(attempt);
    }
    let beside = Setting { pinned: !row.setting.pinned, ..row.setting };
    Ok(Verdict { row: *row, attempts, beside: row.attempt(beside, results), passed })
}

impl Row {
    fn attempt(&self, setting: Setting, results: &Results) -> Option<Attempt> {
        Some(Attempt {
            figure: median(results.rounds(self.peer, setting), self.figure)?,
            against: median(results.rounds(self.against, setting), self.figure)?,
            ratio: ratio(results, setting, self.figure, self.peer, self.against)?,
        })
    }

    fn holds(&self, attempt: &Attempt) -> bool {
        attempt.ratio <= self.factor
    }
}

/// One line per row: row, target, figure, verdict.
pub(crate) fn text(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n| row | target | figure | pass |\n|---|---|---|---|\n");
    for Verdict { row, attempts, beside, passed } in verdicts {
        let figures: Vec<_> = attempts.iter().map(|attempt| row.show(attempt)).collect();
        let mut figures = figures.join(", measured anew: ");
        if let Some(beside) = beside {
            let pinned = if row.setting.pinned { "unpinned" } else { "pinned" };
            let _ = write!(figures, " ({pinned}: {})", row.show(beside));
        }
        let _ = writeln!(
            text,
            "| {}: {} of {} | <= {} x {} | {figures} | {} |",
            title(row.setting),
            heading(row.figure),
            args::name(row.peer),
            row.factor,
            args::name(row.against),
            if *passed { "yes" } else { "NO" },
        );
    }
    text
}

impl Row {
    fn show(&self, attempt: &Attempt) -> String {
        let Attempt { figure, against, ratio } = *attempt;
        format!("{ratio:.2} x ({} / {})", number(Some(figure)), number(Some(against)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Sample;

    fn measured(netref_us: f64) -> Results {
        let mut results = Results::default();
        for row in &ROWS {
            for (peer, us) in [(row.peer, netref_us), (row.against, 10.0)] {
                let sample = Sample { calls: 1, seconds: 1.0, p50_us: Some(us), p99_us: None, client_cpu_us: us, server_cpu_us: 0.0 };
                results.add(peer, row.setting, sample);
            }
        }
        results
    }

    #[test]
    fn a_row_at_its_target_passes_without_a_repeat() {
        let verdict = judge(&ROWS[0], &measured(13.5), |_| panic!("repeated")).unwrap();
        assert!(verdict.passed);
        assert_eq!(verdict.attempts.len(), 1);
    }

    #[test]
    fn a_row_that_misses_is_measured_anew_twice_and_then_fails() {
        let mut repeats = 0;
        let verdict = judge(&ROWS[3], &measured(5.1), |_| {
            repeats += 1;
            Ok(measured(5.2))
        })
        .unwrap();
        assert!(!verdict.passed);
        assert_eq!((repeats, verdict.attempts.len()), (REPEATS, REPEATS + 1));
        let text = text(&[verdict]);
        assert!(text.contains("0.51 x (5.10 / 10.0), measured anew: 0.52 x"), "{text}");
        assert!(text.contains("| NO |"), "{text}");
    }

    #[test]
    fn a_repeat_that_holds_passes() {
        let verdict = judge(&ROWS[1], &measured(13.6), |_| Ok(measured(12.0))).unwrap();
        assert!(verdict.passed);
        assert_eq!(verdict.attempts.len(), 2);
    }
}
