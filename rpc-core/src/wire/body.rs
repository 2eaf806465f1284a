//! Owns what travels beside and inside a message: targets, bodies, and the descriptions of references. It knows nothing of the objects
//! and codecs behind them.

use crate::id::{CallId, ExportId, Incarnation, NodeId, StreamId};

use super::decode::Reader;
use super::encode::{put_bytes, put_call_id, put_export_id, put_list, put_stream_id};
use super::varint::put_varint;
use super::{DecodeError, EXPANSION_MAX, EncodeError};

/// The longest way to a reference in the result of a call. What is deeper is called when it is known.
pub const PATH_MAX: usize = 16;

/// What a call is made on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The object by which a node is found: its names and their objects.
    Root,
    /// An object that the receiver exported.
    Export(ExportId),
    /// A reference in the result of a call that has not returned.
    Answer {
        /// The call.
        call: CallId,
        /// The way from its result to the reference.
        path: Vec<u32>,
    },
}

/// A value with the references in it, as the caller's arguments and the callee's result travel.
///
/// The last bytes of the whole body are the bulk segments, one after the other; what is before them is the codec's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Body<'a> {
    /// Which codec wrote the value: 0 is bincode, 1 is JSON. At most 15.
    pub codec: u8,
    /// The references; the value holds indices into this table.
    pub references: Vec<Descriptor<'a>>,
    /// The lengths of the bulk segments; the value holds indices into this table.
    pub segments: Vec<u64>,
    /// The length of the whole body as it travels: the codec's bytes and all segments, or what they were compressed to.
    pub total: u64,
    /// The length that it had before it was compressed; nothing where it was not.
    pub original: Option<u64>,
    /// The first part of it, which is all of it unless chunks follow.
    pub bytes: &'a [u8],
}

impl Body<'_> {
    /// The length of the codec's bytes and all segments, however they travel: what counts against limits and credit.
    #[inline]
    pub fn length(&self) -> u64 {
        self.original.unwrap_or(self.total)
    }

    /// How many bytes more it stands for than travel.
    #[inline]
    pub fn surplus(&self) -> u64 {
        self.original.map_or(0, |original| original.saturating_sub(self.total))
    }

    /// How many bytes are still to come in chunks.
    #[inline]
    pub fn missing(&self) -> u64 {
        self.total.saturating_sub(self.bytes.len() as u64)
    }
}

/// How a reference in a message is to be understood by its receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Descriptor<'a> {
    /// A reference that could not be sent or is broken already.
    Broken {
        /// Why.
        text: &'a str,
    },
    /// An object that lives, or is proxied, at the sender.
    Hosted {
        /// Its export there; the message carries one count of it.
        export: ExportId,
        /// The number under which the sender has defined its interface.
        interface: u32,
        /// Which object it is, so that it can be recognised when it comes back on another way.
        identity: Identity,
    },
    /// What will be an object at the sender.
    Promise {
        /// The promise's export there.
        export: ExportId,
        /// The number of its interface.
        interface: u32,
    },
    /// An object that lives at the receiver, by the export over which the sender holds it.
    Yours {
        /// The export.
        export: ExportId,
    },
    /// A reference in the result of a call that the sender made and the receiver has not answered.
    Answer {
        /// The call.
        call: CallId,
        /// The way from its result to the reference.
        path: Vec<u32>,
    },
    /// An object that lives at the receiver, by its identity: it came to the sender over another session.
    Home {
        /// The number of its interface, defined by the sender.
        interface: u32,
        /// The object's number at the receiver.
        number: u64,
        /// Makes the identity unguessable.
        tag: u64,
    },
    /// An object that lives at a third node.
    ThirdParty {
        /// The third node.
        node: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
        /// What the receiver shows there to collect the object.
        token: [u8; 16],
        /// Where to dial it.
        address: &'a str,
        /// The sender's export that proxies the object until it has been collected.
        vine: ExportId,
    },
    /// A stream whose sending half stays at the sender of this message.
    StreamSender {
        /// The stream.
        stream: StreamId,
        /// What the stream carries.
        kind: u32,
    },
    /// A stream whose receiving half stays at the sender of this message.
    StreamReceiver {
        /// The stream.
        stream: StreamId,
        /// What the stream carries.
        kind: u32,
    },
}

/// Which object a reference means, whatever way it travelled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// An object of the sender itself.
    Own {
        /// Its number there.
        number: u64,
        /// Makes the identity unguessable.
        tag: u64,
    },
    /// An object of another node, for which the sender is a proxy.
    Foreign {
        /// The node where it lives.
        node: NodeId,
        /// Which life of that node.
        incarnation: Incarnation,
        /// Its number there.
        number: u64,
        /// Makes the identity unguessable.
        tag: u64,
    },
}

/// The highest number of a codec: it has four bits.
pub const CODEC_MAX: u8 = 0x0f;

