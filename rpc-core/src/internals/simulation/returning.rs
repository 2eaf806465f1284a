//! Owns how returns of the simulated world become frames: the model of the second half of `session/send.rs`.

use super::call::Verdict;
use super::end::Reply;
use super::references::Described;
use super::sending::{HEAD, Head, SPOILT, Whose};
use super::sight::Sight;
use super::world::World;
use crate::error::Outcome;
use crate::id::CallId;
use crate::limits::Size;
use crate::wire::Status;

impl World {
    /// Queues the return of a call that ran here. The call must be open.
    pub(super) fn send_return(&mut self, at: usize, id: CallId, mut reply: Reply) {
        if u64::from(reply.size) > self.ends[at].proto.theirs.message_bytes {
            self.spoil(at, &mut reply);
        }
        let cost = self.cost_of(&reply);
        let end = &mut self.ends[at];
        if !end.held_returns.is_empty() || !end.proto.return_credit(cost) {
            end.held_returns.push_back((id, reply));
            return self.sight(Sight::ReturnWaits);
        }
        self.write_return(at, id, reply);
    }

    /// Sends the returns that waited for credit, as far as it goes.
    pub(super) fn pump_returns(&mut self, at: usize) {
        while let Some((id, reply)) = self.ends[at].held_returns.pop_front() {
            let cost = self.cost_of(&reply);
            if !self.ends[at].proto.return_credit(cost) {
                self.ends[at].held_returns.push_front((id, reply));
                return;
            }
            self.write_return(at, id, reply);
        }
    }

    /// A result that cannot be sent is told to its caller instead.
    fn spoil(&mut self, at: usize, reply: &mut Reply) {
        let references = std::mem::take(&mut reply.references);
        self.drop_refs(self.ends[at].node, references);
        (reply.verdict, reply.size) = (Verdict::Failed(Outcome::Ran), SPOILT);
    }

    fn cost_of(&self, reply: &Reply) -> u64 {
        let size = if reply.verdict == Verdict::Cancelled { 0 } else { reply.size.max(HEAD) };
        Size::new(u64::from(size), reply.references.len(), 0).cost
    }

    /// Writes a return for which credit was taken.
    fn write_return(&mut self, at: usize, id: CallId, mut reply: Reply) {
        let node = self.ends[at].node;
        let unfit = self.calls[reply.call as usize].plan.unfit_reply && !reply.references.is_empty();
        let is_finished = self.ends[at].proto.ahead.is_promised(id) || self.ends[at].proto.answers.is_finished(id);
        let described = match self.describe_result(at, &reply.references, is_finished) {
            Some(described) if unfit => {
                self.take_back(at, &described);
                None
            }
            described => described,
        };
        let described = match described {
            Some(described) => described,
            None => {
                let taken = self.cost_of(&reply);
                self.spoil(at, &mut reply);
                let cost = self.cost_of(&reply);
                if !self.ends[at].proto.replace_return(taken, cost) {
                    return self.ends[at].held_returns.push_front((id, reply));
                }
                self.sight(Sight::ReturnReplaced);
                Described::default()
            }
        };
        let (status, total) = match reply.verdict {
            Verdict::Ok => (Status::Ok, reply.size.max(HEAD)),
            Verdict::Failed(_) => (Status::SystemError, reply.size.max(HEAD)),
            Verdict::Cancelled => (Status::Cancelled, 0),
        };
        let Described { descriptors, held } = described;
        self.push_message(at, Head::Return(status), Whose { id, call: reply.call, verdict: reply.verdict, total }, descriptors);
        let holds = held || self.ends[at].proto.ahead.is_promised(id);
        if !self.ends[at].proto.answers.returned(id, holds) {
            self.fault(format!("end {at} answered {id:?} twice, or without being asked"));
        }
        if held {
            self.ends[at].held_results.insert(id, reply.references);
        } else {
            self.drop_refs(node, reply.references);
        }
    }
}
