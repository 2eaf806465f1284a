//! Owns the scenarios of the search: a program for each of two nodes, harm that may come to their session, and from that everything that
//! can happen next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::internals::simulation::call::{Give, Plan};
use crate::internals::simulation::world::{Action, Arg, Config, World};
use crate::limits::PeerLimits;

/// A step of a node's program. Steps are taken in their order, each as late as anything.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Calls the other node's directory of names, or what the node was given.
    Call {
        given: bool,
        args: &'static [Arg],
        plan: Plan,
    },
    /// Drops its first call that has not ended, or leaves it.
    GiveUp,
    /// Drops what it was given.
    Drop,
    GoAway,
}

/// What two nodes want of each other.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    programs: [&'static [Do]; 2],
    cuts: u8,
    /// Whether what is written waits until somebody flushes it, at any moment. Otherwise it leaves at once.
    flushes: bool,
    limits: PeerLimits,
}

const ROOM: u64 = 1_000;

const LIMITS: PeerLimits =
    PeerLimits { calls_in_flight: 2, exports: 4, message_bytes: 100, call_window: ROOM, return_window: ROOM, ..PeerLimits::MINIMUM };

/// Brings a reference, calls back on it, and gives another.
const EXCHANGE: Do = Do::Call { given: false, args: &[Arg::Fresh], plan: Plan { nest: 1, keep: true, give: Give::Fresh, ..Plan::PLAIN } };

/// Starts on a task of its own, after a payload in two pieces.
const LONG: Do = Do::Call { given: true, args: &[], plan: Plan { size: 20, elsewhere: true, ..Plan::PLAIN } };

const GIVEN: Do = Do::Call { given: true, args: &[], plan: Plan { turns: 1, ..Plan::PLAIN } };

const SHORT: Do = Do::Call { given: false, args: &[], plan: Plan { turns: 1, ..Plan::PLAIN } };

/// Hands what it was given back, and gets it again.
const RETURN_IT: Do = Do::Call { given: true, args: &[Arg::Held(0)], plan: Plan { give: Give::Arguments, ..Plan::PLAIN } };

impl Scenario {
    /// The same with fewer states: what is written leaves at once.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { flushes: false, ..self }
    }

    /// Every scenario. The first is the one that is promised: four calls, two references, one loss.
    pub fn all() -> Vec<Self> {
        let plain = Self { name: "", programs: [&[], &[]], cuts: 0, flushes: true, limits: LIMITS };
        vec![
            Self {
                name: "four calls, two references, one loss",
                programs: [&[EXCHANGE, LONG, Do::GiveUp, Do::Drop], &[GIVEN, Do::Drop]],
                cuts: 1,
                ..plain.clone()
            },
            Self {
                name: "a reference comes home while it is given back",
                programs: [&[EXCHANGE, RETURN_IT, Do::Drop], &[RETURN_IT, Do::Drop]],
                cuts: 1,
                ..plain.clone()
            },
            Self {
                name: "calls dropped while the callee goes away",
                programs: [&[QUICK, SHORT, Do::GiveUp], &[SHORT, Do::GoAway]],
                cuts: 1,
                ..plain.clone()
            },
            Self {
                name: "two calls at a time, and a window that they fill",
                programs: [&[SHORT, LONG_ONE, SHORT], &[LONG_ONE]],
                limits: PeerLimits { message_bytes: 30, call_window: 30, return_window: 30, ..LIMITS },
                cuts: 1,
                ..plain
            },
        ]
    }
}

/// Is done at its first poll.
const QUICK: Do = Do::Call { given: false, args: &[], plan: Plan::PLAIN };

const LONG_ONE: Do = Do::Call { given: false, args: &[], plan: Plan { size: 20, reply: 20, elsewhere: true, ..Plan::PLAIN } };

/// A world, and how far its programs are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    world: World,
    done: [u8; 2],
    cuts: u8,
}

