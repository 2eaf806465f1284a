//! Owns the parts of arrays and objects on their way into a type: one after the other, each key once.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::key_in::KeyIn;
use super::refused::{Refused, quoted};
use super::value_in::ValueIn;

/// The elements of an array, behind its opening bracket.
pub(super) struct Elements<'r, 'de, 'b> {
    inside: ValueIn<'r, 'de, 'b>,
    count: usize,
    is_over: bool,
}

impl<'r, 'de, 'b> Elements<'r, 'de, 'b> {
    pub(super) const fn new(inside: ValueIn<'r, 'de, 'b>) -> Self {
        Self { inside, count: 0, is_over: false }
    }

    fn goes_on(&mut self) -> Result<bool, Refused> {
        if self.is_over || self.inside.reader.takes(b']')? {
            self.is_over = true;
            return Ok(false);
        }
        if self.count > 0 {
            self.inside.reader.expect(b',', "a comma or the end of the array is expected")?;
        }
        Ok(true)
    }

    /// The type has taken what it wants, which has to be all there is.
    pub(super) fn end(&mut self) -> Result<(), Refused> {
        if !self.goes_on()? {
            return Ok(());
        }
        Err(Refused::value(format!("the array has more than the {} elements that are expected", self.count)))
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de, '_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if !self.goes_on()? {
            return Ok(None);
        }
        let index = self.count;
        self.count += 1;
        let inside = ValueIn { reader: self.inside.reader, budget: self.inside.budget };
        seed.deserialize(inside).map(Some).map_err(|refused| refused.in_element(index))
    }
}

/// What remembering a key takes: its place in the table, with the room that the table keeps free.
const KEY_BYTES: u64 = 64;

/// The fields of an object, behind its opening brace.
pub(super) struct Fields<'r, 'de, 'b> {
    inside: ValueIn<'r, 'de, 'b>,
    /// The keys so far: a key that comes twice would mean one thing to one reader and another to the next.
    seen: HashSet<Cow<'de, str>>,
    /// What they have been charged.
    held: u64,
    /// The key whose value comes next.
    key: Cow<'de, str>,
    is_over: bool,
}

impl<'r, 'de, 'b> Fields<'r, 'de, 'b> {
    pub(super) fn new(inside: ValueIn<'r, 'de, 'b>) -> Self {
        Self { inside, seen: HashSet::new(), held: 0, key: Cow::Borrowed(""), is_over: false }
    }

    fn goes_on(&mut self) -> Result<bool, Refused> {
        if self.is_over || self.inside.reader.takes(b'}')? {
            self.is_over = true;
            return Ok(false);
        }
        if !self.seen.is_empty() {
            self.inside.reader.expect(b',', "a comma or the end of the object is expected")?;
        }
        Ok(true)
    }

    pub(super) fn end(&mut self) -> Result<(), Refused> {
        if !self.goes_on()? {
            return Ok(());
        }
        Err(Refused::value(format!("the object has more than the {} fields that are expected", self.seen.len())))
    }

    /// Reads a key and remembers it.
    fn next_key(&mut self) -> Result<(), Refused> {
        self.key = self.inside.reader.string()?;
        let bytes = KEY_BYTES + if matches!(self.key, Cow::Owned(_)) { self.key.len() as u64 } else { 0 };
        self.inside.budget.charge::<Refused>(bytes)?;
        self.held += bytes;
        if !self.seen.insert(self.key.clone()) {
            return Err(Refused::value(format!("the key `{}` comes twice", quoted(&self.key))));
        }
        self.inside.reader.expect(b':', "a colon is expected")
    }
}

impl Drop for Fields<'_, '_, '_> {
    fn drop(&mut self) {
        self.inside.budget.give_back(self.held);
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de, '_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if !self.goes_on()? {
            return Ok(None);
        }
        self.next_key()?;
        seed.deserialize(KeyIn(self.key.clone())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let inside = ValueIn { reader: self.inside.reader, budget: self.inside.budget };
        seed.deserialize(inside).map_err(|refused| refused.in_field(&self.key))
    }
}
