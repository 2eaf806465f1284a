//! The protocol as a state machine without I/O: tables of questions, answers, exports and imports, definitions, credit and
//! keep-alive. Inputs are `handle_*`; time is an argument; no module here has a clock, a task, a lock or a socket, so the whole of
//! it can be cloned, compared and searched.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `connection` | one end of a session: all the tables together |
//! | `questions` | the calls sent and not yet answered |
//! | `ahead` | calls on results that are not there yet: the peer's, and how many of one's own |
//! | `answers` | the peer's calls that run here |
//! | `exports`, `imports` | who holds how many references to what |
//! | `definitions` | the numbers that stand for interfaces and methods |
//! | `assembly` | messages that arrive in pieces |
//! | `lines` | the order in which calls on one object start |
//! | `ways` | by which way a reference goes, and whether it has come home |
//! | `credit` | the byte windows |
//! | `surplus` | what compressed calls stand for beyond what has travelled |
//! | `streams`, `stream` | the streams of a session, and one of them with its credit |
//! | `keepalive` | whether the peer is alive |
//! | `rule` | what a peer can do wrong |

pub(crate) mod ahead;
pub(crate) mod answers;
pub(crate) mod assembly;
pub(crate) mod connection;
pub(crate) mod credit;
pub(crate) mod definitions;
pub(crate) mod exports;
pub(crate) mod imports;
pub(crate) mod keepalive;
pub(crate) mod lines;
pub(crate) mod questions;
pub(crate) mod rule;
pub(crate) mod stream;
pub(crate) mod streams;
pub(crate) mod surplus;
pub(crate) mod ways;

#[cfg(feature = "internals")]
pub(crate) use ahead::Ahead;
pub(crate) use ahead::{AheadRoom, Bounds as AheadBounds, Whereabouts, opens_at_once};
pub(crate) use answers::Answer;
pub(crate) use connection::{CallArrival, Connection, Finished};
pub(crate) use credit::window_for;
pub(crate) use definitions::{Defined, Numbers};
pub(crate) use exports::Grant;
pub(crate) use keepalive::{KeepAlive, Silence};
pub(crate) use lines::{Lines, Place};
pub(crate) use questions::{Pool, Question};
pub(crate) use rule::Rule;
pub(crate) use stream::{Half, Kind, item_max};
#[cfg(feature = "internals")]
pub(crate) use streams::Streams;
pub(crate) use streams::{Allowance, Taken};
pub(crate) use ways::{Way, way_of};
