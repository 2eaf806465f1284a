//! Owns the way from frames to bytes, and the field writers for those who write a frame without building it first. It knows nothing of
//! buffers and when they are flushed.

use crate::id::{CallId, ExportId, StreamId};

use super::body::{put_body, put_descriptor, put_target};
use super::frame::{
    Call, Chain, Chunk, Collect, Define, Disembargo, DisembargoContext, Finish, Frame, GoAway, Provide, Refused, Release, Resolution,
    Resolve, Return, Status, StreamClose, StreamCredit, StreamData, Trace,
};
use super::hello::{put_accept, put_hello, put_refuse, put_start};
use super::varint::put_varint;
use super::{EncodeError, FRAME_MAX, NAME_MAX, SIGNATURE_MAX, STRUCTURE_MAX, Target, call_flag, finish_flag, stream_flag};

/// Appends a frame with its length.
///
/// ```
/// use netref::wire::{self, Frame, Ping};
///
/// let mut out = Vec::new();
/// wire::encode(&Frame::Ping(Ping { token: 7 }), &mut out)?;
/// let (body, consumed) = wire::split(&out).expect("a whole frame");
/// assert_eq!(consumed, out.len());
/// assert_eq!(wire::decode(body)?, Frame::Ping(Ping { token: 7 }));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The rule that the frame would break; `out` is then as it was.
pub fn encode(frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mark = begin(out, frame.kind());
    let written = put_fields(out, frame).and_then(|()| end(out, mark));
    if written.is_err() {
        out.truncate(mark);
    }
    written
}

fn put_fields(out: &mut Vec<u8>, frame: &Frame<'_>) -> Result<(), EncodeError> {
    match frame {
        Frame::Hello(hello) => put_hello(out, hello)?,
        Frame::Start(start) => put_start(out, start),
        Frame::Accept(accept) => put_accept(out, accept),
        Frame::Refuse(refuse) => put_refuse(out, refuse),
        Frame::Define(define) => put_define(out, define)?,
        Frame::Call(call) => put_call(out, call)?,
        Frame::Return(answer) => put_return(out, answer)?,
        Frame::Finish(finish) => put_finish(out, finish),
        Frame::Release(release) => put_release(out, release)?,
        Frame::Resolve(resolve) => put_resolve(out, resolve),
        Frame::Disembargo(disembargo) => put_disembargo(out, disembargo),
        Frame::Chunk(chunk) => put_chunk(out, chunk),
        Frame::StreamData(data) => put_stream_data(out, data),
        Frame::StreamCredit(credit) => put_stream_credit(out, credit),
        Frame::StreamClose(close) => put_stream_close(out, close),
        Frame::Credit(credit) => {
            put_varint(out, credit.window as u64);
            put_varint(out, credit.bytes);
        }
        Frame::Provide(provide) => put_provide(out, provide),
        Frame::Collect(collect) => put_collect(out, collect),
        Frame::GoAway(go_away) => put_go_away(out, go_away),
        Frame::Refused(refused) => put_refused(out, refused),
        Frame::Ack(ack) => put_varint(out, ack.received),
        Frame::Ping(ping) => out.extend_from_slice(&ping.token.to_le_bytes()),
        Frame::Pong(pong) => out.extend_from_slice(&pong.token.to_le_bytes()),
    }
    Ok(())
}

/// Begins a frame of a [`kind`](super::kind) and returns the mark that [`end`] wants. The fields are appended in between.
#[inline]
pub fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let mark = out.len();
    out.extend_from_slice(&[0, 0, kind]);
    mark
}

/// Ends the frame begun at `mark` by writing its length.
///
/// # Errors
///
/// [`EncodeError::TooLong`] when the frame has more than [`FRAME_MAX`] bytes; the frame is then taken back.
#[inline]
pub fn end(out: &mut Vec<u8>, mark: usize) -> Result<(), EncodeError> {
    let body_len = out.len() - mark - 2;
    debug_assert!(body_len > 0, "a frame begins with its kind");
    if body_len > FRAME_MAX {
        out.truncate(mark);
        return Err(EncodeError::TooLong);
    }
    out[mark..mark + 2].copy_from_slice(&((body_len - 1) as u16).to_le_bytes());
    Ok(())
}

