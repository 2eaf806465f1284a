//! How many promises lead to each other, in whatever order they are made to.

use super::*;

const PROMISES: usize = 300;

fn promises() -> Vec<Arc<Promise>> {
    (0..PROMISES).map(|_| Promise::in_result(&Asked::new(), Path::new(), "bank::Account")).collect()
}

fn lead(promises: &[Arc<Promise>], from: usize) {
    promises[from].settle(Ok(AnyRemote::promise(Arc::clone(&promises[from + 1]))));
}

/// How many follow each other at most.
fn longest(promises: &[Arc<Promise>]) -> usize {
    let length = |promise: &Arc<Promise>| {
        let mut count = 1;
        let mut next = promise.outcome();
        while let Some(Ok(AnyRemote { place: Place::Promise(promise) })) = next {
            count += 1;
            next = promise.outcome();
        }
        count
    };
    promises.iter().map(length).max().unwrap_or_default()
}

#[test]
fn promises_of_promises_are_bounded_in_whatever_order_they_become_known() {
    let down: Vec<usize> = (0..PROMISES - 1).collect();
    let up: Vec<usize> = down.iter().rev().copied().collect();
    // Pieces that are nearly as long as they may be, joined from either end.
    let (inside, joints): (Vec<usize>, Vec<usize>) = down.iter().partition(|from| *from % 50 != 49);
    let joined: Vec<usize> = inside.iter().chain(&joints).copied().collect();
    let joined_up: Vec<usize> = inside.iter().rev().chain(joints.iter().rev()).copied().collect();
    for order in [down, up, joined, joined_up] {
        let promises = promises();
        order.iter().for_each(|from| lead(&promises, *from));
        let longest = longest(&promises);
        assert!((50..PROMISES_MAX as usize).contains(&longest), "{longest} follow each other");
        let broken = promises.iter().filter(|promise| matches!(promise.outcome(), Some(Err(_)))).count();
        assert!((1..10).contains(&broken), "{broken} are broken");
    }
}

#[test]
fn promises_that_lead_in_a_circle_are_broken() {
    let promises = promises();
    lead(&promises, 0);
    lead(&promises, 1);
    promises[2].settle(Ok(AnyRemote::promise(Arc::clone(&promises[0]))));
    assert!(matches!(promises[2].outcome(), Some(Err(_))) && matches!(promises[0].outcome(), Some(Ok(_))));
}
