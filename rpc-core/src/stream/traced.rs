//! Owns what a half of a stream looks like in the structure of a type: a reference under a name of netref's, and the type of its items.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};

use super::Item;
use crate::schema;

pub(crate) const SENDER: u8 = 0;
pub(crate) const RECEIVER: u8 = 1;
pub(crate) const WATCH_SENDER: u8 = 2;
pub(crate) const WATCH_RECEIVER: u8 = 3;
pub(crate) const BYTE_WRITER: &str = "netref.ByteWriter";
pub(crate) const BYTE_READER: &str = "netref.ByteReader";

/// What halves of streams with items are called.
pub(crate) const fn name(half: u8) -> &'static str {
    match half {
        SENDER => "netref.Sender",
        RECEIVER => "netref.Receiver",
        WATCH_SENDER => "netref.WatchSender",
        _ => "netref.WatchReceiver",
    }
}

/// A reference of that name, for the tracer.
struct Marked<const HALF: u8>;

impl<'de, const HALF: u8> Deserialize<'de> for Marked<HALF> {
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
