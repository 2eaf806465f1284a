//! Bytes that have an owner of the user's, who may do anything when they are dropped.

use std::time::Duration;

use netref::Limits;
use netref::stream::{self, Sender};
use tokio::io::AsyncWriteExt;

use crate::{Depot, bounded, no_stream_is_left, pair};

/// When it is dropped it ends a stream of the session over which its bytes have left.
struct Owner {
    bytes: Vec<u8>,
    _sender: Sender<u64>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

async fn write_with_an_owner(size: usize) {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut writer, reader) = stream::bytes();
    depot.keep_bytes(reader).await.unwrap();
    let (sender, receiver) = stream::channel(4);
    depot.keep(receiver).await.unwrap();
    let owner = Owner { bytes: vec![1; size], _sender: sender };
    writer.write_bytes(bytes::Bytes::from_owner(owner)).await.unwrap();
    let error = bounded(depot.kept()).await.unwrap_err();
    assert!(error.to_string().contains("the sending half was dropped"), "{error}");
    bounded(writer.shutdown()).await.unwrap();
    depot.forget().await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
}

/// In a thread of its own: what waits for its own lock waits for ever.
#[test]
fn bytes_are_dropped_outside_the_lock_of_their_session() {
    for size in [10, 100_000] {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(write_with_an_owner(size));
            let _ = sender.send(());
        });
        receiver.recv_timeout(Duration::from_secs(60)).expect("it hangs or has failed");
    }
}
