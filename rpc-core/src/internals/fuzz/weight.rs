//! Owns what a decoded value must be charged, worked out from the value itself, beside the guard and without it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What an element without content costs in a sequence or a map: the guard's own figure, written down a second time.
const EMPTY_ELEMENT_BYTES: u64 = 64;

/// A value that knows what it weighs.
pub(super) trait Weigh: Serialize + DeserializeOwned {
    /// How many containers stand inside each other.
    fn depth(&self) -> u32;
    /// What it is charged for what it holds, beside its own size.
    fn bytes(&self) -> u64;
}

/// What a field or the content of a variant is charged.
fn field<T: Weigh>(value: &T) -> u64 {
    (size_of::<T>() as u64).max(1) + value.bytes()
}

/// What an element of a sequence, or the key of a map, is charged.
fn element<T: Weigh>(value: &T) -> u64 {
    let size = size_of::<T>() as u64;
    value.bytes() + if size == 0 { EMPTY_ELEMENT_BYTES } else { size }
}

macro_rules! plain {
    ($($kind:ty)*) => {$(
        impl Weigh for $kind {
            fn depth(&self) -> u32 {
                0
            }
            fn bytes(&self) -> u64 {
                0
            }
        }
    )*};
}

plain! { () bool char u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 }

macro_rules! text {
    ($($kind:ty)*) => {$(
        impl Weigh for $kind {
            fn depth(&self) -> u32 {
                0
            }
            fn bytes(&self) -> u64 {
                self.len() as u64
            }
        }
    )*};
}

text! { String Box<str> }

impl<T: Weigh> Weigh for Box<T> {
    fn depth(&self) -> u32 {
        (**self).depth()
    }
    fn bytes(&self) -> u64 {
        (**self).bytes()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn depth(&self) -> u32 {
        self.as_ref().map_or(0, |value| 1 + value.depth())
    }
    fn bytes(&self) -> u64 {
        self.as_ref().map_or(0, Weigh::bytes)
    }
}

impl<T: Weigh, E: Weigh> Weigh for Result<T, E> {
    fn depth(&self) -> u32 {
        1 + self.as_ref().map_or_else(Weigh::depth, Weigh::depth)
    }
    fn bytes(&self) -> u64 {
        self.as_ref().map_or_else(element, element)
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn depth(&self) -> u32 {
        1 + self.iter().map(Weigh::depth).max().unwrap_or_default()
    }
    fn bytes(&self) -> u64 {
        self.iter().map(element).sum()
    }
}

impl<T: Weigh> Weigh for [T; 3]
where
    Self: Serialize + DeserializeOwned,
{
    fn depth(&self) -> u32 {
        1 + self.iter().map(Weigh::depth).max().unwrap_or_default()
    }
    fn bytes(&self) -> u64 {
        self.iter().map(field).sum()
    }
}

impl<K: Weigh + Ord, V: Weigh> Weigh for BTreeMap<K, V> {
    fn depth(&self) -> u32 {
        1 + self.iter().map(|(key, value)| key.depth().max(value.depth())).max().unwrap_or_default()
    }
    fn bytes(&self) -> u64 {
        self.iter().map(|(key, value)| element(key) + field(value)).sum()
    }
}

macro_rules! tuple {
    ($($kind:ident)*) => {
        impl<$($kind: Weigh),*> Weigh for ($($kind,)*) {
            #[allow(non_snake_case)]
            fn depth(&self) -> u32 {
                let ($($kind,)*) = self;
                1 + [$($kind.depth()),*].into_iter().max().unwrap_or_default()
            }
            #[allow(non_snake_case)]
            fn bytes(&self) -> u64 {
                let ($($kind,)*) = self;
                [$(field($kind)),*].into_iter().sum()
            }
        }
    };
}

tuple! { A }
tuple! { A B }
tuple! { A B C D }

/// A struct that is only a name for another value.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Metres(u64);

impl Weigh for Metres {
    fn depth(&self) -> u32 {
        1
    }
    fn bytes(&self) -> u64 {
        0
    }
}

/// A list that ends somewhere.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Chain {
    End,
    Link(Box<Self>),
}

impl Weigh for Chain {
    fn depth(&self) -> u32 {
        match self {
            Self::End => 0,
            Self::Link(next) => 1 + next.depth(),
        }
    }
    fn bytes(&self) -> u64 {
        match self {
            Self::End => 0,
            Self::Link(next) => field(next),
        }
    }
}

/// A value in which everything can be inside everything.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Tree {
    Nothing,
    Number(i64),
    Huge(u128),
    Float(f64),
    Letter(char),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Maybe(Option<Box<Self>>),
    Pair(Box<Self>, Metres),
    Named { name: Option<String>, flag: bool, inner: Box<Self> },
    Outcome(Result<Box<Self>, (u8, String)>),
    Empty(Vec<()>),
}

impl Weigh for Tree {
    fn depth(&self) -> u32 {
        1 + match self {
            Self::Nothing => return 0,
            Self::Number(_) | Self::Huge(_) | Self::Float(_) | Self::Letter(_) | Self::Text(_) => 0,
            Self::List(list) => list.depth(),
            Self::Map(map) => map.depth(),
            Self::Maybe(inner) => inner.depth(),
            Self::Pair(first, second) => first.depth().max(second.depth()),
            Self::Named { name, inner, .. } => name.depth().max(inner.depth()),
            Self::Outcome(outcome) => outcome.depth(),
            Self::Empty(list) => list.depth(),
        }
    }
    fn bytes(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Number(value) => field(value),
            Self::Huge(value) => field(value),
            Self::Float(value) => field(value),
            Self::Letter(value) => field(value),
            Self::Text(value) => field(value),
            Self::List(value) => field(value),
            Self::Map(value) => field(value),
            Self::Maybe(value) => field(value),
            Self::Pair(first, second) => field(first) + field(second),
            Self::Named { name, flag, inner } => field(name) + field(flag) + field(inner),
            Self::Outcome(value) => field(value),
            Self::Empty(value) => field(value),
        }
    }
}
