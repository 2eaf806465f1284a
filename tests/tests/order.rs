//! Every order in which calls on promises can go between three nodes, when one promise turns out to be the caller's own object and the other
//! one of a third node's. It knows nothing of the machine that it searches.

use std::time::Instant;

use netref::internals::order::{self, PROMISES, Scenario};

/// Fewer states would mean that the search has lost what made it worth while.
const STATES: usize = 100_000;

/// All of it takes an optimized build. Without one there are fewer calls.
const IS_WHOLE: bool = !cfg!(debug_assertions);

#[test]
fn calls_start_in_their_order_whatever_a_promise_becomes() {
    let scenarios = if IS_WHOLE { Scenario::all() } else { Scenario::few() };
    for (number, scenario) in scenarios.iter().enumerate() {
        let began = Instant::now();
        match order::search(scenario) {
            Ok(seen) => {
                println!("{}: {} states, {} ends, {} calls, {:.1?}", scenario.name, seen.states, seen.ends, seen.calls, began.elapsed());
                assert!(!IS_WHOLE || (seen.calls >= 6 && PROMISES == 2), "{seen:?}");
                assert!(!IS_WHOLE || number > 0 || seen.states >= STATES, "{seen:?}");
            }
            Err(violation) => panic!("{}: {violation}", scenario.name),
        }
    }
}
