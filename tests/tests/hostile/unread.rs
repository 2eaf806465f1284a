//! What streams cost that nobody reads: whatever a peer fills a window with, byte by byte or item by item, it takes little more memory than the
//! window says, and so does what waits here for a link that takes nothing. Each test counts the heap of a process of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netref::id::{ExportId, StreamId};
use netref::testing::Relay;
use netref::wire::{Descriptor, Frame, Identity, StreamData};
use netref::{Limits, Node, Remote, stream};
use tokio::io::AsyncWriteExt;

use crate::memory::{Heap, is_alone};
use crate::script::encoded;
use crate::streams::{BYTES, ITEMS, sends};
use crate::until;
use crate::victim::{Scene, Target1, Victim};

const WINDOW: u64 = 1 << 20;

/// What an item costs beside its bytes, and each reference in one.
const COST: u64 = 64;

const STREAM: StreamId = StreamId { index: 0, generation: 0 };

fn frame(end_of_item: bool, references: Vec<Descriptor<'_>>, bytes: &[u8]) -> Vec<u8> {
    encoded(&Frame::StreamData(StreamData { id: STREAM, end_of_item, references, bytes }))
}

/// Frames that are the same but for what `next` makes of their number, as many as the window takes at this cost.
fn filled(cost: u64, next: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    (0..(WINDOW / cost) as u32).flat_map(next).collect()
}

/// Has a peer fill the window of a stream, and looks at what that takes.
async fn takes(what: &str, method: &str, kind: u32, flood: Vec<u8>) -> i64 {
    let scene = Scene::new(Limits { stream_window: WINDOW, ..Limits::default() }).await;
    let mut raw = scene.streaming().await;
    raw.open(method, sends(STREAM, kind)).await;
    raw.lives().await;
    let heap = Heap::now();
    raw.write(&flood).await;
    raw.lives().await;
    let grown = heap.grown();
    println!("{what}: {grown} bytes for a window of {WINDOW}");
    raw.close().await;
    grown
}

#[tokio::test]
async fn a_window_takes_as_much_memory_as_it_says_whatever_it_is_filled_with() {
    if !is_alone("unread::a_window_takes_as_much_memory_as_it_says_whatever_it_is_filled_with") {
        return;
    }
    let object = |number| Descriptor::Hosted {
        export: ExportId { index: number, generation: 0 },
        interface: 1,
        identity: Identity::Own { number: number.into(), tag: 5 },
    };
    let cases = [
        ("single bytes", "hold_bytes", BYTES, filled(1, |_| frame(false, Vec::new(), &[1]))),
        ("a few bytes", "hold_bytes", BYTES, filled(17, |_| frame(false, Vec::new(), &[1; 17]))),
        (
            "bytes that fill little more than half of a buffer",
            "hold_bytes",
            BYTES,
            filled(33_000, |_| frame(false, Vec::new(), &[1; 33_000])),
        ),
        ("full frames of bytes", "hold_bytes", BYTES, filled(65_000, |_| frame(false, Vec::new(), &[1; 65_000]))),
        ("empty items", "hold", ITEMS, filled(COST, |_| frame(true, Vec::new(), &[]))),
        ("items of a byte", "hold", ITEMS, filled(COST + 1, |_| frame(true, Vec::new(), &[1]))),
        ("items of some bytes", "hold", ITEMS, filled(COST + 24, |_| frame(true, Vec::new(), &[1; 24]))),
        (
            "items byte by byte",
            "hold",
            ITEMS,
            filled(COST + 3, |_| [frame(false, Vec::new(), &[1]).repeat(2), frame(true, Vec::new(), &[1])].concat()),
        ),
        ("large items", "hold", ITEMS, filled(COST + 60_000, |_| frame(true, Vec::new(), &[1; 60_000]))),
        ("items with a broken reference", "hold", ITEMS, filled(2 * COST, |_| frame(true, vec![Descriptor::Broken { text: "" }], &[]))),
        ("items with a new reference each", "hold", ITEMS, filled(2 * COST, |number| frame(true, vec![object(1 + number)], &[]))),
        ("items with the same reference", "hold", ITEMS, filled(2 * COST, |_| frame(true, vec![object(1)], &[]))),
        (
            "items with many broken references",
            "hold",
            ITEMS,
            filled(1_001 * COST, |_| frame(true, vec![Descriptor::Broken { text: "" }; 1_000], &[])),
        ),
    ];
    let mut most = Vec::new();
    for (what, method, kind, flood) in cases {
        let grown = takes(what, method, kind, flood).await;
        // A broken reference takes the most: three times what it costs.
        if grown > 4 * WINDOW as i64 {
            most.push((what, grown));
        }
    }
    assert!(most.is_empty(), "more than four windows: {most:?}");
}

