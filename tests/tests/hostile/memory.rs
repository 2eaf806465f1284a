//! Owns the measure of memory: an allocator that counts, and processes in which one test runs alone, so that what it counts is its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};

/// Counts the bytes that are allocated, and the most there were at a time.
struct Counting;

static HEAP: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

fn count(bytes: i64) {
    let now = HEAP.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

#[allow(unsafe_code)]
// SAFETY: every request is passed on to the system's allocator as it is; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The heap as it is now, to be compared with its peak.
#[derive(Clone, Copy, Debug)]
pub struct Heap(i64);

impl Heap {
    pub fn now() -> Self {
        let now = HEAP.load(Ordering::SeqCst);
        PEAK.store(now, Ordering::SeqCst);
        Self(now)
    }

    /// By how much it was larger at the worst moment since.
    pub fn grown(self) -> i64 {
        PEAK.load(Ordering::SeqCst) - self.0
    }

    /// At no moment since was it larger by more than this.
    pub fn grew_at_most(self, bytes: i64) {
        let grown = self.grown();
        assert!(grown <= bytes, "the heap grew by {grown} bytes, more than {bytes}");
    }
}

const ALONE: &str = "NETREF_HOSTILE_ALONE";

/// Whether this process runs one test and no other. Otherwise the test that is named is run in such a process, and passes there.
pub fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.args(["--exact", "--nocapture", test]).env(ALONE, "1").output().expect("it starts again");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{test} ended with {}:\n{out}{err}", output.status);
    false
}
