//! Owns the frames as values: one variant and one type per message. How they look as bytes is in `encode` and `decode`, what they do to
//! a session is no concern of this module.

use crate::id::{CallId, ExportId, StreamId};

use super::body::{Body, Descriptor, Target};
use super::hello::{Accept, Hello, Refuse, Start};

/// One message between two nodes. The payloads are borrowed from the buffer it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// A call is by far the most common frame as well as the largest, and a box would cost it an allocation.
#[allow(clippy::large_enum_variant)]
pub enum Frame<'a> {
    /// Says who a side is and what it allows.
    Hello(Hello<'a>),
    /// Asks for a session on this link.
    Start(Start),
    /// Gives a session to this link.
    Accept(Accept),
    /// Gives none.
    Refuse(Refuse<'a>),
    /// Tells the callee what the numbers in later calls mean.
    Define(Define<'a>),
    /// Asks for a method to be run.
    Call(Call<'a>),
    /// Tells how a call went.
    Return(Return<'a>),
    /// Says that the caller is done with a call.
    Finish(Finish),
    /// Gives references back.
    Release(Release),
    /// Tells what a promise has become.
    Resolve(Resolve<'a>),
    /// Shows that everything sent on the old way to an object has arrived.
    Disembargo(Disembargo),
    /// Brings more of a long body.
    Chunk(Chunk<'a>),
    /// Brings more of a stream.
    StreamData(StreamData<'a>),
    /// Lets more of a stream come.
    StreamCredit(StreamCredit),
    /// Ends a stream.
    StreamClose(StreamClose<'a>),
    /// Lets more bodies come.
    Credit(Credit),
    /// Keeps an object ready for a third node.
    Provide(Provide),
    /// Asks for an object that another node had kept ready.
    Collect(Collect),
    /// Says that no more calls are accepted.
    GoAway(GoAway<'a>),
    /// Tells that a frame broke a rule and was skipped.
    Refused(Refused<'a>),
    /// Tells how many frames have been received.
    Ack(Ack),
    /// Asks for a sign of life.
    Ping(Ping),
    /// Gives it.
    Pong(Pong),
}

impl Frame<'_> {
    /// The frame's first byte, see [`kind`].
    pub fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => kind::HELLO,
            Self::Start(_) => kind::START,
            Self::Accept(_) => kind::ACCEPT,
            Self::Refuse(_) => kind::REFUSE,
            Self::Define(_) => kind::DEFINE,
            Self::Call(_) => kind::CALL,
            Self::Return(_) => kind::RETURN,
            Self::Finish(_) => kind::FINISH,
            Self::Release(_) => kind::RELEASE,
            Self::Resolve(_) => kind::RESOLVE,
            Self::Disembargo(_) => kind::DISEMBARGO,
            Self::Chunk(_) => kind::CHUNK,
            Self::StreamData(_) => kind::STREAM_DATA,
            Self::StreamCredit(_) => kind::STREAM_CREDIT,
            Self::StreamClose(_) => kind::STREAM_CLOSE,
            Self::Credit(_) => kind::CREDIT,
            Self::Provide(_) => kind::PROVIDE,
            Self::Collect(_) => kind::COLLECT,
            Self::GoAway(_) => kind::GO_AWAY,
            Self::Refused(_) => kind::REFUSED,
            Self::Ack(_) => kind::ACK,
            Self::Ping(_) => kind::PING,
            Self::Pong(_) => kind::PONG,
        }
    }
}

/// The first byte of each frame.
pub mod kind {
    /// [`Frame::Hello`](super::Frame::Hello)
    pub const HELLO: u8 = 0x01;
    /// [`Frame::Start`](super::Frame::Start)
    pub const START: u8 = 0x02;
    /// [`Frame::Accept`](super::Frame::Accept)
    pub const ACCEPT: u8 = 0x03;
    /// [`Frame::Refuse`](super::Frame::Refuse)
    pub const REFUSE: u8 = 0x04;
    /// [`Frame::Define`](super::Frame::Define)
    pub const DEFINE: u8 = 0x10;
    /// [`Frame::Call`](super::Frame::Call)
    pub const CALL: u8 = 0x11;
    /// [`Frame::Return`](super::Frame::Return)
    pub const RETURN: u8 = 0x12;
    /// [`Frame::Finish`](super::Frame::Finish)
    pub const FINISH: u8 = 0x13;
    /// [`Frame::Release`](super::Frame::Release)
    pub const RELEASE: u8 = 0x14;
    /// [`Frame::Resolve`](super::Frame::Resolve)
    pub const RESOLVE: u8 = 0x15;
    /// [`Frame::Disembargo`](super::Frame::Disembargo)
    pub const DISEMBARGO: u8 = 0x16;
    /// [`Frame::Chunk`](super::Frame::Chunk)
    pub const CHUNK: u8 = 0x17;
    /// [`Frame::StreamData`](super::Frame::StreamData)
    pub const STREAM_DATA: u8 = 0x20;
    /// [`Frame::StreamCredit`](super::Frame::StreamCredit)
    pub const STREAM_CREDIT: u8 = 0x21;
    /// [`Frame::StreamClose`](super::Frame::StreamClose)
    pub const STREAM_CLOSE: u8 = 0x22;
    /// [`Frame::Credit`](super::Frame::Credit)
    pub const CREDIT: u8 = 0x23;
    /// [`Frame::Provide`](super::Frame::Provide)
    pub const PROVIDE: u8 = 0x28;
    /// [`Frame::Collect`](super::Frame::Collect)
    pub const COLLECT: u8 = 0x29;
    /// [`Frame::GoAway`](super::Frame::GoAway)
    pub const GO_AWAY: u8 = 0x30;
    /// [`Frame::Refused`](super::Frame::Refused)
    pub const REFUSED: u8 = 0x31;
    /// [`Frame::Ack`](super::Frame::Ack)
    pub const ACK: u8 = 0x38;
    /// [`Frame::Ping`](super::Frame::Ping)
    pub const PING: u8 = 0x39;
    /// [`Frame::Pong`](super::Frame::Pong)
    pub const PONG: u8 = 0x3a;

    /// Whether frames of this kind are counted by the session. It holds for kinds that are not known too, so that both sides go on
    /// counting alike when one of them has learnt a new frame.
    pub const fn is_numbered(kind: u8) -> bool {
        !matches!(kind, 0x00..=0x0f | 0x38..=0x3f)
    }
}

/// Tells the callee what the numbers in later calls and references of this sender mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Define<'a> {
    /// The sender's number for the interface: 0 for the first, and one more for each.
    pub interface: u32,
    /// Its name, or nothing when the number has been defined before and only methods are added.
    pub name: &'a str,
    /// Methods of it.
    pub methods: Vec<DefineMethod<'a>>,
}

/// What a method's number in later calls means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DefineMethod<'a> {
    /// The sender's number for the method, over all interfaces: 0 for the first, and one more for each.
    pub number: u32,
    /// Its name.
    pub name: &'a str,
    /// A digest of its arguments and result.
    pub fingerprint: u64,
    /// Its signature for people.
    pub signature: &'a str,
    /// What its types are made of; empty when that is not said.
    pub structure: &'a [u8],
}

/// Asks for a method to be run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call<'a> {
    /// The caller's name for the call.
    pub id: CallId,
    /// What it is made on.
    pub target: Target,
    /// The number of the method, as the caller defined it.
    pub method: u32,
    /// How much time is left, in microseconds.
    pub deadline_us: Option<u64>,
    /// What the call descends from.
    pub chain: Option<Chain>,
    /// The trace it belongs to.
    pub trace: Option<Trace>,
    /// The caller wants no return.
    pub oneway: bool,
    /// The method may run more than once.
    pub idempotent: bool,
    /// The call is made inside a handler, and draws on the second pool of credit.
    pub nested: bool,
    /// Its result is called ahead, and kept until a finish.
    pub promised: bool,
    /// What later versions add, by key; unknown keys are ignored.
    pub extensions: Vec<(u64, &'a [u8])>,
    /// The arguments.
    pub body: Body<'a>,
}

/// The calls from which a call descends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// The call that began it.
    pub root: [u8; 16],
    /// The exclusive entries that its calls hold.
    pub holds: Vec<[u8; 16]>,
}

/// The trace context of W3C, without its vendor part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    /// The trace.
    pub trace_id: u128,
    /// The caller's span.
    pub span_id: u64,
    /// The flags, of which 1 is `sampled`.
    pub flags: u8,
}

/// Tells how a call went.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Return<'a> {
    /// The call.
    pub id: CallId,
    /// How it went.
    pub status: Status,
    /// Its result or its error.
    pub body: Body<'a>,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The method returned `Ok`; the body is its value.
    Ok = 0,
    /// The method returned `Err`; the body is its error.
    AppError = 1,
    /// The framework failed the call; the body is its error.
    SystemError = 2,
    /// The caller had cancelled the call.
    Cancelled = 3,
    /// The call was made on a result that came to nothing, and did not run; the return of the other call says why.
    Broken = 4,
}

/// Says that the caller is done with a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finish {
    /// The call.
    pub id: CallId,
    /// Its handler is to stop.
    pub cancel: bool,
    /// The references in its result are given back too.
    pub release_results: bool,
}

/// Gives references back to the receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Release {
    /// The receiver's exports and how often each had been received; never 0.
    pub entries: Vec<(ExportId, u32)>,
}

