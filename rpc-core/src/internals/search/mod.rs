//! The search: the world of the simulator, small, and everything that can happen in it in every order. States that were met before are
//! recognised by 128 bits, so what is not found in them is missed with a chance of one in many billions.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `scenario` | what two nodes want of each other, and what can happen next |

mod scenario;

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use siphasher::sip128::{Hasher128, SipHasher13};

use scenario::{State, Step};

pub use scenario::Scenario;

/// What a search has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Different states, each checked.
    pub states: usize,
    /// Ways from one to another.
    pub transitions: usize,
    /// Steps from the first to the last.
    pub depth: usize,
    /// States in which nothing more happens.
    pub ends: usize,
    /// The most calls, each hop counted, and the most objects that there were in one of them.
    pub calls: usize,
    /// See `calls`.
    pub objects: usize,
}

/// A way to a state in which a rule is broken; there is no shorter one.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which scenario it was.
    pub scenario: &'static str,
    /// In words.
    pub text: String,
    /// The way there, and what the ends read meanwhile.
    pub trace: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n{}", self.scenario, self.text, self.trace)
    }
}

/// A state that was met: from which one, and by which of the steps that were possible there.
struct Met {
    from: u32,
    step: u16,
}

/// Looks at every state of a scenario.
///
/// # Errors
///
/// The first rule that is broken, with a shortest way there.
pub fn search(scenario: &Scenario) -> Result<Seen, Violation> {
    let mut met = vec![Met { from: 0, step: 0 }];
    let mut known = HashSet::new();
    let first = State::new(scenario, false);
    known.insert(digest(&first));
    let mut level = vec![(first, 0_u32)];
    let mut seen = Seen { states: 1, ..Seen::default() };
    let mut next = Vec::new();
    while !level.is_empty() {
        for (state, index) in level.drain(..) {
            let steps = state.steps(scenario);
            if steps.is_empty() {
                seen.ends += 1;
                let (calls, objects) = state.made();
                (seen.calls, seen.objects) = (seen.calls.max(calls), seen.objects.max(objects));
                if state.end().is_some() {
                    return Err(violation(scenario, &met, index, None));
                }
            }
            for (number, step) in steps.iter().enumerate() {
                seen.transitions += 1;
                let mut reached = state.clone();
                if reached.take(scenario, step).is_some() {
                    return Err(violation(scenario, &met, index, Some(step)));
                }
                if known.insert(digest(&reached)) {
                    met.push(Met { from: index, step: number as u16 });
                    next.push((reached, met.len() as u32 - 1));
                }
            }
        }
        std::mem::swap(&mut level, &mut next);
        seen.depth += usize::from(!level.is_empty());
    }
    seen.states = known.len();
    Ok(seen)
}

fn digest(state: &State) -> u128 {
    let mut hasher = SipHasher13::new();
    state.hash(&mut hasher);
    hasher.finish128().into()
}

/// Goes the way to a state again, with a trace, and then one step more, or to its end.
fn violation(scenario: &Scenario, met: &[Met], mut index: u32, last: Option<&Step>) -> Violation {
    let mut way = Vec::new();
    while index > 0 {
        way.push(met[index as usize].step);
        index = met[index as usize].from;
    }
    let mut state = State::new(scenario, true);
    for step in way.into_iter().rev() {
        if let Some(step) = state.steps(scenario).get(usize::from(step)) {
            state.take(scenario, step);
        }
    }
    let text = match last {
        Some(step) => state.take(scenario, step),
        None => state.end(),
    };
    Violation { scenario: scenario.name, text: text.unwrap_or_default(), trace: state.trace() }
}
