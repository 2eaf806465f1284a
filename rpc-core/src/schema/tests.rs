//! The structure of types, by tracing and by the derive, their bytes, and what a hostile structure costs.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::shape::{Fields, Plain, Root, Shape, Structure, Variant};
use super::*;
use crate::{self as netref, Schema};

fn traced<T: serde::de::DeserializeOwned + 'static>() -> MethodSchema {
    MethodBuilder::new(&[]).result(0, Types::traced::<T>, Types::traced::<()>)
}

fn derived<T: Schema>() -> MethodSchema {
    MethodBuilder::new(&[]).result(0, T::schema, Types::traced::<()>)
}

/// The type as it is traced; that the derive says the same is checked on the way.
#[track_caller]
fn both<T: Schema + serde::de::DeserializeOwned>() -> String {
    let (traced, derived) = (traced::<T>(), derived::<T>());
    assert_eq!(traced.to_string(), derived.to_string());
    assert_eq!(traced.fingerprint(), derived.fingerprint());
    assert_eq!((traced.opaque(), derived.opaque()), (&[][..], &[][..]));
    let text = traced.to_string();
    text.strip_prefix("() -> ").unwrap().to_owned()
}

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
struct Unit;

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
struct Id(u64);

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
struct Pair(u8, Option<Id>);

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
#[serde(rename_all = "camelCase")]
struct Order {
    unit_price: u32,
    items: Vec<Pair>,
    by_name: HashMap<String, BTreeMap<u8, [i16; 5]>>,
    #[serde(skip)]
    #[allow(dead_code)]
    cache: Vec<u8>,
    #[serde(default, rename = "n")]
    note: Option<Box<str>>,
    next: Option<Box<Self>>,
    unit: Unit,
}

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
enum Expr {
    Add(Box<Self>, Box<Self>),
    Neg(Box<Self>),
    Call { name: String, arguments: Vec<Self> },
    Num(f64),
    Nil,
}

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
struct Tree<T> {
    value: T,
    children: Vec<Self>,
}

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
#[serde(try_from = "u8", into = "u8")]
#[derive(Clone)]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = &'static str;

    fn try_from(value: u8) -> Result<Self, &'static str> {
        if value.is_multiple_of(2) { Ok(Self(value)) } else { Err("odd") }
    }
}

impl From<Even> for u8 {
    fn from(even: Even) -> Self {
        even.0
    }
}

#[derive(Serialize, Deserialize, Schema)]
#[netref(crate = "crate")]
#[serde(transparent)]
struct Thin {
    inner: Vec<Id>,
}

