//! Owns a run: a world drawn from a source of choices, steps drawn one after the other, and at the end the way back to nothing. The
//! invariants are checked after every step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::call::{Give, Plan};
use super::node::Ref;
use super::rng::Choices;
use super::sending::{HEAD, SPOILT};
use super::world::{Action, Arg, Config, World, across};
use crate::limits::{PeerLimits, TABLES_COST_MAX};

/// References in one message at most.
const REFERENCES: usize = 3;

/// What a reference takes of a window, with something to spare.
const REFERENCE_ROOM: u64 = 64 * (REFERENCES as u64 + 1);

/// A run in progress.
#[derive(Debug)]
pub(super) struct Driver<'a> {
    pub(super) world: World,
    choices: Choices<'a>,
    sizes: [u32; 4],
    /// How often a session or a node comes to harm.
    harm: usize,
}

fn config(choices: &mut Choices<'_>) -> (Config, [u32; 4]) {
    let nodes = 2 + choices.below(2);
    let is_heavy = choices.once_in(32);
    let message = if is_heavy { 130_000 } else { 100 + choices.below(150) as u64 };
    let tables = if is_heavy { TABLES_COST_MAX } else { REFERENCE_ROOM };
    let limits = (0..nodes).map(|_| PeerLimits {
        calls_in_flight: 1 + choices.below(4) as u32,
        exports: if choices.once_in(3) { 1 + choices.below(4) as u32 } else { 1_000 },
        message_bytes: message,
        call_window: message + tables + choices.below(200) as u64 * (message / 400 + 1),
        return_window: message + tables + choices.below(200) as u64 * (message / 400 + 1),
        definitions: if choices.once_in(6) { 1 + choices.below(4) as u32 } else { 64 },
        ..PeerLimits::MINIMUM
    });
    let limits = limits.collect();
    let keep_alive = (!choices.once_in(4)).then_some((Duration::from_secs(10), Duration::from_secs(30)));
    let (inline, chunk) = if is_heavy { (32_768, 65_000) } else { (8 + choices.below(60) as u32, 8 + choices.below(60) as u32) };
    let sizes = if is_heavy { [HEAD, 900, 40_000, message as u32] } else { [HEAD, 12, 60, message as u32] };
    (Config { nodes, limits, inline, chunk, keep_alive, flush_at_once: choices.once_in(4), held_max: 8 }, sizes)
}

impl<'a> Driver<'a> {
    pub(super) fn new(mut choices: Choices<'a>, traced: bool) -> Self {
        let (config, sizes) = config(&mut choices);
        let harm = [0, 1, 1, 4][choices.below(4)];
        let world = World::new(Arc::new(config), traced);
        Self { world, choices, sizes, harm }
    }

