//! Owns a simulated node: its objects, what it holds of other nodes, and which life it is in. References are counted here by hand, as the
//! real ones are by `Arc`.

use std::collections::BTreeMap;

use super::world::World;
use crate::id::{ExportId, Incarnation, NodeId};
use crate::proto::ways::Life;

/// One counted handle to an object. It means something only within its node; copies that are not counted are never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Ref {
    Object(u64),
    Import(u64),
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) refs: u32,
    /// In how many export tables it stands.
    pub(super) exported: u32,
    pub(super) interface: u8,
    /// Which of all objects there ever were it is.
    pub(super) truth: u32,
}

/// An object of a peer's, as long as anything refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Import {
    pub(super) refs: u32,
    pub(super) end: usize,
    pub(super) export: ExportId,
    /// References that arrived and are given back together.
    pub(super) count: u32,
    pub(super) home: Life,
    /// The object's number at home.
    pub(super) number: u64,
    pub(super) interface: u8,
    pub(super) truth: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) objects: BTreeMap<u64, Object>,
    pub(super) imports: BTreeMap<u64, Import>,
    /// What the program of this node holds on to.
    pub(super) held: Vec<Ref>,
    next_number: u64,
}

/// The directory of names is object 0 of every node and always there.
pub(super) const ROOT: u64 = 0;

impl Node {
    pub(super) fn new(index: usize, incarnation: u64) -> Self {
        Self {
            id: NodeId(index as u128),
            incarnation: Incarnation(incarnation),
            objects: BTreeMap::new(),
            imports: BTreeMap::new(),
            held: Vec::new(),
            next_number: ROOT + 1,
        }
    }

    pub(super) fn life(&self) -> Life {
        (self.id, self.incarnation)
    }

    /// A new life with nothing of the former; numbers are given from the first again, so that only the incarnation tells them apart.
    pub(super) fn restart(&mut self) {
        *self = Self { id: self.id, ..Self::new(0, self.incarnation.0 + 1) };
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Which of all objects a reference of this node's means. `None` when it is broken.
    pub(super) fn truth(&self, reference: Ref) -> Option<u32> {
        match reference {
            Ref::Object(number) => self.objects.get(&number).map(|object| object.truth),
            Ref::Import(number) => self.imports.get(&number).map(|import| import.truth),
            Ref::Broken => None,
        }
    }
}

/// What stands for a broken reference, and for the directory of names, where the truth about an object is asked for.
pub(super) const NO_TRUTH: u32 = u32::MAX;

/// The tag that proves an identity. It depends on the number alone: what keeps former lives apart has to be the incarnation.
pub(super) const fn tag(number: u64) -> u64 {
    number ^ 0x5A5A_5A5A
}

impl World {
    pub(super) fn new_object(&mut self, node: usize, interface: u8) -> Ref {
        let truth = self.next_truth;
        self.next_truth += 1;
        let node = &mut self.nodes[node];
        let number = node.number();
        node.objects.insert(number, Object { refs: 1, exported: 0, interface, truth });
        Ref::Object(number)
    }

    /// One more handle.
    pub(super) fn dup(&mut self, node: usize, reference: Ref) -> Ref {
        let node = &mut self.nodes[node];
        let refs = match reference {
            Ref::Object(number) => node.objects.get_mut(&number).map(|object| &mut object.refs),
            Ref::Import(number) => node.imports.get_mut(&number).map(|import| &mut import.refs),
            Ref::Broken => return Ref::Broken,
        };
        match refs {
            Some(refs) => *refs += 1,
            None => self.fault(format!("a handle to {reference:?} outlived it")),
        }
        reference
    }

    /// One handle fewer. With the last one the object goes, or its release is queued.
    pub(super) fn drop_ref(&mut self, node: usize, reference: Ref) {
        match reference {
            Ref::Broken => {}
            Ref::Object(number) => {
                let Some(object) = self.nodes[node].objects.get_mut(&number) else {
                    return self.fault(format!("object {number} of node {node} was dropped twice"));
                };
                object.refs -= 1;
                if object.refs == 0 {
                    let exported = object.exported;
                    self.nodes[node].objects.remove(&number);
                    if exported > 0 {
                        self.fault(format!("object {number} of node {node} is gone while {exported} sessions export it"));
                    }
                }
            }
            Ref::Import(number) => {
                let Some(import) = self.nodes[node].imports.get_mut(&number) else {
                    return self.fault(format!("import {number} of node {node} was dropped twice"));
                };
                import.refs -= 1;
                if import.refs == 0
                    && let Some(import) = self.nodes[node].imports.remove(&number)
                {
                    let end = &mut self.ends[import.end];
                    if end.open {
                        end.releases.push((import.export, import.count));
                    }
                }
            }
        }
    }

    pub(super) fn drop_refs(&mut self, node: usize, references: impl IntoIterator<Item = Ref>) {
        for reference in references {
            self.drop_ref(node, reference);
        }
    }

    /// The truth about each reference of a message that is about to be made.
    pub(super) fn truths(&self, node: usize, references: &[Ref]) -> Vec<u32> {
        references.iter().map(|&reference| self.nodes[node].truth(reference).unwrap_or(NO_TRUTH)).collect()
    }
}
