//! Owns [`Pages`], a description while it arrives from a peer: bounded in items and bytes, and refused where it breaks a rule, so that what
//! is shown and called by it later is sound.

use super::answer::{INTERFACES_MAX, Item, OPAQUE_MAX, Page};
use super::{Access, Description, InterfaceInfo, MethodInfo, OpaqueInfo, ParameterInfo};
use crate::error::{Error, ErrorKind, Outcome};
use crate::wire::NAME_MAX;

/// Interfaces and methods in one description.
const ITEMS_MAX: usize = 8_192;

/// Bytes that one description takes in memory.
const BYTES_MAX: usize = 32 << 20;

/// Parameters of one method.
const PARAMETERS_MAX: usize = 256;

/// A description while it arrives.
#[derive(Debug)]
pub(crate) struct Pages {
    interfaces: Vec<InterfaceInfo>,
    /// The number of the item that comes next; nothing when all are there.
    next: Option<u32>,
    items: usize,
    bytes: usize,
}

impl Default for Pages {
    fn default() -> Self {
        Self { interfaces: Vec::new(), next: Some(0), items: 0, bytes: 0 }
    }
}

impl Pages {
    /// Which item to ask for next.
    pub(crate) const fn next(&self) -> Option<u32> {
        self.next
    }

    /// Takes a page.
    ///
    /// # Errors
    ///
    /// `Protocol` for one that breaks a rule.
    pub(crate) fn add(&mut self, page: Page) -> Result<(), Error> {
        self.take(page).map_err(|rule| {
            let text = format!("the description that the object's host sent cannot be used: {rule}; nothing was called");
            Error::new(ErrorKind::Protocol, Outcome::Ran, text).with_method("netref.Object.describe")
        })
    }

    pub(crate) fn into_description(self) -> Description {
        Description { interfaces: self.interfaces }
    }

    fn take(&mut self, page: Page) -> Result<(), &'static str> {
        let Page { items, next } = page;
        self.items += items.len();
        self.bytes += items.iter().map(memory).sum::<usize>();
        if self.items > ITEMS_MAX || self.bytes > BYTES_MAX {
            return Err("it has more interfaces and methods, or longer ones, than any description may have");
        }
        if next.is_some_and(|next| items.is_empty() || next as usize != self.items) {
            return Err("its pages do not follow each other");
        }
        for item in items {
            match item {
                Item::Interface(info) => self.interface(info)?,
                Item::Method(info) => self.method(info)?,
            }
        }
        self.next = next;
        if self.interfaces.is_empty() { Err("it says nothing") } else { Ok(()) }
    }

    fn interface(&mut self, info: InterfaceInfo) -> Result<(), &'static str> {
        if self.interfaces.len() >= INTERFACES_MAX || info.supertraits.len() > INTERFACES_MAX {
            return Err("it has more interfaces than any description may have");
        }
        if !info.methods.is_empty() {
            return Err("it has methods out of order");
        }
        info.supertraits.iter().chain([&info.name]).try_for_each(|name| checked(name))?;
        // References to several instances of a generic trait may be taken or given.
        if info.access != Access::Mentioned && self.interfaces.iter().any(|known| known.name == info.name) {
            return Err("it has two interfaces of one name");
        }
        self.interfaces.push(info);
        Ok(())
    }

    fn method(&mut self, info: MethodInfo) -> Result<(), &'static str> {
        let Some(interface) = self.interfaces.last_mut() else { return Err("it has methods out of order") };
        if info.parameters.len() > PARAMETERS_MAX {
            return Err("it has a method with more parameters than any may have");
        }
        if info.opaque.len() > OPAQUE_MAX {
            return Err("it has a method with more opaque places than are told of any");
        }
        info.parameters.iter().map(|parameter| &parameter.name).chain([&info.name]).try_for_each(|name| checked(name))?;
        if let Some(rule) = info.types.broken(info.parameters.len()) {
            return Err(rule);
        }
        interface.methods.push(info);
        Ok(())
    }
}

/// What an item takes in memory.
fn memory(item: &Item) -> usize {
    size_of::<Item>()
        + match item {
            Item::Interface(info) => {
                let supertraits = info.supertraits.iter().map(|name| size_of::<String>() + name.len());
                info.name.len() + info.docs.len() + supertraits.sum::<usize>()
            }
            Item::Method(info) => {
                let texts = info.name.len() + info.docs.len() + info.signature.len() + info.result.len();
                let parameters = info.parameters.iter().map(|known| size_of::<ParameterInfo>() + known.name.len() + known.ty.len());
                let opaque = info.opaque.iter().map(|place| size_of::<OpaqueInfo>() + place.path.len() + place.why.len());
                texts + parameters.sum::<usize>() + opaque.sum::<usize>() + info.types.memory()
            }
        }
}

/// Names are what calls are made with.
fn checked(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) { Err("a name in it is none") } else { Ok(()) }
}