#[test]
fn derive_and_tracing_say_the_same() {
    assert_eq!(both::<(u8, i128, char, String, bool, f32)>(), "Result<(u8, i128, char, String, bool, f32), ()>");
    assert_eq!(both::<Unit>(), "Result<Unit, ()>\nstruct Unit");
    assert_eq!(both::<Thin>(), "Result<Vec<Id>, ()>\nstruct Id(u64)");
    assert_eq!(both::<Even>(), "Result<u8, ()>");
    assert_eq!(both::<(NonZeroU32, usize)>(), "Result<(u32, u64), ()>");
    assert_eq!(
        both::<Order>(),
        "Result<Order, ()>\nstruct Order { unitPrice: u32, items: Vec<Pair>, byName: HashMap<String, HashMap<u8, [i16; 5]>>, \
         n: Option<String>, next: Option<Order>, unit: Unit }\nstruct Unit\nstruct Pair(u8, Option<Id>)\nstruct Id(u64)"
    );
    assert_eq!(
        both::<Vec<Expr>>(),
        "Result<Vec<Expr>, ()>\nenum Expr { Add(Expr, Expr), Neg(Expr), Call { name: String, arguments: Vec<Expr> }, Num(f64), Nil }"
    );
    let trees = both::<(Tree<u8>, Tree<Tree<Id>>)>();
    assert_eq!(trees.matches("struct Tree").count(), 3, "{trees}");
    both::<(std::time::Duration, std::net::SocketAddr, std::path::PathBuf, netref::Error)>();
    both::<(Result<Id, Unit>, std::ops::Range<Id>, std::marker::PhantomData<Id>, std::borrow::Cow<'static, str>)>();
}

#[test]
fn a_field_that_is_skipped_is_missing_only_where_serde_leaves_it_out() {
    /// Of a newtype serde writes the field all the same.
    #[derive(Serialize, Deserialize, Schema)]
    #[netref(crate = "crate")]
    struct Kept(#[serde(skip)] u8);
    #[derive(Serialize, Deserialize, Schema)]
    #[netref(crate = "crate")]
    struct Left(#[serde(skip)] (), u16);
    #[derive(Serialize, Deserialize, Schema)]
    #[netref(crate = "crate")]
    enum Each {
        Nothing(#[serde(skip)] u8),
        One(#[serde(skip)] u8, u16),
        Empty(),
        Named {
            #[serde(skip)]
            #[allow(dead_code)]
            cache: u8,
        },
    }
    assert_eq!(both::<Kept>(), "Result<Kept, ()>\nstruct Kept(u8)");
    assert_eq!(both::<Left>(), "Result<Left, ()>\nstruct Left(u16,)");
    both::<Each>();
}

#[test]
fn names_that_an_alias_hides_are_listed() {
    #[derive(Serialize, Deserialize)]
    struct Sum {
        #[serde(alias = "price")]
        net: u32,
        tax: u32,
    }
    #[derive(Serialize, Deserialize)]
    enum Way {
        #[serde(alias = "Away")]
        Out,
        Home,
    }
    for schema in [traced::<Vec<Sum>>(), traced::<Vec<Way>>()] {
        let [place] = schema.opaque() else { panic!("{:?}", schema.opaque()) };
        assert!(place.to_string().starts_with("the result[]: an alias hides"), "{place}");
    }
}

#[test]
fn enums_that_only_end_in_themselves_are_seen_in_full() {
    #[derive(Serialize, Deserialize, Schema)]
    #[netref(crate = "crate")]
    enum Nest {
        Deep(Box<Self>),
        Wide(Vec<Self>),
        Other(Box<Pile>),
    }
    #[derive(Serialize, Deserialize, Schema)]
    #[netref(crate = "crate")]
    enum Pile {
        On(Box<Nest>, Option<Box<Self>>),
        Map(HashMap<String, Nest>),
    }
    assert!(both::<Nest>().contains("enum Pile { On(Nest, Option<Pile>), Map(HashMap<String, Nest>) }"));
}

#[test]
fn values_that_are_checked_are_still_seen() {
    /// Refuses everything.
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("{text:?} is not good enough")))
        }
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Holds {
        before: u8,
        picky: Picky,
        behind: u16,
    }
    let schema = traced::<(u8, Vec<Holds>, i32)>();
    assert!(schema.to_string().contains("struct Holds { before: u8, picky: String, behind: (opaque) }"), "{schema}");
    assert!(schema.to_string().contains("(u8, Vec<Holds>, i32)"), "what stands behind the sequence is seen: {schema}");
    assert_eq!(schema.opaque().len(), 1);
    let place = schema.opaque()[0].to_string();
    assert!(place.starts_with("the result.1[].behind: ") && place.contains("is not good enough"), "{place}");
}

#[test]
fn what_cannot_be_traced_is_opaque_and_listed() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Guess {
        Number(u8),
        Text(String),
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Flat {
        #[serde(flatten)]
        rest: HashMap<String, u8>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    enum Never {
        Again(Box<Self>),
    }
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("on purpose")
        }
    }
    assert_eq!(traced::<Guess>().opaque()[0].path, "the result");
    assert_eq!(traced::<Option<Vec<Guess>>>().opaque()[0].path, "the result[]");
    assert!(!traced::<Flat>().opaque().is_empty());
    assert!(traced::<Panics>().opaque()[0].why.contains("panicked"));
    // Nobody can make one, and its form is known nevertheless.
    assert!(traced::<Never>().to_string().contains("enum Never { Again(Never) }"), "{}", traced::<Never>());
}

#[test]
fn references_are_known_by_their_interface() {
    #[netref::remote(name = "test.Listener", crate = "crate")]
    trait Listener {
        async fn heard(&self) -> netref::Result<()>;
    }
    type All = (Vec<netref::Remote<dyn Listener>>, netref::AnyRemote, netref::WeakRemote<dyn Listener>);
    assert_eq!(both::<All>(), "Result<(Vec<Remote<dyn test.Listener>>, AnyRemote, WeakRemote<dyn test.Listener>), ()>");
}

#[test]
fn a_derive_says_what_is_opaque() {
    #[derive(Serialize, Deserialize, Schema)]
    #[netref(crate = "crate")]
    struct Mixed {
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<u8>,
        #[serde(with = "other")]
        at: Opaque,
    }
    mod other {
        pub(super) fn serialize<S: serde::Serializer>(_: &super::Opaque, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
        pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<super::Opaque, D::Error> {
            Err(serde::de::Error::custom("never"))
        }
    }
    let schema = derived::<Mixed>();
    assert_eq!(schema.to_string(), "() -> Result<Mixed, ()>\nstruct Mixed { note: Option<u8>, at: Opaque (opaque) }");
    assert_eq!(schema.opaque()[0].to_string(), "the result.at: `#[serde(with = \"other\")]` decides how it travels");
}

#[test]
fn texts_about_deep_types_are_short() {
    fn grow(types: &mut Types, depth: u32) -> TypeId {
        let TypeId(inner) = if depth == 0 { types.of::<u8>() } else { grow(types, depth - 1) };
        types.add(Shape::Tuple(vec![inner; 2]))
    }
    let mut types = Types::default();
    let id = grow(&mut types, 500);
    assert!(types.describe(id).len() < 2_000);
    let deep = MethodBuilder::new(&[]).result(0, |types| grow(types, 2_500), Types::traced::<()>);
    assert_eq!(deep.sent(), [0; 0], "what a peer would refuse is not sent");
}

#[test]
fn the_fingerprint_is_the_same_everywhere() {
    assert_eq!(derived::<Order>().fingerprint(), ORDER, "{:#x}", derived::<Order>().fingerprint());
}

/// What the test above found when it was written. It changes only with the form of structures, and then no old peer understands a new
/// one by fingerprint alone.
const ORDER: u64 = 0x168c_6f00_5177_b7fb;

fn structure(shapes: Vec<Shape>) -> Structure {
    let root = |id| Root { id, tokens: 7 };
    Structure { shapes, arguments: vec![root(0)], value: root(0), error: root(0) }
}

#[test]
fn bytes_come_back_and_every_cut_or_change_of_them_is_survived() {
    let fields = Fields::Named(vec![("a".into(), 0), ("b".into(), 1)]);
    let variants = vec![
        Variant { name: "A".into(), fields: Fields::Unit },
        Variant { name: "B".into(), fields: Fields::Newtype(0) },
        Variant { name: "C".into(), fields: Fields::Tuple(vec![0, 1]) },
    ];
    let whole = structure(vec![
        Shape::Struct("S".into(), fields),
        Shape::Enum("E".into(), variants),
        Shape::Map(0, 1),
        Shape::Option(2),
        Shape::Reference("x::X".into()),
        Shape::Opaque { tokens: "T".into(), why: "".into() },
        Shape::Plain(Plain::Bulk),
    ]);
    let bytes = encoded::encode(&whole);
    assert_eq!(encoded::decode(&bytes).as_ref(), Some(&whole));
    for cut in 0..bytes.len() {
        assert_eq!(encoded::decode(&bytes[..cut]), None);
    }
    for at in 0..bytes.len() {
        for change in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = change;
            if let Some(read) = encoded::decode(&bytes) {
                let _ = compare::difference(&read, &whole, &[]);
                let _ = (render::declaration(&read, 0), compare::difference(&whole, &read, &["a"]));
            }
        }
    }
}

#[test]
fn hostile_structures_are_refused_or_end_soon() {
    let schema = derived::<Vec<Expr>>();
    let refused = |shapes: Vec<Shape>| {
        let mut bad = structure(shapes);
        bad.arguments.clear();
        schema.refuses(&encoded::encode(&bad)).expect("it is no Vec<Expr>")
    };
    // A ring, a chain as long as is taken, one that is longer, and one that claims more than there is.
    refused(vec![Shape::Option(0)]);
    let chain = |length: u32| (0..length).map(|id| Shape::Seq((id + 1).min(length - 1))).collect::<Vec<_>>();
    refused(chain(encoded::SHAPES_MAX as u32));
    assert!(refused(chain(encoded::SHAPES_MAX as u32 + 1)).contains("cannot be read"));
    assert_eq!(encoded::decode(&[0xff, 0xff, 0xff, 0x7f]), None);
    // The widest against a type that contains itself: every pair is looked at once.
    let recursive = derived::<Tree<u8>>();
    let wide: Vec<Shape> = (0..2_000)
        .map(|id| match id {
            0 => Shape::Plain(Plain::U8),
            _ if id % 2 == 0 => Shape::Seq((id + 1) % 2_000),
            _ => Shape::Struct("Tree".into(), Fields::Named(vec![("value".into(), 0), ("children".into(), (id + 1) % 2_000)])),
        })
        .collect();
    let mut wide = structure(wide);
    wide.arguments.clear();
    wide.value.id = 1;
    recursive.refuses(&encoded::encode(&wide)).expect("the last sequence is one of `u8`");
    // A text of a peer's is escaped and short, whatever it holds.
    let text = refused(vec![Shape::Struct("\u{7}\n".repeat(80).into(), Fields::Unit)]);
    assert!(!text.contains('\n') && text.len() < 1_000, "{text}");
}
