//! Owns the record of what happened: the last steps always, all of them when a run is replayed.

use std::collections::VecDeque;
use std::time::Duration;

/// Steps kept of a run that was not asked to keep all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    lines: Option<VecDeque<String>>,
}

impl Trace {
    pub(super) fn new(kept: bool) -> Self {
        Self { lines: kept.then(VecDeque::new) }
    }

    pub(super) fn note(&mut self, now: Duration, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push_back(format!("{:>7} ms  {}", now.as_millis(), text()));
        }
    }

    /// The lines, all of them or the last `most`.
    pub(crate) fn tail(&self, most: usize) -> String {
        let lines = self.lines.iter().flatten();
        let skipped = lines.clone().count().saturating_sub(most);
        lines.skip(skipped).map(|line| format!("{line}\n")).collect()
    }
}
