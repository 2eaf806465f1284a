//! Owns accepting: one listener over one or more sockets, which goes on whatever an accept runs into.
//! It knows nothing of who may connect.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

#[cfg(unix)]
use super::unix;
use super::{Address, LinkStream, Place, TransportError, mem, missing_feature, tcp};

/// What links come from. One socket, mostly.
pub(super) trait Source: Send {
    /// The next link, or why there was none this time.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<LinkStream>>;
}

/// Accepts links on an address.
///
/// Dropping it frees the address: a Unix socket is unlinked if it is still this listener's own, a memory space can be taken again.
pub struct Listener {
    sources: Vec<Box<dyn Source>>,
    /// The source that is asked first, so that a busy one does not starve the others.
    first: usize,
    pause: Pause,
    address: Address,
}

impl Listener {
    /// Listens on an address. Its name, if it has one, plays no part.
    ///
    /// `tcp://localhost` listens on IPv4 and IPv6 where both are there. Port 0 takes a free port; see [`Listener::local_address`]. What
    /// other machines can reach (`0.0.0.0` and `[::]` too) is refused unless `insecure_plaintext` allows it.
    ///
    /// # Errors
    ///
    /// A [`TransportError`] that says what to do next.
    pub async fn bind(address: &Address, insecure_plaintext: bool) -> Result<Self, TransportError> {
        let (sources, address) = match address.place() {
            Place::Tcp { host, port } => {
                let (sources, port) = tcp::bind(address, host, *port, insecure_plaintext).await?;
                (sources, Address::from_place(Place::Tcp { host: host.clone(), port }))
            }
            Place::Tls { .. } | Place::Quic { .. } => return Err(missing_feature(address)),
            #[cfg(unix)]
            Place::Unix { path } => (vec![unix::bind(path).await?], address.without_name()),
            #[cfg(not(unix))]
            Place::Unix { .. } => return Err(TransportError::UnixSocketsMissing),
            Place::Memory { space } => (vec![mem::bind(space)?], address.without_name()),
        };
        Ok(Self::over(sources, address))
    }

    fn over(sources: Vec<Box<dyn Source>>, address: Address) -> Self {
        Self { sources, first: 0, pause: Pause::default(), address }
    }

    /// Where this listener can be reached from this machine: its address with the real port and without a name.
    #[must_use]
    pub fn local_address(&self) -> Address {
        self.address.clone()
    }

    /// Waits for the next link. It never ends in an error: what goes wrong is logged, and after a pause it tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no link.
    pub async fn accept(&mut self) -> LinkStream {
        loop {
            self.pause.over().await;
            match poll_fn(|cx| self.poll_sources(cx)).await {
                Ok(link) => {
                    self.pause.succeeded();
                    return link;
                }
                Err(error) => self.refused(&error),
            }
        }
    }