/// Tells what a promise has become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolve<'a> {
    /// The sender's export of the promise.
    pub promise: ExportId,
    /// What it has become.
    pub to: Resolution<'a>,
}

/// What a promise has become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resolution<'a> {
    /// A reference.
    Reference(Descriptor<'a>),
    /// An error, written as in a return of status `SystemError`.
    Error(&'a [u8]),
}

/// Goes the old way to an object and back, so that the new way is used only after everything on the old one has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disembargo {
    /// The first sender's name for the embargo.
    pub embargo: u32,
    /// Whether it is on its way out or back.
    pub context: DisembargoContext,
}

/// Whether a disembargo is on its way out or back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DisembargoContext {
    /// Out: to be sent back along the way on which calls on this target go.
    SenderLoopback(Target),
    /// Back.
    ReceiverLoopback,
}

/// Brings the next part of a body whose first part came in its call or return.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chunk<'a> {
    /// Which of the two bodies of the call.
    pub of: ChunkOf,
    /// The call.
    pub id: CallId,
    /// The part.
    pub bytes: &'a [u8],
}

/// Which body of a call a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkOf {
    /// The arguments, from the caller.
    Call = 0,
    /// The result, from the callee.
    Return = 1,
}

/// Brings the next part of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamData<'a> {
    /// The stream.
    pub id: StreamId,
    /// An item is complete with this part.
    pub end_of_item: bool,
    /// The references in it.
    pub references: Vec<Descriptor<'a>>,
    /// The part.
    pub bytes: &'a [u8],
}

