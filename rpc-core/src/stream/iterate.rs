//! Owns iteration at a distance: an iterator or a stream of this process as a receiver that can be passed on, with items fetched ahead.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_core::Stream;

use super::sender::Sender;
use super::{Item, Receiver, channel};
use crate::error::{Error, Outcome};
use crate::panics;

/// A receiver that gives what the iterator gives. At most `ahead` items are made before they are read.
///
/// The iterator runs on a task of the runtime that this is called in, outside any on netref's own. One that blocks belongs elsewhere: send
/// its items from a thread, over a [`channel`]. When the receiver is dropped, so is the iterator.
///
/// ```
/// use netref::Result;
/// use netref::stream::{self, Receiver};
///
/// #[netref::remote]
/// trait Table {
///     /// Rows are made as they are read, ten ahead.
///     async fn rows(&self) -> Result<Receiver<u64>>;
/// }
///
/// struct Squares;
/// impl Table for Squares {
///     async fn rows(&self) -> Result<Receiver<u64>> {
///         stream::from_iter((0..).map(|row| row * row), 10)
///     }
/// }
/// ```
///
/// # Errors
///
/// That no runtime can be started outside any.
pub fn from_iter<T: Item>(iterator: impl IntoIterator<Item = T, IntoIter: Send + 'static>, ahead: usize) -> Result<Receiver<T>, Error> {
    let mut iterator = iterator.into_iter();
    run(ahead, move || Poll::Ready(iterator.next()))
}

/// A receiver that gives what the stream gives. At most `ahead` items are made before they are read. See [`from_iter`].
///
/// # Errors
///
/// That no runtime can be started outside any.
pub fn from_stream<T: Item>(stream: impl Stream<Item = T> + Send + 'static, ahead: usize) -> Result<Receiver<T>, Error> {
    let (sender, receiver) = channel(ahead);
    let mut stream = Box::pin(stream);
    spawn(sender, receiver, move |cx| stream.as_mut().poll_next(cx))
}

fn run<T: Item>(ahead: usize, mut next: impl FnMut() -> Poll<Option<T>> + Send + 'static) -> Result<Receiver<T>, Error> {
    let (sender, receiver) = channel(ahead);
    spawn(sender, receiver, move |_| next())
}

fn spawn<T: Item>(
    sender: Sender<T>,
    receiver: Receiver<T>,
    next: impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<T>> + Send + 'static,
) -> Result<Receiver<T>, Error> {
    let runtime = crate::background::current_or_own()?;
    runtime.spawn(drive(sender, next));
    Ok(receiver)
}

async fn drive<T: Item>(mut sender: Sender<T>, mut next: impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<T>>) {
    loop {
        tokio::task::coop::consume_budget().await;
        // The item first is made only when there is room for it.
        if poll_fn(|cx| sender.poll_room(cx)).await.is_err() {
            break;
        }
        let made = {
            let mut closed = Box::pin(sender.closed());
            poll_fn(|cx| match panics::caught(|| next(cx)) {
                Ok(Poll::Pending) => Pin::new(&mut closed).poll(cx).map(|_| Ok(None)).map(|gone| (gone, true)),
                Ok(Poll::Ready(item)) => Poll::Ready((Ok(item), false)),
                Err(panicked) => Poll::Ready((Err(panicked), false)),
            })
            .await
        };
        match made {
            (Ok(Some(item)), _) => {
                // An item that cannot be sent is an end as well: without it the rest would be something else.
                if let Err(error) = sender.send(item).await {
                    sender.fail_with(error);
                    break;
                }
            }
            (Ok(None), true) => break,
            (Ok(None), false) => {
                let _ = sender.finish().await;
                break;
            }
            (Err(panicked), _) => {
                sender.fail_with(panicked.into_error_of("what was iterated over", Outcome::MayHaveRun));
                break;
            }
        }
    }
    panics::drop_quietly(next);
}
