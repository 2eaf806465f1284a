//! Owns how sessions end in the simulated world: in order, at once, by a cut that one side notices before the other, by silence, or with
//! a node that dies and comes back. It models `session/end.rs` and the clock of `session/writer.rs`.

use std::time::Duration;

use super::call::{Stage, Verdict};
use super::end::Awaited;
use super::node::Ref;
use super::sight::Sight;
use super::world::{World, across};
use crate::error::Outcome;
use crate::proto::{Place, Silence};
use crate::wire::{Frame, GoAway};

impl World {
    /// Takes no more calls, and tells the peer which was the last.
    pub(super) fn go_away(&mut self, at: usize) {
        let end = &mut self.ends[at];
        if !end.open {
            return;
        }
        end.leaving = true;
        let last_call = end.proto.answers.depart();
        end.push(&Frame::GoAway(GoAway { last_call, code: 0, text: "the node is shutting down" }));
    }

    /// Ends a session at one end. What was taken for the link goes out; what was only queued does not.
    pub(super) fn end_session(&mut self, at: usize, words: &str) {
        if !self.ends[at].open {
            return;
        }
        self.note(|| format!("    end {at} is over: {words}"));
        self.ends[at].open = false;
        let awaited = self.ends[at].proto.questions.iter().filter(|(_, question)| question.awaits_return());
        let open: Vec<u32> = awaited.map(|(_, question)| question.token).collect();
        for call in open {
            self.calls[call as usize].stage = Stage::Over;
            self.resolve(call, Verdict::Failed(Outcome::MayHaveRun), Vec::new());
        }
        for pool in 0..2 {
            for call in std::mem::take(&mut self.ends[at].waiting[pool]) {
                self.fail(call, Outcome::NotRun);
            }
        }
        self.drop_all(at);
        let end = &mut self.ends[at];
        let last_call = end.proto.answers.depart();
        end.proto.close();
        end.out.clear();
        end.rests.clear();
        end.releases.clear();
        end.pong = None;
        if !words.is_empty() && !end.pipe.cut {
            end.push(&Frame::GoAway(GoAway { last_call, code: 1, text: words }));
            let mut out = std::mem::take(&mut end.out);
            end.pipe.bytes.append(&mut out);
        }
        end.pipe.handed = end.pipe.bytes.len();
        end.pipe.closed = true;
    }

    /// What an end holds of objects, arguments and results.
    fn drop_all(&mut self, at: usize) {
        let node = self.ends[at].node;
        let exported: Vec<u32> = self.ends[at].servants.keys().copied().collect();
        for index in exported {
            self.let_go(at, index);
        }
        let running: Vec<u32> = self.handlers.iter().filter(|(_, handler)| handler.end == at).map(|(&call, _)| call).collect();
        for call in running {
            let no_cancel = self.calls[call as usize].plan.no_cancel;
            if let Some(handler) = self.handlers.get_mut(&call) {
                handler.aborted |= !no_cancel;
            }
        }
        let end = &mut self.ends[at];
        end.imports.clear();
        let queued = std::mem::take(&mut end.queued).into_values().flat_map(|queued| queued.references);
        let kept = std::mem::take(&mut end.kept).into_values().flatten();
        let arguments = std::mem::take(&mut end.held_arguments).into_values().flatten();
        let results = std::mem::take(&mut end.held_results).into_values().flatten();
        let partial = std::mem::take(&mut end.partial).into_values().flat_map(|partial| partial.references);
        let returns = std::mem::take(&mut end.held_returns).into_iter().flat_map(|(_, reply)| reply.references);
        let pending = std::mem::take(&mut end.pending).into_values().filter_map(|pending| match pending.awaited {
            Awaited::Ready(_, ready) => Some(ready),
            Awaited::Ahead | Awaited::Failed(_) | Awaited::Nothing => None,
        });
        let places = end.lines.take().into_iter().filter_map(|place| match place {
            Place::Ready(_, ready) => Some(ready),
            _ => None,
        });
        let ready = pending.chain(places).flat_map(|ready| ready.references.into_iter().chain([ready.servant]));
        let all: Vec<Ref> = arguments.chain(results).chain(partial).chain(returns).chain(ready).chain(queued).chain(kept).collect();
        self.drop_refs(node, all);
    }

    /// The link breaks; so many bytes of either direction still arrive.
    pub(super) fn cut(&mut self, at: usize, keep: [usize; 2]) {
        for (end, keep) in [(at, keep[0]), (across(at), keep[1])] {
            let pipe = &mut self.ends[end].pipe;
            let left = (pipe.arrived + keep).min(pipe.handed);
            pipe.bytes.truncate(left);
            pipe.handed = left;
            (pipe.closed, pipe.cut) = (true, true);
        }
    }

    /// An end sees that the link is at its end.
    pub(super) fn notice(&mut self, at: usize) {
        let pipe = &self.ends[across(at)].pipe;
        let drained = pipe.arrived == pipe.bytes.len();
        // What is left when all has arrived is a frame that was cut in two.
        if pipe.closed && !pipe.silent && (drained || pipe.cut) {
            if drained && !pipe.bytes.is_empty() {
                self.sight(Sight::FrameCutInTwo);
            }
            self.end_session(at, "");
        }
    }

    /// Time passes. Every end looks whether its peer is alive.
    pub(super) fn tick(&mut self, by: Duration) {
        self.now += by;
        let now = self.instant();
        for at in 0..self.ends.len() {
            if !self.ends[at].open {
                continue;
            }
            let Some(keep_alive) = &mut self.ends[at].proto.keep_alive else { continue };
            match keep_alive.look(now) {
                Silence::Wait(_) => {}
                Silence::Ping(token, _) => {
                    self.sight(Sight::PeerAsked);
                    self.ends[at].ping(token);
                }
                Silence::Dead => {
                    self.sight(Sight::PeerTakenForDead);
                    self.end_session(at, "no sign of life from you");
                }
            }
        }
    }

    /// A node dies with all that it had, and begins a new life in which it numbers its objects from the first again.
    pub(super) fn restart(&mut self, node: usize, silent: bool) {
        for call in &mut self.calls {
            call.given_up |= call.caller == node && call.stage != Stage::Over;
        }
        let ends: Vec<usize> = (0..self.ends.len()).filter(|&at| self.ends[at].open && self.ends[at].node == node).collect();
        for &at in &ends {
            self.end_session(at, "");
            let pipe = &mut self.ends[at].pipe;
            pipe.silent |= silent;
            pipe.cut = true;
            self.ends[across(at)].pipe.silent |= silent;
        }
        // Methods that do not let themselves be cancelled die as well.
        let died: Vec<u32> =
            self.handlers.iter().filter(|(_, handler)| self.ends[handler.end].node == node).map(|(&call, _)| call).collect();
        for call in died {
            self.handlers.remove(&call);
        }
        for call in &mut self.calls {
            call.given_up |= call.caller == node;
        }
        self.nodes[node].restart();
        self.furnish(node);
    }
}