/// What a writer of bytes and a sender of items have got rid of.
#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    items: AtomicU64,
}

/// Starts writers whose readers never read, over a link that may have stopped, and looks at what both sides take when they have stopped.
async fn writers_take(stalls: bool) -> i64 {
    const WRITERS: usize = 10;
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node");
    host.publish("target", Remote::<dyn Target1>::new(Victim)).expect("a name");
    let relay = Relay::to(&host.addresses()[0].to_string(), 1).await.expect("a relay");
    let caller = Node::builder().start().await.expect("a node");
    let target: Remote<dyn Target1> = caller.connect(&format!("{}/target", relay.address())).await.expect("a session");
    let mut halves = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..WRITERS {
        let ((writer, reader), (sender, receiver)) = (stream::bytes(), stream::channel(1 << 20));
        calls.push(target.hold_bytes(reader).send());
        calls.push(target.hold(receiver).send());
        halves.push((writer, sender));
    }
    target.echo(1).await.expect("answered");
    if stalls {
        relay.onward().stall();
    }
    let progress: Arc<Vec<Progress>> = Arc::new((0..WRITERS).map(|_| Progress::default()).collect());
    let heap = Heap::now();
    let mut tasks = Vec::new();
    for (index, (mut writer, mut sender)) in halves.into_iter().enumerate() {
        let written = Arc::clone(&progress);
        tasks.push(tokio::spawn(async move {
            while writer.write_all(&[5; 1_000]).await.is_ok() {
                written[index].bytes.fetch_add(1_000, Ordering::SeqCst);
            }
        }));
        let sent = Arc::clone(&progress);
        tasks.push(tokio::spawn(async move {
            while sender.send(7_u64).await.is_ok() {
                sent[index].items.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    let window = Limits::default().stream_window;
    let all = |done: fn(&Progress) -> u64| progress.iter().map(done).collect::<Vec<_>>();
    until("the windows are full", || {
        let (bytes, items) = (all(|done| done.bytes.load(Ordering::SeqCst)), all(|done| done.items.load(Ordering::SeqCst)));
        bytes.iter().all(|bytes| bytes + 1_000 > window) && items.iter().all(|items| (items + 1) * (COST + 1) > window)
    })
    .await;
    // They have stopped there: nothing that follows lets them go on.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for done in progress.iter() {
        let (bytes, items) = (done.bytes.load(Ordering::SeqCst), done.items.load(Ordering::SeqCst));
        assert!(bytes <= window && items * (COST + 1) <= window, "{bytes} bytes and {items} items");
    }
    let grown = heap.grown();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    println!("{grown} bytes for {} windows of {window}", 2 * WRITERS);
    grown / (2 * WRITERS as i64)
}

#[tokio::test]
async fn writers_that_have_to_wait_take_as_much_memory_as_their_windows_say_at_both_sides() {
    if !is_alone("unread::writers_that_have_to_wait_take_as_much_memory_as_their_windows_say_at_both_sides") {
        return;
    }
    let window = Limits::default().stream_window as i64;
    for stalls in [false, true] {
        let each = writers_take(stalls).await;
        assert!(each <= window + window / 2, "{each} bytes for a window of {window}; the link has stopped: {stalls}");
    }
}
