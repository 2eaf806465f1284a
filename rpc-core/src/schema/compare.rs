//! Owns the question whether two versions of a method can work together, and where they differ when they cannot. It knows shapes, not
//! where they came from: one of the two structures is a peer's, so the work is bounded and the depth of a shape costs no stack.
//!
//! Whoever writes a value must write nothing that the reader takes for something else. Everything has to be the same, in the same
//! place and under the same name, with one exception: one side may know more variants at the end of an enum. In an argument the
//! callee may, for it will not be sent what the caller does not know. In a result either may: a variant that the caller does not
//! know is an error of that one call.

use std::collections::HashSet;

use super::render;
use super::shape::{Fields, Id, Name, Shape, Structure, Variant};

/// Pairs of shapes that are looked at. Two honest structures make about as many pairs as the larger has shapes.
const PAIRS_MAX: usize = 8_192;

/// Where two structures differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `argument `order`.items[].price`.
    pub(crate) path: String,
    pub(crate) caller: String,
    pub(crate) callee: String,
}

/// What may differ where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Direction {
    Argument,
    Result,
}

/// Two shapes that have to fit each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    caller: Id,
    callee: Id,
    direction: Direction,
    /// Whether the types in which they stand were written alike: what counts where a shape is opaque.
    alike: bool,
}

/// A pair, and how it was come by.
struct Step {
    pair: Pair,
    from: Option<usize>,
    label: String,
}

/// A difference between two shapes, before it is known where they stand.
struct Apart {
    label: String,
    caller: String,
    callee: String,
}

type Parts = Vec<(String, Id, Id)>;

/// The first difference on the shortest way, or `None` when the two sides understand each other. `names` are those of the arguments.
pub(crate) fn difference(caller: &Structure, callee: &Structure, names: &[&str]) -> Option<Difference> {
    if caller.arguments.len() != callee.arguments.len() {
        let count = |structure: &Structure| match structure.arguments.len() {
            1 => "1 argument".to_owned(),
            count => format!("{count} arguments"),
        };
        return Some(Difference { path: "the method".to_owned(), caller: count(caller), callee: count(callee) });
    }
    let mut search = Search { caller, callee, steps: Vec::new(), seen: HashSet::new() };
    for (index, (ours, theirs)) in caller.arguments.iter().zip(&callee.arguments).enumerate() {
        let name = names.get(index).map_or_else(|| format!("argument {}", index + 1), |name| format!("argument `{name}`"));
        let pair = Pair { caller: ours.id, callee: theirs.id, direction: Direction::Argument, alike: ours.tokens == theirs.tokens };
        search.add(pair, None, name);
    }
    for (label, ours, theirs) in [("the result", caller.value, callee.value), ("the error", caller.error, callee.error)] {
        let pair = Pair { caller: ours.id, callee: theirs.id, direction: Direction::Result, alike: ours.tokens == theirs.tokens };
        search.add(pair, None, label.to_owned());
    }
    search.run()
}

struct Search<'a> {
    caller: &'a Structure,
    callee: &'a Structure,
    steps: Vec<Step>,
    seen: HashSet<Pair>,
}

