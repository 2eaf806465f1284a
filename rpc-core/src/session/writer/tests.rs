//! Tests of what the writing half makes of slices: all of them leave, once and in order, however much of them the link takes at a time.

use std::sync::{Arc, Mutex, PoisonError};

use super::*;

/// A link that takes so many bytes at a time, and then as often nothing.
#[derive(Clone, Default)]
struct Narrow {
    taken: Arc<Mutex<Vec<u8>>>,
    at_once: usize,
    rests: bool,
    one_by_one: bool,
}

impl AsyncWrite for Narrow {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, _: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.rests = !self.rests;
        if !self.rests {
            return Poll::Pending;
        }
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).take(self.at_once).collect();
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(&all);
        Poll::Ready(Ok(all.len()))
    }

    fn is_write_vectored(&self) -> bool {
        !self.one_by_one
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn slices_leave_in_order_however_much_the_link_takes_at_a_time() {
    let mut cx = Context::from_waker(Waker::noop());
    for at_once in 1..=13 {
        let link = Narrow { at_once, ..Narrow::default() };
        let mut side = WriteSide::new(Box::new(link.clone()));
        assert!(side.write_slices(&mut cx, &["ab", "cdefg", "h", "ijkl"].map(|slice| IoSlice::new(slice.as_bytes()))).unwrap());
        for _ in 0..50 {
            let _ = side.poll_pieces(&mut cx);
        }
        assert!(side.is_idle());
        assert_eq!(*link.taken.lock().unwrap(), b"abcdefghijkl", "{at_once} at once");
    }
}

#[test]
fn nothing_is_written_ahead_of_what_is_left_and_none_to_a_link_that_takes_one_slice_at_a_time() {
    let mut cx = Context::from_waker(Waker::noop());
    let link = Narrow { at_once: 3, ..Narrow::default() };
    let mut side = WriteSide::new(Box::new(link.clone()));
    assert!(side.write_slices(&mut cx, &[IoSlice::new(b"abcdef")]).unwrap());
    assert!(!side.write_slices(&mut cx, &[IoSlice::new(b"gh")]).unwrap());
    assert_eq!(*link.taken.lock().unwrap(), b"abc");

    let link = Narrow { at_once: 3, one_by_one: true, ..Narrow::default() };
    let mut side = WriteSide::new(Box::new(link.clone()));
    assert!(!side.write_slices(&mut cx, &[IoSlice::new(b"abcdef")]).unwrap());
    assert!(link.taken.lock().unwrap().is_empty());
}
