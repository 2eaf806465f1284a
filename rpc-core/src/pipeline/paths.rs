//! Owns where in a value its references are: a serializer that writes nothing, goes down by the numbers of fields, and notes where it meets a
//! reference. So neither side needs to know more of a result's type than how to serialize it.

use std::cell::RefCell;
use std::fmt;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use crate::any::AnyRemote;
use crate::error::Error;
use crate::transfer;
use crate::wire::PATH_MAX;

/// The way to a reference in a value: the number of a field, then of a field in that.
pub(crate) type Path = Vec<u32>;

/// What those may know who call a result ahead. A type of its own, so that a result of which nobody asks holds one word for it.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its references.
    References(Vec<(Path, AnyRemote)>),
    /// Why there are none.
    Nothing(Error),
}

/// The references of a value with the ways to them. Those in lists, maps and variants have none: no promise names them.
///
/// An Option and a newtype are as what is in them.
pub(crate) fn find<T: Serialize + ?Sized>(value: &T) -> Vec<(Path, AnyRemote)> {
    let found = RefCell::new(Vec::new());
    let walked = crate::panics::caught(|| transfer::looking(|| value.serialize(Finder { found: &found, path: Vec::new() })));
    // What cannot be serialized is told where the value itself is encoded.
    let Ok((_, references)) = walked else { return Vec::new() };
    let found = found.into_inner().into_iter().filter_map(|(path, index)| Some((path, references.get(index as usize)?.clone())));
    // A half of a stream is no object.
    found.filter(|(_, reference)| !reference.is_half()).collect()
}

/// The reference of a place. They are in the order of their places, as a value is walked.
pub(crate) fn reference_at<'k>(known: &'k [(Path, AnyRemote)], path: &[u32]) -> Option<&'k AnyRemote> {
    let index = known.binary_search_by(|(known, _)| known.as_slice().cmp(path)).ok()?;
    known.get(index).map(|(_, reference)| reference)
}

#[derive(Clone)]
struct Finder<'f> {
    found: &'f RefCell<Vec<(Path, u32)>>,
    path: Path,
}

/// Never seen: it only ends a walk that met what it does not look into.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stop {}

impl serde::ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The fields of one value, one after the other.
struct Fields<'f> {
    finder: Finder<'f>,
    next: u32,
    /// Whether they are walked at all.
    looks: bool,
}

impl<'f> Finder<'f> {
    fn fields(self) -> Fields<'f> {
        let looks = self.path.len() < PATH_MAX;
        Fields { finder: self, next: 0, looks }
    }

    fn unseen(self) -> Fields<'f> {
        Fields { finder: self, next: 0, looks: false }
    }
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let index = self.next;
        self.next += 1;
        if !self.looks {
            return Ok(());
        }
        let mut finder = self.finder.clone();
        finder.path.push(index);
        // A field that cannot be walked says nothing of the others.
        let _ = value.serialize(finder);
        Ok(())
    }
}

macro_rules! leaves {
    ($($name:ident $ty:ty),+) => {
        $(fn $name(self, _: $ty) -> Result<(), Stop> {
            Ok(())
        })+
    };
}

impl<'f> Serializer for Finder<'f> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Fields<'f>;
    type SerializeTuple = Fields<'f>;
    type SerializeTupleStruct = Fields<'f>;
    type SerializeTupleVariant = Fields<'f>;
    type SerializeMap = Fields<'f>;
    type SerializeStruct = Fields<'f>;
    type SerializeStructVariant = Fields<'f>;

    leaves!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128,
        serialize_f32 f32, serialize_f64 f64, serialize_char char, serialize_str &str, serialize_bytes &[u8]
    );

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Stop> {
        if name != transfer::REFERENCE {
            return value.serialize(self);
        }
        let index = value.serialize(Index)?;
        self.found.borrow_mut().push((self.path, index));
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Fields<'f>, Stop> {
        Ok(self.unseen())
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields<'f>, Stop> {
        Ok(self.fields())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields<'f>, Stop> {
        Ok(self.fields())
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Fields<'f>, Stop> {
        Ok(self.unseen())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'f>, Stop> {
        Ok(self.unseen())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'f>, Stop> {
        Ok(self.fields())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Fields<'f>, Stop> {
        Ok(self.unseen())
    }
}

