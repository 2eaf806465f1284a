//! Owns how a node is reached: one loop per listener, which never ends by itself, and a bound on handshakes at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::core::NodeCore;
use super::handshake;
use crate::transport::{LinkStream, Listener};

/// Accepts links until the task is aborted.
pub(super) fn spawn(node: Arc<NodeCore>, listener: Listener) -> JoinHandle<()> {
    tokio::spawn(run(node, listener))
}

async fn run(node: Arc<NodeCore>, mut listener: Listener) {
    let handshakes = Arc::new(Semaphore::new(node.limits().handshakes.max(1) as usize));
    loop {
        // Links beyond the bound wait in the operating system's queue, not in this process.
        let Ok(turn) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let link = listener.accept().await;
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            accept(&node, link).await;
            drop(turn);
        });
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
