//! Owns what is known of one call in the simulated world: what its caller wants, where it stands, and what really happened to it. The
//! last is what every outcome is held against.

use super::node::Ref;
use crate::error::Outcome;
use crate::id::CallId;
use crate::proto::Pool;

/// Which references a result brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Give {
    Nothing,
    /// A new object.
    Fresh,
    /// All that came as arguments, or with the results of calls made meanwhile.
    Arguments,
    /// The object that was called.
    Itself,
    /// Something that the callee keeps.
    Kept,
}

/// What a call carries and what its method does, chosen when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    pub(crate) method: u8,
    /// Bytes of the arguments, and of the result.
    pub(crate) size: u32,
    pub(crate) reply: u32,
    /// The method starts on a task of its own.
    pub(crate) elsewhere: bool,
    pub(crate) no_cancel: bool,
    /// How often the method is polled before it is done, after the first time.
    pub(crate) turns: u8,
    /// The callee keeps the references that came.
    pub(crate) keep: bool,
    pub(crate) give: Give,
    /// Calls that the method makes, one inside the other, back and forth.
    pub(crate) nest: u8,
    /// Calls may be made on its result before that is there.
    pub(crate) promised: bool,
    /// Its frame turns out not to be writable.
    pub(crate) unfit: bool,
    /// The references of its result turn out not to fit a frame.
    pub(crate) unfit_reply: bool,
}

impl Plan {
    /// A small call that is done at its first poll.
    pub(crate) const PLAIN: Self = Self {
        method: 0,
        size: 4,
        reply: 5,
        elsewhere: false,
        no_cancel: false,
        turns: 0,
        keep: false,
        give: Give::Nothing,
        nest: 0,
        promised: false,
        unfit: false,
        unfit_reply: false,
    };

    /// What a method that is to make calls asks of the other side.
    pub(super) const fn inner(self) -> Self {
        let nest = self.nest - 1;
        Self { nest, size: 4, reply: 5, elsewhere: false, promised: false, unfit: false, unfit_reply: false, give: Give::Nothing, ..self }
    }
}

/// How a call ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    Ok,
    Failed(Outcome),
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It waits for room or credit, or is being made.
    Queued,
    Sent(CallId),
    Over,
}

/// A call over one session. One that is passed on by a node in the middle is two of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) caller: usize,
    pub(super) end: usize,
    /// The import that is called; the directory of names when there is none. It is held until the call is sent.
    pub(super) target: Option<u64>,
    pub(super) interface: u8,
    pub(super) pool: Pool,
    /// The call whose handler made this one.
    pub(super) parent: Option<u32>,
    /// The parent's handler does nothing but pass it on.
    pub(super) is_relay: bool,
    pub(super) args: Vec<Ref>,
    pub(super) plan: Plan,
    pub(super) stage: Stage,
    /// The call of this node's on whose result it is made, and whether it has taken room to go ahead and is not sent.
    pub(super) promise: Option<u32>,
    pub(super) has_room: bool,
    /// Its result, while the peer keeps it; what waits here for it to be known, and what it is then.
    pub(super) kept: Option<CallId>,
    pub(super) queue: Vec<u32>,
    pub(super) is_known: bool,
    pub(super) becomes: Option<Ref>,

    // What really is, and what happened.
    /// Which objects it is made on and names, by the numbers that only the simulation knows.
    pub(super) target_truth: u32,
    pub(super) args_truth: Vec<u32>,
    pub(super) reply_truth: Vec<u32>,
    /// Its place among the calls sent over its end.
    pub(super) order: u32,
    pub(super) starts: u8,
    pub(super) ran: bool,
    /// What it is made on is passed on to another node there, so that nothing of its own runs.
    pub(super) is_passing: bool,
    /// The call by which it was passed on.
    pub(super) passed_on: Option<u32>,
    pub(super) verdict: Option<Verdict>,
    /// Its caller has dropped it, or died.
    pub(super) given_up: bool,
}
