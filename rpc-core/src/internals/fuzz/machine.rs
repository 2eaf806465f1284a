//! Owns the fuzz target of the protocol as a machine: bytes choose what happens in the world of the simulator.

use crate::internals::simulation;

/// Any bytes as what happens to two or three nodes: the first few choose the world, the others what happens in it. Everything is checked
/// after every step, and at the end that nothing is left.
///
/// # Panics
///
/// When a rule is broken; the steps that led there are in the message.
pub fn machine(data: &[u8]) {
    if let Err(failure) = simulation::run_bytes(data) {
        panic!("{failure}");
    }
}