/// Lets more bytes of a stream come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamCredit {
    /// The stream.
    pub id: StreamId,
    /// How many more.
    pub bytes: u64,
}

/// Ends a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamClose<'a> {
    /// The stream.
    pub id: StreamId,
    /// It is the receiving half that ends it.
    pub by_receiver: bool,
    /// Why, when it did not end well.
    pub error: Option<&'a [u8]>,
}

/// Lets more bytes of bodies come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Credit {
    /// Of which bodies.
    pub window: Window,
    /// How many more.
    pub bytes: u64,
}

/// What a session's credit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// The bodies of calls.
    Calls = 0,
    /// The bodies of returns.
    Returns = 1,
    /// The data of all streams together.
    Streams = 2,
}

/// Asks the receiver to keep an object ready for a third node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provide {
    /// The object.
    pub target: Target,
    /// What the third node will show.
    pub token: [u8; 16],
}

/// Asks for an object that another node had kept ready for the sender. It is answered by a return.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collect {
    /// The sender's name for this question, from the same table as its calls.
    pub id: CallId,
    /// What the other node had been told.
    pub token: [u8; 16],
}

/// Says that no more calls are accepted. A later one may only lower `last_call`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GoAway<'a> {
    /// How many `Call` frames have been accepted on this session; calls after them never run.
    pub last_call: u64,
    /// The reason, for programs.
    pub code: u32,
    /// The reason, for people.
    pub text: &'a str,
}

/// Tells that a frame broke a rule and was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused<'a> {
    /// The kind of that frame.
    pub kind: u8,
    /// The rule, for programs.
    pub code: u32,
    /// The rule, for people.
    pub text: &'a str,
}

/// Tells how many numbered frames have been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ack {
    /// How many, since the session began.
    pub received: u64,
}

/// Asks for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ping {
    /// What the answer is to repeat.
    pub token: u64,
}

/// Gives a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pong {
    /// What the ping brought.
    pub token: u64,
}
