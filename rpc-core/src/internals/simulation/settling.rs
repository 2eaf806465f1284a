//! Owns what is due in a world, and its way to rest: everything that is on its way arrives, and everything that is held is dropped.

use super::node::Ref;
use super::world::{Action, World, across};
use crate::wire;

/// Rounds after which a world that does not come to rest is taken for one that never does.
const ROUNDS: usize = 2_000;

impl World {
    /// Makes one thing happen and checks everything. Nothing more happens once a rule is broken.
    pub(super) fn step(&mut self, action: &Action) {
        if self.broken().is_some() {
            return;
        }
        self.beside.steps += 1;
        self.apply(action);
        self.check();
    }

    /// The handlers that have something to do.
    pub(crate) fn due(&self) -> impl Iterator<Item = u32> {
        self.handlers.iter().filter(|(_, handler)| handler.is_due()).map(|(&call, _)| call)
    }

    /// For each direction in which a frame is on its way, its arrival.
    pub(crate) fn frames_to_deliver(&self) -> impl Iterator<Item = Action> {
        self.ends.iter().enumerate().filter_map(|(end, it)| {
            let pipe = &it.pipe;
            let (_, bytes) = wire::split(&pipe.bytes[..pipe.handed])?;
            (!pipe.silent && self.ends[across(end)].open).then_some(Action::Deliver { end, bytes })
        })
    }

    /// Ends that have something for the link.
    pub(crate) fn ends_to_flush(&self) -> impl Iterator<Item = usize> {
        (0..self.ends.len()).filter(|&end| self.ends[end].has_output())
    }

    /// Ends whose link is at its end, and that have not seen it.
    pub(crate) fn ends_to_notice(&self) -> impl Iterator<Item = usize> {
        (0..self.ends.len()).filter(|&end| {
            let pipe = &self.ends[across(end)].pipe;
            self.ends[end].open && pipe.closed && !pipe.silent && (pipe.cut || pipe.bytes.is_empty())
        })
    }

    /// Whether the first session is there and its link whole.
    pub(crate) fn is_linked(&self) -> bool {
        self.ends.iter().take(2).all(|end| end.open && !end.pipe.closed)
    }

    /// How many calls were made so far, each hop counted, and how many objects.
    pub(crate) fn made(&self) -> (usize, usize) {
        (self.calls.len(), self.next_truth as usize)
    }

    /// The first object of another node that a node's program holds.
    pub(crate) fn first_import(&self, node: usize) -> Option<u64> {
        self.nodes[node].held.iter().find_map(|&reference| if let Ref::Import(number) = reference { Some(number) } else { None })
    }

    /// The first call of a node's program that has not ended.
    pub(crate) fn first_open_call(&self, node: usize) -> Option<u32> {
        let open = self.calls.iter().position(|call| {
            let is_open = call.verdict.is_none() && !call.given_up;
            call.caller == node && call.parent.is_none() && is_open
        });
        open.map(|call| call as u32)
    }

    /// Checks that all that was asked is answered, lets go of everything, and checks that nothing is left.
    pub(crate) fn wind_up(&mut self) {
        self.settle();
        if self.broken().is_none() {
            self.check_answered();
        }
        self.drop_held();
        self.settle();
        if self.broken().is_none() {
            self.check_idle();
        }
    }

    /// Every program drops what it holds.
    pub(super) fn drop_held(&mut self) {
        for node in 0..self.nodes.len() {
            while !self.nodes[node].held.is_empty() && self.broken().is_none() {
                self.step(&Action::Drop { node, index: 0 });
            }
        }
    }

    /// Lets everything happen that is on its way, until nothing is.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS {
            if self.broken().is_some() {
                return;
            }
            if !self.round() && !self.wait() {
                return;
            }
        }
        self.fault("the world does not come to rest".to_owned());
    }

    /// Everything that is due, once. False when nothing was.
    fn round(&mut self) -> bool {
        let before = self.beside.steps;
        for end in 0..self.ends.len() {
            if self.ends[end].has_output() {
                self.step(&Action::Flush { end, bytes: usize::MAX });
            }
            let pipe = &self.ends[end].pipe;
            if pipe.handed > pipe.arrived && !pipe.silent {
                self.step(&Action::Deliver { end, bytes: usize::MAX });
            }
            let pipe = &self.ends[end].pipe;
            if pipe.closed && !pipe.silent && self.ends[across(end)].open {
                self.step(&Action::Notice { end: across(end) });
            }
        }
        let due: Vec<u32> = self.due().collect();
        for call in due {
            self.step(&Action::Poll { call });
        }
        self.beside.steps > before
    }

    /// What time alone brings about: calls inside handlers do not wait for ever, and a peer that is silent is taken for dead.
    fn wait(&mut self) -> bool {
        let waiting = self.ends.iter().find_map(|end| end.waiting[1].front().copied());
        if let Some(call) = waiting {
            self.step(&Action::GiveUp { call, deadline: true });
            return true;
        }
        let is_silent = |end: usize| self.ends[end].open && self.ends[end].proto.keep_alive.is_some() && self.ends[across(end)].pipe.silent;
        if (0..self.ends.len()).any(is_silent) {
            self.step(&Action::Tick { millis: 9_000 });
            return true;
        }
        false
    }
}
