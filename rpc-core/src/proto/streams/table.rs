//! Owns the places of the streams that one side has opened: which are free, and how often each has been used.

use super::Stream;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Slot {
    /// Of the stream that is there, or the least that the next one may have.
    generation: u32,
    /// Every generation was used.
    is_spent: bool,
    stream: Option<Stream>,
}

impl Slot {
    const fn is_free(&self) -> bool {
        self.stream.is_none() && !self.is_spent
    }
}

/// The streams that one side has opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// No place before this one is free.
    first_free: usize,
    open: u32,
    limit: u32,
}

impl Table {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    pub(super) const fn len(&self) -> usize {
        self.open as usize
    }

    pub(super) fn get(&self, place: usize, generation: u32) -> Option<&Stream> {
        self.slots.get(place).filter(|slot| slot.generation == generation)?.stream.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize, generation: u32) -> Option<&mut Stream> {
        self.slots.get_mut(place).filter(|slot| slot.generation == generation)?.stream.as_mut()
    }

    /// Gives a stream the first place that is free, and says which that is and its generation. Nothing when as many are open as may be.
    pub(super) fn add(&mut self, stream: Stream) -> Option<(usize, u32)> {
        let place = (self.first_free..self.slots.len()).find(|&place| self.slots[place].is_free()).unwrap_or(self.slots.len());
        if self.open >= self.limit || place >= self.limit as usize {
            return None;
        }
        if place == self.slots.len() {
            self.slots.push(Slot::default());
        }
        self.first_free = place + 1;
        self.open += 1;
        let slot = &mut self.slots[place];
        slot.stream = Some(stream);
        Some((place, slot.generation))
    }

    /// Puts a stream where its opener says. False when it is taken or beyond the limit, or when the id has named another stream before: what is
    /// left of that one here would act on this.
    pub(super) fn put(&mut self, place: usize, generation: u32, stream: Stream) -> bool {
        if place >= self.limit as usize {
            return false;
        }
        if place >= self.slots.len() {
            self.slots.resize_with(place + 1, Slot::default);
        }
        let slot = &mut self.slots[place];
        if !slot.is_free() || generation < slot.generation {
            return false;
        }
        slot.generation = generation;
        slot.stream = Some(stream);
        self.open += 1;
        true
    }

    pub(super) fn free(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        if slot.stream.take().is_none() {
            return;
        }
        match slot.generation.checked_add(1) {
            Some(next) => slot.generation = next,
            None => slot.is_spent = true,
        }
        self.open -= 1;
        self.first_free = self.first_free.min(place);
    }
}
