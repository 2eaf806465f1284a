//! Owns what a type is called where its structure is not known and the source names only a parameter: `T` is written alike for every
//! `T`. The compiler knows the type; the paths are taken out of its name, since a type may stand elsewhere in the other program.

use std::any::type_name;

use super::method::fnv;

/// A type as it is written with everything in scope: `Vec<(Email, u32)>`.
pub(super) fn short<T: ?Sized>() -> String {
    without_paths(type_name::<T>())
}

/// The hash of a type as it was written, together with what its parameters stand for.
#[must_use]
pub fn instance<T: ?Sized>(tokens: u64) -> u64 {
    let name = short::<T>();
    fnv([&tokens.to_le_bytes(), name.as_bytes()].concat().as_slice())
}

fn without_paths(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    for (index, part) in name.split("::").enumerate() {
        if index > 0 {
            let end = short.trim_end_matches(|char: char| char.is_alphanumeric() || char == '_').len();
            short.truncate(end);
        }
        short.push_str(part);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_paths_and_tell_types_apart() {
        assert_eq!(without_paths("(a::b::Email, u32)"), "(Email, u32)");
        assert_eq!(without_paths("alloc::vec::Vec<a::Page<[b::c::Item; 3]>>"), "Vec<Page<[Item; 3]>>");
        assert_eq!(without_paths("netref::remote::Remote<dyn a::Shelf<Item = b::Book>>"), "Remote<dyn Shelf<Item = Book>>");
        assert_eq!(short::<Option<std::time::Duration>>(), "Option<Duration>");
        assert_ne!(instance::<(u8, u32)>(1), instance::<(u8, i32)>(1));
        assert_ne!(instance::<u8>(1), instance::<u8>(2));
    }
}