/// What a call says before its arguments, borrowed, for those who write it without a [`Call`].
#[derive(Clone, Copy, Debug)]
pub struct CallHead<'a> {
    /// See [`Call::id`].
    pub id: CallId,
    /// See [`Call::target`].
    pub target: &'a Target,
    /// See [`Call::method`].
    pub method: u32,
    /// See [`Call::deadline_us`].
    pub deadline_us: Option<u64>,
    /// See [`Call::chain`].
    pub chain: Option<&'a Chain>,
    /// See [`Call::trace`].
    pub trace: Option<Trace>,
    /// See [`Call::oneway`].
    pub oneway: bool,
    /// See [`Call::idempotent`].
    pub idempotent: bool,
    /// See [`Call::nested`].
    pub nested: bool,
    /// See [`Call::promised`].
    pub promised: bool,
    /// See [`Call::extensions`].
    pub extensions: &'a [(u64, &'a [u8])],
}

impl CallHead<'_> {
    fn flags(&self) -> u64 {
        let mut flags = 0;
        let mut set = |flag, is_set| flags |= if is_set { flag } else { 0 };
        set(call_flag::DEADLINE, self.deadline_us.is_some());
        set(call_flag::CHAIN, self.chain.is_some());
        set(call_flag::TRACE, self.trace.is_some());
        set(call_flag::ONEWAY, self.oneway);
        set(call_flag::IDEMPOTENT, self.idempotent);
        set(call_flag::NESTED, self.nested);
        set(call_flag::PROMISED, self.promised);
        set(call_flag::EXTENSIONS, !self.extensions.is_empty());
        flags
    }
}

/// Appends what a call says before its body.
#[inline]
pub fn put_call_head(out: &mut Vec<u8>, head: &CallHead<'_>) {
    put_call_id(out, head.id);
    put_target(out, head.target);
    put_varint(out, head.method.into());
    put_varint(out, head.flags());
    if let Some(deadline_us) = head.deadline_us {
        put_varint(out, deadline_us);
    }
    if let Some(chain) = head.chain {
        out.extend_from_slice(&chain.root);
        put_list(out, &chain.holds, |out, hold| out.extend_from_slice(hold));
    }
    if let Some(trace) = head.trace {
        out.extend_from_slice(&trace.trace_id.to_le_bytes());
        out.extend_from_slice(&trace.span_id.to_le_bytes());
        out.push(trace.flags);
    }
    if !head.extensions.is_empty() {
        put_list(out, head.extensions, |out, (key, value)| {
            put_varint(out, *key);
            put_bytes(out, value);
        });
    }
}

/// Appends what a return says before its body.
#[inline]
pub fn put_return_head(out: &mut Vec<u8>, id: CallId, status: Status) {
    put_call_id(out, id);
    put_varint(out, status as u64);
}

fn put_call(out: &mut Vec<u8>, call: &Call<'_>) -> Result<(), EncodeError> {
    let head = CallHead {
        id: call.id,
        target: &call.target,
        method: call.method,
        deadline_us: call.deadline_us,
        chain: call.chain.as_ref(),
        trace: call.trace,
        oneway: call.oneway,
        idempotent: call.idempotent,
        nested: call.nested,
        promised: call.promised,
        extensions: &call.extensions,
    };
    put_call_head(out, &head);
    put_body(out, &call.body)
}

fn put_return(out: &mut Vec<u8>, answer: &Return<'_>) -> Result<(), EncodeError> {
    put_return_head(out, answer.id, answer.status);
    put_body(out, &answer.body)
}

fn put_define(out: &mut Vec<u8>, define: &Define<'_>) -> Result<(), EncodeError> {
    checked_len(define.name, NAME_MAX, EncodeError::NameTooLong)?;
    for method in &define.methods {
        checked_len(method.name, NAME_MAX, EncodeError::NameTooLong)?;
        checked_len(method.signature, SIGNATURE_MAX, EncodeError::SignatureTooLong)?;
        if method.structure.len() > STRUCTURE_MAX {
            return Err(EncodeError::StructureTooLong);
        }
    }
    put_varint(out, define.interface.into());
    put_bytes(out, define.name.as_bytes());
    put_list(out, &define.methods, |out, method| {
        put_varint(out, method.number.into());
        put_bytes(out, method.name.as_bytes());
        out.extend_from_slice(&method.fingerprint.to_le_bytes());
        put_bytes(out, method.signature.as_bytes());
        put_bytes(out, method.structure);
    });
    Ok(())
}

