//! Every order in which a few calls between two nodes can go, with a link that may break at any moment. It knows nothing of the machine
//! it searches.

use std::time::Instant;

use netref::internals::search::{self, Scenario, Seen};

/// How many states the first scenario has at least; fewer would mean that it has lost what made it worth searching.
const STATES: usize = 100_000;

/// All of it takes an optimized build. Without one a part is searched in which everything that is written leaves at once.
const IS_WHOLE: bool = !cfg!(debug_assertions);

/// Scenarios of that part.
const FEW: usize = 2;

fn search(scenario: &Scenario) -> Seen {
    let began = Instant::now();
    match search::search(scenario) {
        Ok(seen) => {
            let took = began.elapsed();
            let name = scenario.name;
            println!(
                "{name}: {} states, {} transitions, {} ends, {} steps deep, {} calls, {} objects, {took:.1?}",
                seen.states, seen.transitions, seen.ends, seen.depth, seen.calls, seen.objects
            );
            seen
        }
        Err(violation) => panic!("{violation}"),
    }
}

#[test]
fn no_order_breaks_a_rule() {
    let all = Scenario::all();
    let seen: Vec<_> = if IS_WHOLE {
        all.iter().map(search).collect()
    } else {
        all.into_iter().take(FEW).map(Scenario::at_once).map(|scenario| search(&scenario)).collect()
    };
    // The first is the one that is promised, and its programs can be gone through to their ends.
    assert!(seen[0].calls == 4 && seen[0].objects == 2, "{} calls and {} objects", seen[0].calls, seen[0].objects);
    assert!(!IS_WHOLE || seen[0].states >= STATES, "only {} states", seen[0].states);
}
