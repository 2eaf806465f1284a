//! Owns the numbers that stand for interfaces and methods on a session, in both directions. Each side numbers what it defines;
//! a number means nothing to any other session.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::rule::Rule;
use crate::wire::DefineMethod;

/// A method as its definer described it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Defined {
    pub(crate) interface: Arc<str>,
    pub(crate) name: String,
    pub(crate) fingerprint: u64,
    pub(crate) signature: String,
    /// What its types are made of; empty when that is not known.
    pub(crate) structure: Bytes,
}

/// What this side has defined to the peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OwnDefinitions {
    interfaces: BTreeMap<String, u32>,
    methods: BTreeMap<(u32, String, u64), u32>,
    limit: u32,
    /// Bytes of all names, counted as the peer counts them.
    name_bytes: usize,
}

/// A number, and whether the peer has yet to be told what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: u32,
    pub(crate) is_new: bool,
}

impl Number {
    /// What telling the peer of it takes of the bytes for names.
    fn cost(self, name: &str) -> usize {
        if self.is_new { name.len() } else { 0 }
    }
}

/// A method and its interface, as they are about to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) interface: Number,
    pub(crate) method: Number,
}

impl OwnDefinitions {
    /// `limit` is what the peer takes.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// `None` when the peer takes no more definitions.
    pub(crate) fn interface(&mut self, name: &str) -> Option<Number> {
        let number = self.interface_number(name)?;
        self.pay(number.cost(name))?;
        self.take_interface(name, number);
        Some(number)
    }

    /// `None` when the peer takes no more definitions. Then no number is given at all: one that the peer is never told would leave a gap.
    pub(crate) fn method(&mut self, interface: &str, name: &str, fingerprint: u64) -> Option<Numbers> {
        let of = self.interface_number(interface)?;
        let key = (of.value, name.to_owned(), fingerprint);
        let method = match self.methods.get(&key) {
            Some(&value) => Number { value, is_new: false },
            None => Number { value: self.next(self.methods.len())?, is_new: true },
        };
        self.pay(of.cost(interface) + method.cost(name))?;
        self.take_interface(interface, of);
        if method.is_new {
            self.methods.insert(key, method.value);
        }
        Some(Numbers { interface: of, method })
    }

    fn interface_number(&self, name: &str) -> Option<Number> {
        match self.interfaces.get(name) {
            Some(&value) => Some(Number { value, is_new: false }),
            None => Some(Number { value: self.next(self.interfaces.len())?, is_new: true }),
        }
    }

    fn take_interface(&mut self, name: &str, number: Number) {
        if number.is_new {
            self.interfaces.insert(name.to_owned(), number.value);
        }
    }

    /// Counts names that the peer is about to be told, unless it would refuse them.
    fn pay(&mut self, bytes: usize) -> Option<()> {
        self.name_bytes = self.name_bytes.checked_add(bytes).filter(|&bytes| bytes <= NAME_BYTES_MAX)?;
        Some(())
    }

    /// Whether a method is defined already.
    pub(crate) fn has(&self, interface: &str, name: &str, fingerprint: u64) -> bool {
        let number = self.interfaces.get(interface);
        number.is_some_and(|&interface| self.methods.contains_key(&(interface, name.to_owned(), fingerprint)))
    }

    /// Whether half of what the peer takes is used up.
    pub(crate) fn is_half_full(&self) -> bool {
        self.methods.len().max(self.interfaces.len()) as u64 * 2 >= u64::from(self.limit) || self.name_bytes * 2 >= NAME_BYTES_MAX
    }

    fn next(&self, taken: usize) -> Option<u32> {
        u32::try_from(taken).ok().filter(|&value| value < self.limit)
    }
}

/// What the peer has defined to this side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PeerDefinitions {
    interfaces: Vec<Arc<str>>,
    methods: Vec<Arc<Defined>>,
    limit: usize,
    /// Bytes of all names.
    name_bytes: usize,
    /// Bytes of all signatures that are kept.
    signature_bytes: usize,
    /// Bytes of all structures that are kept.
    structure_bytes: usize,
}

/// Bytes of names that one side may have defined on a session: as many methods as the limit allows, with names of 64 bytes in as many
/// interfaces. Both sides count, so that one with more methods says so itself.
const NAME_BYTES_MAX: usize = 2 << 20;

/// Bytes of signatures that are kept of one peer: thousands of methods with signatures of an ordinary length. What comes on top is
/// forgotten: it is for people, in the words of an error.
const SIGNATURE_BYTES_MAX: usize = 2 << 20;

/// Bytes of structures that are kept of one peer: ten thousand methods of an ordinary size. What comes on top is forgotten, which costs
/// nothing but exactness: of these methods fingerprints are compared and nothing else.
const STRUCTURE_BYTES_MAX: usize = 4 << 20;

impl PeerDefinitions {
    /// `limit` is what this side announced.
    pub(crate) fn new(limit: u32) -> Self {
        Self { interfaces: Vec::new(), methods: Vec::new(), limit: limit as usize, name_bytes: 0, signature_bytes: 0, structure_bytes: 0 }
    }

    /// Numbers are given without gaps, so the table is as long as what was defined.
    pub(crate) fn define_interface(&mut self, number: u32, name: &str) -> Result<(), Rule> {
        if number as usize != self.interfaces.len() || self.interfaces.len() >= self.limit {
            return Err(Rule::Definition);
        }
        self.pay(name.len())?;
        self.interfaces.push(name.into());
        Ok(())
    }

