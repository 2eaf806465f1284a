//! Every order in which calls on promises can go between three nodes, when one promise turns out to be the caller's own object and the other
//! one of a third node's. It knows nothing of the machine that it searches.

use netref::internals::order::{self, PROMISES};

/// Fewer states would mean that the search has lost what made it worth while.
const STATES: usize = 100_000;

#[test]
fn calls_start_in_their_order_whatever_a_promise_becomes() {
    match order::search() {
        Ok(seen) => {
            println!("{} states, {} ends, {} calls", seen.states, seen.ends, seen.calls);
            assert!(seen.states >= STATES && seen.calls >= 6 && PROMISES == 2, "{seen:?}");
        }
        Err(violation) => panic!("{violation}"),
    }
}
