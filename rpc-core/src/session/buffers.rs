//! Owns buffers for the bytes of streams that arrive: one that was read is used again. Were each frame to get a new one, as much memory as
//! is transferred would go back and forth between this process and the system. It knows no streams.

use bytes::BytesMut;

use crate::sync::Mutex;

/// Room in a buffer: for what one write of a program's brings, as long as it is no longer than this.
pub(crate) const BUFFER_BYTES: usize = 64 << 10;

/// Buffers that are kept: as much as a stream of bytes may have waiting to be read on its defaults.
const KEPT: usize = 8;

/// Buffers that wait to be used again. Its lock is a leaf.
#[derive(Debug)]
pub(crate) struct Buffers(Mutex<Vec<BytesMut>>);

impl Buffers {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// An empty one with room.
    pub(super) fn take(&self) -> BytesMut {
        let kept = self.0.lock().pop();
        kept.unwrap_or_else(|| BytesMut::with_capacity(BUFFER_BYTES))
    }

    /// One that was read. What is smaller, or shares its memory with somebody, is dropped.
    pub(crate) fn put(&self, mut read: BytesMut) {
        read.clear();
        if !read.try_reclaim(BUFFER_BYTES) {
            return;
        }
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(read);
        } else {
            drop(kept);
            drop(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    #[test]
    fn buffer_that_was_read_is_used_again() {
        let buffers = Buffers::new();
        let mut buffer = buffers.take();
        buffer.extend_from_slice(&[1; BUFFER_BYTES]);
        let place = buffer.as_ptr();
        buffer.advance(BUFFER_BYTES);
        buffers.put(buffer);
        let mut again = buffers.take();
        again.extend_from_slice(&[2; 10]);
        assert_eq!((again.as_ptr(), again.len()), (place, 10));
    }

    #[test]
    fn what_is_small_or_shared_is_not_kept_and_neither_is_more_than_some() {
        let buffers = Buffers::new();
        buffers.put(BytesMut::from(&[1; 100][..]));
        let mut shared = BytesMut::from(&[1; BUFFER_BYTES][..]);
        let _kept = shared.split_to(10);
        buffers.put(shared);
        assert_eq!(buffers.0.lock().len(), 0);
        for _ in 0..2 * KEPT {
            buffers.put(BytesMut::with_capacity(BUFFER_BYTES));
        }
        assert_eq!(buffers.0.lock().len(), KEPT);
    }
}