    /// The whole run, until it is over or a rule is broken. What broke is noted in the world.
    pub(super) fn run(&mut self) {
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.begin();
            let steps = 40 + self.choices.below(240);
            for _ in 0..steps {
                if self.world.broken().is_some() || self.choices.is_empty() {
                    break;
                }
                let action = self.draw();
                self.step(&action);
            }
            self.finish();
        }));
        if let Err(panic) = done {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            self.world.fault(format!("a panic: {}", text.unwrap_or_default()));
        }
    }

    fn begin(&mut self) {
        self.step(&Action::Connect { nodes: [0, 1] });
        if self.world.nodes.len() > 2 {
            self.step(&Action::Connect { nodes: [2, 1] });
            if self.choices.once_in(2) {
                self.step(&Action::Connect { nodes: [0, 2] });
            }
        }
    }

    fn step(&mut self, action: &Action) {
        self.world.step(action);
    }

    /// Something that can happen now.
    fn draw(&mut self) -> Action {
        let drawn = match self.choices.below(100) {
            0..=15 => self.draw_call(),
            16..=19 => self.draw_ahead().or_else(|| self.draw_call()),
            20..=49 => self.draw_delivery(),
            50..=64 => self.draw_flush(),
            65..=79 => self.draw_poll(),
            80..=82 => self.draw_give_up(),
            83..=89 => self.draw_held(),
            90 => Some(Action::Tick { millis: self.choices.below(12_000) as u64 }),
            91 => self.draw_connect(),
            92..=95 => self.draw_notice(),
            _ => self.draw_harm(),
        };
        // Whatever cannot happen gives way to something that goes on.
        let drawn = drawn.or_else(|| self.draw_delivery()).or_else(|| self.draw_flush()).or_else(|| self.draw_poll());
        drawn.or_else(|| self.draw_call()).or_else(|| self.draw_connect()).unwrap_or(Action::Tick { millis: 100 })
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { of.get(self.choices.below(of.len())).cloned() }
    }

    fn open_ends(&self) -> Vec<usize> {
        (0..self.world.ends.len()).filter(|&end| self.world.ends[end].open).collect()
    }

    fn draw_call(&mut self) -> Option<Action> {
        // Most calls go to objects; those over sessions that are dead have to be refused.
        let node = self.choices.below(self.world.nodes.len());
        let held = &self.world.nodes[node].held;
        let imports: Vec<(usize, u64)> = held
            .iter()
            .filter_map(|&reference| match reference {
                Ref::Import(number) => Some((self.world.nodes[node].imports.get(&number)?.end, number)),
                _ => None,
            })
            .collect();
        let held = held.len();
        let target = if self.choices.once_in(3) { None } else { self.one_of(&imports) };
        let (end, target) = match target {
            Some((end, number)) => (end, Some(number)),
            None => (self.one_of(&self.open_ends())?, None),
        };
        let held = if self.world.ends[end].node == node { held } else { self.world.nodes[self.world.ends[end].node].held.len() };
        let args = (0..self.choices.below(REFERENCES))
            .map(|_| if held == 0 || self.choices.once_in(3) { Arg::Fresh } else { Arg::Held(self.choices.below(held)) })
            .collect();
        Some(Action::Call { end, target, args, plan: self.draw_plan() })
    }

    /// A call on the result of one that has not ended.
    fn draw_ahead(&mut self) -> Option<Action> {
        let open: Vec<u32> = (0..self.world.calls.len() as u32)
            .filter(|&call| {
                let call = &self.world.calls[call as usize];
                call.plan.promised && !call.is_known && call.parent.is_none()
            })
            .collect();
        let on = self.one_of(&open)?;
        let held = self.world.nodes[self.world.calls[on as usize].caller].held.len();
        let args = if held > 0 && self.choices.once_in(3) { vec![Arg::Held(self.choices.below(held))] } else { Vec::new() };
        Some(Action::Ahead { on, args, plan: self.draw_plan() })
    }

    fn draw_plan(&mut self) -> Plan {
        let gives = [Give::Nothing, Give::Fresh, Give::Arguments, Give::Itself, Give::Kept];
        let size = |choices: &mut Choices<'_>| if choices.once_in(3) { choices.below(4) } else { choices.below(2) };
        let (size, reply) = (self.sizes[size(&mut self.choices)], self.sizes[size(&mut self.choices)]);
        Plan {
            method: self.choices.below(5) as u8,
            size: size + u32::from(self.choices.once_in(60)) * self.sizes[3],
            reply: reply + u32::from(self.choices.once_in(60)) * self.sizes[3],
            elsewhere: self.choices.once_in(5),
            no_cancel: self.choices.once_in(8),
            turns: self.choices.below(3) as u8,
            keep: self.choices.once_in(3),
            give: gives[self.choices.below(gives.len())],
            nest: if self.choices.once_in(4) { self.choices.below(4) as u8 } else { 0 },
            promised: self.choices.once_in(2),
            unfit: self.choices.once_in(60),
            unfit_reply: self.choices.once_in(16),
        }
    }

    fn draw_delivery(&mut self) -> Option<Action> {
        let on_the_way: Vec<usize> = (0..self.world.ends.len())
            .filter(|&end| {
                let pipe = &self.world.ends[end].pipe;
                pipe.handed > pipe.arrived && !pipe.silent
            })
            .collect();
        let end = self.one_of(&on_the_way)?;
        let bytes = if self.choices.once_in(3) { 1 + self.choices.below(40) } else { usize::MAX };
        Some(Action::Deliver { end, bytes })
    }

    fn draw_flush(&mut self) -> Option<Action> {
        let with_output: Vec<usize> = (0..self.world.ends.len()).filter(|&end| self.world.ends[end].has_output()).collect();
        let end = self.one_of(&with_output)?;
        let bytes = if self.choices.once_in(6) { 1 + self.choices.below(60) } else { usize::MAX };
        Some(Action::Flush { end, bytes })
    }

    fn draw_poll(&mut self) -> Option<Action> {
        let due: Vec<u32> = self.world.due().collect();
        self.one_of(&due).map(|call| Action::Poll { call })
    }

    fn draw_give_up(&mut self) -> Option<Action> {
        let open: Vec<u32> = (0..self.world.calls.len() as u32)
            .filter(|&call| {
                let call = &self.world.calls[call as usize];
                // A call that is passed on is given up by whoever made it.
                call.verdict.is_none() && !call.given_up && !call.is_relay
            })
            .collect();
        let call = self.one_of(&open)?;
        // What a handler waits for ends with a word, or the handler would never go on.
        let deadline = self.world.calls[call as usize].parent.is_some() || self.choices.once_in(2);
        Some(Action::GiveUp { call, deadline })
    }

    fn draw_held(&mut self) -> Option<Action> {
        let node = self.choices.below(self.world.nodes.len());
        let held = self.world.nodes[node].held.len();
        if held == 0 {
            return None;
        }
        let index = self.choices.below(held);
        Some(if self.choices.once_in(5) { Action::Clone { node, index } } else { Action::Drop { node, index } })
    }

    fn draw_connect(&mut self) -> Option<Action> {
        let nodes = self.world.nodes.len();
        Some(Action::Connect { nodes: [self.choices.below(nodes), self.choices.below(nodes)] })
    }

    fn draw_notice(&mut self) -> Option<Action> {
        let ended: Vec<usize> = self.open_ends().into_iter().filter(|&end| self.world.ends[across(end)].pipe.closed).collect();
        self.one_of(&ended).map(|end| Action::Notice { end })
    }

    fn draw_harm(&mut self) -> Option<Action> {
        if self.choices.below(8) >= self.harm {
            return None;
        }
        let end = self.one_of(&self.open_ends())?;
        Some(match self.choices.below(8) {
            0..=2 => Action::Cut { end, keep: [self.choices.below(120), self.choices.below(120)] },
            3 | 4 => Action::GoAway { end },
            5 => Action::Close { end },
            6 if self.world.config().keep_alive.is_some() => Action::Silence { end },
            _ => {
                let silent = self.world.config().keep_alive.is_some() && self.choices.once_in(2);
                Action::Restart { node: self.choices.below(self.world.nodes.len()), silent }
            }
        })
    }

    /// The way back: everything arrives and ends, then everything is dropped, then the sessions end.
    fn finish(&mut self) {
        self.world.settle();
        self.once_sound(World::check_answered);
        self.world.drop_held();
        self.world.settle();
        self.once_sound(World::check_idle);
        self.stay_alive();
        self.part();
    }

    fn once_sound(&mut self, check: impl FnOnce(&mut World)) {
        if self.world.broken().is_none() {
            check(&mut self.world);
        }
    }

    /// An idle session stays, however long it is idle.
    fn stay_alive(&mut self) {
        let open = self.open_ends();
        for _ in 0..8 {
            self.step(&Action::Tick { millis: 9_000 });
            self.world.settle();
        }
        if self.world.broken().is_none() && open != self.open_ends() {
            self.world.fault("an idle session was taken for dead".to_owned());
        }
    }

    /// The nodes go away and the sessions end; what is called meanwhile is told that it does not run.
    fn part(&mut self) {
        for end in self.open_ends() {
            if self.world.broken().is_some() {
                return;
            }
            if self.choices.once_in(2) {
                self.step(&Action::GoAway { end });
                let plan = self.draw_plan();
                self.step(&Action::Call { end: across(end), target: None, args: vec![Arg::Fresh], plan });
                self.world.settle();
            }
        }
        self.once_sound(World::check_answered);
        for end in self.open_ends() {
            self.step(&Action::Close { end });
        }
        self.world.settle();
        self.world.drop_held();
        self.world.settle();
        self.once_sound(World::check_idle);
        if self.world.broken().is_none() && !self.open_ends().is_empty() {
            self.world.fault("a session is left after both sides have closed it".to_owned());
        }
    }
}

// The error that takes the place of a result has to be one that a peer takes.
const _: () = assert!(SPOILT < 100);
