//! Owns what a reference looks like to a peer, and what a descriptor of the peer's refers to, in the simulated world: the model of
//! `session/references.rs`. Counts, ids and the choice of the way are the real ones.

use super::node::{Import, NO_TRUTH, Ref, tag};
use super::sending::interface_name;
use super::sight::Sight;
use super::world::World;
use crate::id::ExportId;
use crate::proto::{Grant, Rule, Way, way_of};
use crate::wire::{Define, Descriptor, Frame, Identity};

/// References that are about to be sent.
#[derive(Default)]
pub(super) struct Described {
    pub(super) descriptors: Vec<Descriptor<'static>>,
    pub(super) held: bool,
}

impl World {
    /// Describes the references of a message and counts them as sent. `None` when one cannot be; then nothing is counted.
    pub(super) fn describe(&mut self, end: usize, references: &[Ref]) -> Option<Described> {
        self.describe_all(end, references, true)
    }

    /// The same for the result of a call. Of one that its caller has finished before, nothing says when it was read.
    pub(super) fn describe_result(&mut self, end: usize, references: &[Ref], is_finished: bool) -> Option<Described> {
        self.describe_all(end, references, !is_finished)
    }

    fn describe_all(&mut self, end: usize, references: &[Ref], by_identity: bool) -> Option<Described> {
        let mut described = Described::default();
        for &reference in references {
            match self.describe_one(end, reference, by_identity, &mut described) {
                Some(descriptor) => described.descriptors.push(descriptor),
                None => {
                    self.take_back(end, &described);
                    return None;
                }
            }
        }
        Some(described)
    }

    /// Uncounts references whose message was never sent.
    pub(super) fn take_back(&mut self, end: usize, described: &Described) {
        for descriptor in &described.descriptors {
            if let Descriptor::Hosted { export, .. } = descriptor
                && let Ok(Some(_)) = self.ends[end].proto.exports.release(*export, 1)
            {
                self.let_go(end, export.index);
            }
        }
    }

    /// An export is gone, and with it the handle that it was.
    pub(super) fn let_go(&mut self, end: usize, index: u32) {
        let node = self.ends[end].node;
        let Some(servant) = self.ends[end].servants.remove(&index) else {
            return self.fault(format!("export {index} of end {end} went and there was nothing behind it"));
        };
        if let Ref::Object(number) = servant
            && let Some(object) = self.nodes[node].objects.get_mut(&number)
        {
            object.exported -= 1;
        }
        self.drop_ref(node, servant);
    }

