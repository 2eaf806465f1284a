//! Owns the host's side of a description: the items of an object, interfaces each followed by its methods, in pages of bounded size. An
//! item has the same number in every answer: what the host offers later comes last.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Access, InterfaceInfo, MethodInfo};
use crate::interface::InterfaceDescriptor;
use crate::schema::cut;
use crate::servant::Servant;

/// About how many bytes the items of a page take, so that a page fits any message window. One item always goes.
const PAGE_BYTES: usize = 24 << 10;

/// Bytes of one text in a description. An item of the longest texts and types still fits the smallest message that a node may allow.
const TEXT_MAX: usize = 4 << 10;

/// Opaque places that are listed for one method.
pub(super) const OPAQUE_MAX: usize = 24;

/// Interfaces in one description. What is mentioned beyond is named and not described.
pub(super) const INTERFACES_MAX: usize = 256;

/// Some of the items of a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(super) items: Vec<Item>,
    /// The number of the first item that is not in it, if there are more.
    pub(super) next: Option<u32>,
}

/// An interface, or a method of the interface before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Item {
    Interface(InterfaceInfo),
    Method(MethodInfo),
}

impl Item {
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Interface(info) => 64 + info.name.len() + info.docs.len() + info.supertraits.iter().map(String::len).sum::<usize>(),
            Self::Method(info) => {
                let parameters = info.parameters.iter().map(|parameter| 2 + parameter.name.len() + parameter.ty.len());
                let opaque = info.opaque.iter().map(|place| 2 + place.path.len() + place.why.len());
                let texts = info.name.len() + info.docs.len() + info.signature.len() + info.result.len();
                64 + texts + parameters.sum::<usize>() + opaque.sum::<usize>() + info.types.weight()
            }
        }
    }
}

/// A text that is not longer than a description takes.
pub(super) fn short(text: &str) -> String {
    if text.len() <= TEXT_MAX { text.to_owned() } else { format!("{}…", cut(text, TEXT_MAX)) }
}

/// The items from number `from` on, as far as they fit.
pub(crate) fn page(servant: &dyn Servant, from: u32) -> Page {
    match servant.descriptor() {
        Some(granted) => page_from(&known(granted, &servant.offers()), from),
        None => page_from(&said(servant), from),
    }
}

/// The same of an interface without an object.
pub(super) fn page_of(granted: &'static InterfaceDescriptor, from: u32) -> Page {
    page_from(&known(granted, &[]), from)
}

/// One interface, as a list of items that is worked out as it is read.
struct Listed {
    count: usize,
    item: Box<dyn Fn(usize) -> Item>,
}

fn page_from(listed: &[Listed], from: u32) -> Page {
    let total: usize = listed.iter().map(|interface| interface.count).sum();
    let (mut items, mut weight, mut begin) = (Vec::new(), 0, 0);
    let mut next = from as usize;
    'all: for interface in listed {
        while (begin..begin + interface.count).contains(&next) {
            let item = (interface.item)(next - begin);
            weight += item.weight();
            if weight > PAGE_BYTES && !items.is_empty() {
                break 'all;
            }
            items.push(item);
            next += 1;
        }
        begin += interface.count;
    }
    Page { items, next: (next < total).then_some(next as u32) }
}

/// The interfaces of an object with a descriptor: what is granted, what is offered, and what those mention.
fn known(granted: &'static InterfaceDescriptor, offered: &[&'static InterfaceDescriptor]) -> Vec<Listed> {
    let mut found: Vec<&'static InterfaceDescriptor> = Vec::new();
    let mut inherited = Vec::new();
    for root in std::iter::once(&granted).chain(offered) {
        add(&mut found, root);
        let mut next = found.iter().position(|known| is_same(known, root)).unwrap_or(found.len());
        while let Some(&interface) = found.get(next) {
            next += 1;
            interface.bases.iter().for_each(|base| add(&mut found, base));
            let methods: &'static [_] = interface.methods;
            methods.iter().flat_map(|method| (method.schema)().mentioned()).for_each(|mentioned| add(&mut found, mentioned));
        }
        inherit(root, &mut inherited);
    }
    let access = |name: &str| {
        if name == granted.name {
            Access::Granted
        } else if offered.iter().any(|offer| offer.name == name) {
            Access::Offered
        } else if inherited.contains(&name) {
            Access::Supertrait
        } else {
            Access::Mentioned
        }
    };
    let mut names = HashSet::new();
    // Another instance of an interface that goes by the same name is not what a cast to the name gives.
    let access = found.iter().map(|interface| if names.insert(interface.name) { access(interface.name) } else { Access::Mentioned });
    found.iter().zip(access).map(|(interface, access)| listed(interface, access)).collect()
}

fn add(found: &mut Vec<&'static InterfaceDescriptor>, interface: &'static InterfaceDescriptor) {
    if found.len() < INTERFACES_MAX && !found.iter().any(|known| is_same(known, interface)) {
        found.push(interface);
    }
}

/// Whether two descriptors say the same. Instances of a generic trait have one name and differ in the types of their methods.
fn is_same(one: &'static InterfaceDescriptor, other: &'static InterfaceDescriptor) -> bool {
    let types = |interface: &'static InterfaceDescriptor| interface.methods.iter().map(|method| (method.schema)().fingerprint());
    std::ptr::eq(one, other) || (one.name == other.name && types(one).eq(types(other)))
}

fn inherit(interface: &InterfaceDescriptor, inherited: &mut Vec<&'static str>) {
    for base in interface.bases {
        if !inherited.contains(&base.name) {
            inherited.push(base.name);
            inherit(base, inherited);
        }
    }
}

fn listed(interface: &'static InterfaceDescriptor, access: Access) -> Listed {
    let item = move |index| match index {
        0 => Item::Interface(InterfaceInfo::head(interface, access)),
        _ => Item::Method(MethodInfo::of(&interface.methods[index - 1])),
    };
    Listed { count: 1 + interface.methods.len(), item: Box::new(item) }
}

/// What a handler says of its interface. It stands for no other.
fn said(servant: &dyn Servant) -> Vec<Listed> {
    let info = servant.described().unwrap_or_else(|| InterfaceInfo::unknown(servant.interface()));
    let info = InterfaceInfo { name: servant.interface().to_owned(), access: Access::Granted, ..info };
    let count = 1 + info.methods.len();
    let item = move |index| match index {
        0 => Item::Interface(InterfaceInfo {
            name: info.name.clone(),
            docs: info.docs.clone(),
            access: info.access,
            is_known: info.is_known,
            supertraits: info.supertraits.clone(),
            methods: Vec::new(),
        }),
        _ => Item::Method(info.methods[index - 1].clone()),
    };
    vec![Listed { count, item: Box::new(item) }]
}
