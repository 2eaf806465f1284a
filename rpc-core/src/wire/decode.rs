//! Owns the way from bytes to frames. It is total: any bytes give a frame or the one rule they break, without a panic and without an
//! allocation larger than they could fill. It knows nothing of what a session allows.

use crate::id::{CallId, ExportId, StreamId};

use super::frame::{
    Ack, Call, Chain, Chunk, ChunkOf, Collect, Credit, Define, DefineMethod, Disembargo, DisembargoContext, Finish, Frame, GoAway, Ping,
    Pong, Provide, Refused, Release, Resolution, Resolve, Return, Status, StreamClose, StreamCredit, StreamData, Trace, Window, kind,
};
use super::varint::split_varint;
use super::{DecodeError, NAME_MAX, SIGNATURE_MAX, STRUCTURE_MAX, call_flag, finish_flag, stream_flag};

/// The body of the first frame in `buffer`, and how many bytes of `buffer` it takes with its length. Nothing while it is incomplete.
#[inline]
pub fn split(buffer: &[u8]) -> Option<(&[u8], usize)> {
    let [low, high, rest @ ..] = buffer else {
        return None;
    };
    let body_len = usize::from(u16::from_le_bytes([*low, *high])) + 1;
    rest.get(..body_len).map(|body| (body, 2 + body_len))
}

/// The frame in `body`, which [`split`] has found. It borrows its texts and payloads, and allocates only for lists that have entries.
///
/// # Errors
///
/// The first rule that the bytes break.
pub fn decode(body: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let Some((&kind, rest)) = body.split_first() else {
        return Err(DecodeError::Empty);
    };
    let mut reader = Reader { rest };
    let frame = reader.frame(kind)?;
    if reader.rest.is_empty() { Ok(frame) } else { Err(DecodeError::TrailingBytes) }
}

/// The call in a body that begins with [`kind::CALL`]. Calls and returns are nearly all frames: as values of their own, and built from
/// inlined parts, they are not copied from one result into the next.
///
/// # Errors
///
/// The first rule that the bytes break.
#[inline]
pub(crate) fn decode_call(body: &[u8]) -> Result<Call<'_>, DecodeError> {
    // A call ends with its arguments, so nothing can trail.
    Reader { rest: body.get(1..).unwrap_or_default() }.call()
}

/// The return in a body that begins with [`kind::RETURN`].
///
/// # Errors
///
/// The first rule that the bytes break.
#[inline]
pub(crate) fn decode_return(body: &[u8]) -> Result<Return<'_>, DecodeError> {
    Reader { rest: body.get(1..).unwrap_or_default() }.answer()
}

/// The data in a body that begins with [`kind::STREAM_DATA`]. It is nearly all of a session that carries streams.
///
/// # Errors
///
/// The first rule that the bytes break.
#[inline]
pub(crate) fn decode_stream_data(body: &[u8]) -> Result<StreamData<'_>, DecodeError> {
    Reader { rest: body.get(1..).unwrap_or_default() }.stream_data()
}

