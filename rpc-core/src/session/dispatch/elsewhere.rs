//! Owns the start of a call whose long arguments came compressed: they are restored in a task of their own, and the reading task goes on with
//! what is for others. What is for the same object waits for it in line.

use std::sync::Arc;

use super::Ready;
use crate::id::CallId;
use crate::inbound::{InboundBytes, Reply};
use crate::session::SessionCore;
use crate::session::reader::Batch;

/// A call on its way to its method. Dropped by a runtime that shuts down it sends the return of a cancelled call.
struct Start {
    session: Arc<SessionCore>,
    id: CallId,
    object: u64,
    ready: Option<Box<Ready>>,
}

impl SessionCore {
    /// Serves a call from a task. True as for any call that starts there.
    #[cold]
    pub(super) fn serve_elsewhere(self: &Arc<Self>, id: CallId, ready: Ready) -> bool {
        let object = ready.found.line();
        self.state.lock().lines.starts(object, id);
        let start = Start { session: Arc::clone(self), id, object, ready: Some(Box::new(ready)) };
        self.runtime.spawn(async move { start.run() });
        true
    }
}

impl Start {
    fn run(mut self) {
        let Some(ready) = self.ready.take() else { return };
        let _turn = crate::session::watch::turn();
        let Self { session, id, object, .. } = &self;
        let (id, object) = (*id, *object);
        let Ready { found, context, codec, bytes, mut incoming, .. } = *ready;
        let method = Arc::clone(&found.method);
        let restored = session.unpack_arguments(InboundBytes::Shared(bytes), &mut incoming);
        let failed = match &restored {
            // Its caller may have given it up meanwhile, when it had no task that could have been ended.
            Ok(_) => {
                let is_given_up = session.state.lock().proto.answers.is_cancelled(id) && !found.resolved.no_cancel;
                is_given_up.then(Reply::cancelled)
            }
            Err(error) => Some(Reply::failed(&error.clone().with_method(super::full_name(&method)))),
        };
        let goes_on = match (restored, failed) {
            (Ok(bytes), None) => session.serve(id, found, context, codec, bytes, incoming, &mut Batch::detached()),
            (_, failed) => {
                crate::panics::drop_quietly((found, context, incoming));
                session.finish_call(id, failed.unwrap_or_else(Reply::cancelled));
                false
            }
        };
        if !goes_on {
            session.state.lock().lines.leave(object, id);
            session.advance_alone(object);
        }
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        let Some(ready) = self.ready.take() else { return };
        crate::panics::drop_quietly(ready);
        self.session.move_line(self.object, self.id);
        self.session.finish_call(self.id, Reply::cancelled());
    }
}
