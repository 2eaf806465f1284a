//! Owns the handshake of a link: magic, hellos, and which session the link carries. It is bounded by whoever calls it.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::core::{NodeCore, PeerKey, SessionKey};
use super::settle::{CROSSING, Verdict};
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::SessionId;
use crate::limits::PeerLimits;
use crate::peer::Peer;
use crate::session::{Agreed, SessionCore};
use crate::transport::LinkStream;
use crate::wire::{self, Accept, Frame, Hello, MAGIC, Refuse, Start};

/// A hello and a start are far smaller; nothing larger is read before the peer is known.
const FRAME_BYTES_MAX: usize = 16 << 10;

/// What a refusal means, on the wire.
mod code {
    pub(super) const VERSION: u32 = 1;
    pub(super) const TRY_AGAIN: u32 = 2;
    pub(super) const UNKNOWN_SESSION: u32 = 3;
    pub(super) const SHUTTING_DOWN: u32 = 4;
    pub(super) const FULL: u32 = 5;
    pub(super) const MALFORMED: u32 = 6;
}

/// What became of a dialled link.
pub(super) enum Dialled {
    /// It carries a new session.
    Session(Arc<SessionCore>),
    /// The peer is one with which there is a session already.
    Known(Arc<SessionCore>),
    /// Another link is about to become the session.
    TryAgain,
}

/// The peer's hello, kept.
struct Theirs {
    key: PeerKey,
    share: [u8; 32],
    name: String,
    limits: PeerLimits,
    features: u64,
}

/// What a node offers.
fn offered(node: &NodeCore) -> u64 {
    let compression = if node.compresses() { wire::feature::COMPRESSION } else { 0 };
    wire::feature::STREAMS | wire::feature::PIPELINING | compression
}

/// A link during its handshake.
struct Shaking {
    link: LinkStream,
    buffer: Vec<u8>,
}

impl Shaking {
    const fn new(link: LinkStream) -> Self {
        Self { link, buffer: Vec::new() }
    }

    async fn send(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        wire::encode(frame, &mut bytes).map_err(|error| broken(format!("a frame of the handshake cannot be written: {error}")))?;
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = async {
            self.link.writer.write_all(bytes).await?;
            self.link.writer.flush().await
        };
        written.await.map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &io::Error) -> Error {
        unreachable(format!("the link to {} broke during the handshake: {error}", self.link.remote))
    }

    async fn read_more(&mut self) -> Result<(), Error> {
        if self.buffer.len() > FRAME_BYTES_MAX + MAGIC.len() {
            return Err(broken(format!("{} sent more than a handshake takes", self.link.remote)));
        }
        let mut chunk = [0; 1_024];
        match self.link.reader.read(&mut chunk).await {
            Ok(0) => Err(unreachable(format!("{} closed the link during the handshake", self.link.remote))),
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
            Err(error) => Err(self.lost(&error)),
        }
    }

    async fn read_magic(&mut self) -> Result<(), Error> {
        while self.buffer.len() < MAGIC.len() {
            let known = &self.buffer[..];
            if !MAGIC.starts_with(known) {
                break;
            }
            self.read_more().await?;
        }
        if self.buffer.starts_with(&MAGIC) {
            self.buffer.drain(..MAGIC.len());
            return Ok(());
        }
        Err(unreachable(format!("{} does not speak netref: {}", self.link.remote, guess(&self.buffer))))
    }

