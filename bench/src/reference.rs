//! Owns the figures that another machine gave for the floor and tarpc, and the reason
//! why this one's differ. They are here to find a broken bench, not to be compared with.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    args::{self, Flavour, Peer, Scenario},
    machine::Disturbance,
    measure::{Figure, median},
    report::{heading, number, title},
    run::{Results, Setting},
};

/// Two virtual CPUs of an Intel Xeon, Linux 6.18, 2026-11-20, a stand-alone harness.
const FIGURES: [(Peer, Setting, f64); 12] = [
    (Peer::Floor, setting(Scenario::Seq, Flavour::Ct, true), 6.15),
    (Peer::Floor, setting(Scenario::Seq, Flavour::Mt2, true), 6.10),
    (Peer::Tarpc, setting(Scenario::Seq, Flavour::Ct, true), 10.6),
    (Peer::Tarpc, setting(Scenario::Seq, Flavour::Mt2, true), 17.8),
    (Peer::Floor, setting(Scenario::Pipe64, Flavour::Ct, true), 0.12),
    (Peer::Floor, setting(Scenario::Pipe64, Flavour::Mt2, true), 0.12),
    (Peer::Tarpc, setting(Scenario::Pipe64, Flavour::Ct, true), 2.30),
    (Peer::Tarpc, setting(Scenario::Pipe64, Flavour::Mt2, true), 5.47),
    (Peer::Floor, setting(Scenario::Pipe64, Flavour::Ct, false), 1.03),
    (Peer::Floor, setting(Scenario::Pipe64, Flavour::Mt2, false), 0.85),
    (Peer::Tarpc, setting(Scenario::Pipe64, Flavour::Ct, false), 3.37),
    (Peer::Tarpc, setting(Scenario::Pipe64, Flavour::Mt2, false), 8.06),
];
/// A blocking echo on that machine, both sides on one CPU, microseconds.
const BARE_ECHO_US: f64 = 4.71;
/// How far a figure may be from its reference, either way, without a word.
const FACTOR: f64 = 2.0;

const fn setting(scenario: Scenario, flavour: Flavour, pinned: bool) -> Setting {
    Setting { scenario, flavour, pinned }
}

/// How this machine stands to the reference.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    bare_echo_us: f64,
    reference_bare_echo_us: f64,
    /// Only those that differ by more than [`FACTOR`].
    differing: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Difference {
    peer: Peer,
    setting: Setting,
    of: Figure,
    figure: f64,
    reference: f64,
    why: String,
}

impl Comparison {
    pub(crate) fn new(results: &Results, bare_echo_us: f64, disturbance: Disturbance) -> Self {
        let differing = FIGURES
            .iter()
            .filter_map(|&(peer, setting, reference)| {
                let of = setting.scenario.figures()[0];
                let figure = median(results.rounds(peer, setting), of)?;
                if !is_far(figure / reference) {
                    return None;
                }
                let pinned = median(results.rounds(peer, Setting { pinned: true, ..setting }), of);
                let why = match pinned {
                    Some(pinned) if !setting.pinned && figure < reference && !is_far(figure / pinned) => packed(pinned),
                    _ => why(figure / reference, bare_echo_us / BARE_ECHO_US, disturbance),
                };
                Some(Difference { peer, setting, of, figure, reference, why })
            })
            .collect();
        Self { bare_echo_us, reference_bare_echo_us: BARE_ECHO_US, differing }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "\nreference machine: a blocking echo between two threads, pinned, without runtime or framework, takes {} us here and took {} \
             us there\n",
            number(Some(self.bare_echo_us)),
            number(Some(self.reference_bare_echo_us)),
        );
        if self.differing.is_empty() {
            return text + "no figure of floor or tarpc differs by more than 2 x\n";
        }
        for Difference { peer, setting, of, figure, reference, why } in &self.differing {
            let _ = writeln!(
                text,
                "- {} {}, {}: {}, there {}: {:.1} x: {why}",
                args::name(*peer),
                title(*setting),
                heading(*of),
                number(Some(*figure)),
                number(Some(*reference)),
                figure / reference,
            );
        }
        text
    }
}

fn is_far(ratio: f64) -> bool {
    !(1.0 / FACTOR..=FACTOR).contains(&ratio)
}

/// Nothing idles and no CPU is woken where the scheduler keeps both processes on one.
fn packed(pinned: f64) -> String {
    format!("the scheduler kept both processes on one CPU, for pinned it is {}", number(Some(pinned)))
}

fn why(ratio: f64, bare_echo_ratio: f64, disturbance: Disturbance) -> String {
    // Only a kernel that differs in the same direction explains anything.
    if is_far(bare_echo_ratio) && (ratio > 1.0) == (bare_echo_ratio > 1.0) {
        return format!(
            "the kernel's part of a call (loopback TCP, waking, switching) costs {bare_echo_ratio:.1} x there's, as the blocking echo shows"
        );
    }
    format!(
        "not the kernel's part of a call, for the blocking echo is at {bare_echo_ratio:.1} x; others used {:.0} % of all CPUs, {:.0} % was \
         stolen: look there first",
        disturbance.others_percent, disturbance.stolen_percent,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Sample;

    const QUIET: Disturbance = Disturbance { others_percent: 0.0, stolen_percent: 0.0 };

    fn floor_taking(setting: Setting, us: f64) -> Results {
        let sample = Sample { calls: 1, seconds: 1.0, p50_us: Some(us), p99_us: None, client_cpu_us: us, server_cpu_us: 0.0 };
        let mut results = Results::default();
        results.add(Peer::Floor, setting, sample);
        results
    }

    #[test]
    fn a_slow_kernel_is_the_reason_where_the_bare_echo_is_slow_too() {
        let results = floor_taking(setting(Scenario::Seq, Flavour::Ct, true), 16.0);
        let text = Comparison::new(&results, 15.0, QUIET).text();
        assert!(text.contains("floor sequential, ct, pinned, p50 us: 16.0, there 6.15: 2.6 x"), "{text}");
        assert!(text.contains("costs 3.2 x"), "{text}");
    }

    #[test]
    fn a_figure_within_twice_the_reference_needs_no_reason() {
        let results = floor_taking(setting(Scenario::Seq, Flavour::Ct, true), 12.0);
        assert!(Comparison::new(&results, 9.0, QUIET).differing.is_empty());
    }

    #[test]
    fn a_slow_kernel_is_no_reason_for_a_lower_figure() {
        let unpinned = setting(Scenario::Pipe64, Flavour::Ct, false);
        let mut results = floor_taking(unpinned, 0.27);
        let text = Comparison::new(&results, 15.0, QUIET).text();
        assert!(text.contains("not the kernel's part"), "{text}");

        let pinned = floor_taking(Setting { pinned: true, ..unpinned }, 0.26);
        results.0.extend(pinned.0);
        let text = Comparison::new(&results, 15.0, QUIET).text();
        assert!(text.contains("on one CPU, for pinned it is 0.26"), "{text}");
    }
}
