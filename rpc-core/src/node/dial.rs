//! Owns how a node comes to a session with an address: the one there is, or a new one, and one at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::{NodeCore, SessionKey};
use super::handshake::{self, Dialled};
use crate::error::{Error, ErrorKind, Outcome};
use crate::session::SessionCore;
use crate::transport::{self, Address, LinkStream, TransportError};

/// How long to wait before trying again while another link becomes the session.
const RETRY: Duration = Duration::from_millis(5);

/// After so many tries a dial no longer waits for a link of the peer's.
const PATIENCE: u32 = 20;

impl NodeCore {
    /// The session with whoever is at an address.
    pub(super) async fn session_at(self: &Arc<Self>, address: &Address) -> Result<Arc<SessionCore>, Error> {
        let place = address.without_name().to_string();
        if let Some(session) = self.dialled_before(&place) {
            return Ok(session);
        }
        // One dial at a time for each address: the others find its session.
        let turn = Arc::clone(&self.dials.entry(place.clone()).or_default());
        let result = {
            let _turn = turn.lock().await;
            match self.dialled_before(&place) {
                Some(session) => Ok(session),
                None => self.dial(address).await,
            }
        };
        drop(turn);
        self.dials.remove_if(&place, |_, turn| Arc::strong_count(turn) == 1);
        let session = result?;
        self.by_address.insert(place, session.key());
        if session.is_closed() {
            self.forget(&session);
        }
        Ok(session)
    }

    fn dialled_before(&self, place: &str) -> Option<Arc<SessionCore>> {
        let key = *self.by_address.get(place)?.value();
        self.session(key)
    }

    #[allow(clippy::disallowed_methods)]
    async fn dial(self: &Arc<Self>, address: &Address) -> Result<Arc<SessionCore>, Error> {
        let until = Instant::now() + self.limits().handshake;
        let mut disproven = Vec::new();
        for attempt in 0.. {
            let link = transport::dial(address, self.allows_plaintext()).await.map_err(|error| transport_error(&error))?;
            match self.shake(link, attempt >= PATIENCE, &mut disproven).await? {
                Dialled::Session(session) | Dialled::Known(session) => return Ok(session),
                Dialled::TryAgain if Instant::now() < until => tokio::time::sleep(RETRY * (attempt + 1).min(20)).await,
                Dialled::TryAgain => break,
            }
        }
        let text = format!("{address} kept asking to try again, as if another link were about to become the session");
        Err(Error::new(ErrorKind::Unreachable, Outcome::NotRun, text))
    }

    /// A session over streams that somebody else opened.
    pub(super) async fn session_over(self: &Arc<Self>, link: LinkStream) -> Result<Arc<SessionCore>, Error> {
        match self.shake(link, true, &mut Vec::new()).await? {
            Dialled::Session(session) | Dialled::Known(session) => Ok(session),
            Dialled::TryAgain => {
                let text = "the other end has a session with a node of this name, and the streams cannot be opened again to settle it";
                Err(Error::new(ErrorKind::Unreachable, Outcome::NotRun, text))
            }
        }
    }

    async fn shake(self: &Arc<Self>, link: LinkStream, insists: bool, disproven: &mut Vec<SessionKey>) -> Result<Dialled, Error> {
        let limit = self.limits().handshake;
        let remote = link.remote.clone();
        match tokio::time::timeout(limit, handshake::dialler(self, link, insists, disproven)).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("{remote} did not finish the handshake within {limit:?}");
                Err(Error::new(ErrorKind::Unreachable, Outcome::NotRun, text))
            }
        }
    }
}

/// What a caller sees of a link that cannot be had.
pub(super) fn transport_error(error: &TransportError) -> Error {
    let kind = match error {
        TransportError::Address(_) | TransportError::PortZero { .. } => ErrorKind::InvalidAddress,
        TransportError::MissingFeature { .. } | TransportError::UnixSocketsMissing => ErrorKind::Unsupported,
        TransportError::Plaintext { .. } | TransportError::Denied { .. } => ErrorKind::Denied,
        _ => ErrorKind::Unreachable,
    };
    Error::new(kind, Outcome::NotRun, error.to_string()).complete()
}
