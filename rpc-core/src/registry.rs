//! Owns the process-wide list of exported objects, by which a host recognises its own when a reference comes home on another session,
//! and the tags that make such an identity unguessable.

use std::hash::Hasher;
use std::sync::{Arc, OnceLock, Weak};

use siphasher::sip::SipHasher24;

use crate::servant::Servant;
use crate::sync::DashMap;

struct Entry {
    servant: Weak<dyn Servant>,
    /// In how many export tables it stands.
    count: usize,
}

static OBJECTS: OnceLock<DashMap<(u64, u64), Entry>> = OnceLock::new();
static SECRET: OnceLock<[u8; 16]> = OnceLock::new();

fn objects() -> &'static DashMap<(u64, u64), Entry> {
    OBJECTS.get_or_init(DashMap::new)
}

/// Proves that its bearer was given a reference to this object under this interface, and under this instance of it if it is generic: a
/// keyed hash that only this process can make.
pub(crate) fn tag(servant: &dyn Servant) -> u64 {
    let secret = SECRET.get_or_init(crate::random::bytes);
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write_u64(servant.number());
    hasher.write_u64(servant.granted());
    hasher.write(servant.name_in_tags().as_bytes());
    hasher.finish()
}

/// An object enters an export table. Gives the servant that stands for it in all of them: it lives as long as any of them has it.
pub(crate) fn enter(servant: &Arc<dyn Servant>) -> Arc<dyn Servant> {
    let key = (servant.number(), tag(&**servant));
    let mut entry = objects().entry(key).or_insert_with(|| Entry { servant: Arc::downgrade(servant), count: 0 });
    entry.count += 1;
    match entry.servant.upgrade() {
        Some(known) => known,
        None => {
            entry.servant = Arc::downgrade(servant);
            Arc::clone(servant)
        }
    }
}

/// An object leaves an export table.
pub(crate) fn leave(servant: &dyn Servant) {
    let key = (servant.number(), tag(servant));
    let map = objects();
    if let Some(mut entry) = map.get_mut(&key) {
        entry.count -= 1;
    }
    map.remove_if(&key, |_, entry| entry.count == 0);
    if map.is_empty() && map.capacity() > KEEP {
        // A million objects that have come and gone leave no million empty buckets behind.
        map.shrink_to_fit();
    }
}

/// The object that an identity names, if its tag is right and it is still exported.
pub(crate) fn find(number: u64, interface: &str, claimed: u64) -> Option<Arc<dyn Servant>> {
    // The list is keyed by tag, so one that was not made here finds nothing. The lookup tells a guesser nothing either: its hashes are seeded.
    let servant = objects().get(&(number, claimed))?.servant.upgrade()?;
    let name = servant.name_in_tags();
    (name.is_empty() || name == interface).then_some(servant)
}

/// Places kept in an empty list.
const KEEP: usize = 4_096;

/// How many objects are exported on any session of this process.
pub(crate) fn len() -> usize {
    objects().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Asked, Promise};

    #[test]
    fn names_that_come_later_leave_nothing_in_the_list() {
        let asked = Asked::new();
        let promise = Promise::in_result(&asked, Vec::new(), "");
        let servant: Arc<dyn Servant> = Arc::clone(&promise) as _;
        let before = tag(&*servant);
        enter(&servant);
        assert!(find(servant.number(), "netref::Any", before).is_some());
        promise.name("shop::Basket");
        // On another session, by its name.
        enter(&servant);
        assert!(find(servant.number(), "shop::Basket", tag(&*servant)).is_some());
        leave(&*servant);
        assert!(find(servant.number(), "netref::Any", before).is_some(), "it is exported still");
        leave(&*servant);
        assert!(find(servant.number(), "netref::Any", before).is_none());
        assert!(!objects().contains_key(&(servant.number(), before)));
    }
}
