//! Owns the simulated world: nodes, the ends of all sessions, calls, handlers and a clock that moves only when it is told to. What can
//! happen is an [`Action`]; each is applied whole, and the world is compared and copied as a value.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{Call, Plan};
use super::end::End;
use super::handling::Handler;
use super::node::{NO_TRUTH, Node, Object, ROOT};
use super::sight::Sight;
use super::trace::Trace;
use crate::id::{CallId, ExportId};
use crate::limits::PeerLimits;
use crate::proto::{Connection, KeepAlive};

/// Something that can happen in the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// A node's program calls an import that it holds, or the directory at the other end.
    Call {
        end: usize,
        target: Option<u64>,
        args: Vec<Arg>,
        plan: Plan,
    },
    /// A node's program calls an object in the result of a call of its own, whether or not that is there.
    Ahead {
        on: u32,
        args: Vec<Arg>,
        plan: Plan,
    },
    /// Up to so many bytes that `end` has sent arrive.
    Deliver {
        end: usize,
        bytes: usize,
    },
    /// The link takes up to so many bytes.
    Flush {
        end: usize,
        bytes: usize,
    },
    /// A handler is polled, or dropped if it was ended.
    Poll {
        call: u32,
    },
    /// The caller drops a call, or its deadline is over.
    GiveUp {
        call: u32,
        deadline: bool,
    },
    /// A program drops, or clones, a reference that it holds.
    Drop {
        node: usize,
        index: usize,
    },
    Clone {
        node: usize,
        index: usize,
    },
    GoAway {
        end: usize,
    },
    Close {
        end: usize,
    },
    /// The link breaks: so much of what was on its way still arrives.
    Cut {
        end: usize,
        keep: [usize; 2],
    },
    /// Nothing arrives any more, and nobody is told.
    Silence {
        end: usize,
    },
    /// An end sees that the link has ended.
    Notice {
        end: usize,
    },
    Tick {
        millis: u64,
    },
    /// A node dies and comes back as another incarnation. Its links close, or fall silent.
    Restart {
        node: usize,
        silent: bool,
    },
    Connect {
        nodes: [usize; 2],
    },
}

/// A reference among the arguments of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Arg {
    /// To a new object.
    Fresh,
    /// To what the program holds at this place.
    Held(usize),
}

/// What is the same for the whole of a run.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) nodes: usize,
    /// What each node allows.
    pub(crate) limits: Vec<PeerLimits>,
    /// Bodies up to this size travel in one frame; of longer ones so much comes with the first.
    pub(crate) inline: u32,
    /// Bytes of a body in one chunk.
    pub(crate) chunk: u32,
    pub(crate) keep_alive: Option<(Duration, Duration)>,
    /// Everything that is written is handed to the link at once: fewer states for a search.
    pub(crate) flush_at_once: bool,
    /// References that a program holds on to; what comes beyond is dropped.
    pub(crate) held_max: usize,
}

/// What belongs to the world and is no part of its state.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) config: Arc<Config>,
    pub(super) trace: Trace,
    pub(super) steps: usize,
    /// Ids that were given back lately, by the end that gave them out. None may mean anything again.
    pub(super) stale: VecDeque<(usize, Stale)>,
    /// What was come across, a bit each.
    pub(super) sights: u64,
    epoch: Instant,
}

impl PartialEq for Beside {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Beside {}

impl Hash for Beside {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(super) nodes: Vec<Node>,
    /// Two for each session, one behind the other.
    pub(super) ends: Vec<End>,
    pub(super) calls: Vec<Call>,
    /// By the call that they run for.
    pub(super) handlers: BTreeMap<u32, Handler>,
    pub(super) now: Duration,
    pub(super) next_truth: u32,
    /// The first rule that was broken.
    broken: Option<String>,
    pub(super) beside: Beside,
}

/// An id that is not in use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    Export(ExportId),
    Call(CallId),
}

/// Stale ids that are kept in mind.
const STALE_KEPT: usize = 12;

/// The other end of the session.
pub(super) const fn across(end: usize) -> usize {
    end ^ 1
}

impl World {
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn new(config: Arc<Config>, traced: bool) -> Self {
        let nodes = (0..config.nodes).map(|index| Node::new(index, 1)).collect();
        let beside = Beside { config, trace: Trace::new(traced), steps: 0, sights: 0, stale: VecDeque::new(), epoch: Instant::now() };
        let mut world = Self {
            nodes,
            ends: Vec::new(),
            calls: Vec::new(),
            handlers: BTreeMap::new(),
            now: Duration::ZERO,
            next_truth: 0,
            broken: None,
            beside,
        };
        for node in 0..world.nodes.len() {
            world.furnish(node);
        }
        world
    }

