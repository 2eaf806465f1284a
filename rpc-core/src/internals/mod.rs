//! Doors for the tests of this repository: simulation, search and fuzzing drive what is private elsewhere through the functions here.
//! Only with the feature `internals`, and without any promise of stability.
//!
//! | file | what |
//! | --- | --- |
//! | `fuzz` | one function per fuzz target: bytes in, a panic when a rule is broken |
//! | `search` | every order in which a few calls can go |
//! | `simulation` | two or three nodes in virtual time, driven by a seed |

pub mod fuzz;
pub mod order;
pub mod search;
pub mod simulation;
