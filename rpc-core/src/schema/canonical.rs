//! Owns the one form that equal structures have, however they were found: shapes that cannot be told apart are one shape, and they are
//! numbered in the order in which they are met. Two sides that agree then have equal bytes, and so equal fingerprints.

use std::collections::HashMap;

use super::shape::{Id, Root, Shape, Structure};

/// The canonical form of a structure.
pub(super) fn canonical(structure: &Structure) -> Structure {
    let classes = classes(&structure.shapes);
    let mut order = Order { classes: &classes, shapes: &structure.shapes, numbers: HashMap::new(), queue: Vec::new() };
    let mut root = |root: &Root| Root { id: order.number(root.id), tokens: root.tokens };
    let (arguments, value, error) = (structure.arguments.iter().map(&mut root).collect(), root(&structure.value), root(&structure.error));
    let mut shapes = Vec::new();
    let mut next = 0;
    while let Some(&old) = order.queue.get(next) {
        next += 1;
        shapes.push(structure.shapes[old as usize].map(&mut |id| order.number(id)));
    }
    Structure { shapes, arguments, value, error }
}

/// For each shape the number of its class: two shapes are in one class when nothing that can be reached from them differs.
///
/// All shapes begin in one class, and classes are split by what their members look like and refer to until no split is left.
fn classes(shapes: &[Shape]) -> Vec<Id> {
    let mut classes = vec![0; shapes.len()];
    let mut count = 1;
    loop {
        let mut known = HashMap::new();
        let next: Vec<Id> = shapes
            .iter()
            .map(|shape| {
                let fresh = known.len() as Id;
                *known.entry(without_reason(shape).map(&mut |id| classes[id as usize])).or_insert(fresh)
            })
            .collect();
        let split = known.len();
        classes = next;
        if split <= count {
            return classes;
        }
        count = split;
    }
}

/// Why something is opaque is for people and does not tell types apart.
fn without_reason(shape: &Shape) -> Shape {
    match shape {
        Shape::Opaque { tokens, .. } => Shape::Opaque { tokens: tokens.clone(), why: "".into() },
        other => other.clone(),
    }
}

struct Order<'a> {
    classes: &'a [Id],
    shapes: &'a [Shape],
    /// From a class to its final number.
    numbers: HashMap<Id, Id>,
    /// For each final number one member of the class.
    queue: Vec<Id>,
}

impl Order<'_> {
    fn number(&mut self, id: Id) -> Id {
        debug_assert!((id as usize) < self.shapes.len());
        let fresh = self.queue.len() as Id;
        let class = self.classes[id as usize];
        if let Some(&number) = self.numbers.get(&class) {
            return number;
        }
        self.numbers.insert(class, fresh);
        self.queue.push(id);
        fresh
    }
}