impl Search<'_> {
    fn add(&mut self, pair: Pair, from: Option<usize>, label: String) {
        if self.seen.insert(pair) {
            self.steps.push(Step { pair, from, label });
        }
    }

    fn run(mut self) -> Option<Difference> {
        let mut next = 0;
        while next < self.steps.len() {
            let pair = self.steps[next].pair;
            match self.parts(pair) {
                Ok(parts) => {
                    for (label, caller, callee) in parts {
                        self.add(Pair { caller, callee, ..pair }, Some(next), label);
                    }
                }
                Err(apart) => return Some(self.told(next, apart)),
            }
            if self.steps.len() > PAIRS_MAX {
                let apart = Apart { label: String::new(), caller: "types beyond what is compared".to_owned(), callee: self.name(pair).1 };
                return Some(self.told(next, apart));
            }
            next += 1;
        }
        None
    }

    fn told(&self, step: usize, apart: Apart) -> Difference {
        let mut labels = vec![apart.label.as_str()];
        let mut at = Some(step);
        while let Some(step) = at {
            labels.push(&self.steps[step].label);
            at = self.steps[step].from;
        }
        labels.reverse();
        Difference { path: render::shortened(labels.concat()), caller: apart.caller, callee: apart.callee }
    }

    fn name(&self, pair: Pair) -> (String, String) {
        (render::name(self.caller, pair.caller), render::name(self.callee, pair.callee))
    }

    /// Two shapes that are different as a whole.
    fn apart(&self, pair: Pair) -> Apart {
        let (mut caller, mut callee) = self.name(pair);
        if caller == callee {
            (caller, callee) = (render::short_declaration(self.caller, pair.caller), render::short_declaration(self.callee, pair.callee));
        }
        // Nothing is known of either, and what they stand in is written in two ways.
        let otherwise = if caller == callee { ", in a type that is written in another way" } else { "" };
        Apart { label: String::new(), caller: format!("`{caller}`"), callee: format!("`{callee}`{otherwise}") }
    }

    /// The parts that have to fit for the two to fit.
    fn parts(&self, pair: Pair) -> Result<Parts, Apart> {
        match (self.caller.shape(pair.caller), self.callee.shape(pair.callee)) {
            (Shape::Opaque { tokens: one, .. }, Shape::Opaque { tokens: other, .. }) if !one.is_empty() && !other.is_empty() => {
                if one == other { Ok(Vec::new()) } else { Err(self.apart(pair)) }
            }
            (Shape::Opaque { .. }, _) | (_, Shape::Opaque { .. }) if pair.alike => Ok(Vec::new()),
            (Shape::Plain(one), Shape::Plain(other)) if one == other => Ok(Vec::new()),
            (Shape::Reference(one), Shape::Reference(other)) if one == other => Ok(Vec::new()),
            (Shape::Option(one), Shape::Option(other)) => Ok(vec![(String::new(), *one, *other)]),
            (Shape::Seq(one), Shape::Seq(other)) => Ok(vec![("[]".to_owned(), *one, *other)]),
            (Shape::Map(key, value), Shape::Map(other_key, other_value)) => {
                Ok(vec![("[key]".to_owned(), *key, *other_key), ("[value]".to_owned(), *value, *other_value)])
            }
            (Shape::Tuple(one), Shape::Tuple(other)) if one.len() == other.len() => Ok(numbered(one, other)),
            (Shape::Struct(name, fields), Shape::Struct(other_name, other_fields)) if same(name, other_name) => {
                self.fields("", fields, other_fields).map_err(|apart| apart.unwrap_or_else(|| self.apart(pair)))
            }
            (Shape::Enum(name, variants), Shape::Enum(other_name, other_variants)) if same(name, other_name) => {
                self.variants(pair, variants, other_variants)
            }
            _ => Err(self.apart(pair)),
        }
    }

    /// `None` when the two are different as a whole.
    fn fields(&self, label: &str, caller: &Fields, callee: &Fields) -> Result<Parts, Option<Apart>> {
        let parts = match (caller, callee) {
            (Fields::Unit, Fields::Unit) => Vec::new(),
            (Fields::Newtype(one), Fields::Newtype(other)) => vec![(".0".to_owned(), *one, *other)],
            (Fields::Tuple(one), Fields::Tuple(other)) if one.len() == other.len() => numbered(one, other),
            (Fields::Named(one), Fields::Named(other)) => self.named(label, one, other)?,
            _ => return Err(None),
        };
        Ok(parts.into_iter().map(|(part, one, other)| (format!("{label}{part}"), one, other)).collect())
    }

    fn named(&self, label: &str, caller: &[(Name, Id)], callee: &[(Name, Id)]) -> Result<Parts, Option<Apart>> {
        let mut parts = Vec::new();
        for index in 0..caller.len().max(callee.len()) {
            match (caller.get(index), callee.get(index)) {
                (Some((name, one)), Some((other_name, other))) if same(name, other_name) => {
                    parts.push((format!(".{}", name.escape_debug()), *one, *other));
                }
                (one, other) => {
                    let told = |structure: &Structure, field: Option<&(Name, Id)>| match field {
                        Some((name, id)) => format!("`{}: {}`", name.escape_debug(), render::name(structure, *id)),
                        None => "nothing".to_owned(),
                    };
                    let label = format!("{label}, field {}", index + 1);
                    return Err(Some(Apart { label, caller: told(self.caller, one), callee: told(self.callee, other) }));
                }
            }
        }
        Ok(parts)
    }

    fn variants(&self, pair: Pair, caller: &[Variant], callee: &[Variant]) -> Result<Parts, Apart> {
        let mut parts = Vec::new();
        for (index, (one, other)) in caller.iter().zip(callee).enumerate() {
            let differs = || Apart {
                label: format!(", variant {index}"),
                caller: format!("`{}`", one.name.escape_debug()),
                callee: format!("`{}`", other.name.escape_debug()),
            };
            if !same(&one.name, &other.name) {
                return Err(differs());
            }
            let label = format!("::{}", one.name.escape_debug());
            parts.extend(self.fields(&label, &one.fields, &other.fields).map_err(|apart| apart.unwrap_or_else(|| self.apart(pair)))?);
        }
        match caller.get(callee.len()) {
            Some(more) if pair.direction == Direction::Argument => Err(Apart {
                label: format!(", variant {}", callee.len()),
                caller: format!("`{}`", more.name.escape_debug()),
                callee: "no such variant, and could be sent it".to_owned(),
            }),
            _ => Ok(parts),
        }
    }
}

/// A name that is not known is not compared.
fn same(one: &str, other: &str) -> bool {
    one == other || one.is_empty() || other.is_empty()
}

fn numbered(one: &[Id], other: &[Id]) -> Parts {
    one.iter().zip(other).enumerate().map(|(index, (one, other))| (format!(".{index}"), *one, *other)).collect()
}

/// How the parts of a shape are called in a path, in the order of its children.
pub(crate) fn labels(shape: &Shape) -> Vec<String> {
    let of_fields = |label: String, fields: &Fields| -> Vec<String> {
        match fields {
            Fields::Unit => Vec::new(),
            Fields::Newtype(_) => vec![format!("{label}.0")],
            Fields::Tuple(ids) => (0..ids.len()).map(|index| format!("{label}.{index}")).collect(),
            Fields::Named(fields) => fields.iter().map(|(name, _)| format!("{label}.{}", name.escape_debug())).collect(),
        }
    };
    match shape {
        Shape::Opaque { .. } | Shape::Plain(_) | Shape::Reference(_) => Vec::new(),
        Shape::Option(_) => vec![String::new()],
        Shape::Seq(_) => vec!["[]".to_owned()],
        Shape::Map(..) => vec!["[key]".to_owned(), "[value]".to_owned()],
        Shape::Tuple(ids) => (0..ids.len()).map(|index| format!(".{index}")).collect(),
        Shape::Struct(_, fields) => of_fields(String::new(), fields),
        Shape::Enum(_, variants) => {
            variants.iter().flat_map(|variant| of_fields(format!("::{}", variant.name.escape_debug()), &variant.fields)).collect()
        }
    }
}
