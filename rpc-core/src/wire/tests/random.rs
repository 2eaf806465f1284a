//! Frames and bytes drawn at random from a fixed seed.

use super::*;

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.roll() >> 11) % end
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// A number of any size, small ones as often as large ones.
    fn long(&mut self) -> u64 {
        let shift = self.below(64);
        self.roll() >> shift
    }

    fn number(&mut self) -> u32 {
        (self.long() >> 32) as u32
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.roll()) << 64 | u128::from(self.roll())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.roll() as u8)
    }

    fn some<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    fn list<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        let len = if self.coin() { 0 } else { self.below(5) };
        (0..len).map(|_| make(self)).collect()
    }

    fn bytes(&mut self) -> &'static [u8] {
        const POOL: &[u8] = b"\x00\xff\x80some bytes of every sort, more than fit the smallest length that one byte can tell: \
            0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789";
        let end = self.below(POOL.len() as u64 + 1) as usize;
        &POOL[self.below(end as u64 + 1) as usize..end]
    }

    fn text(&mut self) -> &'static str {
        const POOL: [&str; 5] = ["", "x", "bank::Bank", "Größe, 大きさ, 🦀", "async fn open(&self, owner: &str) -> Result<u64, E>"];
        POOL[self.below(5) as usize]
    }

    fn call_id(&mut self) -> CallId {
        CallId { index: self.number(), generation: self.number() }
    }

    fn export(&mut self) -> ExportId {
        ExportId { index: self.number(), generation: self.number() }
    }

    fn stream(&mut self) -> StreamId {
        StreamId { index: self.number(), generation: self.number() }
    }

    fn target(&mut self) -> Target {
        match self.below(3) {
            0 => Target::Root,
            1 => Target::Export(self.export()),
            _ => Target::Answer { call: self.call_id(), path: self.list(Self::number) },
        }
    }

    fn identity(&mut self) -> Identity {
        let (number, tag) = (self.long(), self.roll());
        if self.coin() {
            return Identity::Own { number, tag };
        }
        Identity::Foreign { node: NodeId(self.wide()), incarnation: Incarnation(self.roll()), number, tag }
    }

    fn descriptor(&mut self) -> Descriptor<'static> {
        match self.below(9) {
            0 => Descriptor::Broken { text: self.text() },
            1 => Descriptor::Hosted { export: self.export(), interface: self.number(), identity: self.identity() },
            2 => Descriptor::Promise { export: self.export(), interface: self.number() },
            3 => Descriptor::Yours { export: self.export() },
            4 => Descriptor::Answer { call: self.call_id(), path: self.list(Self::number) },
            5 => Descriptor::Home { interface: self.number(), number: self.long(), tag: self.roll() },
            6 => Descriptor::ThirdParty {
                node: NodeId(self.wide()),
                incarnation: Incarnation(self.roll()),
                token: self.array(),
                address: self.text(),
                vine: self.export(),
            },
            7 => Descriptor::StreamSender { stream: self.stream(), kind: self.number() },
            _ => Descriptor::StreamReceiver { stream: self.stream(), kind: self.number() },
        }
    }

    fn body(&mut self) -> Body<'static> {
        let bytes = self.bytes();
        let here = bytes.len() as u64;
        let total = if self.coin() { here } else { here + self.below(100_000) };
        let original = if total > 0 && self.coin() { Some(total + 1 + self.below(total * (EXPANSION_MAX - 1))) } else { None };
        let length = original.unwrap_or(total);
        let segments = match self.below(3) {
            0 => vec![self.below(length + 1)],
            1 => vec![0, self.below(length / 2 + 1), self.below(length / 2 + 1)],
            _ => Vec::new(),
        };
        Body { codec: self.below(16) as u8, references: self.list(Self::descriptor), segments, total, original, bytes }
    }

    fn call(&mut self) -> Call<'static> {
        Call {
            id: self.call_id(),
            target: self.target(),
            method: self.number(),
            deadline_us: self.some(Self::long),
            chain: self.some(|dice| Chain { root: dice.array(), holds: dice.list(Self::array) }),
            trace: self.some(|dice| Trace { trace_id: dice.wide(), span_id: dice.roll(), flags: dice.roll() as u8 }),
            oneway: self.coin(),
            idempotent: self.coin(),
            nested: self.coin(),
            promised: self.coin(),
            extensions: self.list(|dice| (dice.long(), dice.bytes())),
            body: self.body(),
        }
    }

    fn define(&mut self) -> Define<'static> {
        let method = |dice: &mut Self| DefineMethod {
            number: dice.number(),
            name: dice.text(),
            fingerprint: dice.roll(),
            signature: dice.text(),
            structure: dice.bytes(),
        };
        Define { interface: self.number(), name: self.text(), methods: self.list(method) }
    }

    fn hello(&mut self) -> Hello<'static> {
        Hello {
            major: MAJOR,
            minor: self.number(),
            features: self.long(),
            node: NodeId(self.wide()),
            incarnation: Incarnation(self.roll()),
            share: self.array(),
            name: self.text(),
            limits: PeerLimits {
                calls_in_flight: self.number(),
                exports: self.number(),
                message_bytes: self.long(),
                call_window: self.long(),
                return_window: self.long(),
                definitions: self.number(),
                streams: self.number(),
                stream_window: self.long(),
                streams_window: self.long(),
                depth: self.number(),
                keep_alive_ms: self.long(),
            },
        }
    }

    fn start(&mut self) -> Start {
        let session = SessionId(self.wide());
        if self.coin() {
            return Start::New { session };
        }
        Start::Attach { session, received: self.long(), proof: self.array() }
    }

    fn resolve(&mut self) -> Resolve<'static> {
        let promise = self.export();
        let to = if self.coin() { Resolution::Reference(self.descriptor()) } else { Resolution::Error(self.bytes()) };
        Resolve { promise, to }
    }

    fn disembargo(&mut self) -> Disembargo {
        let context = match self.coin() {
            true => DisembargoContext::SenderLoopback(self.target()),
            false => DisembargoContext::ReceiverLoopback,
        };
        Disembargo { embargo: self.number(), context }
    }

    fn status(&mut self) -> Status {
        [Status::Ok, Status::AppError, Status::SystemError, Status::Cancelled, Status::Broken][self.below(5) as usize]
    }

    fn window(&mut self) -> Window {
        [Window::Calls, Window::Returns, Window::Streams][self.below(3) as usize]
    }

    fn stream_data(&mut self) -> StreamData<'static> {
        StreamData { id: self.stream(), end_of_item: self.coin(), references: self.list(Self::descriptor), bytes: self.bytes() }
    }

    fn frame(&mut self) -> Frame<'static> {
        match self.below(23) {
            0 => Frame::Hello(self.hello()),
            1 => Frame::Start(self.start()),
            2 => Frame::Accept(Accept { session: SessionId(self.wide()), received: self.long(), proof: self.array() }),
            3 => Frame::Refuse(Refuse { code: self.number(), text: self.text() }),
            4 => Frame::Define(self.define()),
            5 => Frame::Call(self.call()),
            6 => Frame::Return(Return { id: self.call_id(), status: self.status(), body: self.body() }),
            7 => Frame::Finish(Finish { id: self.call_id(), cancel: self.coin(), release_results: self.coin() }),
            8 => Frame::Release(Release { entries: self.list(|dice| (dice.export(), dice.number().saturating_add(1))) }),
            9 => Frame::Resolve(self.resolve()),
            10 => Frame::Disembargo(self.disembargo()),
            11 => Frame::Chunk(Chunk { of: ChunkOf::Call, id: self.call_id(), bytes: self.bytes() }),
            12 => Frame::Chunk(Chunk { of: ChunkOf::Return, id: self.call_id(), bytes: self.bytes() }),
            13 => Frame::StreamData(self.stream_data()),
            14 => Frame::StreamCredit(StreamCredit { id: self.stream(), bytes: self.long() }),
            15 => Frame::StreamClose(StreamClose { id: self.stream(), by_receiver: self.coin(), error: self.some(Self::bytes) }),
            16 => Frame::Credit(Credit { window: self.window(), bytes: self.long() }),
            17 => Frame::Provide(Provide { target: self.target(), token: self.array() }),
            18 => Frame::Collect(Collect { id: self.call_id(), token: self.array() }),
            19 => Frame::GoAway(GoAway { last_call: self.long(), code: self.number(), text: self.text() }),
            20 => Frame::Refused(Refused { kind: self.roll() as u8, code: self.number(), text: self.text() }),
            21 => Frame::Ack(Ack { received: self.long() }),
            _ if self.coin() => Frame::Ping(Ping { token: self.roll() }),
            _ => Frame::Pong(Pong { token: self.roll() }),
        }
    }
}