    /// `interface` is a number that was defined before.
    pub(crate) fn define_method(&mut self, interface: u32, method: &DefineMethod<'_>) -> Result<(), Rule> {
        let DefineMethod { number, name, fingerprint, signature, structure } = *method;
        let interface = Arc::clone(self.interfaces.get(interface as usize).ok_or(Rule::Definition)?);
        if number as usize != self.methods.len() || self.methods.len() >= self.limit {
            return Err(Rule::Definition);
        }
        self.pay(name.len())?;
        let signature =
            if fits(&mut self.signature_bytes, signature.len(), SIGNATURE_BYTES_MAX) { signature.to_owned() } else { String::new() };
        let keeps = fits(&mut self.structure_bytes, structure.len(), STRUCTURE_BYTES_MAX);
        let structure = if keeps { Bytes::copy_from_slice(structure) } else { Bytes::new() };
        self.methods.push(Arc::new(Defined { interface, name: name.to_owned(), fingerprint, signature, structure }));
        Ok(())
    }

    fn pay(&mut self, bytes: usize) -> Result<(), Rule> {
        if bytes > NAME_BYTES_MAX - self.name_bytes {
            return Err(Rule::Definition);
        }
        self.name_bytes += bytes;
        Ok(())
    }

    pub(crate) fn interface(&self, number: u32) -> Option<&Arc<str>> {
        self.interfaces.get(number as usize)
    }

    pub(crate) fn method(&self, number: u32) -> Option<&Arc<Defined>> {
        self.methods.get(number as usize)
    }
}

/// Whether so many bytes more are kept; they are counted then.
fn fits(kept: &mut usize, bytes: usize, max: usize) -> bool {
    let fits = bytes <= max - *kept;
    *kept += if fits { bytes } else { 0 };
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_once_and_bounded() {
        let mut own = OwnDefinitions::new(1);
        assert_eq!(own.interface("a::A"), Some(Number { value: 0, is_new: true }));
        assert_eq!(own.interface("a::A"), Some(Number { value: 0, is_new: false }));
        assert_eq!(own.interface("a::B"), None);
    }

    #[test]
    fn number_that_the_peer_is_not_told_is_not_given() {
        let mut own = OwnDefinitions::new(2);
        assert!(own.method("a::A", "one", 1).is_some() && own.method("a::A", "two", 1).is_some());
        assert_eq!(own.method("a::B", "three", 1), None, "there is room for the interface and none for its method");
        assert_eq!(own.interface("a::C"), Some(Number { value: 1, is_new: true }), "the next without a gap");
    }

    #[test]
    fn sender_says_itself_what_the_receiver_would_refuse() {
        let (mut own, mut peer) = (OwnDefinitions::new(u32::MAX), PeerDefinitions::new(u32::MAX));
        let signature = "s".repeat(crate::wire::SIGNATURE_MAX);
        let mut told = 0;
        while let Some(Numbers { interface, method }) = own.method("an::Interface", &format!("{told:0256}"), 1) {
            if interface.is_new {
                assert_eq!(peer.define_interface(interface.value, "an::Interface"), Ok(()));
            }
            let name = format!("{told:0256}");
            let define = DefineMethod { number: method.value, name: &name, fingerprint: 1, signature: &signature, structure: &[] };
            assert_eq!(peer.define_method(interface.value, &define), Ok(()), "method {told}");
            told += 1;
        }
        assert_eq!(told, (NAME_BYTES_MAX - "an::Interface".len()) / 256);
        let kept: usize = (0..told as u32).filter_map(|number| peer.method(number)).map(|method| method.signature.len()).sum();
        assert_eq!(kept, SIGNATURE_BYTES_MAX);
        assert_eq!(peer.define_method(0, &DefineMethod { number: told as u32, ..method(0, &[]) }), Ok(()), "there is room for a short one");
        let long = "n".repeat(crate::wire::NAME_MAX);
        let define = DefineMethod { name: &long, ..method(told as u32 + 1, &[]) };
        assert_eq!(peer.define_method(0, &define), Err(Rule::Definition));
    }

    fn method(number: u32, structure: &[u8]) -> DefineMethod<'_> {
        DefineMethod { number, name: "m", fingerprint: 1, signature: "", structure }
    }

    #[test]
    fn gaps_and_floods_are_refused() {
        let mut peer = PeerDefinitions::new(1);
        assert_eq!(peer.define_method(0, &method(0, &[])), Err(Rule::Definition), "of an interface that was never defined");
        assert_eq!(peer.define_interface(1, "x"), Err(Rule::Definition));
        assert_eq!(peer.define_interface(0, "x"), Ok(()));
        assert_eq!(peer.define_interface(1, "y"), Err(Rule::Definition));
        assert_eq!(peer.define_method(0, &method(0, &[])), Ok(()));
        assert_eq!(peer.define_method(0, &method(1, &[])), Err(Rule::Definition));
    }

    #[test]
    fn structures_beyond_what_is_kept_are_forgotten() {
        let mut peer = PeerDefinitions::new(1_000);
        assert_eq!(peer.define_interface(0, "x"), Ok(()));
        let long = vec![0; crate::wire::STRUCTURE_MAX];
        for number in 0..1_000 {
            assert_eq!(peer.define_method(0, &method(number, &long)), Ok(()));
        }
        let kept: usize = (0..1_000).filter_map(|number| peer.method(number)).map(|method| method.structure.len()).sum();
        assert_eq!(kept, STRUCTURE_BYTES_MAX);
    }
}
