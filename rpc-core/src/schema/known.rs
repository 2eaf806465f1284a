//! Owns the structure of types of the standard library and of netref. What is a value of its own in the standard library is traced, so
//! that it is the same structure whether it stands in a type with the derive or in one without.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128,
    NonZeroUsize,
};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use serde::de::{Deserializer, Visitor};

use super::shape::{Name, Plain, Shape};
use super::{FieldList, Schema, TypeId, Types};
use crate::any::AnyRemote;
use crate::error::Error;
use crate::interface::Interface;
use crate::remote::Remote;
use crate::stream::{self, traced};
use crate::weak::WeakRemote;

/// The length of a tuple struct by which a reference gives itself away to the tracer. Its name is that of the interface.
pub(crate) const REFERENCE: usize = usize::MAX;

/// The same for a weak reference.
pub(crate) const WEAK_REFERENCE: usize = usize::MAX - 1;

/// How a weak reference is told from a strong one.
pub(super) fn weak(interface: &str) -> Name {
    Name::Owned(format!("weak {interface}"))
}

/// Tells the tracer that a reference stands here, and gives one that leads nowhere.
pub(crate) fn traced_reference<'de, D: Deserializer<'de>>(
    deserializer: D,
    interface: &'static str,
    len: usize,
) -> Result<AnyRemote, D::Error> {
    struct Broken;

    impl Visitor<'_> for Broken {
        type Value = AnyRemote;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a reference")
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<AnyRemote, E> {
            Ok(AnyRemote::broken(crate::any::broken("a reference that was made up to see the structure of a type")))
        }
    }

    deserializer.deserialize_tuple_struct(interface, len, Broken)
}

macro_rules! plain {
    ($($ty:ty = $plain:ident),* $(,)?) => {$(
        impl Schema for $ty {
            fn schema(types: &mut Types) -> TypeId {
                types.plain(Plain::$plain)
            }
        }
    )*};
}

plain! {
    () = Unit, bool = Bool, char = Char, String = String, Box<str> = String, Arc<str> = String, Rc<str> = String,
    u8 = U8, u16 = U16, u32 = U32, u64 = U64, u128 = U128, usize = U64,
    i8 = I8, i16 = I16, i32 = I32, i64 = I64, i128 = I128, isize = I64,
    f32 = F32, f64 = F64,
    NonZeroU8 = U8, NonZeroU16 = U16, NonZeroU32 = U32, NonZeroU64 = U64, NonZeroU128 = U128, NonZeroUsize = U64,
    NonZeroI8 = I8, NonZeroI16 = I16, NonZeroI32 = I32, NonZeroI64 = I64, NonZeroI128 = I128, NonZeroIsize = I64,
}

macro_rules! traced {
    ($($ty:ty),* $(,)?) => {$(
        impl Schema for $ty {
            fn schema(types: &mut Types) -> TypeId {
                types.traced::<Self>()
            }
        }
    )*};
}

traced! {
    Duration, SystemTime, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, std::path::PathBuf, std::ffi::OsString,
    Error,
}

macro_rules! transparent {
    ($($ty:ident),* $(,)?) => {$(
        impl<T: Schema> Schema for $ty<T> {
            fn schema(types: &mut Types) -> TypeId {
                T::schema(types)
            }
        }
    )*};
}

transparent!(Box, Rc, Arc, Cell, RefCell, Mutex, RwLock);

impl<T: ?Sized + ToOwned<Owned: Schema> + 'static> Schema for Cow<'static, T> {
    fn schema(types: &mut Types) -> TypeId {
        <T::Owned as Schema>::schema(types)
    }
}

fn seq<T: Schema>(types: &mut Types) -> TypeId {
    let TypeId(item) = T::schema(types);
    types.add(Shape::Seq(item))
}

macro_rules! sequences {
    ($($ty:ident<T $(, $hasher:ident)?>),* $(,)?) => {$(
        impl<T: Schema $(, $hasher: 'static)?> Schema for $ty<T $(, $hasher)?> {
            fn schema(types: &mut Types) -> TypeId {
                seq::<T>(types)
            }
        }
    )*};
}

sequences!(Vec<T>, VecDeque<T>, LinkedList<T>, BinaryHeap<T>, BTreeSet<T>, HashSet<T, H>);

impl<T: Schema> Schema for Box<[T]> {
    fn schema(types: &mut Types) -> TypeId {
        seq::<T>(types)
    }
}

impl<T: Schema> Schema for Arc<[T]> {
    fn schema(types: &mut Types) -> TypeId {
        seq::<T>(types)
    }
}