/// The decoders for calls and for returns alone say what the one for all frames says.
fn assert_alike(body: &[u8]) {
    match body.first() {
        Some(&kind::CALL) => assert_eq!(decode_call(body).map(Frame::Call), decode(body)),
        Some(&kind::RETURN) => assert_eq!(decode_return(body).map(Frame::Return), decode(body)),
        _ => {}
    }
}

/// Bytes that are a frame are written back as they were: a frame has one form. A hello alone may bring what is ignored.
fn assert_harmless(body: &[u8]) -> bool {
    assert_alike(body);
    match decode(body) {
        Ok(Frame::Hello(_)) => true,
        Ok(frame) => {
            assert_eq!(encoded(&frame)[2..], *body, "{frame:?}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

#[test]
fn constructed_frames_come_back() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut out = Vec::new();
    for _ in 0..20_000 {
        let frame = dice.frame();
        out.clear();
        encode(&frame, &mut out).unwrap();
        let (body, consumed) = split(&out).unwrap();
        assert_eq!(consumed, out.len());
        assert_alike(body);
        assert_eq!(decode(body), Ok(frame));
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let kinds: Vec<u8> = frames().iter().map(|(_, frame)| frame.kind()).collect();
    let mut decoded = 0;
    for _ in 0..100_000 {
        // Small bytes are as frequent as large ones, so that counts and tags are often ones that go on.
        let mut body: Vec<u8> = (0..dice.below(48)).map(|_| dice.long() as u8 >> dice.below(8)).collect();
        if let (Some(first), true) = (body.first_mut(), dice.below(8) > 0) {
            *first = kinds[dice.below(kinds.len() as u64) as usize];
        }
        decoded += u32::from(assert_harmless(&body));
        split(&body);
    }
    assert!(decoded > 1_000, "only {decoded} of the random frames were any: they test too little");
}

#[test]
fn damaged_frames_never_panic() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for _ in 0..50_000 {
        let mut bytes = encoded(&dice.frame());
        for _ in 0..=dice.below(3) {
            let at = 2 + dice.below(bytes.len() as u64 - 2) as usize;
            bytes[at] = match dice.below(3) {
                0 => bytes[at] ^ (1 << dice.below(8)),
                1 => 0xff,
                _ => dice.roll() as u8,
            };
        }
        let len = bytes.len() - 2;
        assert_harmless(&bytes[2..]);
        assert_harmless(&bytes[2..2 + dice.below(len as u64 + 1) as usize]);
    }
}
