//! What a peer can do wrong (law 9), by a peer that is written by hand: each breach is refused by the name of its rule, or answered
//! with an error; the session goes on until the budget is spent, and then closes with words. Nobody else notices.
//!
//! | file | what |
//! | --- | --- |
//! | `peer`, `script` | the peer, and what it can say and hear |
//! | `victim` | the node it harms, and one that must not notice |
//! | `learn` | what a peer has to know of the methods |
//! | `memory` | what it costs |
//! | `refused` | one test for each thing that has to be refused, by name and at no cost |
//! | `frames`, `calls`, `promises`, `values`, `streams`, `unread`, `compressed`, `floods`, `handshake`, `descriptions`, `interceptors` | what else it tries |

mod calls;
mod compressed;
mod descriptions;
mod floods;
mod frames;
mod handshake;
mod interceptors;
mod learn;
mod memory;
mod peer;
mod promises;
mod refused;
mod script;
mod streams;
mod unread;
mod values;
mod victim;

use netref_tests::patience::{until, within};

/// Memory of this process that is in use, where the system tells.
pub fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4_096 / (1 << 20)
}
