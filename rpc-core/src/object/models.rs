//! Models of the gate: who is inside is alone or among readers, and whoever waits comes in, in his turn, whoever gives up meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use super::gate::{Enter, Gate};
use crate::sync::{ALL, Mutex, block_on, explore, spawn};

loom::lazy_static! {
    static ref GATE: Gate = Gate::default();
    static ref INSIDE: Mutex<Inside> = Mutex::default();
}

#[derive(Default)]
struct Inside {
    readers: u32,
    writers: u32,
    order: Vec<&'static str>,
}

/// Waits for its turn and goes through.
fn pass(name: &'static str, exclusive: bool, enter: Enter<'_>) {
    let pass = block_on(enter).unwrap();
    {
        let mut inside = INSIDE.lock();
        inside.readers += u32::from(!exclusive);
        inside.writers += u32::from(exclusive);
        assert!(inside.writers == 0 || (inside.writers == 1 && inside.readers == 0), "a writer is not alone");
        inside.order.push(name);
    }
    {
        let mut inside = INSIDE.lock();
        inside.readers -= u32::from(!exclusive);
        inside.writers -= u32::from(exclusive);
    }
    drop(pass);
}

/// Polls once, with nobody to wake, and says whether it is inside.
fn poll_once(enter: &mut Enter<'_>) -> bool {
    Pin::new(enter).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn is_free() -> bool {
    poll_once(&mut GATE.enter(true))
}

#[test]
fn a_writer_is_alone_and_everyone_comes_in() {
    explore(4, || {
        let inside = [(); 2].map(|()| block_on(GATE.enter(false)).unwrap());
        INSIDE.lock().readers += 2;
        let mut waits = GATE.enter(true);
        assert!(!poll_once(&mut waits));
        let writer = spawn(move || pass("writer", true, waits));
        let reader = spawn(|| pass("reader", false, GATE.enter(false)));
        for pass in inside {
            INSIDE.lock().readers -= 1;
            drop(pass);
        }
        reader.join().unwrap();
        writer.join().unwrap();
        assert!(is_free());
    });
}

#[test]
fn those_who_wait_come_in_as_they_came_and_nobody_before_them() {
    explore(3, || {
        let holder = block_on(GATE.enter(true)).unwrap();
        let [mut first, mut second] = [GATE.enter(true), GATE.enter(true)];
        assert!(!poll_once(&mut first) && !poll_once(&mut second));
        let first = spawn(move || pass("first", true, first));
        let second = spawn(move || pass("second", true, second));
        let late = spawn(|| pass("late", true, GATE.enter(true)));
        drop(holder);
        for thread in [first, second, late] {
            thread.join().unwrap();
        }
        assert_eq!(INSIDE.lock().order, ["first", "second", "late"]);
        assert!(is_free());
    });
}

#[test]
fn one_that_gives_up_holds_up_nobody() {
    explore(ALL, || {
        let holder = block_on(GATE.enter(true)).unwrap();
        let mut gives_up = GATE.enter(true);
        assert!(!poll_once(&mut gives_up));
        let next = spawn(|| pass("next", false, GATE.enter(false)));
        let gives_up = spawn(move || drop(gives_up));
        drop(holder);
        next.join().unwrap();
        gives_up.join().unwrap();
        assert!(is_free());
    });
}
