//! Owns a few spare buffers per thread, so that encoding a small message allocates nothing.

use std::cell::RefCell;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Buffers kept per thread: as many as a task usually has calls open at a time.
const SPARE_MAX: usize = 64;

/// Larger buffers are given back to the allocator, so that one large message does not stay in memory.
const CAPACITY_MAX: usize = 4_096;

/// An empty buffer.
pub(crate) fn take() -> Vec<u8> {
    SPARE.with(|spare| spare.borrow_mut().pop()).unwrap_or_default()
}

/// Keeps a buffer for later.
pub(crate) fn put(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > CAPACITY_MAX {
        return;
    }
    buffer.clear();
    // A buffer may come back while its thread ends.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(buffer);
        }
    });
}