    /// Reads one frame and hands it to `take`, which keeps what it needs.
    async fn read<R>(&mut self, take: impl FnOnce(Frame<'_>) -> Result<R, Error>) -> Result<R, Error> {
        loop {
            if let Some((body, consumed)) = wire::split(&self.buffer) {
                let taken = match wire::decode(body) {
                    Ok(frame) => take(frame),
                    Err(wire::DecodeError::UnknownMajor(major)) => Err(wrong_version(major)),
                    Err(error) => Err(broken(format!("{} sent a malformed frame during the handshake: {error}", self.link.remote))),
                };
                self.buffer.drain(..consumed);
                return taken;
            }
            self.read_more().await?;
        }
    }

    async fn greet(&mut self, node: &NodeCore, share: [u8; 32]) -> Result<(), Error> {
        let (id, incarnation) = node.identity();
        let hello = Hello {
            major: wire::MAJOR,
            minor: wire::MINOR,
            features: offered(node),
            node: id,
            incarnation,
            share,
            name: node.name(),
            limits: node.announced(self.link.remote.is_this_machine()),
        };
        let mut bytes = MAGIC.to_vec();
        wire::encode(&Frame::Hello(hello), &mut bytes).map_err(|error| broken(format!("the hello cannot be written: {error}")))?;
        self.write(&bytes).await
    }

    async fn read_hello(&mut self) -> Result<Theirs, Error> {
        self.read_magic().await?;
        let from = self.link.remote.to_string();
        self.read(|frame| match frame {
            Frame::Hello(mut hello) => {
                if hello.features & wire::feature::STREAMS == 0 {
                    hello.limits.streams = 0;
                }
                Ok(Theirs {
                    key: (hello.node, hello.incarnation),
                    share: hello.share,
                    name: hello.name.to_owned(),
                    limits: hello.limits,
                    features: hello.features,
                })
            }
            Frame::Refuse(refuse) => Err(refused(&refuse)),
            _ => Err(broken(format!("{from} sent another frame where a hello belongs"))),
        })
        .await
    }

    fn session(self, node: &Arc<NodeCore>, theirs: &Theirs, id: SessionId, secret: [u8; 32], dialled: bool) -> Arc<SessionCore> {
        let on_this_machine = self.link.remote.is_this_machine();
        let (peer_node, incarnation) = theirs.key;
        let agreed = Agreed {
            id,
            dialled,
            secret,
            peer: Peer::new(peer_node, incarnation, theirs.name.clone(), self.link.remote),
            identity: theirs.key,
            ours: node.announced(on_this_machine),
            theirs: theirs.limits.consistent(),
            features: theirs.features & offered(node),
        };
        let session = SessionCore::new(Arc::clone(node), agreed, self.link.writer);
        node.register(&session);
        session.run(self.link.reader, self.buffer);
        if !dialled && node.is_draining() {
            // The node went away during the handshake, and may have looked for its sessions before this one was among them.
            let error = Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, "this node was shut down");
            session.end_saying(error, "the node was shut down");
        }
        session
    }
}

/// Takes a decision back when the handshake does not get to its end.
struct Decided<'a> {
    node: &'a NodeCore,
    peer: PeerKey,
    dialled: bool,
}

impl Drop for Decided<'_> {
    fn drop(&mut self) {
        let mut settling = self.node.settling.lock();
        if self.dialled {
            settling.dialled(self.peer);
        } else {
            settling.accepted(self.peer);
        }
    }
}

/// So many sessions of a peer's name are tried before a dial asks for a new one: whoever goes by that name could open any number.
const NAMESAKES_MAX: usize = 4;

/// Shakes hands on a link that this side dialled. `insists` when waiting for another link has gone on long enough; `disproven` are the
/// sessions that the peer at this address turned out not to share.
pub(super) async fn dialler(
    node: &Arc<NodeCore>,
    link: LinkStream,
    insists: bool,
    disproven: &mut Vec<SessionKey>,
) -> Result<Dialled, Error> {
    let share = crate::random::bytes();
    let mut shaking = Shaking::new(link);
    shaking.greet(node, share).await?;
    let theirs = shaking.read_hello().await?;
    let known = {
        let mut settling = node.settling.lock();
        let mut known = node.sessions_with(theirs.key);
        known.retain(|session| !disproven.contains(&session.key()));
        let known = known.into_iter().next().filter(|_| disproven.len() < NAMESAKES_MAX);
        if known.is_none() {
            if settling.is_accepting(theirs.key) && theirs.key != node.identity() && !insists {
                return Ok(Dialled::TryAgain);
            }
            settling.dial(theirs.key);
        }
        known
    };
    if let Some(session) = known {
        return attach(shaking, &session, &share, &theirs, disproven).await;
    }
    let decided = Decided { node, peer: theirs.key, dialled: true };
    let id = SessionId(u128::from_le_bytes(crate::random::bytes()));
    let secret = secret(&share, &theirs.share, id);
    shaking.send(&Frame::Start(Start::New { session: id })).await?;
    let answer = shaking.read(read_answer).await?;
    match answer {
        Answer::TryAgain => Ok(Dialled::TryAgain),
        Answer::UnknownSession => Err(broken("the peer does not know a session that was not asked for")),
        Answer::Accepted(session, proof) => {
            if session != id || !proves(&secret, ACCEPT, id, &share, &theirs.share, &proof) {
                return Err(broken(format!("{} accepted another session than was asked for", shaking.link.remote)));
            }
            let session = shaking.session(node, &theirs, id, secret, true);
            drop(decided);
            Ok(Dialled::Session(session))
        }
    }
}