fn put_finish(out: &mut Vec<u8>, finish: &Finish) {
    put_call_id(out, finish.id);
    let cancel = if finish.cancel { finish_flag::CANCEL } else { 0 };
    let release = if finish.release_results { finish_flag::RELEASE_RESULTS } else { 0 };
    put_varint(out, cancel | release);
}

fn put_release(out: &mut Vec<u8>, release: &Release) -> Result<(), EncodeError> {
    if release.entries.iter().any(|(_, count)| *count == 0) {
        return Err(EncodeError::ReleaseOfNothing);
    }
    put_list(out, &release.entries, |out, (export, count)| {
        put_export_id(out, *export);
        put_varint(out, (*count).into());
    });
    Ok(())
}

fn put_resolve(out: &mut Vec<u8>, resolve: &Resolve<'_>) {
    put_export_id(out, resolve.promise);
    match &resolve.to {
        Resolution::Reference(descriptor) => {
            put_varint(out, 0);
            put_descriptor(out, descriptor);
        }
        Resolution::Error(error) => {
            put_varint(out, 1);
            put_bytes(out, error);
        }
    }
}

fn put_disembargo(out: &mut Vec<u8>, disembargo: &Disembargo) {
    put_varint(out, disembargo.embargo.into());
    match &disembargo.context {
        DisembargoContext::SenderLoopback(target) => {
            put_varint(out, 0);
            put_target(out, target);
        }
        DisembargoContext::ReceiverLoopback => put_varint(out, 1),
    }
}

fn put_chunk(out: &mut Vec<u8>, chunk: &Chunk<'_>) {
    put_varint(out, chunk.of as u64);
    put_call_id(out, chunk.id);
    out.extend_from_slice(chunk.bytes);
}

fn put_stream_data(out: &mut Vec<u8>, data: &StreamData<'_>) {
    put_stream_id(out, data.id);
    let end = if data.end_of_item { stream_flag::END_OF_ITEM } else { 0 };
    let references = if data.references.is_empty() { 0 } else { stream_flag::REFERENCES };
    put_varint(out, end | references);
    if !data.references.is_empty() {
        put_list(out, &data.references, put_descriptor);
    }
    out.extend_from_slice(data.bytes);
}

fn put_stream_credit(out: &mut Vec<u8>, credit: &StreamCredit) {
    put_stream_id(out, credit.id);
    put_varint(out, credit.bytes);
}

fn put_stream_close(out: &mut Vec<u8>, close: &StreamClose<'_>) {
    put_stream_id(out, close.id);
    let by_receiver = if close.by_receiver { stream_flag::BY_RECEIVER } else { 0 };
    let error = if close.error.is_some() { stream_flag::ERROR } else { 0 };
    put_varint(out, by_receiver | error);
    if let Some(error) = close.error {
        put_bytes(out, error);
    }
}

fn put_provide(out: &mut Vec<u8>, provide: &Provide) {
    put_target(out, &provide.target);
    out.extend_from_slice(&provide.token);
}

fn put_collect(out: &mut Vec<u8>, collect: &Collect) {
    put_call_id(out, collect.id);
    out.extend_from_slice(&collect.token);
}

fn put_go_away(out: &mut Vec<u8>, go_away: &GoAway<'_>) {
    put_varint(out, go_away.last_call);
    put_varint(out, go_away.code.into());
    put_bytes(out, go_away.text.as_bytes());
}

fn put_refused(out: &mut Vec<u8>, refused: &Refused<'_>) {
    out.push(refused.kind);
    put_varint(out, refused.code.into());
    put_bytes(out, refused.text.as_bytes());
}

/// Appends bytes, or a text's bytes, after their length.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends the name of a call.
#[inline]
pub fn put_call_id(out: &mut Vec<u8>, id: CallId) {
    put_varint(out, id.index.into());
    put_varint(out, id.generation.into());
}

/// Appends the name of an export.
#[inline]
pub fn put_export_id(out: &mut Vec<u8>, id: ExportId) {
    put_varint(out, id.index.into());
    put_varint(out, id.generation.into());
}

/// Appends the name of a stream.
#[inline]
pub fn put_stream_id(out: &mut Vec<u8>, id: StreamId) {
    put_varint(out, id.index.into());
    put_varint(out, id.generation.into());
}

pub(super) fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    put_varint(out, items.len() as u64);
    for item in items {
        put(out, item);
    }
}

pub(super) fn checked_len(text: &str, len_max: usize, error: EncodeError) -> Result<(), EncodeError> {
    if text.len() > len_max { Err(error) } else { Ok(()) }
}
