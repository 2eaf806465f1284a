//! Owns what the table knows of the variants of an enum: which one to make next, and what was learnt from making it.

use super::{Fields, FieldsOf, Id, Key, Seen, Stop, TRIES_MAX, Table, What};

impl Table {
    /// The slot holds an enum. Gives the enum's own number.
    pub(in super::super) fn enumeration(&mut self, id: Id, key: Key, variants: &'static [&'static str]) -> Result<Id, Stop> {
        let (name, (own, is_new)) = (key.name, self.named(id, key)?);
        if is_new {
            let variants = variants.iter().map(|name| Seen { name: (*name).into(), fields: None, inside: 0, tries: 0, height: None });
            let variants = variants.collect();
            self.learn(own, What::Enum(name.into(), variants));
        }
        match self.node(own).what {
            What::Enum(..) => Ok(own),
            _ => Err(Stop(None)),
        }
    }

    /// The variant to make: one that was not seen, one that was not seen in full, one that ends soonest, one that the run is least
    /// often inside.
    pub(in super::super) fn choose(&mut self, id: Id) -> Option<usize> {
        let What::Enum(_, variants) = &self.nodes[id as usize].what else { return None };
        let open = |variant: &Seen| variant.inside == 0 && variant.tries < TRIES_MAX;
        if let Some(index) = variants.iter().position(|variant| open(variant) && variant.fields.is_none()) {
            return Some(index);
        }
        let seen = variants.iter().enumerate().filter(|(_, variant)| open(variant));
        let seen: Vec<(usize, Vec<Id>)> =
            seen.map(|(index, variant)| (index, variant.fields.as_ref().map_or_else(Vec::new, Fields::children))).collect();
        for (index, parts) in seen {
            if !parts.into_iter().all(|part| self.is_complete(part)) {
                return Some(index);
            }
        }
        let What::Enum(_, variants) = &self.nodes[id as usize].what else { return None };
        let lowest = variants.iter().enumerate().filter_map(|(index, variant)| Some((variant.height?, index))).min();
        let rarest = || variants.iter().enumerate().map(|(index, variant)| (variant.inside, index)).min();
        lowest.or_else(rarest).map(|(_, index)| index)
    }

    fn seen(&mut self, id: Id, variant: usize) -> Option<&mut Seen> {
        match &mut self.node(id).what {
            What::Enum(_, variants) => variants.get_mut(variant),
            _ => None,
        }
    }

    /// Before a variant is made. What it gives goes to `come_out_of_variant`.
    pub(in super::super) fn go_inside_variant(&mut self, id: Id, variant: usize) -> (u64, u32) {
        if let Some(seen) = self.seen(id, variant) {
            seen.inside += 1;
            let is_open = seen.tries < TRIES_MAX;
            seen.tries += u8::from(is_open);
            self.tried += u64::from(is_open);
        }
        let deepest = std::mem::replace(&mut self.deepest, self.depth);
        (self.learnt, deepest)
    }

    pub(in super::super) fn come_out_of_variant(&mut self, id: Id, variant: usize, (before, deepest): (u64, u32), made: bool) {
        let (learnt, height) = (self.learnt > before, self.deepest.saturating_sub(self.depth));
        self.deepest = self.deepest.max(deepest);
        let Some(seen) = self.seen(id, variant) else { return };
        seen.inside = seen.inside.saturating_sub(1);
        if learnt {
            seen.tries = 0;
        }
        if made {
            let is_new = seen.height.is_none();
            seen.height = Some(seen.height.map_or(height, |known| known.min(height)));
            self.learnt += u64::from(is_new);
        }
    }

    /// The enum has no variant of this number: what was announced are aliases too, so no name can be told from another.
    pub(in super::super) fn no_variant(&mut self, id: Id, variant: usize) {
        if let What::Enum(_, variants) = &mut self.node(id).what
            && variant < variants.len()
        {
            variants.truncate(variant);
            variants.iter_mut().for_each(|variant| variant.name = "".into());
            self.learnt += 1;
        }
    }

    /// What the variant holds. Gives its parts.
    pub(in super::super) fn variant(&mut self, id: Id, variant: usize, fields: FieldsOf) -> Result<Vec<Id>, Stop> {
        let known = self.seen(id, variant).and_then(|seen| seen.fields.as_ref().map(Fields::children));
        if let Some(parts) = known {
            return Ok(parts);
        }
        let parts = self.parts(fields.count())?;
        if let Some(seen) = self.seen(id, variant) {
            seen.fields = Some(fields.over(&parts));
            self.learnt += 1;
        }
        Ok(parts)
    }
}
