//! Owns what a half of a stream looks like in the structure of a type: a reference under a name of netref's, and the type of its items.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};

use super::Item;
use crate::schema;

pub(crate) const SENDER: usize = 0;
pub(crate) const RECEIVER: usize = 1;
pub(crate) const WATCH_SENDER: usize = 2;
pub(crate) const WATCH_RECEIVER: usize = 3;

/// What halves of streams with items are called in a structure, and in Rust.
pub(crate) const HALVES: [(&str, &str); 4] = [
    ("netref.Sender", "Sender"),
    ("netref.Receiver", "Receiver"),
    ("netref.WatchSender", "WatchSender"),
    ("netref.WatchReceiver", "WatchReceiver"),
];

pub(crate) const BYTE_WRITER: &str = "netref.ByteWriter";
pub(crate) const BYTE_READER: &str = "netref.ByteReader";

/// What a half is called in a structure.
pub(crate) const fn name(half: usize) -> &'static str {
    HALVES[half].0
}

/// A reference of that name, for the tracer.
struct Marked<const HALF: usize>;

impl<'de, const HALF: usize> Deserialize<'de> for Marked<HALF> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        schema::traced_reference(deserializer, name(HALF), schema::REFERENCE).map(|_| Self)
    }
}

/// Shows the tracer a half and its items.
pub(super) struct Traced<T>(PhantomData<T>);

impl<T: Item> Traced<T> {
    pub(super) fn sender<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        <(Marked<SENDER>, T)>::deserialize(deserializer).map(|_| ())
    }

    pub(super) fn receiver<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        <(Marked<RECEIVER>, T)>::deserialize(deserializer).map(|_| ())
    }

    pub(super) fn watch_sender<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        <(Marked<WATCH_SENDER>, T)>::deserialize(deserializer).map(|_| ())
    }

    pub(super) fn watch_receiver<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        <(Marked<WATCH_RECEIVER>, T)>::deserialize(deserializer).map(|_| ())
    }
}
