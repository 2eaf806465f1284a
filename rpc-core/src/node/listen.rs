//! Owns how a node is reached: one loop per listener, which never ends by itself, and a bound on handshakes at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use super::core::NodeCore;
use super::handshake;
use crate::transport::{LinkStream, Listener};

/// Accepts links until the task is aborted.
pub(super) fn spawn(node: Arc<NodeCore>, listener: Listener) -> JoinHandle<()> {
    tokio::spawn(run(node, listener))
}

/// So long a handshake may hold its place when all are taken: a tenth of what it may take at all. An honest one takes a round trip.
const PATIENCE: u32 = 10;

#[allow(clippy::disallowed_methods)]
async fn run(node: Arc<NodeCore>, mut listener: Listener) {
    let places = node.limits().handshakes.max(1) as usize;
    let handshakes = Arc::new(Semaphore::new(places));
    let patience = node.limits().handshake / PATIENCE;
    // When each began, oldest first; those that are over are thrown out now and then.
    let mut going: VecDeque<(Instant, AbortHandle)> = VecDeque::new();
    loop {
        // Links beyond the bound wait in the operating system's queue, not in this process.
        let turn = loop {
            while going.front().is_some_and(|(_, task)| task.is_finished()) {
                going.pop_front();
            }
            let oldest = going.front().map(|(began, _)| *began + patience);
            tokio::select! {
                biased;
                turn = Arc::clone(&handshakes).acquire_owned() => break turn,
                () = tokio::time::sleep_until(oldest.unwrap_or_else(Instant::now)), if oldest.is_some() => {
                    // Whoever says nothing for so long keeps others out.
                    if let Some((_, task)) = going.pop_front() {
                        task.abort();
                    }
                }
            }
        };
        let Ok(turn) = turn else { return };
        let link = listener.accept().await;
        if going.len() >= 2 * places {
            going.retain(|(_, task)| !task.is_finished());
        }
        let node = Arc::clone(&node);
        let task = tokio::spawn(async move {
            accept(&node, link).await;
            drop(turn);
        });
        going.push_back((Instant::now(), task.abort_handle()));
    }
}

/// Shakes hands on one link, within the bound. What goes wrong ends this link and nothing else.
pub(super) async fn accept(node: &Arc<NodeCore>, link: LinkStream) -> Option<Arc<crate::session::SessionCore>> {
    let remote = link.remote.clone();
    let limit = node.limits().handshake;
    match tokio::time::timeout(limit, handshake::acceptor(node, link)).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            tracing::debug!(peer = %remote, %error, "a link did not become a session");
            None
        }
        Err(_) => {
            tracing::debug!(peer = %remote, ?limit, "a link did not finish the handshake in time");
            None
        }
    }
}
