//! Owns how a description is shown: as the Rust source that it comes from. The texts may be a peer's, so what a terminal would obey is
//! written out, and nothing in them can end a comment and go on as something else.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Formatter, Write as _};

use super::{Access, Description, InterfaceInfo, MethodInfo};
use crate::schema::render;
use crate::schema::shape::{Fields, Id, Shape, Structure};

/// Columns up to which a type is shown on one line.
const LINE_MAX: usize = 100;

/// Arguments whose types are shown beside a method.
const ARGUMENTS_MAX: usize = 16;

/// Bytes of declarations that are worked out for one text, also of those that are shown already: thousands of types of a usual size.
const TYPES_MAX: usize = 8 << 20;

/// The declarations that were shown.
#[derive(Default)]
struct Shown {
    declarations: HashSet<String>,
    bytes: usize,
}

impl Display for Description {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut names: HashMap<&str, u32> = HashMap::new();
        self.interfaces.iter().for_each(|interface| *names.entry(&interface.name).or_default() += 1);
        for (index, interface) in self.interfaces.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write_interface(f, interface, names[&*interface.name] > 1)?;
        }
        let mut shown = Shown::default();
        for interface in &self.interfaces {
            write_types(f, interface, &mut shown)?;
        }
        Ok(())
    }
}

impl Display for InterfaceInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_interface(f, self, false)?;
        write_types(f, self, &mut Shown::default())
    }
}

impl Display for MethodInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_method(f, self, "", false)
    }
}

/// With its types where it is one of several instances, whose sources are the same.
fn write_interface(f: &mut Formatter<'_>, interface: &InterfaceInfo, is_instance: bool) -> fmt::Result {
    write_docs(f, &interface.docs, "")?;
    match interface.access {
        Access::Granted | Access::Supertrait => {}
        Access::Offered => writeln!(f, "// A reference to the object can be cast to it.")?,
        Access::Mentioned => writeln!(f, "// References to it are taken or given.")?,
    }
    if !interface.is_known {
        writeln!(f, "// Its host does not say which methods it has.")?;
    }
    let name = interface.name.replace('\\', "\\\\").replace('"', "\\\"");
    writeln!(f, "#[remote(name = \"{}\")]", Clean(&name))?;
    write!(f, "pub trait {}", Clean(last(&interface.name)))?;
    for (index, base) in interface.supertraits.iter().enumerate() {
        write!(f, "{}{}", if index > 0 { " + " } else { ": " }, Clean(last(base)))?;
    }
    if interface.methods.is_empty() {
        return writeln!(f, " {{}}");
    }
    writeln!(f, " {{")?;
    for (index, method) in interface.methods.iter().enumerate() {
        if index > 0 {
            writeln!(f)?;
        }
        write_method(f, method, "    ", is_instance)?;
    }
    writeln!(f, "}}")
}

fn write_method(f: &mut Formatter<'_>, method: &MethodInfo, indent: &str, is_instance: bool) -> fmt::Result {
    write_docs(f, &method.docs, indent)?;
    if is_instance {
        let structure = method.types.structure();
        let arguments: Vec<_> = structure.arguments.iter().take(ARGUMENTS_MAX).map(|root| render::name(&structure, root.id)).collect();
        writeln!(f, "{indent}// Here: ({}) -> {}", render::shortened(arguments.join(", ")), render::name(&structure, structure.value.id))?;
    }
    for place in &method.opaque {
        writeln!(f, "{indent}// Opaque: {}: {}", Clean(&place.path), Clean(&place.why))?;
    }
    if method.idempotent {
        writeln!(f, "{indent}#[idempotent]")?;
    }
    let options = [("spawn", method.spawn), ("blocking", method.blocking), ("no_cancel", method.no_cancel)];
    let options: Vec<_> = options.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if !options.is_empty() {
        writeln!(f, "{indent}#[remote({})]", options.join(", "))?;
    }
    writeln!(f, "{indent}{};", Clean(&method.signature))
}

fn write_docs(f: &mut Formatter<'_>, docs: &str, indent: &str) -> fmt::Result {
    for line in docs.lines() {
        let space = if line.is_empty() { "" } else { " " };
        writeln!(f, "{indent}///{space}{}", Clean(line))?;
    }
    Ok(())
}

/// The structs and enums in the methods' types, each once, but for netref's own.
fn write_types(f: &mut Formatter<'_>, interface: &InterfaceInfo, shown: &mut Shown) -> fmt::Result {
    for method in &interface.methods {
        let structure = method.types.structure();
        for id in 0..structure.shapes.len() as Id {
            match structure.shape(id) {
                Shape::Struct(name, _) | Shape::Enum(name, _) if !name.starts_with("netref::") => {}
                _ => continue,
            }
            if shown.bytes > TYPES_MAX {
                return Ok(());
            }
            let declaration = declaration(&structure, id);
            shown.bytes += declaration.len();
            if shown.bytes > TYPES_MAX {
                return writeln!(f, "\n// There are more types than are shown.");
            }
            if shown.declarations.insert(declaration.clone()) {
                write!(f, "\n{declaration}\n")?;
            }
        }
    }
    Ok(())
}

/// A struct or an enum, on one line if it is short.
fn declaration(structure: &Structure, id: Id) -> String {
    let line = render::declaration(structure, id);
    let ends = matches!(structure.shape(id), Shape::Struct(_, Fields::Unit | Fields::Newtype(_) | Fields::Tuple(_)));
    if line.chars().count() <= LINE_MAX {
        return if ends { format!("{line};") } else { line };
    }
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = match structure.shape(id) {
        Shape::Struct(name, Fields::Named(fields)) => write_fields(&mut text, &format!("struct {}", Clean(name)), fields, structure, ""),
        Shape::Enum(name, variants) => {
            let _ = writeln!(text, "enum {} {{", Clean(name));
            for variant in variants {
                if text.len() > TYPES_MAX {
                    break;
                }
                let line = format!("    {},", render::variant(structure, variant));
                let _ = match &variant.fields {
                    Fields::Named(fields) if line.chars().count() > LINE_MAX => {
                        let written = write_fields(&mut text, &format!("    {}", Clean(&variant.name)), fields, structure, "    ");
                        text.push_str(",\n");
                        written
                    }
                    _ => writeln!(text, "{line}"),
                };
            }
            text.write_str("}")
        }
        _ => text.write_str(&line),
    };
    text
}

fn write_fields(
    text: &mut String,
    head: &str,
    fields: &[(crate::schema::shape::Name, Id)],
    structure: &Structure,
    indent: &str,
) -> fmt::Result {
    writeln!(text, "{head} {{")?;
    for (name, id) in fields {
        if text.len() > TYPES_MAX {
            break;
        }
        writeln!(text, "{indent}    {}: {},", Clean(name), render::name(structure, *id))?;
    }
    write!(text, "{indent}}}")
}

/// The name without its path.
fn last(name: &str) -> &str {
    name.rsplit(['.', ':']).next().unwrap_or(name)
}

/// A text in which whatever is no letter, sign or space to read is written out, on one line.
struct Clean<'a>(&'a str);

impl Display for Clean<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            if letter.is_control() || is_invisible(letter) { write!(f, "{}", letter.escape_unicode())? } else { f.write_char(letter)? }
        }
        Ok(())
    }
}

/// What changes the order or the look of the text around it and is not seen itself.
const fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
