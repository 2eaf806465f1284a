//! The search of orders: three nodes, calls on promises, one of which turns out to be at the caller's home and one at a third node, and
//! everything that can happen in every order. The tables are the protocol's own; what is around them is the least that a session does.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `caller` | the node that calls, and has one of the objects |
//! | `middle` | the node that is called, and passes everything on |
//! | `third` | the node that has the other object |

mod caller;
mod middle;
mod third;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::Hash;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::id::CallId;
use caller::Caller;
use middle::Middle;
use third::Third;

/// Promises: the first turns out to be the caller's own object, the second one of the third node's.
pub const PROMISES: usize = 2;

/// What the caller does, one after the other, and what it calls. What happens meanwhile is the search's choice.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    program: &'static [Op],
    /// Whether the results are promises of the middle's own, of which it says later what they are.
    is_promise: [bool; PROMISES],
}

impl Scenario {
    /// The first is the one that is promised.
    pub fn all() -> Vec<Self> {
        const EIGHT: &[Op] = &[
            Op::Ask(0),
            Op::Call(0, 1),
            Op::Call(0, 2),
            Op::Ask(1),
            Op::Call(1, 2),
            Op::Call(1, 1),
            Op::Call(0, 1),
            Op::Call(1, 1),
            Op::Call(0, 1),
            Op::Call(0, 1),
        ];
        const SIX: &[Op] =
            &[Op::Ask(0), Op::Call(0, 1), Op::Ask(1), Op::Call(1, 2), Op::Call(0, 2), Op::Call(0, 1), Op::Call(1, 1), Op::Call(0, 1)];
        vec![
            Self { name: "one promise comes home, one leads to a third node", program: EIGHT, is_promise: [false, false] },
            Self { name: "the result that comes home is a promise itself", program: SIX, is_promise: [true, false] },
        ]
    }

    /// The same with fewer calls, for builds that are not optimized.
    pub fn few() -> Vec<Self> {
        const FIVE: &[Op] = &[Op::Ask(0), Op::Call(0, 1), Op::Ask(1), Op::Call(1, 1), Op::Call(0, 2), Op::Call(0, 1), Op::Call(1, 1)];
        const FOUR: &[Op] = &[Op::Ask(0), Op::Call(0, 1), Op::Call(0, 2), Op::Call(0, 1), Op::Call(0, 1)];
        vec![
            Self { name: "one promise comes home, one leads to a third node", program: FIVE, is_promise: [false, false] },
            Self { name: "the result that comes home is a promise itself", program: FOUR, is_promise: [true, false] },
        ]
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Makes the call whose result is promised.
    Ask(usize),
    /// Calls on a promise, in so many pieces.
    Call(usize, u8),
}

/// A frame. Calls are named by their places in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Frame {
    Ask(usize),
    Ahead { promise: usize, call: u8, pieces: u8 },
    Call { object: usize, call: u8, pieces: u8 },
    Piece(u8),
    Return { promise: usize, is_promise: bool },
    Finish(usize),
    Resolve(usize),
    Embargo(usize),
    Back(usize),
    Credit,
}

/// Something that can happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The caller does what comes next in its program.
    Act,
    /// The caller looks at a return.
    Settle(usize),
    /// A handler of the middle's is done.
    Complete(usize),
    /// It is known what a result is that was a promise.
    Know(usize),
    /// A frame arrives.
    ToMiddle,
    ToCaller,
    ToThird,
    /// The rest of a long message is written.
    CallerPiece(u8),
    BackPiece(u8),
    ThirdPiece(u8),
}

/// One way of frames, with the pieces that go between others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Way {
    frames: VecDeque<Frame>,
    pieces: BTreeSet<u8>,
}

impl Way {
    fn send(&mut self, frame: Frame) {
        self.frames.push_back(frame);
        if let Frame::Ahead { call, pieces: 2, .. } | Frame::Call { call, pieces: 2, .. } = frame {
            self.pieces.insert(call);
        }
    }

    fn write_rest(&mut self, call: u8) {
        self.pieces.remove(&call);
        self.frames.push_back(Frame::Piece(call));
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    done: usize,
    caller: Caller,
    middle: Middle,
    third: Third,
    to_middle: Way,
    to_caller: Way,
    to_third: Way,
    /// The calls that were started on each object, in their order.
    started: [Vec<u8>; PROMISES],
}

/// What a search of orders has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Different states, each checked.
    pub states: usize,
    /// States in which nothing more happens; all calls have started there.
    pub ends: usize,
    /// Calls on promises.
    pub calls: usize,
}

