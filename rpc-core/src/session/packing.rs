//! Owns when a body leaves compressed and when one that arrived so is restored: never under the session's lock, and only where both sides
//! have offered it. How it is done, and what it may cost, is in `compression`.

use std::sync::Arc;

use bytes::Bytes;

use super::SessionCore;
use super::waiters::{Arrived, ArrivedBytes};
use crate::compression::{Meter, NotUnpacked, Packed, Packing, Unpacked, least_surplus, pack, unpack};
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::inbound::{InboundBytes, Reply, ReplyBytes};
use crate::proto::Rule;
use crate::transfer::{Incoming, Outgoing};
use crate::wire::{self, Body, Frame, Refused};

/// Bodies up to this length are restored where they arrive, which takes less than a tenth of a millisecond, and results up to this length are
/// compressed there. What is longer had better not keep the reading task.
pub(super) const RESTORED_HERE: u64 = 64 << 10;

impl SessionCore {
    /// Whether compressing a result takes long.
    #[inline]
    pub(super) fn packs_for_long(&self, reply: &Reply) -> bool {
        self.meter.is_some() && reply.size().total > RESTORED_HERE
    }

    /// Whether a body may come in this form.
    #[inline]
    pub(super) fn allows(&self, body: &Body<'_>) -> Result<(), Rule> {
        if body.original.is_some() && self.meter.is_none() { Err(Rule::FeatureNotNegotiated) } else { Ok(()) }
    }

    /// Compresses the arguments of a call that is about to leave, if this session does that and it is worth it. What they stand for beyond what
    /// travels is bounded over there until the call has returned: beyond that they travel as they are, so that none waits for it.
    #[inline]
    pub(super) fn pack_arguments(&self, bytes: &mut ReplyBytes, outgoing: &mut Outgoing) {
        if let Some(meter) = &self.meter {
            let length = bytes.size_with(outgoing).total;
            if !self.shares.may_have(least_surplus(length)) {
                return;
            }
            self.pack_with(meter, length, bytes, outgoing, |packed| {
                packed.share = self.shares.take(packed.surplus());
                packed.share.is_some()
            });
        }
    }

    /// Compresses a result that is about to leave.
    #[inline]
    pub(super) fn pack_result(&self, bytes: &mut ReplyBytes, outgoing: &mut Outgoing) {
        if let Some(meter) = &self.meter {
            let length = bytes.size_with(outgoing).total;
            self.pack_with(meter, length, bytes, outgoing, |_| true);
        }
    }

    #[inline(never)]
    fn pack_with(
        &self,
        meter: &Meter,
        length: u64,
        bytes: &mut ReplyBytes,
        outgoing: &mut Outgoing,
        may_leave: impl FnOnce(&mut Packed) -> bool,
    ) {
        let Some(mut packed) = pack(bytes.as_slice(), outgoing.segments(), length, self.theirs.message_bytes) else { return };
        if !may_leave(&mut packed) {
            return;
        }
        meter.sent(length, packed.bytes.len() as u64);
        let former = std::mem::replace(bytes, ReplyBytes::Packed(Box::new(packed)));
        // Both may have an owner of the user's.
        match former {
            ReplyBytes::Pooled(buffer) => crate::pool::put(buffer),
            former => crate::panics::drop_quietly(former),
        }
        crate::panics::drop_each(outgoing.take_segments());
    }

    /// Restores the arguments of a call that is about to start.
    #[inline]
    pub(super) fn unpack_arguments<'a>(
        self: &Arc<Self>,
        bytes: InboundBytes<'a>,
        incoming: &mut Incoming,
    ) -> Result<InboundBytes<'a>, Error> {
        if incoming.is_packed() { self.unpack_call(&bytes, incoming).map(InboundBytes::Shared) } else { Ok(bytes) }
    }

    #[cold]
    fn unpack_call(self: &Arc<Self>, bytes: &InboundBytes<'_>, incoming: &mut Incoming) -> Result<Bytes, Error> {
        let bytes: &[u8] = match bytes {
            InboundBytes::Borrowed(bytes) => bytes,
            InboundBytes::Shared(bytes) => bytes,
        };
        self.restore(bytes, incoming).map_err(|why| {
            // Its caller is answered, and so it is not refused as well; but no caller does that who keeps the rules.
            if !self.state.lock().proto.refuse() {
                self.end_for_refusals();
            }
            let text = format!("the arguments cannot be restored: {why}");
            Error::new(ErrorKind::Protocol, Outcome::NotRun, text).with_fault(Fault::Caller)
        })
    }

    /// Restores a result that its caller is about to take.
    #[cold]
    pub(super) fn unpack_result(&self, arrived: &mut Arrived) -> Result<(), Error> {
        match self.restore(arrived.bytes.as_slice(), &mut arrived.incoming) {
            Ok(bytes) => {
                arrived.bytes = ArrivedBytes::Long(bytes);
                Ok(())
            }
            Err(why) => {
                crate::panics::drop_quietly(std::mem::take(&mut arrived.incoming));
                self.refuse_result(why);
                let text = format!("the result cannot be restored: {why}");
                Err(Error::new(ErrorKind::Protocol, Outcome::Ran, text))
            }
        }
    }

    fn restore(&self, bytes: &[u8], incoming: &mut Incoming) -> Result<Bytes, NotUnpacked> {
        let packing: Packing = incoming.take_packed().ok_or(NotUnpacked)?;
        let Unpacked { bytes: restored, segments } = unpack(bytes, &packing)?;
        incoming.set_segments(segments);
        if let Some(meter) = &self.meter {
            meter.received(packing.original, bytes.len() as u64);
        }
        Ok(restored)
    }

    /// Tells the peer that a return of its did not follow the format, which shows only now.
    fn refuse_result(&self, why: NotUnpacked) {
        let goes_on = {
            let mut state = self.state.lock();
            let goes_on = state.proto.refuse();
            let text = why.to_string();
            state.push(&Frame::Refused(Refused { kind: wire::kind::RETURN, code: Rule::Malformed.code(), text: &text }));
            goes_on
        };
        if goes_on {
            self.flush_after(false);
        } else {
            self.end_for_refusals();
        }
    }
}
