//! Owns the step between references and table entries: what a reference looks like to this peer, and what a descriptor of the peer's
//! refers to here.

use std::sync::{Arc, Weak};

use super::SessionCore;
use super::dispatch::Turn;
use super::import::{Import, Origin, received_again};
use super::state::{Afterwards, State};
use crate::any::{AnyRemote, Place, broken};
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Outcome, Verbatim};
use crate::id::ExportId;
use crate::object_key::{ObjectKey, process_identity};
use crate::pipeline::{Apart, Breakage, PROMISES_MAX, Promise};
use crate::proto::{Half, Place as InLine, Rule, Way, way_of};
use crate::registry;
use crate::servant::Servant;
use crate::sync;
use crate::transfer::Incoming;
use crate::wire::{Define, Descriptor, Frame, Identity, NAME_MAX, Resolution, Resolve};

/// Promises that came to nothing.
type Nothings = Vec<(ExportId, Arc<Breakage>)>;

/// Bytes that are kept of what a peer says of a reference that it could not send. A reference costs the peer the same whatever it says.
const SAID_MAX: usize = 128;

/// The beginning of a text of the peer's, in characters that can be shown.
fn said(text: &str) -> String {
    let mut said = String::with_capacity(text.len().min(SAID_MAX));
    for char in text.escape_debug() {
        if said.len() >= SAID_MAX {
            said.push('…');
            break;
        }
        said.push(char);
    }
    said
}

/// What references leave in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    /// A message, in its order among all frames, of which the peer says when it was read.
    Message,
    /// A message of which the peer does not say when it was read. So nothing in it goes by its identity alone.
    Finished,
    /// An item of a stream. It waits for its turn while other frames leave, a release or a resolve among them, and nothing says when it was
    /// read. So nothing in it goes by its identity alone, or as a promise.
    Item,
}

/// References as they are about to be sent.
#[derive(Default)]
pub(super) struct Described {
    pub(super) descriptors: Vec<Descriptor<'static>>,
    /// Whether one is named by its identity alone, so that this side has to keep it alive until the message was read.
    pub(super) held: bool,
    /// Promises that came to nothing. What went wrong is said behind the message, as it is of those of which it is not known yet. Boxed, since
    /// most messages have none and every message drops this.
    broken: Option<Box<Nothings>>,
}

impl SessionCore {
    /// [`describe_all`](Self::describe_all), for messages of which most have none.
    #[inline]
    pub(super) fn describe(&self, state: &mut State, references: &[AnyRemote]) -> Result<Described, Error> {
        if references.is_empty() { Ok(Described::default()) } else { self.describe_all(state, references, Carrier::Message) }
    }

    /// The same for the result of a call. Of one that its caller may have finished before it is there, nothing says when it was read.
    #[inline]
    pub(super) fn describe_result(&self, state: &mut State, references: &[AnyRemote], may_be_finished: bool) -> Result<Described, Error> {
        let by = if may_be_finished { Carrier::Finished } else { Carrier::Message };
        if references.is_empty() { Ok(Described::default()) } else { self.describe_all(state, references, by) }
    }

    /// The same for an item of a stream. Nothing says when it was read, so nothing in it goes by its identity alone.
    #[inline]
    pub(super) fn describe_for_stream(&self, state: &mut State, references: &[AnyRemote]) -> Result<Described, Error> {
        if references.is_empty() { Ok(Described::default()) } else { self.describe_all(state, references, Carrier::Item) }
    }

    /// Describes the references of a message and counts them as sent. On an error nothing is counted.
    fn describe_all(&self, state: &mut State, references: &[AnyRemote], by: Carrier) -> Result<Described, Error> {
        let mut described = Described::default();
        for reference in references {
            match self.describe_one(state, reference, by, &mut described) {
                Ok(descriptor) => described.descriptors.push(descriptor),
                Err(error) => {
                    self.take_back(state, &described);
                    return Err(error);
                }
            }
        }
        Ok(described)
    }

