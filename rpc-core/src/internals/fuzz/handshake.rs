//! Owns the fuzz target of handshakes: what a node makes of any bytes ahead of a session, as either side, and of a peer whose bytes are changed on
//! their way.

use std::time::Duration;

use super::check_text;
use super::streams::{Edit, Kept, Pieces, What, pipe, runtime};
use crate::error::{Error, Outcome};
use crate::node::Node;
use crate::session::Session;
use crate::wire::{self, Frame, MAGIC};

/// Any bytes as what a peer sends while hands are shaken. It ends, in a session or in words; what the node writes is in order; and two
/// nodes that both got a session got the same.
///
/// # Panics
///
/// When one of these does not hold.
pub fn handshake(data: &[u8]) {
    let [mode, step, bytes @ ..] = data else { return };
    runtime().block_on(async {
        let done = tokio::time::timeout(Duration::from_secs(3_600), async {
            match mode % 3 {
                0 => accepts(bytes, *step).await,
                1 => dials(bytes, *step).await,
                _ => between(bytes).await,
            }
        });
        assert!(done.await.is_ok(), "a handshake hangs");
    });
}

/// A node that asks for no sign of life: its clock runs ahead of the one by which silence is measured.
async fn node() -> Node {
    Node::builder().name("fuzz").no_keep_alive().start().await.expect("a node that listens nowhere starts")
}

async fn accepts(bytes: &[u8], step: u8) {
    let (node, written) = (node().await, Kept::default());
    let accepted = node.accept_io(Pieces::new(bytes.to_vec(), 0, step), written.clone()).await;
    check_written(&written.bytes(), |frame| matches!(frame, Frame::Accept(_)) == accepted.is_ok());
    ends(accepted, &node).await;
}

async fn dials(bytes: &[u8], step: u8) {
    let (node, written) = (node().await, Kept::default());
    let dialled = node.connect_io(Pieces::new(bytes.to_vec(), 0, step), written.clone()).await;
    check_written(&written.bytes(), |frame| matches!(frame, Frame::Start(_)));
    ends(dialled, &node).await;
}

/// The magic, a hello, and at most one frame that is as it should be. What follows in a session is no part of the handshake.
fn check_written(bytes: &[u8], is_right: impl Fn(&Frame<'_>) -> bool) {
    let rest = bytes.strip_prefix(&MAGIC[..]).expect("the magic comes first");
    let (body, consumed) = wire::split(rest).expect("a whole frame");
    assert!(matches!(wire::decode(body), Ok(Frame::Hello(_))), "a hello comes second");
    if let Some((body, _)) = wire::split(&rest[consumed..]) {
        let frame = wire::decode(body).expect("a frame");
        assert!(is_right(&frame), "{frame:?}");
    }
}

/// The link has ended, and with it the session if there was one.
async fn ends(outcome: Result<Session, Error>, node: &Node) {
    match outcome {
        Ok(session) => check_text(&session.closed().await.to_string()),
        Err(error) => {
            assert_eq!(error.outcome(), Outcome::NotRun, "{error}");
            check_text(&error.to_string());
        }
    }
    assert_eq!(node.stats().sessions, 0, "a session outlives its link");
}

async fn between(bytes: &[u8]) {
    let (there, back) = edits(bytes);
    let untouched = there.is_empty() && back.is_empty();
    let (dialler, acceptor) = (node().await, node().await);
    let (write_there, read_there, _) = pipe(there);
    let (write_back, read_back, _) = pipe(back);
    let (dialled, accepted) = tokio::join!(dialler.connect_io(read_back, write_there), acceptor.accept_io(read_there, write_back));
    match (dialled, accepted) {
        (Ok(dialled), Ok(accepted)) => {
            assert_eq!(dialled.id(), accepted.id(), "two sessions on one link");
            dialled.close();
            check_text(&accepted.closed().await.to_string());
        }
        (dialled, accepted) => {
            assert!(!untouched, "{dialled:?} {accepted:?}");
            for error in [dialled.err(), accepted.err()].into_iter().flatten() {
                check_text(&error.to_string());
            }
        }
    }
}

/// What is done to the bytes of each side: four bytes each say which side, where and what.
fn edits(bytes: &[u8]) -> (Vec<Edit>, Vec<Edit>) {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for edit in bytes.chunks_exact(4) {
        let what = match edit[0] >> 1 & 3 {
            0 => What::Flip(edit[3].max(1)),
            1 => What::Lose,
            2 => What::Insert(edit[3]),
            _ => What::Cut,
        };
        let side = if edit[0] & 1 == 0 { &mut there } else { &mut back };
        side.push(Edit { at: usize::from(u16::from_le_bytes([edit[1], edit[2]])), what });
    }
    (there, back)
}
