//! Owns types as JSON Schema (draft 2020-12), in the form that the JSON codec gives values. The shapes may be a peer's, so the work is
//! linear in their number: what is met more than once stands in `$defs` and is referred to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::MethodInfo;
use crate::schema::half::{Half, half};
use crate::schema::render;
use crate::schema::shape::{Fields, Id, Name, Plain, Shape, Structure, Variant};

/// With the feature `json`.
impl MethodInfo {
    /// The JSON Schema of the arguments as one object, as a call in JSON takes them. Arguments that are Options may be left out.
    ///
    /// An opaque place takes anything, and says so in its `description`.
    #[must_use]
    pub fn arguments_schema(&self) -> Value {
        let structure = self.types.structure();
        let mut schemas = Schemas::of(&structure);
        let fields: Vec<(&str, Id)> =
            self.parameters.iter().zip(&structure.arguments).map(|(parameter, root)| (&*parameter.name, root.id)).collect();
        let whole = schemas.object(&fields, true);
        schemas.whole(whole)
    }

    /// The JSON Schema of what the method returns.
    #[must_use]
    pub fn result_schema(&self) -> Value {
        let structure = self.types.structure();
        let mut schemas = Schemas::of(&structure);
        let whole = schemas.schema(structure.value.id);
        schemas.whole(whole)
    }

    /// The JSON Schema of the method's own error.
    #[must_use]
    pub fn error_schema(&self) -> Value {
        let structure = self.types.structure();
        let mut schemas = Schemas::of(&structure);
        let whole = schemas.schema(structure.error.id);
        schemas.whole(whole)
    }
}

/// How deep schemas stand inside each other before one goes to `$defs`. Whoever reads them, drops them or prints them does so level by level.
const INLINE_MAX: u32 = 16;

/// The schemas of one structure while they are made.
struct Schemas<'a> {
    structure: &'a Structure,
    /// The shapes that stand in `$defs`, under which name.
    names: BTreeMap<Id, String>,
    /// How often each name was wanted.
    taken: BTreeMap<String, u32>,
    /// How deep the schema stands that is written.
    depth: u32,
    /// Those of them that something refers to and that are not written yet.
    waiting: Vec<Id>,
    definitions: Map<String, Value>,
}

impl<'a> Schemas<'a> {
    fn of(structure: &'a Structure) -> Self {
        let mut uses = vec![0_u32; structure.shapes.len()];
        structure.shapes.iter().flat_map(Shape::children).chain(structure.roots().map(|root| root.id)).for_each(|id| {
            uses[id as usize] = uses[id as usize].saturating_add(1);
        });
        let mut schemas =
            Self { structure, names: BTreeMap::new(), taken: BTreeMap::new(), depth: 0, waiting: Vec::new(), definitions: Map::new() };
        for (shape, id) in structure.shapes.iter().zip(0..) {
            let name = match shape {
                Shape::Struct(name, _) | Shape::Enum(name, _) => render::shortened(name.to_string()),
                shape if uses[id as usize] > 1 && !shape.children().is_empty() => "type".to_owned(),
                _ => continue,
            };
            schemas.name(id, name);
        }
        schemas
    }

    /// Gives a shape a place in `$defs`.
    fn name(&mut self, id: Id, name: String) {
        let count = self.taken.entry(name.clone()).or_default();
        *count += 1;
        self.names.insert(id, if *count == 1 && !name.is_empty() { name } else { format!("{name}#{count}") });
    }

    /// Adds what `schema` refers to.
    fn whole(mut self, mut schema: Value) -> Value {
        while let Some(id) = self.waiting.pop() {
            let Some(name) = self.names.get(&id).cloned() else { continue };
            if !self.definitions.contains_key(&name) {
                // Its place is taken before its parts are looked at: a type may contain itself.
                self.definitions.insert(name.clone(), Value::Null);
                let definition = self.written(id);
                self.definitions.insert(name, definition);
            }
        }
        if let Value::Object(schema) = &mut schema {
            schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
            if !self.definitions.is_empty() {
                schema.insert("$defs".to_owned(), Value::Object(self.definitions));
            }
        }
        schema
    }

    fn schema(&mut self, id: Id) -> Value {
        if self.depth >= INLINE_MAX && !self.names.contains_key(&id) && !self.structure.shape(id).children().is_empty() {
            self.name(id, "type".to_owned());
        }
        match self.names.get(&id) {
            Some(name) => {
                self.waiting.push(id);
                json!({ "$ref": format!("#/$defs/{}", escaped(name)) })
            }
            None => {
                self.depth += 1;
                let schema = self.written(id);
                self.depth -= 1;
                schema
            }
        }
    }

    fn written(&mut self, id: Id) -> Value {
        if let Some(half) = half(self.structure, id) {
            return half_schema(half);
        }
        match self.structure.shape(id) {
            Shape::Opaque { tokens, why } => json!({ "description": opaque(tokens, why) }),
            Shape::Plain(plain) => self::plain(*plain),
            Shape::Option(inner) => {
                let inner = self.schema(*inner);
                json!({ "anyOf": [inner, { "type": "null" }] })
            }
            Shape::Seq(item) => {
                let items = self.schema(*item);
                json!({ "type": "array", "items": items })
            }
            Shape::Map(_, value) => {
                let values = self.schema(*value);
                json!({ "type": "object", "additionalProperties": values })
            }
            Shape::Tuple(items) => self.tuple(items),
            Shape::Struct(_, fields) => self.fields(fields),
            Shape::Enum(_, variants) => {
                let variants: Vec<_> = variants.iter().map(|variant| self.variant(variant)).collect();
                json!({ "oneOf": variants })
            }
            Shape::Reference(interface) => reference(interface),
        }
    }

