//! Owns tracing: the structure of a type, found by running its `Deserialize` with made-up input and writing down what it asks for. It
//! knows nothing of methods or of the wire.
//!
//! One run of `Deserialize` sees one variant of each enum and one path through the type, so runs are repeated until nothing is left to
//! see. What is written down stays from run to run; a run that learns something new is worth it even when it fails, and a run that
//! learns nothing is the last. What was not seen by then is opaque.
//!
//! | question | answer |
//! | --- | --- |
//! | an option, a sequence, a map | filled while its content is not known, empty afterwards and inside itself |
//! | an enum | a variant that was not seen yet; inside itself one that is known to end |
//! | a value that is refused | another one, from a short list; then the type's form is known and what stands behind it in its struct is not |
//! | `deserialize_any` | opaque |
//!
//! The crate serde-reflection does a similar thing. It knows types by the name that serde has for them, so two types of one name in
//! different modules, or `Page<u8>` beside `Page<String>`, are a conflict or, worse, one type; here a type is known by its visitor.

mod access;
mod deserializer;
mod samples;
mod table;

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::DeserializeOwned;

use self::deserializer::Slot;
use self::table::Table;
use super::shape::{Id, Shape};

/// Slots that are visited for one type, over all runs. A type of a hundred fields takes a few hundred.
const VISITS_MAX: u32 = 50_000;

/// Slots inside each other: as deep as values may be by default.
const DEPTH_MAX: u32 = 64;

thread_local! {
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is running a `Deserialize` only to see what it asks for.
pub(crate) fn is_tracing() -> bool {
    TRACING.with(Cell::get)
}

/// Puts the former state back, also after a panic.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        TRACING.with(|tracing| tracing.set(self.0));
    }
}

/// The shapes of `T`, at most `shapes_max` of them, and which one is `T`.
pub(super) fn trace<T: DeserializeOwned>(shapes_max: usize) -> (Vec<Shape>, Id) {
    let tracer = Tracer { table: RefCell::new(Table::new(shapes_max)) };
    let _restore = Restore(TRACING.with(|tracing| tracing.replace(true)));
    let mut before = None;
    loop {
        tracer.table.borrow_mut().begin();
        let run = crate::panics::caught(|| {
            if let Ok(value) = tracer.value::<T>() {
                crate::panics::drop_quietly(value);
            }
        });
        let mut table = tracer.table.borrow_mut();
        if run.is_err() {
            return (vec![Shape::opaque("its `Deserialize` panicked on made-up input")], 0);
        }
        let now = Some(table.progress());
        if table.is_complete(Table::ROOT) || now == before || table.is_spent() {
            return table.finish();
        }
        before = now;
    }
}

/// What all parts of one tracing share. No borrow is held while the user's code runs.
struct Tracer {
    table: RefCell<Table>,
}

impl Tracer {
    fn value<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        let result = T::deserialize(Slot { tracer: self, id: Table::ROOT });
        self.settle(Table::ROOT, result)
    }

    /// After a slot was visited: an error that the type raised itself is put down to this slot, which the next run tries to please.
    fn settle<T>(&self, id: Id, result: Result<T, Stop>) -> Result<T, Stop> {
        match result {
            Ok(value) => {
                self.table.borrow_mut().ended(id);
                Ok(value)
            }
            Err(Stop(Some(reason))) => {
                self.table.borrow_mut().refused(id, reason);
                Err(Stop(None))
            }
            Err(stop) => Err(stop),
        }
    }
}

/// Why a run ends early: in the words of the type, until somebody has been found to blame.
#[derive(Debug)]
struct Stop(Option<String>);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("tracing ends here"))
    }
}

impl std::error::Error for Stop {}

impl serde::de::Error for Stop {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(Some(text.to_string()))
    }
}