/// Proves to a peer that there is a session with it already, and has it prove the same.
async fn attach(
    mut shaking: Shaking,
    session: &Arc<SessionCore>,
    share: &[u8; 32],
    theirs: &Theirs,
    disproven: &mut Vec<SessionKey>,
) -> Result<Dialled, Error> {
    let id = session.id();
    let start = Start::Attach { session: id, received: 0, proof: proof(session.secret(), ATTACH, id, share, &theirs.share) };
    shaking.send(&Frame::Start(start)).await?;
    match shaking.read(read_answer).await? {
        Answer::Accepted(accepted, proof) if accepted == id && proves(session.secret(), ACCEPT, id, share, &theirs.share, &proof) => {
            Ok(Dialled::Known(Arc::clone(session)))
        }
        // It is not the peer of that session, whatever it calls itself. Unless the session is so new that the peer, who dialled it, has
        // yet to read that it was accepted.
        _ => {
            if session.began().elapsed() >= CROSSING {
                disproven.push(session.key());
            }
            Ok(Dialled::TryAgain)
        }
    }
}

enum Answer {
    Accepted(SessionId, [u8; 32]),
    TryAgain,
    UnknownSession,
}

fn read_answer(frame: Frame<'_>) -> Result<Answer, Error> {
    match frame {
        Frame::Accept(Accept { session, proof, .. }) => Ok(Answer::Accepted(session, proof)),
        Frame::Refuse(Refuse { code: code::TRY_AGAIN, .. }) => Ok(Answer::TryAgain),
        Frame::Refuse(Refuse { code: code::UNKNOWN_SESSION, .. }) => Ok(Answer::UnknownSession),
        Frame::Refuse(refuse) => Err(refused(&refuse)),
        _ => Err(broken("the peer sent another frame where the answer to a start belongs")),
    }
}

/// Shakes hands on a link that was accepted. `None` when the link was only a peer's proof, or was told to try again.
pub(super) async fn acceptor(node: &Arc<NodeCore>, link: LinkStream) -> Result<Option<Arc<SessionCore>>, Error> {
    let share: [u8; 32] = crate::random::bytes();
    let mut shaking = Shaking::new(link);
    shaking.greet(node, share).await?;
    let theirs = match shaking.read_hello().await {
        Ok(theirs) => theirs,
        Err(error) => return refuse_with(shaking, error).await,
    };
    let start = shaking
        .read(|frame| match frame {
            Frame::Start(start) => Ok(start),
            Frame::Refuse(refuse) => Err(refused(&refuse)),
            _ => Err(broken("the peer sent another frame where a start belongs")),
        })
        .await;
    match start {
        Ok(Start::New { session }) => accept_new(node, shaking, &share, &theirs, session).await,
        Ok(Start::Attach { session, proof, .. }) => accept_attach(node, shaking, &share, &theirs, session, &proof).await,
        Err(error) => refuse_with(shaking, error).await,
    }
}

#[allow(clippy::disallowed_methods)]
async fn accept_new(
    node: &Arc<NodeCore>,
    mut shaking: Shaking,
    share: &[u8; 32],
    theirs: &Theirs,
    id: SessionId,
) -> Result<Option<Arc<SessionCore>>, Error> {
    if node.is_draining() {
        shaking.send(&refusal(code::SHUTTING_DOWN, "the node is shutting down")).await?;
        return Ok(None);
    }
    if node.sessions.len() >= node.limits().sessions as usize {
        shaking.send(&refusal(code::FULL, "the node has as many sessions as its limit allows")).await?;
        return Ok(None);
    }
    let verdict = {
        let mut settling = node.settling.lock();
        let began = node.sessions_with(theirs.key).iter().map(|session| session.began()).max();
        settling.accept(node.identity(), theirs.key, began, Instant::now())
    };
    if verdict == Verdict::TryAgain {
        shaking.send(&refusal(code::TRY_AGAIN, "another link of the same two nodes came first; try again")).await?;
        return Ok(None);
    }
    let decided = Decided { node, peer: theirs.key, dialled: false };
    let secret = secret(&theirs.share, share, id);
    let proof = proof(&secret, ACCEPT, id, &theirs.share, share);
    shaking.send(&Frame::Accept(Accept { session: id, received: 0, proof })).await?;
    let session = shaking.session(node, theirs, id, secret, false);
    drop(decided);
    Ok(Some(session))
}

