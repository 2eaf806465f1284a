//! Owns the caller's side of calls that travel ahead: the result at the peer that is kept for them, the lane on which the calls on one
//! promise travel. What keeps later calls from passing them is in `embargo`.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::SessionCore;
use super::import::Import;
use crate::any::{AnyRemote, Place as Where};
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::handler::RawReply;
use crate::id::CallId;
use crate::pipeline::{Answered, Asked, PROMISES_MAX, Path, Promise, nowhere};
use crate::proto::{Rule, opens_at_once};
use crate::servant::Servant;
use crate::wire::{self, Finish, Frame, Target};

/// The result of a call of this side's, which the peer keeps as long as this lives.
pub(crate) struct KeptAnswer {
    session: Arc<SessionCore>,
    id: CallId,
}

impl KeptAnswer {
    pub(crate) fn new(session: Arc<SessionCore>, id: CallId) -> Arc<Self> {
        Arc::new(Self { session, id })
    }

    pub(crate) fn is_on(&self, session: &SessionCore) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.session), session)
    }

    pub(crate) fn id(&self) -> CallId {
        self.id
    }

    pub(crate) fn session(&self) -> Arc<SessionCore> {
        Arc::clone(&self.session)
    }
}

impl fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptAnswer({:?})", self.id)
    }
}

impl Drop for KeptAnswer {
    fn drop(&mut self) {
        self.session.finish_promised(self.id);
    }
}

/// The way of the calls on one promise while its result is not there. Each call holds it until it is written, and so does the promise until
/// it is known what it refers to: when it goes, all that was called ahead is on its way.
pub(crate) struct Lane {
    to: Goal,
    asked: Arc<Asked>,
    /// The promise, when it is known what it refers to.
    known: Mutex<Option<Arc<Promise>>>,
}

/// Where a lane leads.
#[derive(Clone)]
pub(super) enum Goal {
    /// Into the result of a call.
    Answer(Arc<KeptAnswer>, Path),
    /// To what the peer has promised.
    Export(Arc<Import>),
}

impl Lane {
    pub(crate) fn to_answer(answer: Arc<KeptAnswer>, path: Path, asked: Arc<Asked>) -> Arc<Self> {
        Arc::new(Self { to: Goal::Answer(answer, path), asked, known: Mutex::new(None) })
    }

    pub(crate) fn to_export(import: Arc<Import>, asked: Arc<Asked>) -> Arc<Self> {
        Arc::new(Self { to: Goal::Export(import), asked, known: Mutex::new(None) })
    }

    pub(super) fn session(&self) -> &Arc<SessionCore> {
        match &self.to {
            Goal::Answer(answer, _) => &answer.session,
            Goal::Export(import) => import.session(),
        }
    }

    /// The call that gives the result.
    pub(super) fn asked(&self) -> &Arc<Asked> {
        &self.asked
    }

    /// The promise is known: it opens when the last call has been written.
    pub(crate) fn ends_for(self: Arc<Self>, promise: &Arc<Promise>) {
        *self.known.lock() = Some(Arc::clone(promise));
    }

    /// The call into whose result it leads.
    pub(super) fn named(&self) -> Option<CallId> {
        match &self.to {
            Goal::Answer(answer, _) => Some(answer.id),
            Goal::Export(_) => None,
        }
    }

    /// Where it leads, to be held.
    pub(super) fn goal(&self) -> Goal {
        self.to.clone()
    }

    pub(super) fn target(&self) -> Target {
        match &self.to {
            Goal::Answer(answer, path) => Target::Answer { call: answer.id, path: path.clone() },
            Goal::Export(import) => Target::Export(import.id),
        }
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({:?})", self.target())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let Some(promise) = self.known.get_mut().take() else { return };
        let session = Arc::clone(self.session());
        let away = match promise.outcome() {
            Some(Ok(reference)) => session.leads_away(reference),
            _ => None,
        };
        // There is a lane because something was called ahead.
        if !opens_at_once(true, away.is_none())
            && let Some(away) = away
            && session.embargo(&promise, &away, self)
        {
            return;
        }
        promise.open();
    }
}

fn failed(error: Error) -> Answered {
    Answered::Raw(RawReply::Failed(error))
}

/// What a reference leads to, as an object that can be called and has a line before it.
pub(super) fn servant_of(reference: &AnyRemote) -> Result<Arc<dyn Servant>, Error> {
    match &reference.place {
        Where::Here(servant) => Ok(Arc::clone(servant)),
        Where::There(import) => Ok(Arc::clone(import) as _),
        Where::Promise(promise) => Ok(Arc::clone(promise) as _),
        Where::Stream(_) => Err(crate::any::no_object()),
        Where::Broken(error) => Err(Error::clone(error)),
    }
}

impl SessionCore {
    /// What a reference leads to when calls on it do not go the way that those took which went ahead: over this session to what its peer has.
    /// What the peer has only got from here does not count, whatever that is by now: calls that went ahead on it come back. Calls on what is
    /// broken go nowhere.
    fn leads_away(&self, mut reference: AnyRemote) -> Option<AnyRemote> {
        for _ in 0..PROMISES_MAX {
            reference = match &reference.place {
                Where::There(import) if std::ptr::eq(Arc::as_ptr(import.session()), self) => return None,
                Where::Stream(_) | Where::Broken(_) => return None,
                Where::Promise(promise) if promise.is_from(self) => match promise.follow() {
                    Some(Ok(next)) => next,
                    Some(Err(_)) | None => return None,
                },
                Where::There(_) | Where::Here(_) | Where::Promise(_) => return Some(reference),
            };
        }
        None
    }

    /// The peer says that a call was made on what came to nothing, and that it has said before why. Only of a call whose return is here, or
    /// arriving, it can have; what became of that is known here before long.
    pub(super) async fn broken_by(self: &Arc<Self>, named: Option<CallId>, asked: &Asked) -> Answered {
        let goes_on = {
            let mut state = self.state.lock();
            let is_said = named.is_some_and(|call| state.proto.return_has_begun(call));
            if is_said { None } else { Some(state.closed.is_some() || state.refuse(wire::kind::RETURN, Rule::ReturnForNoCall)) }
        };
        if let Some(goes_on) = goes_on {
            if goes_on {
                self.flush_after(false)
            } else {
                self.end_for_refusals()
            }
            let text = "the peer said that the call was made on the result of another that came to nothing, and it was not";
            return failed(Error::new(ErrorKind::Protocol, Outcome::MayHaveRun, text).with_fault(Fault::Callee));
        }
        match asked.breakage().await {
            Some(breakage) => Answered::Broken(breakage),
            None => failed(nowhere()),
        }
    }

    /// Nothing is called on the result of a call any more.
    fn finish_promised(&self, id: CallId) {
        {
            let mut state = self.state.lock();
            if state.closed.is_some() || !state.proto.questions.finish(id) {
                return;
            }
            // The references in a result that came are given back one by one, as they are dropped; one that was left out has none. No call
            // waits for the place that is free now, so that this does not lead from one call to the next.
            state.push(&Frame::Finish(Finish { id, cancel: false, release_results: false }));
        }
        self.flush_after(false);
    }
}
