//! Owns one stream as one end of a session sees it: which half is here, what it may still send or receive, and how far its end has got.
//! It knows sizes, never bytes.

use super::rule::Rule;
use crate::limits::{ITEM_COST, references_cost};

/// Which half of a stream is on this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Half {
    Sending,
    Receiving,
}

impl Half {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Sending => Self::Receiving,
            Self::Receiving => Self::Sending,
        }
    }
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Bytes without items.
    Bytes,
    /// Items of which only the latest matters.
    Watch,
    /// Items, of which at most so many wait to be read; with 0 only their bytes count.
    Items(u32),
}

impl Kind {
    /// The number in a descriptor.
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Bytes => 0,
            Self::Watch => 1,
            Self::Items(unread) => 2_u32.saturating_add(unread),
        }
    }

    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            0 => Self::Bytes,
            1 => Self::Watch,
            items => Self::Items(items - 2),
        }
    }

    /// What an item costs at least of a window: so that no more of them fit it than may wait. Of what is watched one waits, and one more
    /// is on its way to take its place.
    fn item_min(self, window: u64) -> u64 {
        match self {
            Self::Bytes | Self::Items(0) => 0,
            Self::Watch => window / 2,
            Self::Items(unread) => window / u64::from(unread),
        }
    }

    /// What a whole item costs.
    pub(crate) fn item_cost(self, window: u64, bytes: u64, references: usize) -> u64 {
        (ITEM_COST + references_cost(references)).saturating_add(bytes).max(self.item_min(window))
    }
}

/// What one item may cost at most of a window: what is owed and not yet granted never keeps it from fitting.
pub(crate) const fn item_max(window: u64) -> u64 {
    window - grant_step(window)
}

/// So many bytes that were taken are granted again: few enough for any item to fit, and enough that small items do not each cost a frame.
pub(crate) const fn grant_step(window: u64) -> u64 {
    window / 4
}

/// How far this side's close has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Close {
    Open,
    /// It waits behind what was sent before.
    Queued,
    Left,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stream {
    pub(super) half: Half,
    pub(super) kind: Kind,
    /// What may still be sent, or may still come.
    pub(super) credit: u64,
    /// What was taken and is granted with the next batch: until then it does not count, since the sender cannot know.
    pub(super) owed: u64,
    /// What the item has cost that is arriving.
    pub(super) item: Option<u64>,
    pub(super) close: Close,
    pub(super) closed_there: bool,
}

impl Stream {
    pub(super) const fn new(half: Half, kind: Kind, window: u64) -> Self {
        Self { half, kind, credit: window, owed: 0, item: None, close: Close::Open, closed_there: false }
    }

    /// Whether both halves have said their last.
    pub(super) fn is_over(&self) -> bool {
        self.closed_there && self.close == Close::Left
    }

    /// Whether neither half has said its last.
    pub(super) fn goes_on(&self) -> bool {
        !self.closed_there && self.close == Close::Open
    }

    /// What a frame of data costs. Frames that break the rules of their kind cost nothing.
    pub(super) fn data_cost(&self, window: u64, bytes: u64, references: usize, end: bool) -> Result<u64, Rule> {
        if self.kind == Kind::Bytes {
            return if bytes > 0 && references == 0 && !end { Ok(bytes) } else { Err(Rule::StreamForm) };
        }
        // References come with the beginning of an item, and a frame that brings and ends nothing could come for ever.
        if self.item.is_some() && references > 0 || bytes == 0 && !end {
            return Err(Rule::StreamForm);
        }
        let before = self.item.unwrap_or_default();
        let beginning = if self.item.is_none() { ITEM_COST + references_cost(references) } else { 0 };
        let cost = beginning + bytes;
        let missing = if end { self.kind.item_min(window).saturating_sub(before + cost) } else { 0 };
        Ok(cost + missing)
    }

    /// Takes the cost of a frame of data from what may still come.
    pub(super) fn receive(&mut self, cost: u64, end: bool) -> Result<(), Rule> {
        self.credit = self.credit.checked_sub(cost).ok_or(Rule::BeyondCredit)?;
        if self.kind != Kind::Bytes {
            self.item = if end { None } else { Some(self.item.unwrap_or_default() + cost) };
        }
        Ok(())
    }

    /// This side lets as much more come as was taken, and never more than its window has room for.
    pub(super) fn give(&mut self, window: u64) -> u64 {
        let owed = std::mem::take(&mut self.owed).min(window - self.credit);
        self.credit += owed;
        owed
    }

    /// The other side lets more come.
    pub(super) fn grant(&mut self, bytes: u64, window: u64) -> Result<(), Rule> {
        // One of nothing would be a frame that costs its sender nothing, and each wakes who waits.
        if bytes == 0 {
            return Err(Rule::StreamForm);
        }
        let credit = self.credit.checked_add(bytes).filter(|&credit| credit <= window).ok_or(Rule::BeyondCredit)?;
        self.credit = credit;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 65_536;

    #[test]
    fn kinds_travel_as_numbers() {
        for kind in [Kind::Bytes, Kind::Watch, Kind::Items(0), Kind::Items(1), Kind::Items(u32::MAX - 2)] {
            assert_eq!(Kind::from_code(kind.code()), kind);
        }
    }

    #[test]
    fn frames_of_an_item_cost_what_the_item_costs() {
        for kind in [Kind::Items(0), Kind::Items(3), Kind::Watch] {
            for parts in [&[10, 20, 0][..], &[0], &[40_000, 300]] {
                let mut stream = Stream::new(Half::Receiving, kind, WINDOW);
                for (place, &bytes) in parts.iter().enumerate() {
                    let end = place + 1 == parts.len();
                    let references = if place == 0 { 2 } else { 0 };
                    let cost = stream.data_cost(WINDOW, bytes, references, end).expect("a frame of its kind");
                    assert_eq!(stream.receive(cost, end), Ok(()));
                }
                assert_eq!(WINDOW - stream.credit, kind.item_cost(WINDOW, parts.iter().sum(), 2), "{kind:?} {parts:?}");
                assert_eq!(stream.item, None);
            }
        }
    }

    #[test]
    fn no_more_items_fit_a_window_than_may_wait() {
        for unread in [1, 2, 3, 7, 100] {
            let each = Kind::Items(unread).item_cost(WINDOW, 1, 0);
            assert_eq!(WINDOW / each, u64::from(unread));
        }
    }

    #[test]
    fn frames_of_no_kind_are_refused() {
        let items = Stream::new(Half::Receiving, Kind::Items(0), WINDOW);
        assert_eq!(items.data_cost(WINDOW, 0, 0, false), Err(Rule::StreamForm));
        let begun = Stream { item: Some(70), ..items };
        assert_eq!(begun.data_cost(WINDOW, 1, 1, true), Err(Rule::StreamForm));
        let bytes = Stream::new(Half::Receiving, Kind::Bytes, WINDOW);
        for (bytes_in_it, references, end) in [(0, 0, false), (1, 1, false), (1, 0, true)] {
            assert_eq!(bytes.data_cost(WINDOW, bytes_in_it, references, end), Err(Rule::StreamForm));
        }
    }
}
