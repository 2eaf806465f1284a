//! Owns the part of the target of tables that is about streams: what the peer says of them and what this end does, and what has to hold after each.

use std::collections::BTreeMap;

use crate::id::StreamId;
use crate::limits::{PeerLimits, STREAM_WINDOW_MIN, streams_window_min};
use crate::proto::{Allowance, Half, Kind, Rule, Streams, Taken};

const STREAMS: u32 = 3;
const WINDOW: u64 = STREAM_WINDOW_MIN;

/// The same limits, with streams.
pub(super) const fn with_streams(limits: PeerLimits) -> PeerLimits {
    PeerLimits { streams: STREAMS, stream_window: WINDOW, streams_window: streams_window_min(WINDOW), ..limits }
}

/// What the shell knows beside the table.
#[derive(Default)]
pub(super) struct Known {
    /// What came and was not given back.
    unread: BTreeMap<StreamId, u64>,
    /// Closes that have not left.
    closing: Vec<StreamId>,
}

impl Known {
    /// One step. An error is a frame that was refused.
    pub(super) fn step(&mut self, streams: &mut Streams, what: u8, [a, b, c]: [u8; 3]) -> Result<(), Rule> {
        let id = StreamId { index: u32::from(a & 7), generation: u32::from(a >> 6) };
        let half = if b & 1 == 0 { Half::Sending } else { Half::Receiving };
        let kind = [Kind::Bytes, Kind::Watch, Kind::Items(0), Kind::Items(u32::from(c) + 1)][usize::from(b >> 1 & 3)];
        match what % 12 {
            0 => streams.accept(id, half, kind)?,
            1 => {
                let data = streams.handle_data(id, u64::from(b) * 257, usize::from(c & 1), c & 2 == 0)?;
                if data.wanted {
                    *self.unread.entry(id).or_default() += data.cost;
                } else {
                    streams.give_back(data.cost);
                }
            }
            2 => streams.handle_credit(id, amount(b))?,
            3 => streams.handle_session_credit(amount(b))?,
            4 => {
                if streams.handle_close(id, b & 1 == 0)?.answer {
                    self.close(streams, id);
                }
            }
            5 => drop(streams.open(half, kind)),
            6 => paid(streams.take_item(id, amount(b), usize::from(c))),
            7 => paid(streams.take_bytes(id, amount(b))),
            8 => self.close(streams, id),
            9 if !self.closing.is_empty() => streams.close_left(self.closing.remove(usize::from(b) % self.closing.len())),
            10 => {
                while let Some(grant) = streams.next_grant() {
                    let (Allowance::Stream(_, bytes) | Allowance::All(bytes)) = grant;
                    assert!((1..=streams_window_min(WINDOW)).contains(&bytes), "{bytes} bytes are granted");
                }
                assert!(!streams.has_grants(), "something is left to be granted");
            }
            _ => {
                if let Some(cost) = self.unread.remove(&id) {
                    streams.consumed(id, cost);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, streams: &mut Streams, id: StreamId) {
        if streams.close(id).is_some() {
            self.closing.push(id);
        }
    }

    pub(super) fn check(&self, streams: &Streams) {
        assert!(streams.len() <= 2 * STREAMS as usize, "{} streams are open", streams.len());
        let all: u64 = self.unread.values().sum();
        assert!(all <= streams_window_min(WINDOW), "{all} bytes wait on all streams");
        for (id, cost) in &self.unread {
            assert!(*cost <= WINDOW || !streams.is_open(*id), "{cost} bytes wait on {id:?}");
        }
        for id in &self.closing {
            assert!(streams.is_open(*id), "the id of {id:?} is free before its close has left");
        }
    }
}

fn paid(taken: Taken) {
    if let Taken::Credit(cost) = taken {
        assert!(cost <= WINDOW, "an item took {cost} bytes of credit");
    }
}

/// Amounts that mean something, from a byte.
const fn amount(byte: u8) -> u64 {
    match byte {
        0..=199 => byte as u64 * 400,
        200..=239 => WINDOW - 20 + (byte - 200) as u64,
        240..=249 => 2 * WINDOW - 5 + (byte - 240) as u64,
        _ => u64::MAX - (255 - byte) as u64,
    }
}