    /// Uncounts references whose message was never sent.
    pub(super) fn take_back(&self, state: &mut State, described: &Described) {
        for descriptor in &described.descriptors {
            if let Descriptor::StreamSender { stream, .. } | Descriptor::StreamReceiver { stream, .. } = descriptor {
                self.take_half_back(state, *stream);
            } else if let Descriptor::Hosted { export, .. } | Descriptor::Promise { export, .. } = descriptor {
                // The references themselves are still in the message, so no object of the user's is dropped here.
                if let Ok(Some(_)) = state.proto.exports.release(*export, 1)
                    && let Some(servant) = state.servants.get_mut(export.index as usize).and_then(Option::take)
                {
                    self.left(Some(*export), &servant);
                }
            }
        }
    }

    /// The peer does not hold an object any more, under this id or any. The caller drops it, when the lock is free.
    pub(super) fn left(&self, export: Option<ExportId>, servant: &Arc<dyn Servant>) {
        registry::leave(&**servant);
        if let Some(promise) = Arc::clone(servant).as_promise() {
            promise.unwatch(self, export);
        }
    }

    fn describe_one(
        &self,
        state: &mut State,
        reference: &AnyRemote,
        by: Carrier,
        described: &mut Described,
    ) -> Result<Descriptor<'static>, Error> {
        match &reference.place {
            Place::Broken(_) => Ok(Descriptor::Broken { text: "the sender's own reference is broken" }),
            Place::Here(servant) => self.export(state, servant),
            Place::Stream(half) => self.describe_half(state, half),
            Place::Promise(promise) => self.describe_promise(state, promise, by, described),
            Place::There(import) => {
                let (home, number, tag) = import.identity();
                match way_of(std::ptr::eq(Arc::as_ptr(import.session()), self), home, self.identity) {
                    Way::Back => Ok(Descriptor::Yours { export: import.id }),
                    Way::Home if by == Carrier::Message => {
                        described.held = true;
                        let interface = state.define_interface(import.interface())?;
                        Ok(Descriptor::Home { interface, number, tag })
                    }
                    Way::Home | Way::Through => {
                        let servant: Arc<dyn Servant> = Arc::clone(import) as _;
                        self.export(state, &servant)
                    }
                }
            }
        }
    }

    /// What is known of a promise goes as that; one of which nothing is known stays here, and is called through here.
    fn describe_promise(
        &self,
        state: &mut State,
        promise: &Arc<Promise>,
        by: Carrier,
        described: &mut Described,
    ) -> Result<Descriptor<'static>, Error> {
        match promise.known() {
            // Calls on it that have not started yet stand in a line of its own, and what is called by another name would pass them.
            Some(Ok(known)) if !state.lines.has(promise.line()) => return self.describe_one(state, &known, by, described),
            // Elsewhere calls on it are answered here, by why it came to nothing.
            Some(Err(breakage)) if by != Carrier::Item && self.pipelining => {
                return self.describe_broken(state, promise, breakage, described);
            }
            Some(_) | None => {}
        }
        promise.note_use();
        if by == Carrier::Item {
            state.has_promises = true;
            let interface = if promise.interface().is_empty() { ANY } else { promise.interface() };
            return self.export(state, &(Apart::new(Arc::clone(promise), interface) as _));
        }
        if let Some((call, path)) = promise.answer_on(self) {
            return Ok(Descriptor::Answer { call, path });
        }
        if let Some(export) = promise.import_on(self) {
            // It is the peer's own promise that goes back.
            return Ok(Descriptor::Yours { export });
        }
        let servant: Arc<dyn Servant> = Arc::clone(promise) as _;
        let before = state.proto.exports.len();
        let hosted = self.export(state, &servant)?;
        let Descriptor::Hosted { export, interface, .. } = hosted else { return Ok(hosted) };
        state.has_promises = true;
        if !self.pipelining {
            return Ok(hosted);
        }
        if state.proto.exports.len() > before && !promise.watch(self.weak(), export) {
            if state.lines.has(promise.line()) {
                self.resolve_behind(state, export, promise);
                return Ok(Descriptor::Promise { export, interface });
            }
            // It has become known meanwhile, and goes as that.
            let taken = Described { descriptors: vec![Descriptor::Promise { export, interface }], ..Described::default() };
            self.take_back(state, &taken);
            return self.describe_promise(state, promise, by, described);
        }
        Ok(Descriptor::Promise { export, interface })
    }

    /// A promise that came to nothing goes as one of which it is not known yet: its error is too large for a description.
    fn describe_broken(
        &self,
        state: &mut State,
        promise: &Promise,
        breakage: Arc<Breakage>,
        described: &mut Described,
    ) -> Result<Descriptor<'static>, Error> {
        // Another one each time: of the same one it was said already what it is, if it was sent before.
        let again: Arc<dyn Servant> = Promise::broken(promise.interface(), Arc::clone(&breakage));
        let hosted = self.export(state, &again)?;
        let Descriptor::Hosted { export, interface, .. } = hosted else { return Ok(hosted) };
        described.broken.get_or_insert_default().push((export, breakage));
        Ok(Descriptor::Promise { export, interface })
    }

    /// Says of the promises in a message that was just written why they came to nothing.
    pub(super) fn say_broken(&self, state: &mut State, described: &Described) {
        for (export, breakage) in described.broken.iter().flat_map(|broken| broken.iter()) {
            self.resolve_to_nothing(state, *export, breakage);
        }
    }

    fn export(&self, state: &mut State, servant: &Arc<dyn Servant>) -> Result<Descriptor<'static>, Error> {
        // Of a promise it may not be known yet what it is used as.
        let name = if servant.interface().is_empty() { ANY } else { servant.interface() };
        let interface = state.define_interface(name)?;
        let grant = crate::proto::Grant { object: servant.granted(), interface };
        let Some(exported) = state.proto.exports.send(grant) else {
            let text = "the peer holds as many objects of this side as the limit on exports allows";
            return Err(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text));
        };
        if exported.is_new {
            let index = exported.id.index as usize;
            if index >= state.servants.len() {
                state.servants.resize_with(index + 1, || None);
            }
            let servant = registry::enter(servant);
            state.servants[index] = Some(crate::around::incoming(self.node.incoming(), servant));
        }
        let identity = match (servant.meta(), Arc::clone(servant).as_import()) {
            (Some(meta), _) => {
                meta.exported_by(self.node.identity());
                self.identity_of(meta.home_or(self.node.identity()), meta.number(), &**servant)
            }
            (None, Some(import)) => {
                let ((node, incarnation), number, tag) = import.identity();
                Identity::Foreign { node, incarnation, number, tag }
            }
            (None, None) => Identity::Own { number: servant.number(), tag: registry::tag(&**servant) },
        };
        Ok(Descriptor::Hosted { export: exported.id, interface, identity })
    }

    fn identity_of(&self, home: (crate::id::NodeId, crate::id::Incarnation), number: u64, servant: &dyn Servant) -> Identity {
        let tag = registry::tag(servant);
        if home == self.node.identity() {
            return Identity::Own { number, tag };
        }
        let (node, incarnation) = home;
        Identity::Foreign { node, incarnation, number, tag }
    }

    /// [`receive_all`](Self::receive_all), for messages of which most have none.
    #[inline]
    pub(super) fn receive(
        self: &Arc<Self>,
        state: &mut State,
        descriptors: &[Descriptor<'_>],
        after: &mut Afterwards,
    ) -> (Incoming, Option<Rule>) {
        if descriptors.is_empty() { (Incoming::default(), None) } else { self.receive_all(state, descriptors, after) }
    }

    /// Turns the peer's descriptors into references. A descriptor that breaks a rule becomes a broken reference, and the rule is given.
    fn receive_all(
        self: &Arc<Self>,
        state: &mut State,
        descriptors: &[Descriptor<'_>],
        after: &mut Afterwards,
    ) -> (Incoming, Option<Rule>) {
        let mut rule = None;
        let references = descriptors
            .iter()
            .map(|descriptor| match self.receive_one(state, descriptor, after) {
                Ok(reference) => Some(reference),
                Err(broken_rule) => {
                    rule = Some(broken_rule);
                    Some(AnyRemote::broken(broken(format!("the reference broke a rule: {broken_rule}"))))
                }
            })
            .collect();
        (Incoming::new(references, Vec::new()), rule)
    }

    fn receive_one(self: &Arc<Self>, state: &mut State, descriptor: &Descriptor<'_>, after: &mut Afterwards) -> Result<AnyRemote, Rule> {
        match descriptor {
            Descriptor::Broken { text } => Ok(AnyRemote::broken(broken(format!("the peer sent a broken reference: {}", said(text))))),
            Descriptor::Hosted { export, interface, identity } => self.import(state, *export, *interface, identity, after),
            Descriptor::Yours { export } => {
                let servant = state.proto.exports.get(*export).and_then(|_| state.servants.get(export.index as usize)?.clone());
                servant.map(reference_to).ok_or(Rule::UnknownExport)
            }
            Descriptor::Home { interface, number, tag } => {
                let name = state.proto.peer.interface(*interface).ok_or(Rule::Definition)?;
                // A guessed identity gets the same answer as one that is gone.
                registry::find(*number, name, *tag).map(reference_to).ok_or(Rule::UnknownExport)
            }
            Descriptor::Answer { call, path } => self.receive_answer(state, *call, path),
            Descriptor::Promise { export, interface } => self.import_promise(state, *export, *interface),
            Descriptor::ThirdParty { .. } => Err(Rule::FeatureNotNegotiated),
            // Named after the half that stays at the peer: the other one is here now.
            Descriptor::StreamSender { stream, kind } => self.receive_half(state, *stream, Half::Receiving, *kind).map(AnyRemote::half),
            Descriptor::StreamReceiver { stream, kind } => self.receive_half(state, *stream, Half::Sending, *kind).map(AnyRemote::half),
        }
    }

    /// Something of the peer's of which it will say later what it is.
    fn import_promise(self: &Arc<Self>, state: &mut State, export: ExportId, interface: u32) -> Result<AnyRemote, Rule> {
        if !self.pipelining {
            return Err(Rule::FeatureNotNegotiated);
        }
        let interface = Arc::clone(state.proto.peer.interface(interface).ok_or(Rule::Definition)?);
        if state.proto.imports.holds(export) && !state.promised_there.contains_key(&export) {
            // It was said already what this is, or it never was a promise.
            return Err(Rule::ExportIdInUse);
        }
        state.proto.imports.receive(export)?;
        let index = export.index as usize;
        let known = state.imports.get(index).and_then(sync::upgrade).filter(|known| known.id == export);
        if let Some(known) = &known {
            received_again(known);
            if let Some(promise) = state.promised_there.get(&export).and_then(Weak::upgrade) {
                return Ok(AnyRemote::promise(promise));
            }
        }
        if index >= state.imports.len() {
            state.imports.resize_with(index + 1, Weak::new);
        }
        let named = Arc::clone(&interface);
        // There is one already where the promise is gone and a call on it waits to be sent.
        let import =
            known.unwrap_or_else(|| Arc::new(Import::new(Arc::clone(self), export, interface, Origin::Peer { number: 0, tag: 0 })));
        state.imports[index] = Arc::downgrade(&import);
        let promise = Promise::of_import(import, if &*named == ANY { "" } else { &named });
        state.promised_there.insert(export, Arc::downgrade(&promise));
        Ok(AnyRemote::promise(promise))
    }

    /// The peer says what became of a promise of its own.
    pub(super) fn on_resolve(self: &Arc<Self>, state: &mut State, resolve: &Resolve<'_>, after: &mut Afterwards) -> Result<(), Rule> {
        if !self.pipelining {
            return Err(Rule::FeatureNotNegotiated);
        }
        let promise = state.promised_there.remove(&resolve.promise);
        if promise.is_none() && state.proto.imports.holds(resolve.promise) {
            return Err(Rule::Resolve);
        }
        let mut broken_rule = None;
        let promise = promise.and_then(|promise| promise.upgrade());
        let outcome = match &resolve.to {
            Resolution::Reference(descriptor) => self.receive_one(state, descriptor, after).map_err(|rule| {
                broken_rule = Some(rule);
                Arc::new(Breakage::from(broken(format!("the peer resolved a promise to what broke a rule: {rule}"))))
            }),
            Resolution::Error(bytes) => Err(Arc::new(Breakage::from(crate::inbound::decode_error(bytes)))),
        };
        let outcome = match outcome {
            Ok(reference @ AnyRemote { place: Place::Promise(_) })
                if promise.as_ref().is_some_and(|promise| !promise.may_become_a_promise()) =>
            {
                after.rest().references.push(reference);
                broken_rule = Some(Rule::Resolve);
                Err(Arc::new(Breakage::from(crate::pipeline::too_deep())))
            }
            Ok(reference @ AnyRemote { place: Place::Stream(_) }) => {
                after.rest().references.push(reference);
                broken_rule = Some(Rule::Resolve);
                Err(Arc::new(Breakage::from(crate::any::no_object())))
            }
            outcome => outcome,
        };
        match promise {
            Some(promise) => after.rest().known.push((promise, outcome)),
            // Nobody waits for it any more; the reference is given back.
            None => after.drop_references(outcome),
        }
        broken_rule.map_or(Ok(()), Err)
    }

    /// Tells the peer what became of a promise that it holds, behind the calls on it that have not started yet.
    pub(crate) fn say_what_it_is(self: &Arc<Self>, export: ExportId, promise: &Arc<Promise>) {
        let mut after = Afterwards::default();
        {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            if state.closed.is_some() {
                return;
            }
            if state.lines.has(promise.line()) {
                self.resolve_behind(state, export, promise);
                return;
            }
            self.resolve(state, export, promise, &mut after);
        }
        after.run();
        self.flush_after(false);
    }

    pub(super) fn resolve(&self, state: &mut State, export: ExportId, promise: &Arc<Promise>, after: &mut Afterwards) {
        let is_there = state.servant(export).and_then(Servant::as_promise).is_some_and(|known| Arc::ptr_eq(&known, promise));
        let Some(outcome) = promise.known().filter(|_| is_there) else { return };
        let mut described = Described::default();
        let to = outcome.and_then(|reference| match self.describe_resolved(state, &reference, &mut described) {
            Ok(descriptor) => Ok((descriptor, reference)),
            Err(error) => Err(Arc::new(Breakage::from(error))),
        });
        match to {
            Ok((descriptor, reference)) => {
                state.push(&Frame::Resolve(Resolve { promise: export, to: Resolution::Reference(descriptor) }));
                self.say_broken(state, &described);
                // From here on calls on the promise stand in the line before the object itself, where the peer's next ones will be.
                if let Ok(servant) = super::promised::servant_of(&reference)
                    && let Some(place) = state.servants.get_mut(export.index as usize)
                    && let Some(before) = place.replace(crate::around::incoming(self.node.incoming(), registry::enter(&servant)))
                {
                    registry::leave(&*before);
                    after.rest().servants.push(before);
                }
            }
            Err(breakage) => self.resolve_to_nothing(state, export, &breakage),
        }
    }

    fn resolve_behind(&self, state: &mut State, export: ExportId, promise: &Arc<Promise>) {
        let marker = super::embargo::marker(export.index);
        state.lines.push(promise.line(), InLine::Ready(marker, Turn::Resolve(export, Arc::clone(promise))));
    }

    /// What is called in place of a promise that is known: from when no call is left in the line before the promise, calls on it stand in
    /// the line before what it has become, by whatever name it is called.
    pub(super) fn in_place_of(&self, state: &State, servant: Arc<dyn Servant>) -> Arc<dyn Servant> {
        let mut servant = servant;
        for _ in 0..PROMISES_MAX {
            let Some(promise) = Arc::clone(&servant).as_promise() else { return servant };
            let Some(Ok(known)) = promise.known().filter(|_| !state.lines.has(promise.line())) else { return servant };
            let Ok(known) = super::promised::servant_of(&known) else { return servant };
            servant = crate::around::incoming(self.node.incoming(), known);
        }
        servant
    }

    fn resolve_to_nothing(&self, state: &mut State, export: ExportId, breakage: &Breakage) {
        let error = self.hushed(breakage.error());
        let mut bytes = Vec::new();
        if crate::codec::encode(Codec::Bincode, &Verbatim(error.clone()), &mut bytes, ERROR_BYTES_MAX).is_err() {
            // What it comes from is left out, so that it fits one frame.
            bytes.clear();
            let short = Error::new(error.kind(), error.outcome(), error.text()).with_fault(error.fault());
            let _ = crate::codec::encode(Codec::Bincode, &Verbatim(short), &mut bytes, ERROR_BYTES_MAX);
        }
        state.push(&Frame::Resolve(Resolve { promise: export, to: Resolution::Error(&bytes) }));
    }

    /// As in a message, but for what goes by its identity alone: nothing would say when it was read.
    fn describe_resolved(&self, state: &mut State, reference: &AnyRemote, described: &mut Described) -> Result<Descriptor<'static>, Error> {
        match &reference.place {
            Place::There(import) if !std::ptr::eq(Arc::as_ptr(import.session()), self) => {
                let servant: Arc<dyn Servant> = Arc::clone(import) as _;
                self.export(state, &servant)
            }
            Place::Promise(promise) if !state.lines.has(promise.line()) => match promise.known() {
                Some(Ok(known)) => self.describe_resolved(state, &known, described),
                Some(Err(_)) | None => self.describe_one(state, reference, Carrier::Message, described),
            },
            _ => self.describe_one(state, reference, Carrier::Message, described),
        }
    }

    fn import(
        self: &Arc<Self>,
        state: &mut State,
        export: ExportId,
        interface: u32,
        identity: &Identity,
        after: &mut Afterwards,
    ) -> Result<AnyRemote, Rule> {
        let interface = Arc::clone(state.proto.peer.interface(interface).ok_or(Rule::Definition)?);
        state.proto.imports.receive(export)?;
        let index = export.index as usize;
        if index >= state.imports.len() {
            state.imports.resize_with(index + 1, Weak::new);
        }
        if let Some(known) = sync::upgrade(&state.imports[index])
            && known.id == export
        {
            received_again(&known);
            return Ok(AnyRemote::there(known));
        }
        let origin = match *identity {
            Identity::Own { number, tag } => Origin::Peer { number, tag },
            Identity::Foreign { node, incarnation, number, tag } => Origin::Elsewhere { key: ObjectKey { node, incarnation, number }, tag },
        };
        let import = Arc::new(Import::new(Arc::clone(self), export, Arc::clone(&interface), origin));
        state.imports[index] = Arc::downgrade(&import);
        let reference = AnyRemote::there(Arc::clone(&import));
        let ((node, incarnation), number, tag) = import.identity();
        // An object that was asked for its key before any node exported it belongs to the process, and comes home to that node.
        if [self.node.identity(), process_identity()].contains(&(node, incarnation))
            && let Some(servant) = registry::find(number, &interface, tag)
            && servant.meta().is_none_or(|meta| meta.exported_by(self.node.identity()) == self.node.identity())
        {
            // Home again by a way round: the object itself, and the way round is given back.
            after.rest().references.push(reference);
            return Ok(reference_to(servant));
        }
        Ok(reference)
    }
}

