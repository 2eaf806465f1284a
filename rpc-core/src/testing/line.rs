//! Owns [`Line`]: two directions between two byte streams that are there already, and how one connection of any kind is carried.

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dice::Dice;
use super::direction::Direction;
use super::pump::Pump;

/// A connection between two byte streams, with [`Conditions`](super::Conditions) of its own for each direction.
///
/// It is what a [`Relay`](super::Relay) makes of each connection, for streams that no relay listens for: Unix sockets, memory, a
/// child's output. Dropping it closes both streams.
///
/// ```
/// use std::time::Duration;
/// use netref::testing::Line;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let (mut here, left) = tokio::io::duplex(1_024);
/// let (right, mut there) = tokio::io::duplex(1_024);
/// let line = Line::between(left, right, 1);
/// line.onward().change(|conditions| conditions.jitter = Duration::from_millis(5));
/// here.write_all(b"in order").await?;
/// let mut read = [0; 8];
/// there.read_exact(&mut read).await?;
/// assert_eq!(&read, b"in order");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub struct Line {
    lanes: Lanes,
    _task: Task,
}

impl Line {
    /// Connects two streams. What is random is drawn from `seed`.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn between<L, R>(left: L, right: R, seed: u64) -> Self
    where
        L: AsyncRead + AsyncWrite + Send + 'static,
        R: AsyncRead + AsyncWrite + Send + 'static,
    {
        let lanes = Lanes::new();
        let task = Task(tokio::spawn(lanes.carry(left, right, &Dice::new(seed), lanes.cuts())));
        Self { lanes, _task: task }
    }

    /// From the left stream to the right one.
    pub fn onward(&self) -> &Direction {
        &self.lanes.onward
    }

    /// From the right stream to the left one.
    pub fn back(&self) -> &Direction {
        &self.lanes.back
    }

    /// Ends the connection: what is under way is lost, and both streams are closed.
    pub fn cut(&self) {
        self.lanes.cut();
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("onward", self.onward()).field("back", self.back()).finish()
    }
}

/// The two directions that all connections of a relay share.
#[derive(Clone)]
pub(super) struct Lanes {
    pub(super) onward: Direction,
    pub(super) back: Direction,
    cuts: Arc<watch::Sender<u64>>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { onward: Direction::new(), back: Direction::new(), cuts: Arc::new(watch::Sender::default()) }
    }

    /// Ends the connections that there are now.
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Sees the cuts from now on.
    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    /// Carries one connection until it ends or is cut. It ends by a cut that `cuts` has not seen.
    pub(super) fn carry<L, R>(
        &self,
        left: L,
        right: R,
        dice: &Dice,
        mut cuts: watch::Receiver<u64>,
    ) -> impl Future<Output = ()> + Send + use<L, R>
    where
        L: AsyncRead + AsyncWrite + Send + 'static,
        R: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (left_reader, left_writer) = tokio::io::split(left);
        let (right_reader, right_writer) = tokio::io::split(right);
        let onward = Pump::new(left_reader, right_writer, &self.onward, dice.fork(0));
        let back = Pump::new(right_reader, left_writer, &self.back, dice.fork(1));
        async move {
            // Both streams are closed when this ends, since the pumps own them.
            tokio::select! {
                _ = cuts.changed() => {}
                _ = async { tokio::try_join!(onward.run(), back.run()) } => {}
            }
        }
    }
}

/// A task that ends with its owner.
pub(super) struct Task(pub(super) JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