    fn describe_one(&mut self, end: usize, reference: Ref, by_identity: bool, described: &mut Described) -> Option<Descriptor<'static>> {
        let node = self.ends[end].node;
        match reference {
            Ref::Broken => Some(Descriptor::Broken { text: "the sender's own reference is broken" }),
            Ref::Object(number) => {
                let interface = self.nodes[node].objects.get(&number)?.interface;
                self.export(end, reference, number, interface, Identity::Own { number, tag: tag(number) })
            }
            Ref::Import(passed) => {
                let import = self.nodes[node].imports.get(&passed)?.clone();
                match way_of(import.end == end, import.home, self.ends[end].peer) {
                    Way::Back => {
                        self.sight(Sight::ReferenceGoesBack);
                        Some(Descriptor::Yours { export: import.export })
                    }
                    Way::Home if by_identity => {
                        self.sight(Sight::ReferenceGoesHome);
                        described.held = true;
                        let interface = self.define_interface(end, import.interface)?;
                        Some(Descriptor::Home { interface, number: import.number, tag: tag(import.number) })
                    }
                    Way::Home | Way::Through => {
                        let (node, incarnation) = import.home;
                        let is_former = node == self.ends[end].peer.0;
                        self.sight(if is_former { Sight::ReferenceOfFormerLife } else { Sight::ReferenceGoesThrough });
                        let identity = Identity::Foreign { node, incarnation, number: import.number, tag: tag(import.number) };
                        self.export(end, reference, passed, import.interface, identity)
                    }
                }
            }
        }
    }

    fn define_interface(&mut self, end: usize, interface: u8) -> Option<u32> {
        let name = interface_name(interface);
        let end = &mut self.ends[end];
        let number = end.proto.own.interface(&name)?;
        if number.is_new {
            end.push(&Frame::Define(Define { interface: number.value, name: &name, methods: Vec::new() }));
        }
        Some(number.value)
    }

    fn export(&mut self, end: usize, reference: Ref, object: u64, interface: u8, identity: Identity) -> Option<Descriptor<'static>> {
        let node = self.ends[end].node;
        let interface = self.define_interface(end, interface)?;
        let Some(exported) = self.ends[end].proto.exports.send(Grant { object, interface }) else {
            self.sight(Sight::ExportsFull);
            return None;
        };
        if exported.is_new {
            let servant = self.dup(node, reference);
            if let Ref::Object(number) = servant
                && let Some(object) = self.nodes[node].objects.get_mut(&number)
            {
                object.exported += 1;
            }
            if self.ends[end].servants.insert(exported.id.index, servant).is_some() {
                self.fault(format!("export {} of end {end} has two owners", exported.id.index));
            }
        }
        Some(Descriptor::Hosted { export: exported.id, interface, identity })
    }

    /// Turns the peer's descriptors into references, and compares each with the object that its sender meant.
    pub(super) fn receive(&mut self, at: usize, descriptors: &[Descriptor<'_>], truth: &[u32]) -> Vec<Ref> {
        let mut references = Vec::with_capacity(descriptors.len());
        for (index, descriptor) in descriptors.iter().enumerate() {
            let meant = truth.get(index).copied().unwrap_or(NO_TRUTH);
            references.push(match self.receive_one(at, descriptor, meant) {
                Ok(reference) => reference,
                Err(rule) => {
                    // By the time an identity comes home the object may be gone: the session that kept it alive may have ended.
                    if rule != Rule::UnknownExport || !matches!(descriptor, Descriptor::Home { .. }) {
                        self.refuse(at, rule);
                    }
                    self.sight(Sight::ReferenceHomeTooLate);
                    Ref::Broken
                }
            });
        }
        references
    }

    fn receive_one(&mut self, at: usize, descriptor: &Descriptor<'_>, meant: u32) -> Result<Ref, Rule> {
        let node = self.ends[at].node;
        let reference = match descriptor {
            Descriptor::Hosted { export, interface, identity } => return self.import(at, *export, *interface, identity, meant),
            Descriptor::Yours { export } => {
                let servant = self.ends[at].proto.exports.get(*export).and_then(|_| self.ends[at].servants.get(&export.index).copied());
                servant.ok_or(Rule::UnknownExport)?
            }
            Descriptor::Home { interface, number, .. } => {
                self.ends[at].proto.peer.interface(*interface).ok_or(Rule::Definition)?;
                self.registered(node, *number).ok_or(Rule::UnknownExport)?
            }
            _ => return Ok(Ref::Broken),
        };
        if self.nodes[node].truth(reference) != Some(meant) {
            self.fault(format!("{descriptor:?} came home to end {at} as another object"));
        }
        Ok(self.dup(node, reference))
    }

    /// The object of a number, if any session exports it.
    fn registered(&self, node: usize, number: u64) -> Option<Ref> {
        self.nodes[node].objects.get(&number).filter(|object| object.exported > 0).map(|_| Ref::Object(number))
    }

    fn import(&mut self, at: usize, export: ExportId, interface: u32, identity: &Identity, meant: u32) -> Result<Ref, Rule> {
        let node = self.ends[at].node;
        let name = self.ends[at].proto.peer.interface(interface).ok_or(Rule::Definition)?;
        let interface = name.as_bytes().get(1).map_or(0, |digit| digit - b'0');
        self.ends[at].proto.imports.receive(export)?;
        if let Some(&known) = self.ends[at].imports.get(&export.index)
            && let Some(import) = self.nodes[node].imports.get_mut(&known)
            && import.end == at
            && import.export == export
        {
            import.count += 1;
            if import.truth != meant {
                self.fault(format!("{export:?} came to end {at} for two objects"));
            }
            self.sight(Sight::ReferenceArrivesAgain);
            return Ok(self.dup(node, Ref::Import(known)));
        }
        let (home, number) = match *identity {
            Identity::Own { number, .. } => (self.ends[at].peer, number),
            Identity::Foreign { node, incarnation, number, .. } => ((node, incarnation), number),
        };
        let import = Import { refs: 1, end: at, export, count: 1, home, number, interface, truth: meant };
        let passed = self.nodes[node].number();
        self.nodes[node].imports.insert(passed, import);
        self.ends[at].imports.insert(export.index, passed);
        if home == self.nodes[node].life()
            && let Some(own) = self.registered(node, number)
        {
            // Home again by a way round: the object itself, and the way round is given back.
            if self.nodes[node].truth(own) != Some(meant) {
                self.fault(format!("{identity:?} came home to end {at} as another object"));
            }
            let own = self.dup(node, own);
            self.drop_ref(node, Ref::Import(passed));
            return Ok(own);
        }
        Ok(Ref::Import(passed))
    }
}
