//! Owns what has been seen of a type so far, and every decision about where to look next. It never runs the type's code.

use std::collections::{HashMap, HashSet};

use super::super::shape::{Fields, Id, Name, Plain, Shape, Variant};
use super::samples::ATTEMPTS_MAX;
use super::{DEPTH_MAX, Stop, VISITS_MAX};

mod variants;

/// How often a place is entered without learning anything before it is left alone.
const TRIES_MAX: u8 = 3;

/// By what a type is known: two types never share it, but for types of one path and one size in two versions of a crate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) visitor: &'static str,
    pub(super) value: &'static str,
    pub(super) size: usize,
    pub(super) parts: usize,
}

#[derive(Debug)]
enum What {
    Unknown,
    /// The same as a named type.
    Same(Id),
    Known(Shape),
    Enum(Name, Vec<Seen>),
}

/// A variant, as far as it was seen.
#[derive(Debug)]
struct Seen {
    name: Name,
    fields: Option<Fields>,
    inside: u32,
    tries: u8,
    /// How many levels it took when it was made with success.
    height: Option<u32>,
}

#[derive(Debug)]
struct Node {
    what: What,
    /// How often the run is inside it now.
    inside: u32,
    tries: u8,
    attempt: u8,
    /// Nothing is left to see below.
    complete: bool,
    /// What the type said when it refused a value.
    reason: Option<String>,
}

#[derive(Debug)]
pub(super) struct Table {
    nodes: Vec<Node>,
    named: HashMap<Key, Id>,
    nodes_max: usize,
    learnt: u64,
    /// Grows with every place that is entered and was not given up before.
    tried: u64,
    visits: u32,
    depth: u32,
    /// The deepest level since it was last asked for.
    deepest: u32,
}

impl Table {
    pub(super) const ROOT: Id = 0;

    pub(super) fn new(nodes_max: usize) -> Self {
        let mut table = Self {
            nodes: Vec::new(),
            named: HashMap::new(),
            nodes_max: nodes_max.max(1),
            learnt: 0,
            tried: 0,
            visits: 0,
            depth: 0,
            deepest: 0,
        };
        table.push();
        table
    }

    /// Before each run.
    pub(super) fn begin(&mut self) {
        self.depth = 0;
        for node in &mut self.nodes {
            node.inside = 0;
            if let What::Enum(_, variants) = &mut node.what {
                variants.iter_mut().for_each(|variant| variant.inside = 0);
            }
        }
    }

    /// Grows with everything that is seen or tried: when it does not, neither will the next run learn anything.
    pub(super) fn progress(&self) -> u64 {
        self.learnt + self.tried
    }

    pub(super) fn is_spent(&self) -> bool {
        self.visits > VISITS_MAX
    }

    fn push(&mut self) -> Id {
        self.nodes.push(Node { what: What::Unknown, inside: 0, tries: 0, attempt: 0, complete: false, reason: None });
        (self.nodes.len() - 1) as Id
    }

