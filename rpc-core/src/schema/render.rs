//! Owns how shapes are shown to people: as the Rust types that they come from. Names may be a peer's, so they are escaped, and every
//! text is bounded.

use std::fmt::{self, Write};

use super::half::half;
use super::shape::{Fields, Id, Plain, Shape, Structure, Variant};

/// How deep a type is written out before it is cut short.
const DEPTH_MAX: usize = 6;

/// The longest text about one type.
const TEXT_MAX: usize = 240;

/// From here on nothing is added to a text about one type: what a declaration of one line may have is shown, and a type with very many parts takes
/// no more work than that.
const FULL: usize = 4 * TEXT_MAX;

/// The longest array that is shown as one. No structure that travels has a longer one.
const ARRAY_MAX: usize = crate::wire::STRUCTURE_MAX;

/// A type as it is named in another: `Vec<Item>`.
pub(crate) fn name(structure: &Structure, id: Id) -> String {
    let mut text = String::new();
    write_name(&mut text, structure, id, 0);
    shortened(text)
}

/// A type with its parts: `struct Item { price: u32 }`.
pub(crate) fn declaration(structure: &Structure, id: Id) -> String {
    let mut text = String::new();
    match structure.shape(id) {
        Shape::Struct(name, fields) => {
            push(&mut text, format_args!("struct {}", escaped(name)));
            write_fields(&mut text, structure, fields, 1);
        }
        Shape::Enum(name, variants) => {
            push(&mut text, format_args!("enum {} {{ ", escaped(name)));
            for (index, variant) in variants.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                if is_full(&mut text) {
                    break;
                }
                text.push_str(&self::variant(structure, variant));
            }
            text.push_str(" }");
        }
        _ => write_name(&mut text, structure, id, 0),
    }
    text
}

/// A variant with its content: `Rest { milliseconds: u32 }`.
pub(crate) fn variant(structure: &Structure, variant: &Variant) -> String {
    let mut text = String::new();
    text.push_str(&escaped(&variant.name));
    write_fields(&mut text, structure, &variant.fields, 1);
    text
}

/// A declaration of bounded length.
pub(crate) fn short_declaration(structure: &Structure, id: Id) -> String {
    shortened(declaration(structure, id))
}

pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        text.truncate(super::cut(&text, TEXT_MAX).len());
        text.push('…');
    }
    text
}

/// A name as it is shown. It may be a peer's, and of any length.
fn escaped(name: &str) -> String {
    super::cut(name, TEXT_MAX).escape_debug().to_string()
}

/// Whether nothing is to be added, and then says so.
fn is_full(text: &mut String) -> bool {
    let is_full = text.len() > FULL;
    if is_full && !text.ends_with('…') {
        text.push('…');
    }
    is_full
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = text.write_fmt(arguments);
}

fn write_name(text: &mut String, structure: &Structure, id: Id, depth: usize) {
    if is_full(text) {
        return;
    }
    if depth > DEPTH_MAX {
        return text.push('…');
    }
    let inner = |text: &mut String, id: Id| write_name(text, structure, id, depth + 1);
    if let Some(half) = half(structure, id) {
        text.push_str(half.name);
        return half.item.map_or((), |item| wrapped(text, "<", ">", |text| inner(text, item)));
    }
    match structure.shape(id) {
        Shape::Opaque { tokens, .. } if tokens.is_empty() => text.push_str("(opaque)"),
        Shape::Opaque { tokens, .. } => push(text, format_args!("{} (opaque)", escaped(tokens))),
        Shape::Plain(plain) => text.push_str(plain_name(*plain)),
        Shape::Option(id) => wrapped(text, "Option<", ">", |text| inner(text, *id)),
        Shape::Seq(id) => wrapped(text, "Vec<", ">", |text| inner(text, *id)),
        Shape::Map(key, value) => wrapped(text, "HashMap<", ">", |text| {
            inner(text, *key);
            text.push_str(", ");
            inner(text, *value);
        }),
        Shape::Tuple(ids) => write_tuple(text, structure, ids, depth),
        Shape::Struct(name, _) | Shape::Enum(name, _) => text.push_str(&escaped(name)),
        Shape::Reference(interface) if interface.is_empty() => text.push_str("AnyRemote"),
        Shape::Reference(interface) if interface.starts_with("weak ") => {
            push(text, format_args!("WeakRemote<dyn {}>", escaped(&interface[5..])))
        }
        Shape::Reference(interface) => push(text, format_args!("Remote<dyn {}>", escaped(interface))),
    }
}

fn wrapped(text: &mut String, before: &str, after: &str, inner: impl FnOnce(&mut String)) {
    text.push_str(before);
    inner(text);
    text.push_str(after);
}

fn write_tuple(text: &mut String, structure: &Structure, ids: &[Id], depth: usize) {
    if let [first, rest @ ..] = ids
        && (4..=ARRAY_MAX).contains(&ids.len())
        && *rest == ids[..rest.len()]
    {
        return wrapped(text, "[", &format!("; {}]", ids.len()), |text| write_name(text, structure, *first, depth + 1));
    }
    text.push('(');
    for (index, id) in ids.iter().enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        if is_full(text) {
            break;
        }
        write_name(text, structure, *id, depth + 1);
    }
    text.push_str(if ids.len() == 1 { ",)" } else { ")" });
}

fn write_fields(text: &mut String, structure: &Structure, fields: &Fields, depth: usize) {
    match fields {
        Fields::Unit => {}
        Fields::Newtype(id) => wrapped(text, "(", ")", |text| write_name(text, structure, *id, depth)),
        Fields::Tuple(ids) => write_tuple(text, structure, ids, depth),
        Fields::Named(fields) => {
            text.push_str(" { ");
            for (index, (name, id)) in fields.iter().enumerate() {
                if is_full(text) {
                    break;
                }
                let name = if name.is_empty() { "_".to_owned() } else { escaped(name) };
                push(text, format_args!("{}{name}: ", if index > 0 { ", " } else { "" }));
                write_name(text, structure, *id, depth);
            }
            text.push_str(" }");
        }
    }
}

fn plain_name(plain: Plain) -> &'static str {
    match plain {
        Plain::Unit => "()",
        Plain::Bool => "bool",
        Plain::U8 => "u8",
        Plain::U16 => "u16",
        Plain::U32 => "u32",
        Plain::U64 => "u64",
        Plain::U128 => "u128",
        Plain::I8 => "i8",
        Plain::I16 => "i16",
        Plain::I32 => "i32",
        Plain::I64 => "i64",
        Plain::I128 => "i128",
        Plain::F32 => "f32",
        Plain::F64 => "f64",
        Plain::Char => "char",
        Plain::String => "String",
        Plain::Bytes => "bytes",
        Plain::Bulk => "Vec<u8>",
    }
}
