//! Owns the door of an object that has `&mut self` methods: who is inside, who waits, and who may never wait (law 8). It knows
//! nothing of the object itself.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::context::{self, HoldId, MethodLabel};
use crate::sync::Mutex;

/// First come, first served, with two exceptions: a shared entry by a call whose ancestor is inside passes those who wait, and an
/// entry that would wait for its own ancestor is refused.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    inside: Vec<Stay>,
    exclusive: bool,
    /// Who was let in from the queue and does not know it yet, or has not been polled inside. Nobody else comes in before that, so that
    /// those who wait start in the order in which they came, on whatever threads they run.
    arriving: Option<HoldId>,
    queue: VecDeque<Waiting>,
}

/// A call that is inside.
#[derive(Debug)]
struct Stay {
    hold: HoldId,
    method: Option<MethodLabel>,
}

#[derive(Debug)]
struct Waiting {
    hold: HoldId,
    method: Option<MethodLabel>,
    exclusive: bool,
    waker: Option<Waker>,
}

/// The entry would wait for a call that itself waits for this one.
#[derive(Debug)]
pub(crate) struct WouldWaitForItself {
    /// The method of that call.
    pub(crate) holder: Option<MethodLabel>,
}

impl Gate {
    /// Enters, waiting for its turn.
    pub(crate) fn enter(&self, exclusive: bool) -> Enter<'_> {
        Enter { gate: self, exclusive, stage: Stage::New }
    }

    fn leave(&self, hold: HoldId) {
        let next = {
            let mut state = self.state.lock();
            state.inside.retain(|inside| inside.hold != hold);
            // It may be done before anybody has told that it was polled.
            state.arriving.take_if(|arriving| *arriving == hold);
            state.admit()
        };
        next.into_iter().for_each(Waker::wake);
    }

    fn give_up(&self, hold: HoldId) {
        let next = {
            let mut state = self.state.lock();
            match state.queue.iter().position(|waiting| waiting.hold == hold) {
                Some(place) => drop(state.queue.remove(place)),
                // It was let in meanwhile and does not know it yet.
                None => {
                    state.inside.retain(|inside| inside.hold != hold);
                    state.arriving = None;
                }
            }
            state.admit()
        };
        next.into_iter().for_each(Waker::wake);
    }
}

/// Who has come in from the queue, while those behind it wait until its method has been polled: on another thread they would start before it.
#[derive(Debug)]
pub(crate) struct ComingIn {
    state: Arc<Mutex<State>>,
    hold: HoldId,
}

impl ComingIn {
    /// It has been polled inside, or will not be: the next may come.
    pub(crate) fn arrives(self) {
        let next = {
            let mut state = self.state.lock();
            if state.arriving.take_if(|arriving| *arriving == self.hold).is_none() {
                return;
            }
            state.admit()
        };
        next.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn try_enter(
        &mut self,
        hold: HoldId,
        exclusive: bool,
        ancestors: &[HoldId],
        method: Option<&MethodLabel>,
    ) -> Result<bool, WouldWaitForItself> {
        let ancestor = self.inside.iter().find(|inside| ancestors.contains(&inside.hold));
        let ancestor_inside = ancestor.is_some();
        if let Some(ancestor) = ancestor
            && (exclusive || self.exclusive)
        {
            return Err(WouldWaitForItself { holder: ancestor.method.clone() });
        }
        let free = self.inside.is_empty() && self.queue.is_empty();
        let joins = !exclusive && !self.exclusive && self.queue.is_empty() && self.arriving.is_none();
        if !(free || joins || ancestor_inside) {
            return Ok(false);
        }
        self.inside.push(Stay { hold, method: method.cloned() });
        self.exclusive = exclusive;
        Ok(true)
    }

    /// Lets in whoever is next. Gives what wakes it.
    fn admit(&mut self) -> Option<Waker> {
        if self.inside.is_empty() {
            self.exclusive = false;
        }
        let next = self.queue.front()?;
        if self.arriving.is_some() || (!self.inside.is_empty() && (next.exclusive || self.exclusive)) {
            return None;
        }
        let next = self.queue.pop_front()?;
        self.inside.push(Stay { hold: next.hold, method: next.method });
        self.exclusive = next.exclusive;
        self.arriving = Some(next.hold);
        next.waker
    }
}

#[derive(Debug)]
enum Stage {
    New,
    Queued(HoldId),
    Done,
}

/// Waits for its turn at a gate.
#[derive(Debug)]
pub(crate) struct Enter<'a> {
    gate: &'a Gate,
    exclusive: bool,
    stage: Stage,
}

impl<'a> Future for Enter<'a> {
    type Output = Result<Pass<'a>, WouldWaitForItself>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = this.gate.state.lock();
        let mut coming = None;
        let hold = match this.stage {
            Stage::Queued(hold) => {
                if let Some(waiting) = state.queue.iter_mut().find(|waiting| waiting.hold == hold) {
                    waiting.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                coming = Some(ComingIn { state: Arc::clone(&this.gate.state), hold });
                hold
            }
            Stage::New | Stage::Done => {
                let hold = crate::random::unique();
                let (entered, method) = context::with_current(|current| match current {
                    Some(context) => {
                        let method = context.method.as_ref();
                        (state.try_enter(hold, this.exclusive, &context.holds, method), method.cloned())
                    }
                    None => (state.try_enter(hold, this.exclusive, &[], None), None),
                });
                match entered {
                    Ok(true) => hold,
                    Ok(false) => {
                        let waker = Some(cx.waker().clone());
                        state.queue.push_back(Waiting { hold, method, exclusive: this.exclusive, waker });
                        this.stage = Stage::Queued(hold);
                        return Poll::Pending;
                    }
                    Err(refused) => {
                        this.stage = Stage::Done;
                        return Poll::Ready(Err(refused));
                    }
                }
            }
        };
        drop(state);
        this.stage = Stage::Done;
        let at_once = context::with_current(|current| match current {
            Some(context) => {
                context.holds.push(hold);
                coming.and_then(|coming| context.door.put(coming))
            }
            None => coming,
        });
        if let Some(coming) = at_once {
            coming.arrives();
        }
        Poll::Ready(Ok(Pass { gate: this.gate, hold }))
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        if let Stage::Queued(hold) = self.stage {
            self.gate.give_up(hold);
        }
    }
}