macro_rules! fields {
    ($($part:ident $method:ident),+) => {
        $(impl $part for Fields<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.field(value)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })+
    };
}

fields!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
        SerializeTupleVariant serialize_field);

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Stop> {
        Ok(())
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! named {
    ($($part:ident),+) => {
        $(impl $part for Fields<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Stop> {
                self.field(value)
            }

            fn skip_field(&mut self, _: &'static str) -> Result<(), Stop> {
                self.next += 1;
                Ok(())
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })+
    };
}

named!(SerializeStruct, SerializeStructVariant);

macro_rules! others {
    ($($name:ident $ty:ty),+) => {
        $(fn $name(self, _: $ty) -> Result<u32, Stop> {
            Err(Stop)
        })+
    };
}

type NoParts = serde::ser::Impossible<u32, Stop>;

/// Reads the number in a reference.
struct Index;

impl Serializer for Index {
    type Ok = u32;
    type Error = Stop;
    type SerializeSeq = NoParts;
    type SerializeTuple = NoParts;
    type SerializeTupleStruct = NoParts;
    type SerializeTupleVariant = NoParts;
    type SerializeMap = NoParts;
    type SerializeStruct = NoParts;
    type SerializeStructVariant = NoParts;

    fn serialize_u32(self, value: u32) -> Result<u32, Stop> {
        Ok(value)
    }

    others!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8, serialize_u16 u16,
        serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char, serialize_str &str, serialize_bytes &[u8],
        serialize_unit_struct &'static str
    );

    fn serialize_none(self) -> Result<u32, Stop> {
        Err(Stop)
    }

    fn serialize_unit(self) -> Result<u32, Stop> {
        Err(Stop)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u32, Stop> {
        Err(Stop)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<u32, Stop> {
        Err(Stop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<u32, Stop> {
        Err(Stop)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Result<u32, Stop> {
        Err(Stop)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<NoParts, Stop> {
        Err(Stop)
    }

    fn serialize_tuple(self, _: usize) -> Result<NoParts, Stop> {
        Err(Stop)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<NoParts, Stop> {
        Err(Stop)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<NoParts, Stop> {
        Err(Stop)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<NoParts, Stop> {
        Err(Stop)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<NoParts, Stop> {
        Err(Stop)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<NoParts, Stop> {
        Err(Stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any::broken;

    #[derive(serde::Serialize)]
    struct Inner {
        text: &'static str,
        reference: Option<AnyRemote>,
    }

    #[derive(serde::Serialize)]
    struct Outer(u8, Vec<AnyRemote>, Inner, AnyRemote);

    fn reference(name: &str) -> AnyRemote {
        AnyRemote::broken(broken(name))
    }

    fn names<T: Serialize>(value: &T) -> Vec<(Path, String)> {
        let text = |reference: &AnyRemote| match &reference.place {
            crate::any::Place::Broken(error) => error.text().to_owned(),
            _ => String::new(),
        };
        find(value).iter().map(|(path, reference)| (path.clone(), text(reference))).collect()
    }

    #[test]
    fn references_are_found_by_the_numbers_of_fields_and_not_in_lists() {
        let inner = Inner { text: "", reference: Some(reference("inner")) };
        let value = Outer(1, vec![reference("listed")], inner, reference("last"));
        assert_eq!(names(&value), [(vec![2, 1], "inner".to_owned()), (vec![3], "last".to_owned())]);
        let found = find(&value);
        assert!(found.is_sorted_by(|one, other| one.0 < other.0), "they are looked up by their places");
        assert!(reference_at(&found, &[2, 1]).is_some() && reference_at(&found, &[3]).is_some());
        assert!(reference_at(&found, &[]).is_none() && reference_at(&found, &[2]).is_none() && reference_at(&found, &[4]).is_none());
        assert_eq!(names(&reference("itself")), [(Vec::new(), "itself".to_owned())]);
        assert_eq!(names(&Inner { text: "none", reference: None }).len(), 0);
    }
}