const REFERENCES: u8 = 0x10;
const SEGMENTS: u8 = 0x20;
const CHUNKED: u8 = 0x40;
const COMPRESSED: u8 = 0x80;

/// Appends what comes before the bytes of a body. `chunked_total` is the length of the whole body when chunks follow, `original` the one
/// before it was compressed.
///
/// The caller sees to it that `codec` is at most 15.
#[inline]
pub fn put_body_head(
    out: &mut Vec<u8>,
    codec: u8,
    references: &[Descriptor<'_>],
    segments: &[u64],
    chunked_total: Option<u64>,
    original: Option<u64>,
) {
    debug_assert!(codec < REFERENCES, "a codec's number has four bits");
    let mut head = codec;
    head |= if references.is_empty() { 0 } else { REFERENCES };
    head |= if segments.is_empty() { 0 } else { SEGMENTS };
    head |= if chunked_total.is_some() { CHUNKED } else { 0 };
    head |= if original.is_some() { COMPRESSED } else { 0 };
    out.push(head);
    if !references.is_empty() {
        put_list(out, references, put_descriptor);
    }
    if !segments.is_empty() {
        put_list(out, segments, |out, segment| put_varint(out, *segment));
    }
    if let Some(total) = chunked_total {
        put_varint(out, total);
    }
    if let Some(original) = original {
        put_varint(out, original);
    }
}

pub(super) fn put_body(out: &mut Vec<u8>, body: &Body<'_>) -> Result<(), EncodeError> {
    let here = body.bytes.len() as u64;
    if body.codec >= REFERENCES {
        return Err(EncodeError::CodecTooLarge);
    }
    if body.total < here {
        return Err(EncodeError::TotalTooSmall);
    }
    if body.original.is_some_and(|original| !is_compressed(body.total, original)) {
        return Err(EncodeError::NotCompressed);
    }
    if !segments_fit(&body.segments, body.length()) {
        return Err(EncodeError::SegmentsTooLong);
    }
    let chunked_total = (body.total > here).then_some(body.total);
    put_body_head(out, body.codec, &body.references, &body.segments, chunked_total, body.original);
    out.extend_from_slice(body.bytes);
    Ok(())
}

/// Appends one description of a reference.
pub fn put_descriptor(out: &mut Vec<u8>, descriptor: &Descriptor<'_>) {
    match descriptor {
        Descriptor::Broken { text } => {
            put_varint(out, 0);
            put_bytes(out, text.as_bytes());
        }
        Descriptor::Hosted { export, interface, identity } => {
            put_varint(out, 1);
            put_export_id(out, *export);
            put_varint(out, (*interface).into());
            put_identity(out, identity);
        }
        Descriptor::Promise { export, interface } => {
            put_varint(out, 2);
            put_export_id(out, *export);
            put_varint(out, (*interface).into());
        }
        Descriptor::Yours { export } => {
            put_varint(out, 3);
            put_export_id(out, *export);
        }
        Descriptor::Answer { call, path } => {
            put_varint(out, 4);
            put_answer(out, *call, path);
        }
        Descriptor::Home { interface, number, tag } => {
            put_varint(out, 5);
            put_varint(out, (*interface).into());
            put_number_and_tag(out, *number, *tag);
        }
        Descriptor::ThirdParty { node, incarnation, token, address, vine } => {
            put_varint(out, 6);
            put_node(out, *node, *incarnation);
            out.extend_from_slice(token);
            put_bytes(out, address.as_bytes());
            put_export_id(out, *vine);
        }
        Descriptor::StreamSender { stream, kind } => {
            put_varint(out, 7);
            put_stream_id(out, *stream);
            put_varint(out, (*kind).into());
        }
        Descriptor::StreamReceiver { stream, kind } => {
            put_varint(out, 8);
            put_stream_id(out, *stream);
            put_varint(out, (*kind).into());
        }
    }
}

fn put_identity(out: &mut Vec<u8>, identity: &Identity) {
    match identity {
        Identity::Own { number, tag } => {
            put_varint(out, 0);
            put_number_and_tag(out, *number, *tag);
        }
        Identity::Foreign { node, incarnation, number, tag } => {
            put_varint(out, 1);
            put_node(out, *node, *incarnation);
            put_number_and_tag(out, *number, *tag);
        }
    }
}

/// Appends what a call is made on.
#[inline]
pub fn put_target(out: &mut Vec<u8>, target: &Target) {
    match target {
        Target::Root => put_varint(out, 0),
        Target::Export(export) => {
            put_varint(out, 1);
            put_export_id(out, *export);
        }
        Target::Answer { call, path } => {
            put_varint(out, 2);
            put_answer(out, *call, path);
        }
    }
}

fn put_answer(out: &mut Vec<u8>, call: CallId, path: &[u32]) {
    put_call_id(out, call);
    put_list(out, path, |out, step| put_varint(out, (*step).into()));
}

fn put_node(out: &mut Vec<u8>, node: NodeId, incarnation: Incarnation) {
    out.extend_from_slice(&node.0.to_le_bytes());
    out.extend_from_slice(&incarnation.0.to_le_bytes());
}

fn put_number_and_tag(out: &mut Vec<u8>, number: u64, tag: u64) {
    put_varint(out, number);
    out.extend_from_slice(&tag.to_le_bytes());
}

impl<'a> Reader<'a> {
    #[inline(always)]
    pub(super) fn target(&mut self) -> Result<Target, DecodeError> {
        match self.varint()? {
            0 => Ok(Target::Root),
            1 => Ok(Target::Export(self.export_id()?)),
            2 => Ok(Target::Answer { call: self.call_id()?, path: self.path()? }),
            other => Err(DecodeError::UnknownTarget(other)),
        }
    }

    #[cold]
    fn path(&mut self) -> Result<Vec<u32>, DecodeError> {
        let count = self.count(1)?;
        // Kept in memory many times as long as it travels, for each reference of a message.
        if count > PATH_MAX {
            return Err(DecodeError::PathTooLong);
        }
        (0..count).map(|_| self.number()).collect()
    }

    #[inline(always)]
    pub(super) fn body(&mut self) -> Result<Body<'a>, DecodeError> {
        let head = self.byte()?;
        let references = if head & REFERENCES != 0 { self.descriptors()? } else { Vec::new() };
        let segments = if head & SEGMENTS != 0 { self.segments()? } else { Vec::new() };
        let announced = if head & CHUNKED != 0 { Some(self.varint()?) } else { None };
        let original = if head & COMPRESSED != 0 { Some(self.varint()?) } else { None };
        let bytes = self.take_rest();
        let here = bytes.len() as u64;
        let total = announced.unwrap_or(here);
        if announced.is_some() && total <= here {
            return Err(DecodeError::TotalTooSmall);
        }
        if original.is_some_and(|original| !is_compressed(total, original)) {
            return Err(DecodeError::NotCompressed);
        }
        if !segments_fit(&segments, original.unwrap_or(total)) {
            return Err(DecodeError::SegmentsTooLong);
        }
        Ok(Body { codec: head & 0x0f, references, segments, total, original, bytes })
    }

    #[inline(never)]
    fn segments(&mut self) -> Result<Vec<u64>, DecodeError> {
        self.some_list(1, Self::varint)
    }

    /// A list of references that is there because it has at least one. The shortest is a broken one without a text.
    #[inline(never)]
    pub(super) fn descriptors(&mut self) -> Result<Vec<Descriptor<'a>>, DecodeError> {
        self.some_list(2, Self::descriptor)
    }

    pub(super) fn descriptor(&mut self) -> Result<Descriptor<'a>, DecodeError> {
        Ok(match self.varint()? {
            0 => Descriptor::Broken { text: self.text()? },
            1 => Descriptor::Hosted { export: self.export_id()?, interface: self.number()?, identity: self.identity()? },
            2 => Descriptor::Promise { export: self.export_id()?, interface: self.number()? },
            3 => Descriptor::Yours { export: self.export_id()? },
            4 => Descriptor::Answer { call: self.call_id()?, path: self.path()? },
            5 => Descriptor::Home { interface: self.number()?, number: self.varint()?, tag: self.u64()? },
            6 => Descriptor::ThirdParty {
                node: NodeId(self.u128()?),
                incarnation: Incarnation(self.u64()?),
                token: self.array()?,
                address: self.text()?,
                vine: self.export_id()?,
            },
            7 => Descriptor::StreamSender { stream: self.stream_id()?, kind: self.number()? },
            8 => Descriptor::StreamReceiver { stream: self.stream_id()?, kind: self.number()? },
            other => return Err(DecodeError::UnknownDescriptor(other)),
        })
    }

    fn identity(&mut self) -> Result<Identity, DecodeError> {
        match self.varint()? {
            0 => Ok(Identity::Own { number: self.varint()?, tag: self.u64()? }),
            1 => Ok(Identity::Foreign {
                node: NodeId(self.u128()?),
                incarnation: Incarnation(self.u64()?),
                number: self.varint()?,
                tag: self.u64()?,
            }),
            other => Err(DecodeError::UnknownIdentity(other)),
        }
    }
}

/// Whether `total` bytes can be what `original` bytes were compressed to: fewer, and no fewer than it takes to tell of so many.
fn is_compressed(total: u64, original: u64) -> bool {
    total < original && original <= total.saturating_mul(EXPANSION_MAX)
}

fn segments_fit(segments: &[u64], total: u64) -> bool {
    let sum = segments.iter().try_fold(0_u64, |sum, segment| sum.checked_add(*segment));
    sum.is_some_and(|sum| sum <= total)
}