/// One stay inside. Leaves when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    hold: HoldId,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.leave(self.hold);
        context::with_current(|current| {
            if let Some(context) = current {
                context.holds.retain(|hold| *hold != self.hold);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{CallContext, Door};

    fn poll<'a>(enter: &mut Enter<'a>) -> Poll<Result<Pass<'a>, WouldWaitForItself>> {
        Pin::new(enter).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn entered<'a>(enter: &mut Enter<'a>) -> Pass<'a> {
        match poll(enter) {
            Poll::Ready(Ok(pass)) => pass,
            other => panic!("expected to enter, got {other:?}"),
        }
    }

    #[test]
    fn writers_and_readers_go_in_the_order_in_which_they_came() {
        let gate = Gate::default();
        let reader = entered(&mut gate.enter(false));
        let mut writer = gate.enter(true);
        let mut late_reader = gate.enter(false);
        assert!(poll(&mut writer).is_pending());
        assert!(poll(&mut late_reader).is_pending(), "a reader does not pass a writer that waits");
        drop(reader);
        let writing = entered(&mut writer);
        assert!(poll(&mut late_reader).is_pending());
        drop(writing);
        entered(&mut late_reader);
    }

    #[test]
    fn readers_that_waited_come_in_one_after_the_other_and_nobody_before_them() {
        let gate = Gate::default();
        let writing = entered(&mut gate.enter(true));
        let (mut first, mut second, mut late) = (gate.enter(false), gate.enter(false), gate.enter(false));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        drop(writing);
        assert!(poll(&mut second).is_pending(), "the first has not come in yet");
        assert!(poll(&mut late).is_pending(), "nor has the second");
        let reading = (entered(&mut first), entered(&mut second), entered(&mut late));
        drop(reading);
        entered(&mut gate.enter(true));
    }

    #[test]
    fn who_waits_comes_in_when_the_one_before_has_been_polled_inside() {
        for leaves_first in [false, true] {
            let gate = Gate::default();
            let writing = entered(&mut gate.enter(true));
            let mut chain = Some(Box::new(CallContext { door: Door::AfterPoll, ..CallContext::default() }));
            let (mut first, mut second) = (gate.enter(false), gate.enter(false));
            assert!(context::enter(&mut chain, || poll(&mut first).is_pending()) && poll(&mut second).is_pending());
            drop(writing);
            let reading = context::enter(&mut chain, || entered(&mut first));
            assert!(poll(&mut second).is_pending(), "the first is inside and has not been polled there");
            assert!(poll(&mut gate.enter(false)).is_pending(), "nobody passes the second");
            if leaves_first {
                context::enter(&mut chain, || drop(reading));
                drop(entered(&mut second));
            } else {
                chain.as_mut().expect("it is there").door.polled();
                let _both = (reading, entered(&mut second));
            }
            chain.as_mut().expect("it is there").door.polled();
            entered(&mut gate.enter(true));
        }
    }

    #[test]
    fn one_that_gives_up_makes_room() {
        let gate = Gate::default();
        let writing = entered(&mut gate.enter(true));
        let mut second = gate.enter(true);
        let mut third = gate.enter(true);
        assert!(poll(&mut second).is_pending() && poll(&mut third).is_pending());
        drop(writing);
        drop(second); // it was let in, and never learned of it
        entered(&mut third);
    }

    #[test]
    fn entry_that_would_wait_for_its_ancestor_is_refused_and_a_shared_one_passes_writers() {
        let gate = Gate::default();
        let mut chain = Some(Box::<CallContext>::default());
        let reader = context::enter(&mut chain, || entered(&mut gate.enter(false)));
        let mut writer = gate.enter(true);
        assert!(poll(&mut writer).is_pending());
        let again = context::enter(&mut chain, || entered(&mut gate.enter(false)));
        let upgrade = context::enter(&mut chain, || poll(&mut gate.enter(true)).map(|entered| entered.map(drop)));
        assert!(matches!(upgrade, Poll::Ready(Err(WouldWaitForItself { .. }))));
        context::enter(&mut chain, || drop((reader, again)));
        entered(&mut writer);
    }

    #[test]
    fn siblings_of_one_chain_wait_for_each_other() {
        let gate = Gate::default();
        let (mut first, mut second) = (Some(Box::<CallContext>::default()), Some(Box::<CallContext>::default()));
        let writing = context::enter(&mut first, || entered(&mut gate.enter(true)));
        let mut sibling = gate.enter(true);
        assert!(context::enter(&mut second, || poll(&mut sibling).is_pending()));
        context::enter(&mut first, || drop(writing));
        context::enter(&mut second, || drop(entered(&mut sibling)));
    }
}
