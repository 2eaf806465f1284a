//! Owns the start of the calls that have waited for a promise: in their order, in a task of their own, so that no user code runs where it
//! is merely said what the promise is.

use std::sync::Arc;

use super::promise::{Outcomes, Promise};
use super::start::{Answered, Going, Ongoing, done, failed, start};
use super::waiting::Entry;
use crate::error::{Error, ErrorKind, Outcome};

/// Calls that are started one after the other before other tasks have a turn.
const TURN: u32 = 32;

/// Starts the calls that wait for a promise of which it is known what it is, `first` before the others.
pub(super) fn begin(promise: Arc<Promise>, first: (Entry, Outcomes)) {
    let mut opening = Opening { promise, next: Some(first) };
    match crate::background::current_or_own() {
        Ok(runtime) => drop(runtime.spawn(async move { opening.go_on().await })),
        Err(error) => opening.give_up(&error),
    }
}

/// It ends with a promise that is open, whatever happens: otherwise calls would wait for ever.
struct Opening {
    promise: Arc<Promise>,
    next: Option<(Entry, Outcomes)>,
}

impl Opening {
    async fn go_on(&mut self) {
        let mut started = 0;
        while let Some((entry, outcome)) = self.next.take() {
            if entry.is_wanted() {
                entry.start(|going| started_as(outcome, going));
            } else {
                crate::panics::drop_quietly(entry);
            }
            self.take_next();
            started += 1;
            if started % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn take_next(&mut self) {
        self.next = self.promise.next();
        if self.next.is_none() {
            self.promise.opened();
        }
    }

    fn give_up(&mut self, error: &Error) {
        while let Some((entry, _)) = self.next.take() {
            entry.start(|_| failed(error.clone()));
            self.take_next();
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let text = "the runtime was shut down before the call, which waited for what it is made on, was started";
        self.give_up(&Error::new(ErrorKind::Cancelled, Outcome::NotRun, text));
    }
}

fn started_as(outcome: Outcomes, going: Going) -> Ongoing {
    match outcome {
        // It has a task of its own, whatever has put it into the queue.
        Ok(reference) => start(&reference, Going { on_reader: false, ..going }),
        Err(breakage) => done(Answered::Broken(breakage)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::any::AnyRemote;
    use crate::handler::{Handler, Method, Payload, RawCall, RawReply, RawReturn};
    use crate::pipeline::{Asked, Path};

    struct Counts(Arc<AtomicU64>);

    impl Handler for Counts {
        fn call(&self, _call: RawCall) -> RawReturn {
            self.0.fetch_add(1, Ordering::SeqCst);
            RawReturn::Ready(RawReply::Ok(Payload::default()))
        }
    }

    struct World {
        promise: Arc<Promise>,
        count: Arc<AtomicU64>,
        calls: Vec<Ongoing>,
    }

    /// A promise of which it has just been said what it is, with calls that waited for that.
    fn settled(calls: u32) -> World {
        let count = Arc::<AtomicU64>::default();
        let promise = Promise::in_result(&Asked::new(), Path::new(), "test.Count");
        let reference = AnyRemote::promise(Arc::clone(&promise));
        let call = || RawCall::new(Method::by_name("test.Count", "count"), Payload::default());
        let calls = (0..calls).map(|_| start(&reference, Going::of(call()))).collect();
        promise.settle(Ok(AnyRemote::from_handler("test.Count", Arc::new(Counts(Arc::clone(&count))))));
        World { promise, count, calls }
    }

    #[tokio::test]
    async fn no_method_runs_where_it_is_said_what_the_promise_is() {
        let World { promise, count, calls } = settled(3 * TURN);
        assert_eq!(count.load(Ordering::SeqCst), 0);
        tokio::task::yield_now().await;
        assert_eq!(count.load(Ordering::SeqCst), u64::from(TURN), "other tasks have a turn between them");
        for call in calls {
            assert!(matches!(call.await, Answered::Raw(RawReply::Ok(_))));
        }
        assert!(promise.resolved().await.is_ok());
        assert!(settled(0).promise.known().is_some(), "where nothing waits it is open at once");
    }

    #[test]
    fn call_that_waited_when_the_runtime_ended_did_not_run() {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("it starts");
        let first = runtime();
        let World { promise, count, calls } = first.block_on(async { settled(3) });
        drop(first);
        for call in calls {
            let Answered::Raw(RawReply::Failed(error)) = runtime().block_on(call) else { panic!("nobody was there to start it") };
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Cancelled, Outcome::NotRun));
        }
        assert!(promise.known().is_some() && count.load(Ordering::SeqCst) == 0);
    }
}
