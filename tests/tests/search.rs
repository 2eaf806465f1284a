//! Every order in which a few calls between two nodes can go, with a link that may break at any moment. It knows nothing of the machine
//! it searches.

use std::time::Instant;

use netref::internals::search::{self, Scenario};

/// How many states the first scenario has at least; fewer would mean that it has lost what made it worth searching.
const STATES: usize = 100_000;

/// All of it takes an optimized build. Without one a part is searched in which everything that is written leaves at once.
const IS_WHOLE: bool = !cfg!(debug_assertions);

/// Scenarios of that part.
const FEW: usize = 2;

fn search(scenario: &Scenario) -> usize {
    let began = Instant::now();
    match search::search(scenario) {
        Ok(seen) => {
            let took = began.elapsed();
            let name = scenario.name;
            println!(
                "{name}: {} states, {} transitions, {} ends, {} steps deep, {took:.1?}",
                seen.states, seen.transitions, seen.ends, seen.depth
            );
            seen.states
        }
        Err(violation) => panic!("{violation}"),
    }
}

#[test]
fn no_order_breaks_a_rule() {
    if !IS_WHOLE {
        Scenario::all().into_iter().take(FEW).map(Scenario::at_once).for_each(|scenario| {
            search(&scenario);
        });
        return;
    }
    let states: Vec<_> = Scenario::all().iter().map(search).collect();
    assert!(states[0] >= STATES, "only {} states", states[0]);
}