    fn node(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn same(&self, id: Id) -> Id {
        match self.nodes[id as usize].what {
            What::Same(id) => id,
            _ => id,
        }
    }

    /// New parts, all unknown.
    fn parts(&mut self, count: usize) -> Result<Vec<Id>, Stop> {
        if count > self.nodes_max.saturating_sub(self.nodes.len()) {
            return Err(Stop(Some("it has too many parts".to_owned())));
        }
        Ok((0..count).map(|_| self.push()).collect())
    }

    /// Every visit of a slot begins here.
    pub(super) fn enter(&mut self) -> Result<(), Stop> {
        self.visits += 1;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth > DEPTH_MAX || self.is_spent() {
            self.depth -= 1;
            return Err(Stop(None));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// A slot was filled. One that asked for nothing holds nothing.
    pub(super) fn ended(&mut self, id: Id) {
        if matches!(self.node(id).what, What::Unknown) {
            self.learn(id, What::Known(Shape::Plain(Plain::Unit)));
        }
    }

    /// The type refused what it was given: the next run gives it something else, if its value is one of a kind.
    pub(super) fn refused(&mut self, id: Id, reason: String) {
        let leaf = self.leaf(id);
        let node = self.node(leaf);
        if node.reason.is_none() {
            node.reason = Some(reason);
            self.learnt += 1;
        }
        let node = self.node(leaf);
        if node.attempt < ATTEMPTS_MAX && matches!(node.what, What::Known(Shape::Plain(_) | Shape::Seq(_) | Shape::Map(..))) {
            node.attempt += 1;
            self.learnt += 1;
        }
    }

    /// Through newtypes to what they hold.
    fn leaf(&self, id: Id) -> Id {
        let mut id = self.same(id);
        for _ in 0..DEPTH_MAX {
            match &self.nodes[id as usize].what {
                What::Known(Shape::Struct(_, Fields::Newtype(inner))) => id = self.same(*inner),
                _ => break,
            }
        }
        id
    }

    fn learn(&mut self, id: Id, what: What) {
        self.node(id).what = what;
        self.learnt += 1;
    }

    /// Two runs that disagree about a slot: what it holds depends on the values before it.
    fn conflict(&mut self, id: Id) -> Stop {
        let id = self.same(id);
        self.opaque(id, "what it holds depends on other values");
        Stop(None)
    }

    /// Nothing is known about the slot, and nothing will be.
    pub(super) fn opaque(&mut self, id: Id, why: &'static str) {
        let is_new = !matches!(self.node(id).what, What::Known(Shape::Opaque { .. }));
        self.node(id).what = What::Known(Shape::opaque(why));
        self.learnt += u64::from(is_new);
    }

    /// The slot holds a plain value; which one of the made-up values it gets.
    pub(super) fn plain(&mut self, id: Id, plain: Plain) -> Result<u8, Stop> {
        match &self.node(id).what {
            What::Unknown => self.learn(id, What::Known(Shape::Plain(plain))),
            What::Known(Shape::Plain(known)) if *known == plain => {}
            _ => return Err(self.conflict(id)),
        }
        Ok(self.node(id).attempt)
    }

    pub(super) fn reference(&mut self, id: Id, interface: Name) -> Result<(), Stop> {
        match &self.node(id).what {
            What::Unknown => self.learn(id, What::Known(Shape::Reference(interface))),
            What::Known(Shape::Reference(known)) if *known == interface => {}
            _ => return Err(self.conflict(id)),
        }
        Ok(())
    }

    pub(super) fn unit_struct(&mut self, id: Id, name: &'static str) -> Result<(), Stop> {
        let shape = Shape::Struct(name.into(), Fields::Unit);
        match &self.node(id).what {
            What::Unknown => self.learn(id, What::Known(shape)),
            What::Known(known) if *known == shape => {}
            _ => return Err(self.conflict(id)),
        }
        Ok(())
    }

    /// The slot holds something with unnamed parts. `make` builds the shape from its parts, of which there are `count`.
    pub(super) fn composed(&mut self, id: Id, count: usize, make: impl FnOnce(&[Id]) -> Shape) -> Result<Vec<Id>, Stop> {
        match &self.node(id).what {
            What::Unknown => {
                let parts = self.parts(count)?;
                self.learn(id, What::Known(make(&parts)));
                Ok(parts)
            }
            What::Known(known) => {
                let (known, parts) = (known.clone(), known.children());
                if parts.len() == count && make(&parts) == known { Ok(parts) } else { Err(self.conflict(id)) }
            }
            _ => Err(self.conflict(id)),
        }
    }

    /// The slot holds a type with a name. Gives the type's own number, and whether it is met for the first time.
    fn named(&mut self, id: Id, key: Key) -> Result<(Id, bool), Stop> {
        let known = self.named.get(&key).copied();
        match (&self.node(id).what, known) {
            (What::Unknown, Some(own)) => {
                self.learn(id, What::Same(own));
                Ok((own, false))
            }
            (What::Unknown, None) => {
                let own = self.parts(1)?[0];
                self.learn(id, What::Same(own));
                self.named.insert(key, own);
                Ok((own, true))
            }
            (What::Same(own), Some(known)) if *own == known => Ok((known, false)),
            _ => Err(self.conflict(id)),
        }
    }

    /// The slot holds a struct. Gives the struct's own number and its parts.
    pub(super) fn structure(&mut self, id: Id, key: Key, fields: FieldsOf) -> Result<(Id, Vec<Id>), Stop> {
        let (name, (own, is_new)) = (key.name, self.named(id, key)?);
        if is_new {
            let parts = self.parts(fields.count())?;
            self.learn(own, What::Known(Shape::Struct(name.into(), fields.over(&parts))));
            return Ok((own, parts));
        }
        match &self.node(own).what {
            What::Known(shape @ Shape::Struct(..)) => Ok((own, shape.children())),
            _ => Err(Stop(None)),
        }
    }

    /// A struct or variant asked for `used` of its parts and was done. Fewer than were announced means that some names are only aliases,
    /// so no name can be told from another.
    pub(super) fn used(&mut self, id: Id, variant: Option<usize>, used: usize) {
        let fields = match (&mut self.node(id).what, variant) {
            (What::Known(Shape::Struct(_, fields)), None) => fields,
            (What::Enum(_, variants), Some(index)) => match variants.get_mut(index).and_then(|variant| variant.fields.as_mut()) {
                Some(fields) => fields,
                None => return,
            },
            _ => return,
        };
        if let Fields::Named(named) = fields
            && used < named.len()
        {
            named.truncate(used);
            named.iter_mut().for_each(|(name, _)| *name = "".into());
            self.learnt += 1;
        }
    }

    /// Whether to fill an option, a sequence or a map.
    pub(super) fn fills(&mut self, id: Id) -> bool {
        let node = self.node(id);
        let (inside, demanded, tries) = (node.inside, node.attempt > 0, node.tries);
        let parts = match &node.what {
            What::Known(shape) => shape.children(),
            _ => return false,
        };
        let incomplete = !parts.into_iter().all(|part| self.is_complete(part));
        inside == 0 && (demanded || (incomplete && tries < TRIES_MAX))
    }

    pub(super) fn go_inside(&mut self, id: Id) -> u64 {
        let node = self.node(id);
        node.inside += 1;
        let is_open = node.tries < TRIES_MAX;
        node.tries += u8::from(is_open);
        self.tried += u64::from(is_open);
        self.learnt
    }

    /// `before` is what `go_inside` gave.
    pub(super) fn come_out(&mut self, id: Id, before: u64) {
        let learnt = self.learnt > before;
        let node = self.node(id);
        node.inside -= 1;
        if learnt {
            node.tries = 0;
        }
    }

    /// Whether nothing is left to see at and below `id`.
    pub(super) fn is_complete(&mut self, id: Id) -> bool {
        if self.nodes[id as usize].complete {
            return true;
        }
        let (mut queue, mut found) = (vec![id], HashSet::from([id]));
        while let Some(id) = queue.pop() {
            let parts = match &self.nodes[id as usize].what {
                What::Unknown => return false,
                What::Same(id) => vec![*id],
                What::Known(shape) => shape.children(),
                What::Enum(_, variants) => {
                    if variants.iter().any(|variant| variant.fields.is_none()) {
                        return false;
                    }
                    variants.iter().filter_map(|variant| variant.fields.as_ref()).flat_map(Fields::children).collect()
                }
            };
            let open = parts.into_iter().filter(|part| !self.nodes[*part as usize].complete && found.insert(*part));
            queue.extend(open);
        }
        for id in found {
            self.node(id).complete = true;
        }
        true
    }

    /// The shapes as they were seen, and which one is the type.
    pub(super) fn finish(&mut self) -> (Vec<Shape>, Id) {
        let reason = self.nodes.iter().find_map(|node| node.reason.clone());
        let why = match reason {
            Some(reason) => format!("tracing got no further: a made-up value was refused ({})", super::super::cut(&reason, 120)),
            None => "tracing got no further".to_owned(),
        };
        let shapes = self.nodes.iter().map(|node| match &node.what {
            What::Unknown | What::Same(_) => Shape::opaque(why.clone()),
            What::Known(shape) => shape.map(&mut |id| self.same(id)),
            What::Enum(name, variants) => {
                let seen = variants.iter().map(|variant| {
                    let fields = variant.fields.as_ref()?.map(&mut |id| self.same(id));
                    Some(Variant { name: variant.name.clone(), fields })
                });
                seen.collect::<Option<Vec<_>>>().map_or_else(|| Shape::opaque(why.clone()), |seen| Shape::Enum(name.clone(), seen))
            }
        });
        let shapes = shapes.collect();
        (shapes, self.same(Self::ROOT))
    }
}

/// What a struct or a variant announces of its parts.
#[derive(Clone, Copy)]
pub(super) enum FieldsOf {
    Unit,
    Newtype,
    Tuple(usize),
    Named(&'static [&'static str]),
}

impl FieldsOf {
    fn count(self) -> usize {
        match self {
            Self::Unit => 0,
            Self::Newtype => 1,
            Self::Tuple(count) => count,
            Self::Named(names) => names.len(),
        }
    }

    fn over(self, parts: &[Id]) -> Fields {
        match (self, parts) {
            (Self::Newtype, [part, ..]) => Fields::Newtype(*part),
            (Self::Unit | Self::Newtype, _) => Fields::Unit,
            (Self::Tuple(_), parts) => Fields::Tuple(parts.to_vec()),
            (Self::Named(names), parts) => Fields::Named(names.iter().zip(parts).map(|(name, id)| ((*name).into(), *id)).collect()),
        }
    }
}