fn map<K: Schema, V: Schema>(types: &mut Types) -> TypeId {
    let (TypeId(key), TypeId(value)) = (K::schema(types), V::schema(types));
    types.add(Shape::Map(key, value))
}

impl<K: Schema, V: Schema, H: 'static> Schema for HashMap<K, V, H> {
    fn schema(types: &mut Types) -> TypeId {
        map::<K, V>(types)
    }
}

impl<K: Schema, V: Schema> Schema for BTreeMap<K, V> {
    fn schema(types: &mut Types) -> TypeId {
        map::<K, V>(types)
    }
}

impl<T: Schema> Schema for Option<T> {
    fn schema(types: &mut Types) -> TypeId {
        let TypeId(inner) = T::schema(types);
        types.add(Shape::Option(inner))
    }
}

impl<T: Schema, E: Schema> Schema for Result<T, E> {
    fn schema(types: &mut Types) -> TypeId {
        types.enumeration::<Self>("Result", |types| {
            vec![("Ok", FieldList::Newtype(T::schema(types))), ("Err", FieldList::Newtype(E::schema(types)))]
        })
    }
}

impl<T: ?Sized + 'static> Schema for PhantomData<T> {
    fn schema(types: &mut Types) -> TypeId {
        types.structure::<Self>("PhantomData", |_| FieldList::Unit)
    }
}

impl<T: Schema> Schema for Range<T> {
    fn schema(types: &mut Types) -> TypeId {
        types.structure::<Self>("Range", ends::<T>)
    }
}

impl<T: Schema> Schema for RangeInclusive<T> {
    fn schema(types: &mut Types) -> TypeId {
        types.structure::<Self>("RangeInclusive", ends::<T>)
    }
}

fn ends<T: Schema>(types: &mut Types) -> FieldList {
    let end = T::schema(types);
    FieldList::Named(vec![("start", end), ("end", end)])
}

impl<T: Schema, const N: usize> Schema for [T; N] {
    fn schema(types: &mut Types) -> TypeId {
        let TypeId(item) = T::schema(types);
        if N > super::encoded::SHAPES_MAX {
            return types.opaque("", "it has too many parts");
        }
        types.add(Shape::Tuple(vec![item; N]))
    }
}

macro_rules! tuples {
    ($(($($ty:ident)*))*) => {$(
        impl<$($ty: Schema),*> Schema for ($($ty,)*) {
            fn schema(types: &mut Types) -> TypeId {
                let items = vec![$($ty::schema(types).0),*];
                types.add(Shape::Tuple(items))
            }
        }
    )*};
}

tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) (A B C D E F G H I) (A B C D E F G H I J)
    (A B C D E F G H I J K) (A B C D E F G H I J K L)
}

impl<T: ?Sized + Interface + 'static> Schema for Remote<T> {
    fn schema(types: &mut Types) -> TypeId {
        super::mention(T::DESCRIPTOR);
        types.add(Shape::Reference(Name::Borrowed(T::DESCRIPTOR.name)))
    }
}

impl<T: ?Sized + Interface + 'static> Schema for WeakRemote<T> {
    fn schema(types: &mut Types) -> TypeId {
        super::mention(T::DESCRIPTOR);
        types.add(Shape::Reference(weak(T::DESCRIPTOR.name)))
    }
}

impl Schema for AnyRemote {
    fn schema(types: &mut Types) -> TypeId {
        types.add(Shape::Reference(Name::Borrowed("")))
    }
}

macro_rules! halves {
    ($($ty:ident = $half:ident),* $(,)?) => {$(
        impl<T: Schema + 'static> Schema for stream::$ty<T> {
            fn schema(types: &mut Types) -> TypeId {
                let TypeId(half) = types.add(Shape::Reference(Name::Borrowed(traced::name(traced::$half))));
                let TypeId(item) = T::schema(types);
                types.add(Shape::Tuple(vec![half, item]))
            }
        }
    )*};
}

halves!(Sender = SENDER, Receiver = RECEIVER, WatchSender = WATCH_SENDER, WatchReceiver = WATCH_RECEIVER);

impl Schema for stream::ByteWriter {
    fn schema(types: &mut Types) -> TypeId {
        types.add(Shape::Reference(Name::Borrowed(traced::BYTE_WRITER)))
    }
}

impl Schema for stream::ByteReader {
    fn schema(types: &mut Types) -> TypeId {
        types.add(Shape::Reference(Name::Borrowed(traced::BYTE_READER)))
    }
}
