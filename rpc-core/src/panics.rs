//! Owns what becomes of a panic in user code: it is caught, its place is noted, and it becomes an error of the one call.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use crate::error::{Error, ErrorKind, Outcome};

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked {
    message: String,
    location: Option<String>,
}

impl Panicked {
    /// The error of the call that it ended.
    pub(crate) fn into_error(self, outcome: Outcome) -> Error {
        self.into_error_of("the handler", outcome)
    }

    /// The same where it was something else that panicked.
    pub(crate) fn into_error_of(self, what: &str, outcome: Outcome) -> Error {
        Error::new(ErrorKind::Panic, outcome, format!("{what} panicked: {}", self.message)).with_location(self.location)
    }
}

/// What is known of the user code that runs on this thread.
#[derive(Clone, Copy, Default)]
struct Watched {
    /// How many [`caught`]s are open.
    depth: u32,
    /// Whether the thread was unwinding already when the innermost one began.
    unwinding: bool,
}

thread_local! {
    static WATCHED: Cell<Watched> = const { Cell::new(Watched { depth: 0, unwinding: false }) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Only a panic hook learns where a panic happened. Ours notes the place for panics that are about to be caught here, and then does
/// what the former hook did.
fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if WATCHED.try_with(Cell::get).is_ok_and(|watched| watched.depth > 0) {
                let place = info.location().map(|location| format!("{}:{}", location.file(), location.line()));
                let _ = PLACE.try_with(|slot| *slot.borrow_mut() = place);
            }
            former(info);
        }));
    });
}

/// Runs user code. A panic in it comes back as a value.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    struct Watch(Watched);
    impl Drop for Watch {
        #[inline]
        fn drop(&mut self) {
            let _ = WATCHED.try_with(|watched| watched.set(self.0));
        }
    }
    note_places();
    let former = WATCHED.try_with(|watched| {
        let former = watched.get();
        watched.set(Watched { depth: former.depth + 1, unwinding: std::thread::panicking() });
        former
    });
    let _watch = Watch(former.unwrap_or_default());
    // Everything reachable after a panic is either dropped (the future) or marked (a poisoned object), so no broken state is seen.
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let message = message(&*payload);
        // A payload whose own drop panics must not take the process down.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Panicked { message, location: PLACE.try_with(|slot| slot.borrow_mut().take()).unwrap_or_default() }
    })
}

/// Whether the panic that unwinds this thread began outside the user code that runs here.
pub(crate) fn was_unwinding() -> bool {
    WATCHED.try_with(Cell::get).unwrap_or_default().unwinding
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "with a value that is not text".to_owned()
    }
}

/// Drops a value of the user's. A panic in its drop is logged and goes no further.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(panicked) = caught(|| drop(value)) {
        tracing::error!(message = %panicked.message, location = ?panicked.location, "a drop panicked");
    }
}

/// Drops values of the user's, each on its own, so that two that panic do not meet.
pub(crate) fn drop_each<T>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(drop_quietly);
}

/// A future of the user's whose panics become errors.
pub(crate) struct Caught<F> {
    future: Option<Pin<Box<F>>>,
    what: &'static str,
    outcome: Outcome,
}

impl<F> Caught<F> {
    pub(crate) fn new(future: F, outcome: Outcome) -> Self {
        Self::of(future, "the handler", outcome)
    }

    /// `what` is it that panics, if anything does.
    pub(crate) fn of(future: F, what: &'static str, outcome: Outcome) -> Self {
        Self { future: Some(Box::pin(future)), what, outcome }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (what, outcome) = (self.what, self.outcome);
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = match caught(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panicked) => Err(panicked.into_error_of(what, outcome)),
        };
        drop_quietly(self.future.take());
        Poll::Ready(polled)
    }
}

impl<F> Drop for Caught<F> {
    fn drop(&mut self) {
        if self.future.is_some() {
            drop_quietly(self.future.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_is_caught_with_message_and_place() {
        let Err(panicked) = caught(|| -> u32 { panic!("no {}", "money") }) else { panic!("it was to panic") };
        assert_eq!(panicked.message, "no money");
        assert!(panicked.location.is_some_and(|place| place.contains("panics.rs:")));
    }

    #[test]
    fn panic_in_a_drop_goes_no_further() {
        struct Loud;
        impl Drop for Loud {
            fn drop(&mut self) {
                panic!("from a drop");
            }
        }
        drop_quietly(Loud);
    }
}