    fn variant(&mut self, variant: &Variant) -> Value {
        match &variant.fields {
            Fields::Unit => json!({ "const": variant.name }),
            fields => {
                let content = self.fields(fields);
                json!({ "type": "object", "properties": { (&*variant.name): content }, "required": [variant.name], "additionalProperties": false })
            }
        }
    }

    fn fields(&mut self, fields: &Fields) -> Value {
        match fields {
            Fields::Unit => json!({ "type": "null" }),
            Fields::Newtype(id) => self.schema(*id),
            Fields::Tuple(items) => self.tuple(items),
            Fields::Named(fields) => {
                let fields: Vec<(&str, Id)> = fields.iter().map(|(name, id): &(Name, Id)| (&**name, *id)).collect();
                self.object(&fields, false)
            }
        }
    }

    /// Arguments that are not known are refused; fields that are not known are skipped.
    fn object(&mut self, fields: &[(&str, Id)], is_strict: bool) -> Value {
        let optional = |id: Id| matches!(self.structure.shape(id), Shape::Option(_));
        let required: Vec<_> = fields.iter().filter(|(_, id)| !optional(*id)).map(|(name, _)| *name).collect();
        let properties: Map<String, Value> = fields.iter().map(|(name, id)| ((*name).to_owned(), self.schema(*id))).collect();
        let mut object = json!({ "type": "object", "properties": properties, "required": required });
        if is_strict {
            object["additionalProperties"] = Value::Bool(false);
        }
        object
    }

    fn tuple(&mut self, items: &[Id]) -> Value {
        let count = items.len();
        if let Some(first) = items.first()
            && count > 3
            && items.iter().all(|item| item == first)
        {
            let items = self.schema(*first);
            return json!({ "type": "array", "items": items, "minItems": count, "maxItems": count });
        }
        let items: Vec<_> = items.iter().map(|item| self.schema(*item)).collect();
        json!({ "type": "array", "prefixItems": items, "minItems": count, "maxItems": count })
    }
}

/// A name as a part of a JSON pointer in a fragment.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1").replace('%', "%25").replace(' ', "%20").replace('#', "%23")
}

fn opaque(tokens: &str, why: &str) -> String {
    match (tokens, why) {
        ("", "") => "opaque: nothing is known of it".to_owned(),
        (tokens, "") => format!("opaque: `{tokens}`"),
        ("", why) => format!("opaque: {why}"),
        (tokens, why) => format!("opaque: `{tokens}`: {why}"),
    }
}

fn reference(interface: &str) -> Value {
    let to = if interface.is_empty() { "any interface".to_owned() } else { format!("`{interface}`") };
    json!({
        "description": format!("a reference to an object of {to}: the index of an entry in the table beside the payload"),
        "type": "object",
        "properties": { "$ref": { "type": "integer", "minimum": 0 } },
        "required": ["$ref"],
        "additionalProperties": false
    })
}

fn half_schema(half: Half) -> Value {
    let name = half.name;
    json!({
        "description": format!("a half of a stream, `{name}`: JSON can pass it on and cannot read or write it; the index of an entry in the table beside the payload"),
        "type": "object",
        "properties": { "$ref": { "type": "integer", "minimum": 0 } },
        "required": ["$ref"],
        "additionalProperties": false
    })
}

fn plain(plain: Plain) -> Value {
    let integer = |min: i64, max: i64| json!({ "type": "integer", "minimum": min, "maximum": max });
    let wide = |what: &str, pattern: &str| json!({ "anyOf": [{ "type": "integer" }, { "type": "string", "pattern": pattern }], "description": format!("{what}: a string beyond 2^53 - 1") });
    match plain {
        Plain::Unit => json!({ "type": "null" }),
        Plain::Bool => json!({ "type": "boolean" }),
        Plain::U8 => integer(0, u8::MAX.into()),
        Plain::U16 => integer(0, u16::MAX.into()),
        Plain::U32 => integer(0, u32::MAX.into()),
        Plain::I8 => integer(i8::MIN.into(), i8::MAX.into()),
        Plain::I16 => integer(i16::MIN.into(), i16::MAX.into()),
        Plain::I32 => integer(i32::MIN.into(), i32::MAX.into()),
        Plain::U64 => wide("u64", "^[0-9]+$"),
        Plain::U128 => wide("u128", "^[0-9]+$"),
        Plain::I64 => wide("i64", "^-?[0-9]+$"),
        Plain::I128 => wide("i128", "^-?[0-9]+$"),
        Plain::F32 | Plain::F64 => json!({ "type": "number" }),
        Plain::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        Plain::String => json!({ "type": "string" }),
        Plain::Bytes | Plain::Bulk => json!({ "type": "string", "contentEncoding": "base64" }),
    }
}
