//! Owns [`Logging`]: one line in the log for each call.

use std::time::Instant;

use tracing::Level;

use super::chain::{Interceptor, Next};
use super::word_of;
use crate::handler::{RawCall, RawReply, RawReturn};

/// Writes a line when a call has ended: the side, the method, how it ended, how long it took, and whose call it was.
///
/// The lines are events of `tracing`, with the target `netref::calls`. A call that is dropped has a line too. Arguments and results are not
/// written down, which may be secret, and neither is the text of a method's own error.
///
/// ```
/// # async fn example() -> netref::Result<()> {
/// use netref::Node;
/// use netref::around::Logging;
///
/// let node = Node::builder().intercept_incoming(Logging::new()).start().await?;
/// # drop(node);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Logging {
    level: Level,
}

impl Logging {
    /// Writes at the level `INFO`.
    pub const fn new() -> Self {
        Self { level: Level::INFO }
    }

    /// Writes at another level.
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self::new()
    }
}

impl Interceptor for Logging {
    #[allow(clippy::disallowed_methods)]
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let (level, side, begin) = (self.level, next.side().as_str(), Instant::now());
        let method = call.method.to_string();
        let peer = call.context.peer().clone();
        next.call(call).on_end(move |reply| {
            let (outcome, took) = (word_of(reply), begin.elapsed());
            // The name of a method is the caller's: what is no text in it must not reach a terminal.
            let method = method.escape_debug();
            let error = match reply {
                Some(RawReply::Failed(error)) => error.to_string(),
                _ => String::new(),
            };
            macro_rules! line {
                ($level:expr) => {
                    tracing::event!(target: "netref::calls", $level, side, %method, outcome, ?took, for_peer = %peer, error, "call")
                };
            }
            match level {
                Level::ERROR => line!(Level::ERROR),
                Level::WARN => line!(Level::WARN),
                Level::INFO => line!(Level::INFO),
                Level::DEBUG => line!(Level::DEBUG),
                Level::TRACE => line!(Level::TRACE),
            }
        })
    }
}
