//! Owns [`Known`], the structure that a caller told of a method's types, decoded once for all of its calls: a call of a few bytes must not
//! cost what thousands of types cost.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::schema::encoded;
use crate::schema::shape::{Id, Name, Shape, Structure};

/// Bytes of structures as they were told that are kept decoded: as many as are kept of one peer. A decoded one takes up to some twenty times
/// that, a usual one three times.
const BYTES_MAX: usize = 4 << 20;

/// What an entry costs besides.
const ENTRY_COST: usize = 256;

/// Enums with more variants than these have an index of their names.
const VARIANTS_MIN: usize = 16;

/// What the types of a method are made of.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) structure: Structure,
    /// The numbers of the variants of large enums by name.
    variants: HashMap<Id, HashMap<Name, u32>>,
}

impl Known {
    /// `None` for bytes that break a rule.
    fn decode(told: &[u8]) -> Option<Self> {
        let structure = encoded::decode(told)?;
        let large = structure.shapes.iter().zip(0..).filter_map(|(shape, id)| match shape {
            Shape::Enum(_, variants) if variants.len() > VARIANTS_MIN => {
                // Of two with one name the first is meant, as in a small one.
                let numbers = variants.iter().enumerate().rev().map(|(number, variant)| (variant.name.clone(), number as u32));
                Some((id, numbers.collect()))
            }
            _ => None,
        });
        let variants = large.collect();
        Some(Self { structure, variants })
    }

    /// The place of a variant of that name in an enum.
    pub(super) fn variant(&self, id: Id, name: &str) -> Option<u32> {
        if let Some(numbers) = self.variants.get(&id) {
            return numbers.get(name).copied();
        }
        match self.structure.shape(id) {
            Shape::Enum(_, variants) => variants.iter().zip(0..).find(|(variant, _)| variant.name == name).map(|(_, number)| number),
            _ => None,
        }
    }
}

/// What was told and what it means, by where it stands: all calls of one method bring the same bytes, not only equal ones. An entry holds
/// them, so that nothing else comes to stand there.
struct Cache {
    entries: BTreeMap<Place, (Bytes, Option<Arc<Known>>)>,
    /// In the order in which they came.
    order: VecDeque<Place>,
    bytes: usize,
}

type Place = (usize, usize);

static CACHE: Mutex<Cache> = Mutex::new(Cache { entries: BTreeMap::new(), order: VecDeque::new(), bytes: 0 });

/// The types that a caller told; `None` where it told none, or what cannot be read.
pub(super) fn known(told: &Bytes) -> Option<Arc<Known>> {
    if told.is_empty() {
        return None;
    }
    let place = (told.as_ptr() as usize, told.len());
    if let Some((_, known)) = CACHE.lock().entries.get(&place) {
        return known.clone();
    }
    let known = Known::decode(told).map(Arc::new);
    let gone = CACHE.lock().add(place, told.clone(), known.clone());
    drop(gone);
    known
}

impl Cache {
    /// Adds an entry, and gives back what had to go for it.
    fn add(&mut self, place: Place, told: Bytes, known: Option<Arc<Known>>) -> Vec<(Bytes, Option<Arc<Known>>)> {
        let mut gone = Vec::new();
        self.bytes += told.len() + ENTRY_COST;
        match self.entries.insert(place, (told, known)) {
            // Another call was as fast.
            Some(former) => {
                self.bytes -= former.0.len() + ENTRY_COST;
                gone.push(former);
            }
            None => self.order.push_back(place),
        }
        while self.bytes > BYTES_MAX {
            let Some(entry) = self.order.pop_front().and_then(|first| self.entries.remove(&first)) else { break };
            self.bytes -= entry.0.len() + ENTRY_COST;
            gone.push(entry);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::shape::{Fields, Plain, Root, Variant};

    fn told(shapes: Vec<Shape>) -> Bytes {
        let root = Root { id: 0, tokens: 0 };
        encoded::encode(&Structure { shapes, arguments: vec![root], value: root, error: root }).into()
    }

    #[test]
    fn a_structure_is_decoded_once() {
        let told = told(vec![Shape::Plain(Plain::U8)]);
        let first = known(&told).expect("it is sound");
        assert!(Arc::ptr_eq(&first, &known(&told.clone()).expect("it is sound")));
        assert!(known(&Bytes::new()).is_none() && known(&Bytes::from(vec![200, 200, 200])).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut cache = Cache { entries: BTreeMap::new(), order: VecDeque::new(), bytes: 0 };
        let gone: usize = (0..1_000).map(|place| cache.add((place, 16_384), vec![0; 16_384].into(), None).len()).sum();
        assert_eq!((cache.entries.len() + gone, cache.order.len()), (1_000, cache.entries.len()));
        assert!(cache.bytes <= BYTES_MAX && cache.bytes == cache.entries.len() * (16_384 + ENTRY_COST), "{}", cache.bytes);
        assert!(cache.entries.len() >= 240, "as many of the longest as one peer may define");
        assert_eq!(cache.add((999, 16_384), vec![0; 16_384].into(), None).len(), 1, "the former one at the same place");
    }

    #[test]
    fn variants_are_found_in_large_enums_as_in_small_ones() {
        for count in [3_u32, 300] {
            let variants = (0..count).map(|number| Variant { name: format!("V{}", number.min(200)).into(), fields: Fields::Unit });
            let known = known(&told(vec![Shape::Enum("E".into(), variants.collect())])).expect("it is sound");
            assert_eq!((known.variant(0, "V2"), known.variant(0, "W")), (Some(2), None));
            assert_eq!(known.variant(0, "V200"), (count > 200).then_some(200), "of two with one name the first");
        }
    }
}
