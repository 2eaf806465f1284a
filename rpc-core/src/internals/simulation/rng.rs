//! Owns where choices come from: a seed, for runs that can be repeated, or bytes that somebody else chose.

/// A source of choices.
#[derive(Clone, Debug)]
pub(crate) enum Choices<'a> {
    /// SplitMix64: one number of state, every seed as good as any other.
    Seed(u64),
    Bytes(&'a [u8]),
}

impl Choices<'_> {
    /// A number below `bound`, which is not 0. When the bytes are used up it is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        match self {
            Self::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                ((mixed ^ (mixed >> 31)) % bound as u64) as usize
            }
            Self::Bytes(bytes) => match bytes.split_first() {
                Some((&first, rest)) => {
                    *bytes = rest;
                    usize::from(first) % bound
                }
                None => 0,
            },
        }
    }

    /// True once in `many` times.
    pub(crate) fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == many - 1
    }

    /// Whether there is nothing left to choose by.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }
}