/// What can happen next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A node goes on with its program; nothing happens if it cannot.
    Program(usize, Option<Action>),
    Cut,
    World(Action),
}

impl State {
    pub(super) fn new(scenario: &Scenario, traced: bool) -> Self {
        let config = Config {
            nodes: 2,
            limits: vec![scenario.limits; 2],
            inline: 12,
            chunk: 40,
            keep_alive: None,
            flush_at_once: !scenario.flushes,
            held_max: 4,
        };
        let mut world = World::new(Arc::new(config), traced);
        world.apply(&Action::Connect { nodes: [0, 1] });
        Self { world, done: [0; 2], cuts: scenario.cuts }
    }

    /// Everything that can happen here. It is empty when everything is over.
    pub(super) fn steps(&self, scenario: &Scenario) -> Vec<Step> {
        let mut steps = Vec::new();
        for node in 0..2 {
            if let Some(&next) = scenario.programs[node].get(usize::from(self.done[node]))
                && let Some(action) = self.action(node, next)
            {
                steps.push(Step::Program(node, Some(action)));
                if matches!(next, Do::GiveUp) {
                    steps.push(Step::Program(node, None));
                }
            }
        }
        steps.extend(self.world.frames_to_deliver().map(Step::World));
        steps.extend(self.world.ends_to_flush().map(|end| Step::World(Action::Flush { end, bytes: usize::MAX })));
        steps.extend(self.world.due().map(|call| Step::World(Action::Poll { call })));
        steps.extend(self.world.ends_to_notice().map(|end| Step::World(Action::Notice { end })));
        if self.cuts > 0 && self.world.is_linked() {
            steps.push(Step::Cut);
        }
        let only_harm = steps.iter().all(|step| matches!(step, Step::Cut));
        if only_harm {
            // What a node waits for will not come any more.
            let stuck = (0..2).find(|&node| usize::from(self.done[node]) < scenario.programs[node].len());
            steps.extend(stuck.map(|node| Step::Program(node, None)));
        }
        steps
    }

    fn action(&self, node: usize, next: Do) -> Option<Action> {
        match next {
            Do::Call { given: false, args, plan } => Some(Action::Call { end: node, target: None, args: args.to_vec(), plan }),
            Do::Call { given: true, args, plan } => {
                let target = Some(self.world.first_import(node)?);
                Some(Action::Call { end: node, target, args: args.to_vec(), plan })
            }
            Do::GiveUp => self.world.first_open_call(node).map(|call| Action::GiveUp { call, deadline: false }),
            Do::Drop => self.world.first_import(node).map(|_| Action::Drop { node, index: 0 }),
            Do::GoAway => Some(Action::GoAway { end: node }),
        }
    }

    /// Takes a step and checks everything. Gives what is broken.
    pub(super) fn take(&mut self, _: &Scenario, step: &Step) -> Option<String> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            match step {
                Step::Program(node, action) => {
                    self.done[*node] += 1;
                    if let Some(action) = action {
                        self.world.apply(action);
                    }
                }
                Step::Cut => {
                    self.cuts -= 1;
                    // How much of it is read before its end is noticed is left to what follows.
                    self.world.apply(&Action::Cut { end: 0, keep: [usize::MAX / 2; 2] });
                }
                Step::World(action) => self.world.apply(action),
            }
            self.world.check();
        }));
        match done {
            Ok(()) => self.world.broken().map(str::to_owned),
            Err(_) => Some("a panic".to_owned()),
        }
    }

    /// Nothing happens any more: what has to hold now is checked, and once more when nothing is held. Gives what is broken.
    pub(super) fn end(&self) -> Option<String> {
        let mut world = self.world.clone();
        world.wind_up();
        world.broken().map(str::to_owned)
    }

    pub(super) fn made(&self) -> (usize, usize) {
        self.world.made()
    }

    pub(super) fn trace(&self) -> String {
        self.world.trace().tail(usize::MAX)
    }
}