    /// The directory of names, which is there as long as its node.
    pub(super) fn furnish(&mut self, node: usize) {
        self.nodes[node].objects.insert(ROOT, Object { refs: 1, exported: 0, interface: 0, truth: NO_TRUTH });
    }

    pub(super) fn config(&self) -> &Config {
        &self.beside.config
    }

    /// The moment, as the protocol is told it.
    pub(super) fn instant(&self) -> Instant {
        self.beside.epoch + self.now
    }

    /// Notes that a rule is broken. The first one counts.
    pub(super) fn fault(&mut self, text: String) {
        self.note(|| format!("BROKEN: {text}"));
        self.broken.get_or_insert(text);
    }

    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// An id that `end` gave out is given back.
    pub(super) fn retire(&mut self, end: usize, id: Stale) {
        let stale = &mut self.beside.stale;
        if stale.len() == STALE_KEPT {
            stale.pop_front();
        }
        stale.push_back((end, id));
    }

    pub(super) fn sight(&mut self, sight: Sight) {
        self.beside.sights |= 1 << sight as u32;
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        self.beside.trace.note(self.now, text);
    }

    pub(crate) fn trace(&self) -> &Trace {
        &self.beside.trace
    }

    /// Makes one thing happen.
    pub(crate) fn apply(&mut self, action: &Action) {
        self.note(|| format!("{action:?}"));
        match action {
            Action::Call { end, target, args, plan } => self.make_call(*end, *target, args, *plan),
            Action::Ahead { on, args, plan } => self.make_ahead(*on, args, *plan),
            Action::Deliver { end, bytes } => self.deliver(*end, *bytes),
            Action::Flush { end, bytes } => self.flush(*end, *bytes),
            Action::Poll { call } => self.poll(*call),
            Action::GiveUp { call, deadline } => self.give_up(*call, *deadline),
            Action::Drop { node, index } => {
                if *index < self.nodes[*node].held.len() {
                    let reference = self.nodes[*node].held.swap_remove(*index);
                    self.drop_ref(*node, reference);
                }
            }
            Action::Clone { node, index } => {
                if let Some(&reference) = self.nodes[*node].held.get(*index) {
                    let copy = self.dup(*node, reference);
                    self.nodes[*node].held.push(copy);
                }
            }
            Action::GoAway { end } => self.go_away(*end),
            Action::Close { end } => self.end_session(*end, "closed"),
            Action::Cut { end, keep } => self.cut(*end, *keep),
            Action::Silence { end } => {
                self.ends[*end].pipe.silent = true;
                self.ends[across(*end)].pipe.silent = true;
            }
            Action::Notice { end } => self.notice(*end),
            Action::Tick { millis } => self.tick(Duration::from_millis(*millis)),
            Action::Restart { node, silent } => self.restart(*node, *silent),
            Action::Connect { nodes } => self.connect(*nodes),
        }
        if self.config().flush_at_once {
            for end in 0..self.ends.len() {
                self.flush(end, usize::MAX);
            }
        }
    }

    /// Two nodes make a session, unless they have one.
    fn connect(&mut self, nodes: [usize; 2]) {
        let [one, other] = nodes;
        let lives = [self.nodes[one].life(), self.nodes[other].life()];
        let has_one = self.ends.iter().any(|end| end.open && lives.contains(&end.peer) && lives.contains(&self.nodes[end.node].life()));
        if one == other || has_one {
            return;
        }
        for (node, peer) in [(one, other), (other, one)] {
            let config = self.config();
            let keep_alive = config.keep_alive.map(|(interval, timeout)| KeepAlive::new(self.instant(), interval, timeout));
            let proto = Connection::new(config.limits[node], config.limits[peer], u32::MAX, keep_alive);
            let end = End::new(node, self.nodes[peer].life(), proto);
            self.ends.push(end);
        }
    }

    pub(super) fn flush(&mut self, end: usize, bytes: usize) {
        let chunk = self.config().chunk;
        if self.ends[end].has_output() {
            self.ends[end].flush(bytes, chunk);
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, call) in self.calls.iter().enumerate() {
            writeln!(f, "call {index}: {call:?}")?;
        }
        for (index, end) in self.ends.iter().enumerate().filter(|(_, end)| end.open) {
            writeln!(f, "end {index} of node {}: {:?}", end.node, end.proto)?;
        }
        Ok(())
    }
}
