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
}

/// A number, and whether the peer has yet to be told what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: u32,
    pub(crate) is_new: bool,
}

impl OwnDefinitions {
    /// `limit` is what the peer takes.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// `None` when the peer takes no more definitions.
    pub(crate) fn interface(&mut self, name: &str) -> Option<Number> {
        if let Some(&value) = self.interfaces.get(name) {
            return Some(Number { value, is_new: false });
        }
        let value = self.next(self.interfaces.len())?;
        self.interfaces.insert(name.to_owned(), value);
        Some(Number { value, is_new: true })
    }

    /// `None` when the peer takes no more definitions.
    pub(crate) fn method(&mut self, interface: u32, name: &str, fingerprint: u64) -> Option<Number> {
        let key = (interface, name.to_owned(), fingerprint);
        if let Some(&value) = self.methods.get(&key) {
            return Some(Number { value, is_new: false });
        }
        let value = self.next(self.methods.len())?;
        self.methods.insert(key, value);
        Some(Number { value, is_new: true })
    }

    /// Whether a method is defined already.
    pub(crate) fn has(&self, interface: &str, name: &str, fingerprint: u64) -> bool {
        let number = self.interfaces.get(interface);
        number.is_some_and(|&interface| self.methods.contains_key(&(interface, name.to_owned(), fingerprint)))
    }

    /// Whether half of what the peer takes is used up.
    pub(crate) fn is_half_full(&self) -> bool {
        self.methods.len().max(self.interfaces.len()) as u64 * 2 >= u64::from(self.limit)
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
    /// Bytes of all names and signatures.
    bytes: usize,
    /// Bytes of all structures.
    structure_bytes: usize,
}

/// Bytes of names and signatures that one peer may have kept here: thousands of methods with signatures of an ordinary length.
const BYTES_MAX: usize = 2 << 20;

/// Bytes of structures that are kept of one peer: ten thousand methods of an ordinary size. What comes on top is forgotten, which costs
/// nothing but exactness: of these methods fingerprints are compared and nothing else.
const STRUCTURE_BYTES_MAX: usize = 4 << 20;

impl PeerDefinitions {
    /// `limit` is what this side announced.
    pub(crate) fn new(limit: u32) -> Self {
        Self { interfaces: Vec::new(), methods: Vec::new(), limit: limit as usize, bytes: 0, structure_bytes: 0 }
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
        self.pay(name.len() + signature.len())?;
        let structure = self.kept(structure);
        let method = Defined { interface, name: name.to_owned(), fingerprint, signature: signature.to_owned(), structure };
        self.methods.push(Arc::new(method));
        Ok(())
    }

    fn kept(&mut self, structure: &[u8]) -> Bytes {
        if structure.len() > STRUCTURE_BYTES_MAX - self.structure_bytes {
            return Bytes::new();
        }
        self.structure_bytes += structure.len();
        Bytes::copy_from_slice(structure)
    }

    fn pay(&mut self, bytes: usize) -> Result<(), Rule> {
        self.bytes += bytes;
        if self.bytes > BYTES_MAX { Err(Rule::Definition) } else { Ok(()) }
    }

    pub(crate) fn interface(&self, number: u32) -> Option<&Arc<str>> {
        self.interfaces.get(number as usize)
    }

    pub(crate) fn method(&self, number: u32) -> Option<&Arc<Defined>> {
        self.methods.get(number as usize)
    }
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