/// What is left of a frame.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    fn frame(&mut self, kind: u8) -> Result<Frame<'a>, DecodeError> {
        Ok(match kind {
            kind::HELLO => Frame::Hello(self.hello()?),
            kind::START => Frame::Start(self.start()?),
            kind::ACCEPT => Frame::Accept(self.accept()?),
            kind::REFUSE => Frame::Refuse(self.refuse()?),
            kind::DEFINE => Frame::Define(self.define()?),
            kind::CALL => Frame::Call(self.call()?),
            kind::RETURN => Frame::Return(self.answer()?),
            kind::FINISH => Frame::Finish(self.finish()?),
            kind::RELEASE => Frame::Release(self.release()?),
            kind::RESOLVE => Frame::Resolve(self.resolve()?),
            kind::DISEMBARGO => Frame::Disembargo(self.disembargo()?),
            kind::CHUNK => Frame::Chunk(self.chunk()?),
            kind::STREAM_DATA => Frame::StreamData(self.stream_data()?),
            kind::STREAM_CREDIT => Frame::StreamCredit(StreamCredit { id: self.stream_id()?, bytes: self.varint()? }),
            kind::STREAM_CLOSE => Frame::StreamClose(self.stream_close()?),
            kind::CREDIT => Frame::Credit(Credit { window: self.window()?, bytes: self.varint()? }),
            kind::PROVIDE => Frame::Provide(Provide { target: self.target()?, token: self.array()? }),
            kind::COLLECT => Frame::Collect(Collect { id: self.call_id()?, token: self.array()? }),
            kind::GO_AWAY => Frame::GoAway(self.go_away()?),
            kind::REFUSED => Frame::Refused(self.refused()?),
            kind::ACK => Frame::Ack(Ack { received: self.varint()? }),
            kind::PING => Frame::Ping(Ping { token: self.u64()? }),
            kind::PONG => Frame::Pong(Pong { token: self.u64()? }),
            unknown => return Err(DecodeError::UnknownKind(unknown)),
        })
    }

    fn define(&mut self) -> Result<Define<'a>, DecodeError> {
        Ok(Define {
            interface: self.number()?,
            name: self.name()?,
            // A number, two empty texts, a fingerprint and no structure.
            methods: self.list(12, Self::define_method)?,
        })
    }

    fn define_method(&mut self) -> Result<DefineMethod<'a>, DecodeError> {
        Ok(DefineMethod {
            number: self.number()?,
            name: self.name()?,
            fingerprint: self.u64()?,
            signature: self.short_text(SIGNATURE_MAX, DecodeError::SignatureTooLong)?,
            structure: self.structure()?,
        })
    }

    #[inline(always)]
    fn call(&mut self) -> Result<Call<'a>, DecodeError> {
        let id = self.call_id()?;
        let target = self.target()?;
        let method = self.number()?;
        let flags = self.flags(call_flag::ALL)?;
        Ok(Call {
            id,
            target,
            method,
            deadline_us: if flags & call_flag::DEADLINE != 0 { Some(self.varint()?) } else { None },
            chain: if flags & call_flag::CHAIN != 0 { Some(self.chain()?) } else { None },
            trace: if flags & call_flag::TRACE != 0 { Some(self.trace()?) } else { None },
            oneway: flags & call_flag::ONEWAY != 0,
            idempotent: flags & call_flag::IDEMPOTENT != 0,
            nested: flags & call_flag::NESTED != 0,
            promised: flags & call_flag::PROMISED != 0,
            extensions: if flags & call_flag::EXTENSIONS != 0 { self.extensions()? } else { Vec::new() },
            body: self.body()?,
        })
    }

    #[cold]
    fn chain(&mut self) -> Result<Chain, DecodeError> {
        Ok(Chain { root: self.array()?, holds: self.list(16, Self::array)? })
    }

    #[cold]
    fn trace(&mut self) -> Result<Trace, DecodeError> {
        Ok(Trace { trace_id: self.u128()?, span_id: self.u64()?, flags: self.byte()? })
    }

    #[cold]
    fn extensions(&mut self) -> Result<Vec<(u64, &'a [u8])>, DecodeError> {
        self.some_list(2, |reader| Ok((reader.varint()?, reader.bytes()?)))
    }

    #[inline(always)]
    fn answer(&mut self) -> Result<Return<'a>, DecodeError> {
        Ok(Return { id: self.call_id()?, status: self.status()?, body: self.body()? })
    }

    #[inline(always)]
    fn status(&mut self) -> Result<Status, DecodeError> {
        match self.varint()? {
            0 => Ok(Status::Ok),
            1 => Ok(Status::AppError),
            2 => Ok(Status::SystemError),
            3 => Ok(Status::Cancelled),
            4 => Ok(Status::Broken),
            other => Err(DecodeError::UnknownStatus(other)),
        }
    }

    fn finish(&mut self) -> Result<Finish, DecodeError> {
        let id = self.call_id()?;
        let flags = self.flags(finish_flag::ALL)?;
        let cancel = flags & finish_flag::CANCEL != 0;
        Ok(Finish { id, cancel, release_results: flags & finish_flag::RELEASE_RESULTS != 0 })
    }

    fn release(&mut self) -> Result<Release, DecodeError> {
        let entries = self.list(3, |reader| match (reader.export_id()?, reader.number()?) {
            (_, 0) => Err(DecodeError::ReleaseOfNothing),
            entry => Ok(entry),
        })?;
        Ok(Release { entries })
    }

    fn resolve(&mut self) -> Result<Resolve<'a>, DecodeError> {
        let promise = self.export_id()?;
        let to = match self.varint()? {
            0 => Resolution::Reference(self.descriptor()?),
            1 => Resolution::Error(self.bytes()?),
            other => return Err(DecodeError::UnknownResolution(other)),
        };
        Ok(Resolve { promise, to })
    }

    fn disembargo(&mut self) -> Result<Disembargo, DecodeError> {
        let embargo = self.number()?;
        let context = match self.varint()? {
            0 => DisembargoContext::SenderLoopback(self.target()?),
            1 => DisembargoContext::ReceiverLoopback,
            other => return Err(DecodeError::UnknownDisembargo(other)),
        };
        Ok(Disembargo { embargo, context })
    }

    fn chunk(&mut self) -> Result<Chunk<'a>, DecodeError> {
        let of = match self.varint()? {
            0 => ChunkOf::Call,
            1 => ChunkOf::Return,
            other => return Err(DecodeError::UnknownChunk(other)),
        };
        Ok(Chunk { of, id: self.call_id()?, bytes: self.take_rest() })
    }

    fn stream_data(&mut self) -> Result<StreamData<'a>, DecodeError> {
        let id = self.stream_id()?;
        let flags = self.flags(stream_flag::END_OF_ITEM | stream_flag::REFERENCES)?;
        Ok(StreamData {
            id,
            end_of_item: flags & stream_flag::END_OF_ITEM != 0,
            references: if flags & stream_flag::REFERENCES != 0 { self.descriptors()? } else { Vec::new() },
            bytes: self.take_rest(),
        })
    }

    fn stream_close(&mut self) -> Result<StreamClose<'a>, DecodeError> {
        let id = self.stream_id()?;
        let flags = self.flags(stream_flag::BY_RECEIVER | stream_flag::ERROR)?;
        Ok(StreamClose {
            id,
            by_receiver: flags & stream_flag::BY_RECEIVER != 0,
            error: if flags & stream_flag::ERROR != 0 { Some(self.bytes()?) } else { None },
        })
    }

    fn window(&mut self) -> Result<Window, DecodeError> {
        match self.varint()? {
            0 => Ok(Window::Calls),
            1 => Ok(Window::Returns),
            2 => Ok(Window::Streams),
            other => Err(DecodeError::UnknownWindow(other)),
        }
    }

    fn go_away(&mut self) -> Result<GoAway<'a>, DecodeError> {
        Ok(GoAway { last_call: self.varint()?, code: self.number()?, text: self.text()? })
    }

    fn refused(&mut self) -> Result<Refused<'a>, DecodeError> {
        Ok(Refused { kind: self.byte()?, code: self.number()?, text: self.text()? })
    }

    #[inline(always)]
    pub(super) fn call_id(&mut self) -> Result<CallId, DecodeError> {
        Ok(CallId { index: self.number()?, generation: self.number()? })
    }

    #[inline(always)]
    pub(super) fn export_id(&mut self) -> Result<ExportId, DecodeError> {
        Ok(ExportId { index: self.number()?, generation: self.number()? })
    }

    pub(super) fn stream_id(&mut self) -> Result<StreamId, DecodeError> {
        Ok(StreamId { index: self.number()?, generation: self.number()? })
    }

    #[inline(always)]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        let (value, rest) = split_varint(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// An integer of a field that has 32 bits.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::NumberTooLarge)
    }

    #[inline(always)]
    fn flags(&mut self, known: u64) -> Result<u64, DecodeError> {
        let flags = self.varint()?;
        if flags & !known == 0 { Ok(flags) } else { Err(DecodeError::UnknownFlags(flags)) }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Result<u128, DecodeError> {
        self.array().map(u128::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.bytes()?).map_err(|_| DecodeError::NotUtf8)
    }

    pub(super) fn short_text(&mut self, len_max: usize, error: DecodeError) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        if bytes.len() > len_max {
            return Err(error);
        }
        str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8)
    }

    fn structure(&mut self) -> Result<&'a [u8], DecodeError> {
        let bytes = self.bytes()?;
        if bytes.len() > STRUCTURE_MAX { Err(DecodeError::StructureTooLong) } else { Ok(bytes) }
    }

    fn name(&mut self) -> Result<&'a str, DecodeError> {
        self.short_text(NAME_MAX, DecodeError::NameTooLong)
    }

    #[inline(always)]
    pub(super) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// How many entries follow, of which each takes at least `len_min` bytes.
    pub(super) fn count(&mut self, len_min: usize) -> Result<usize, DecodeError> {
        let count = self.varint()?;
        // Checked before anything is reserved: an announced count costs the peer nothing.
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() / len_min => Ok(count),
            _ => Err(DecodeError::CountTooLarge),
        }
    }

    pub(super) fn list<T>(&mut self, len_min: usize, read: impl Fn(&mut Self) -> Result<T, DecodeError>) -> Result<Vec<T>, DecodeError> {
        let count = self.count(len_min)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// A list that a flag announced, so that it has at least one entry: a frame has one form only.
    pub(super) fn some_list<T>(
        &mut self,
        len_min: usize,
        read: impl Fn(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let items = self.list(len_min, read)?;
        if items.is_empty() { Err(DecodeError::EmptyList) } else { Ok(items) }
    }
}