    fn poll_sources(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<LinkStream>> {
        let count = self.sources.len();
        for turn in 0..count {
            let index = (self.first + turn) % count;
            if let Poll::Ready(result) = self.sources[index].poll_accept(cx) {
                self.first = (index + 1) % count;
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn refused(&mut self, error: &io::Error) {
        let Some(unsaid) = self.pause.failed(error.kind(), Instant::now()) else { return };
        tracing::warn!(address = %self.address, %error, unsaid, "a link could not be accepted; listening goes on");
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

/// The pause after an accept that failed, and how often that is said.
///
/// Out of descriptors, accepting fails at once and again: without a pause the loop would burn a processor, and with one that keeps
/// growing it would be deaf once descriptors are free again.
#[derive(Debug, Default)]
struct Pause {
    length: Duration,
    until: Option<Instant>,
    said: Option<Instant>,
    unsaid: u64,
}

const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often a failing listener writes to the log.
const SAY_EVERY: Duration = Duration::from_secs(1);

impl Pause {
    /// Waits until the pause is over. Kept across calls, so that dropping an accept does not end the pause.
    async fn over(&mut self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
            self.until = None;
        }
    }

    fn succeeded(&mut self) {
        self.length = Duration::ZERO;
    }

    /// Notes a failure. When it is to be logged, gives how many failures before it were not.
    fn failed(&mut self, kind: io::ErrorKind, now: Instant) -> Option<u64> {
        if !is_about_one_link(kind) {
            self.length = (self.length * 2).clamp(PAUSE_MIN, PAUSE_MAX);
            self.until = Some(now + self.length);
        }
        if self.said.is_some_and(|said| now < said + SAY_EVERY) {
            self.unsaid += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// A link that broke before it was accepted says nothing about the next one, so there is nothing to wait for.
const fn is_about_one_link(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A source that runs into what it is told to, and then gives links for ever.
    struct Scripted {
        errors: VecDeque<io::Error>,
        asked: Arc<AtomicUsize>,
    }

    impl Source for Scripted {
        fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<LinkStream>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(match self.errors.pop_front() {
                Some(error) => Err(error),
                None => Ok(LinkStream::from_io(tokio::io::empty(), tokio::io::sink(), "scripted")),
            })
        }
    }

    fn out_of_descriptors() -> io::Error {
        // EMFILE, which std has no kind for.
        io::Error::from_raw_os_error(24)
    }

    fn scripted(errors: impl IntoIterator<Item = io::Error>) -> (Listener, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let source = Scripted { errors: errors.into_iter().collect(), asked: asked.clone() };
        (Listener::over(vec![Box::new(source)], "mem://scripted".parse().unwrap()), asked)
    }

    #[tokio::test]
    async fn accepting_survives_errors_and_pauses_after_each() {
        let (mut listener, asked) = scripted((0..4).map(|_| out_of_descriptors()));
        let started = Instant::now();
        listener.accept().await;
        // 10 + 20 + 40 + 80 ms.
        assert!(started.elapsed() >= Duration::from_millis(150), "{:?}", started.elapsed());
        assert_eq!(asked.load(Ordering::Relaxed), 5);
        assert_eq!(listener.pause.length, Duration::ZERO, "a link ends the row of failures");
    }

    #[tokio::test]
    async fn a_dropped_accept_does_not_end_the_pause() {
        let (mut listener, asked) = scripted((0..1_000).map(|_| out_of_descriptors()));
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(200) {
            let _ = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
        }
        // 10, 20, 40, 80, 160 ms: the sixth would be too late.
        assert!(asked.load(Ordering::Relaxed) <= 5, "{asked:?}");
    }

    #[tokio::test]
    async fn a_link_that_broke_early_costs_the_next_one_no_time() {
        let broken = (0..1_000).map(|_| io::Error::from(io::ErrorKind::ConnectionAborted));
        let (mut listener, _) = scripted(broken);
        let started = Instant::now();
        listener.accept().await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn pauses_grow_to_a_second_and_start_again_after_a_link() {
        let mut pause = Pause::default();
        let now = Instant::now();
        let mut lengths = Vec::new();
        for _ in 0..9 {
            pause.failed(io::ErrorKind::Other, now);
            assert_eq!(pause.until, Some(now + pause.length));
            lengths.push(pause.length.as_millis());
        }
        assert_eq!(lengths, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        pause.succeeded();
        pause.failed(io::ErrorKind::Other, now);
        assert_eq!(pause.length, PAUSE_MIN);
    }

    #[test]
    fn a_failing_listener_says_so_once_a_second_and_counts_the_rest() {
        let mut pause = Pause::default();
        let start = Instant::now();
        let mut said = Vec::new();
        for tenth in 0..25 {
            said.extend(pause.failed(io::ErrorKind::Other, start + Duration::from_millis(100 * tenth)));
        }
        assert_eq!(said, [0, 9, 9]);
    }

    #[tokio::test]
    async fn sources_take_turns() {
        let sources: Vec<(Box<dyn Source>, Arc<AtomicUsize>)> = (0..3)
            .map(|_| {
                let asked = Arc::new(AtomicUsize::new(0));
                (Box::new(Scripted { errors: VecDeque::new(), asked: asked.clone() }) as Box<dyn Source>, asked)
            })
            .collect();
        let counts: Vec<_> = sources.iter().map(|(_, asked)| asked.clone()).collect();
        let sources = sources.into_iter().map(|(source, _)| source).collect();
        let mut listener = Listener::over(sources, "mem://scripted".parse().unwrap());
        for _ in 0..9 {
            listener.accept().await;
        }
        assert_eq!(counts.iter().map(|asked| asked.load(Ordering::Relaxed)).collect::<Vec<_>>(), [3, 3, 3]);
    }
}