async fn accept_attach(
    node: &NodeCore,
    mut shaking: Shaking,
    share: &[u8; 32],
    theirs: &Theirs,
    id: SessionId,
    claimed: &[u8; 32],
) -> Result<Option<Arc<SessionCore>>, Error> {
    let proven = node
        .sessions_with(theirs.key)
        .into_iter()
        .filter(|session| session.id() == id)
        .find(|session| proves(session.secret(), ATTACH, id, &theirs.share, share, claimed));
    let Some(session) = proven else {
        shaking.send(&refusal(code::UNKNOWN_SESSION, "there is no such session, or the proof is wrong")).await?;
        return Ok(None);
    };
    let proof = proof(session.secret(), ACCEPT, id, &theirs.share, share);
    shaking.send(&Frame::Accept(Accept { session: id, received: 0, proof })).await?;
    Ok(None)
}

/// Tells the peer why the handshake ends here, as far as it listens.
async fn refuse_with(mut shaking: Shaking, error: Error) -> Result<Option<Arc<SessionCore>>, Error> {
    let code = if error.kind() == ErrorKind::Unsupported { code::VERSION } else { code::MALFORMED };
    let text = error.text().to_owned();
    let _ = shaking.send(&refusal(code, &text)).await;
    Err(error)
}

const fn refusal(code: u32, text: &str) -> Frame<'_> {
    Frame::Refuse(Refuse { code, text })
}

/// The secret of a session: what both sides contributed, so that neither can choose it alone.
fn secret(dialler: &[u8; 32], acceptor: &[u8; 32], id: SessionId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"netref session secret");
    hash.update(dialler);
    hash.update(acceptor);
    hash.update(id.0.to_le_bytes());
    hash.finalize().into()
}

const ATTACH: &[u8] = b"netref attach";
const ACCEPT: &[u8] = b"netref accept";

/// Shows that whoever made it knows the secret of a session, on this link and no other: both shares are fresh for each link.
fn mac(secret: &[u8; 32], purpose: &[u8], id: SessionId, dialler: &[u8; 32], acceptor: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this cannot fail; an empty key would only make a proof that nobody accepts.
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret).unwrap_or_else(|_| unreachable_key());
    for part in [purpose, &id.0.to_le_bytes(), dialler, acceptor] {
        mac.update(part);
    }
    mac
}

fn unreachable_key() -> Hmac<Sha256> {
    panic!("HMAC-SHA256 refused a key of 32 bytes")
}

fn proof(secret: &[u8; 32], purpose: &[u8], id: SessionId, dialler: &[u8; 32], acceptor: &[u8; 32]) -> [u8; 32] {
    mac(secret, purpose, id, dialler, acceptor).finalize().into_bytes().into()
}

/// Compares in constant time.
fn proves(secret: &[u8; 32], purpose: &[u8], id: SessionId, dialler: &[u8; 32], acceptor: &[u8; 32], claimed: &[u8; 32]) -> bool {
    mac(secret, purpose, id, dialler, acceptor).verify_slice(claimed).is_ok()
}

fn broken(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, Outcome::NotRun, text)
}

fn unreachable(text: String) -> Error {
    Error::new(ErrorKind::Unreachable, Outcome::NotRun, text)
}

fn wrong_version(major: u32) -> Error {
    let text = format!("the peer speaks version {major} of the protocol, this node speaks version {}", wire::MAJOR);
    Error::new(ErrorKind::Unsupported, Outcome::NotRun, text)
}

fn refused(refuse: &Refuse<'_>) -> Error {
    let kind = match refuse.code {
        code::VERSION => ErrorKind::Unsupported,
        code::SHUTTING_DOWN => ErrorKind::ShuttingDown,
        code::FULL => ErrorKind::Overloaded,
        _ => ErrorKind::Protocol,
    };
    Error::new(kind, Outcome::NotRun, format!("the peer refused the session: {}", refuse.text.escape_debug()))
}

/// What the other side may be, from its first bytes.
fn guess(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x16, 0x03, ..] => "it speaks TLS; dial it with tls://",
        [0x15, 0x03, ..] => "it answered with a TLS alert; dial it with tls://",
        [b'H', b'T', b'T', b'P', ..] => "it is an HTTP server",
        [b'G', b'E', b'T', ..] | [b'P', b'O', b'S', ..] => "it is an HTTP client",
        [b'S', b'S', b'H', ..] => "it is an SSH server",
        _ => "its first bytes are none of netref's",
    }
}