/// The interface of a promise of which it is not known yet what it is used as. No trait has this name.
pub(super) const ANY: &str = "netref::Any";

/// What is said of a promise that came to nothing takes no more.
const ERROR_BYTES_MAX: u64 = 1 << 15;

/// A reference to what an export table holds: an object of this node, or one that it only passes on.
fn reference_to(servant: Arc<dyn Servant>) -> AnyRemote {
    let servant = Arc::clone(&servant).exported().unwrap_or(servant);
    if let Some(import) = Arc::clone(&servant).as_import() {
        return AnyRemote::there(import);
    }
    match Arc::clone(&servant).as_promise() {
        Some(promise) => AnyRemote::promise(promise),
        None => AnyRemote::here(servant),
    }
}

impl State {
    /// This side's number for an interface, told to the peer when it is new.
    pub(super) fn define_interface(&mut self, name: &str) -> Result<u32, Error> {
        if name.is_empty() || name.len() > NAME_MAX {
            let text = format!("the name of an interface has 1 to {NAME_MAX} bytes");
            return Err(Error::new(ErrorKind::Misuse, Outcome::NotRun, text));
        }
        let number = self.proto.own.interface(name).ok_or_else(too_many_definitions)?;
        if number.is_new {
            self.push(&Frame::Define(Define { interface: number.value, name, methods: Vec::new() }));
        }
        Ok(number.value)
    }
}

pub(super) fn too_many_definitions() -> Error {
    Error::new(ErrorKind::Overloaded, Outcome::NotRun, "the peer takes no more definitions of interfaces and methods on this session")
}

#[cfg(test)]
mod tests;
