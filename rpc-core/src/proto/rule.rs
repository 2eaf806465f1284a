//! Owns the rules of the protocol that a peer can break, one variant each, with the words that are sent back.

use std::fmt;

/// A rule that a frame broke. The frame is skipped, the peer is told, and its budget of refusals shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// A call id that is still in use, or beyond the limit.
    CallIdInUse,
    /// A return, or a piece of one, for no call; or one that its call cannot have.
    ReturnForNoCall,
    /// More bytes than the header announced, or a chunk without a beginning.
    ChunkWithoutBeginning,
    /// A message larger than announced limits allow, or larger than the credit left.
    BeyondCredit,
    /// A release of more references than were sent, or of none that is known.
    ReleaseBeyondCount,
    /// A reference table that names an export of ours that does not exist.
    UnknownExport,
    /// An export id reused while references to its former owner are out, or beyond the limit.
    ExportIdInUse,
    /// More definitions than the limit, or an interface number that was never defined.
    Definition,
    /// A frame of a feature that was not negotiated.
    FeatureNotNegotiated,
    /// A go-away that raises the number of an earlier one.
    GoAwayRaised,
    /// A frame of the handshake after it was over.
    HandshakeOver,
    /// A finish for a call that holds nothing.
    FinishForNoCall,
    /// A frame that does not follow the format.
    Malformed,
    /// A frame for a stream that is not there, or that its sender has closed.
    StreamNotThere,
    /// A frame of the other half of a stream, or of a form that its kind does not have.
    StreamForm,
    /// A stream id that is still in use, of the other side's, or beyond the limit.
    StreamIdInUse,
    /// A disembargo that leads to nothing of its sender's, or that nobody asked for.
    Disembargo,
    /// A resolve of what was no promise, or a second one.
    Resolve,
}

impl Rule {
    /// The number of the rule on the wire.
    pub(crate) fn code(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CallIdInUse => "a call id may be used again only after its return was received, and only below the announced limit",
            Self::ReturnForNoCall => "a return must answer a call that is open, in a way in which that can end",
            Self::ChunkWithoutBeginning => "a chunk must continue a message and stay within its announced length",
            Self::BeyondCredit => "a message must stay within the announced length and the credit granted",
            Self::ReleaseBeyondCount => "a release must name an export and at most as many references as were sent",
            Self::UnknownExport => "a reference table may name only exports that are alive",
            Self::ExportIdInUse => "an export id may be used again only after it was released, and only below the announced limit",
            Self::Definition => "definitions must stay within the announced limit and name interfaces that were defined",
            Self::FeatureNotNegotiated => "a frame of a feature may be sent only when both hellos name the feature",
            Self::GoAwayRaised => "a later go-away may only lower the number of the last call",
            Self::HandshakeOver => "frames of the handshake end with the handshake",
            Self::FinishForNoCall => "a finish must name a call that is open or holds results",
            Self::Malformed => "a frame must follow the format",
            Self::StreamNotThere => "a frame of a stream must name one that is open, and none may come behind its sender's close",
            Self::StreamForm => "a frame of a stream must be one that its sender's half and the stream's kind allow",
            Self::StreamIdInUse => "a stream id may be used again only after both halves closed it, and only below the announced limit",
            Self::Disembargo => "a disembargo must lead to an object of its sender's, or answer one",
            Self::Resolve => "a resolve must be the only one of a promise",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOCOL: &str = include_str!("../protocol.md");

    #[test]
    fn codes_are_those_of_the_protocol_page() {
        let rules = [
            (Rule::CallIdInUse, 0, "a call id in use"),
            (Rule::ReturnForNoCall, 1, "a return for no call"),
            (Rule::ChunkWithoutBeginning, 2, "a chunk without a beginning"),
            (Rule::BeyondCredit, 3, "a message beyond its limit or the credit"),
            (Rule::ReleaseBeyondCount, 4, "a release of more than was sent"),
            (Rule::UnknownExport, 5, "a reference to an export that is not there"),
            (Rule::ExportIdInUse, 6, "an export id in use"),
            (Rule::Definition, 7, "a definition beyond the limit"),
            (Rule::FeatureNotNegotiated, 8, "a frame or form of a feature that is not in use"),
            (Rule::GoAwayRaised, 9, "a go-away that raises its count"),
            (Rule::HandshakeOver, 10, "a set-up frame after the handshake"),
            (Rule::FinishForNoCall, 11, "a finish for no call"),
            (Rule::Malformed, 12, "bytes that are no frame"),
            (Rule::StreamNotThere, 13, "a frame of a stream that is not there"),
            (Rule::StreamForm, 14, "a frame that is not for its sender's half"),
            (Rule::StreamIdInUse, 15, "a stream id in use"),
            (Rule::Disembargo, 16, "a disembargo"),
            (Rule::Resolve, 17, "a resolve"),
        ];
        for (rule, code, words) in rules {
            assert_eq!(rule.code(), code, "{rule:?}");
            assert!(PROTOCOL.contains(&format!("| {code} | {words}")), "the page has no row for {rule:?}");
        }
    }
}