/// Looks at every order.
///
/// # Errors
///
/// The first order that is wrong, in words.
pub fn search(scenario: &Scenario) -> Result<Orders, String> {
    let calls = scenario.program.iter().filter(|op| matches!(op, Op::Call(..))).count();
    let mut seen = Orders { calls, ..Orders::default() };
    let mut known = HashSet::from([digest(&World::default())]);
    let mut open = vec![World::default()];
    while let Some(world) = open.pop() {
        let steps = world.steps(scenario);
        if steps.is_empty() {
            seen.ends += 1;
            world.check_end(calls)?;
        }
        for step in steps {
            let mut next = world.clone();
            next.take(step, scenario);
            next.check()?;
            if known.insert(digest(&next)) {
                open.push(next);
            }
        }
    }
    seen.states = known.len();
    Ok(seen)
}

fn digest(world: &World) -> u128 {
    let mut hasher = SipHasher13::new();
    world.hash(&mut hasher);
    hasher.finish128().into()
}

/// The id of a call on a promise.
const fn call_id(call: u8) -> CallId {
    CallId { index: call as u32, generation: 0 }
}

/// The id of the call whose result is promised.
const fn asked_id(promise: usize) -> CallId {
    CallId { index: promise as u32, generation: 1 }
}

/// Another place in line that is no call's.
const fn resolve_marker(promise: usize) -> CallId {
    CallId { index: promise as u32, generation: 3 }
}

/// A place in line that is no call's.
const fn marker(promise: usize) -> CallId {
    CallId { index: promise as u32, generation: 2 }
}

impl World {
    fn steps(&self, scenario: &Scenario) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.done < scenario.program.len() {
            steps.push(Step::Act);
        }
        steps.extend((0..PROMISES).filter(|&promise| self.caller.is_returned(promise)).map(Step::Settle));
        steps.extend((0..PROMISES).filter(|&promise| self.middle.runs(promise)).map(Step::Complete));
        let is_unknown = |promise: &usize| scenario.is_promise[*promise] && !self.middle.knows(*promise);
        steps.extend((0..PROMISES).filter(is_unknown).map(Step::Know));
        steps.extend((!self.to_middle.frames.is_empty()).then_some(Step::ToMiddle));
        steps.extend((!self.to_caller.frames.is_empty()).then_some(Step::ToCaller));
        steps.extend((!self.to_third.frames.is_empty()).then_some(Step::ToThird));
        steps.extend(self.to_middle.pieces.iter().map(|&call| Step::CallerPiece(call)));
        steps.extend(self.to_caller.pieces.iter().map(|&call| Step::BackPiece(call)));
        steps.extend(self.to_third.pieces.iter().map(|&call| Step::ThirdPiece(call)));
        steps
    }

    fn take(&mut self, step: Step, scenario: &Scenario) {
        let Self { done, caller, middle, third, to_middle, to_caller, to_third, started } = self;
        match step {
            Step::Act => {
                let op = scenario.program[*done];
                *done += 1;
                match op {
                    Op::Ask(promise) => caller.ask(promise, to_middle),
                    Op::Call(promise, pieces) => caller.call(promise, *done as u8, pieces, to_middle, started),
                }
            }
            Step::Settle(promise) => caller.settle(promise, to_middle),
            Step::Complete(promise) => middle.complete(promise, scenario.is_promise[promise], to_caller, to_third),
            Step::Know(promise) => middle.know(promise, to_caller, to_third),
            Step::ToMiddle => {
                if let Some(frame) = to_middle.frames.pop_front() {
                    middle.receive(frame, to_caller, to_third);
                }
            }
            Step::ToCaller => {
                if let Some(frame) = to_caller.frames.pop_front() {
                    caller.receive(frame, to_middle, started);
                }
            }
            Step::ToThird => {
                if let Some(frame) = to_third.frames.pop_front() {
                    third.receive(frame, started);
                }
            }
            Step::CallerPiece(call) => to_middle.write_rest(call),
            Step::BackPiece(call) => to_caller.write_rest(call),
            Step::ThirdPiece(call) => to_third.write_rest(call),
        }
    }

    /// Law 3: calls on one object start in the order in which they were made.
    fn check(&self) -> Result<(), String> {
        for (object, started) in self.started.iter().enumerate() {
            if !started.is_sorted() {
                return Err(format!("the calls on object {object} started in the order {started:?}"));
            }
        }
        Ok(())
    }

    fn check_end(&self, calls: usize) -> Result<(), String> {
        let started: usize = self.started.iter().map(Vec::len).sum();
        if started != calls {
            return Err(format!("{started} of {calls} calls have started: {self:?}"));
        }
        if !self.middle.is_empty() || !self.caller.is_empty() || !self.third.is_empty() {
            return Err(format!("something is left: {self:?}"));
        }
        Ok(())
    }
}
