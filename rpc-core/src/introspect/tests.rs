//! Pages of a peer that lies or has no end, and types that lead nowhere or in circles.

use super::answer::{Item, Page};
use super::{Access, Description, InterfaceInfo, MethodInfo, OpaqueInfo, Pages};
use crate::schema::shape::{Fields, Name, Plain, Shape, Variant};
use crate::{ErrorKind, Result};

#[netref_macros::remote(name = "test.Piano", crate = "crate")]
trait Piano {
    async fn play(&self, note: u8, loud: Option<bool>) -> Result<String>;
}

fn interface(name: &str) -> Item {
    Item::Interface(InterfaceInfo { name: name.to_owned(), methods: Vec::new(), ..InterfaceInfo::of::<dyn Piano>() })
}

fn method() -> MethodInfo {
    InterfaceInfo::of::<dyn Piano>().methods[0].clone()
}

/// The error for a first page.
fn refused(items: Vec<Item>, next: Option<u32>) -> String {
    let error = Pages::default().add(Page { items, next }).expect_err("it breaks a rule");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    error.text().to_owned()
}

#[test]
fn pages_that_break_a_rule_are_refused() {
    let piano = || interface("test.Piano");
    let broken = |change: fn(&mut MethodInfo)| {
        let mut method = method();
        change(&mut method);
        vec![interface("test.Piano"), Item::Method(method)]
    };
    for (items, next, words) in [
        (vec![], None, "says nothing"),
        (vec![], Some(0), "do not follow each other"),
        (vec![piano()], Some(0), "do not follow each other"),
        (vec![piano()], Some(2), "do not follow each other"),
        (vec![Item::Method(method())], None, "out of order"),
        (vec![Item::Interface(InterfaceInfo::of::<dyn Piano>())], None, "out of order"),
        (vec![piano(), piano()], None, "two interfaces of one name"),
        (vec![interface("")], None, "a name in it is none"),
        (vec![interface("a\nb")], None, "a name in it is none"),
        (vec![interface(&"a".repeat(300))], None, "a name in it is none"),
        (broken(|method| method.name.clear()), None, "a name in it is none"),
        (broken(|method| method.parameters.truncate(1)), None, "another number of types than of parameters"),
        (broken(|method| method.parameters = vec![method.parameters[0].clone(); 300]), None, "more parameters"),
        (broken(|method| method.opaque = vec![nothing_known(); 25]), None, "more opaque places"),
        (broken(|method| method.types = with(vec![Shape::Tuple(vec![0; 5_000])]).types), None, "more parts"),
        (broken(|method| method.types = with(vec![Shape::Enum(Name::Borrowed("E"), vec![unit(); 5_000])]).types), None, "more parts"),
    ] {
        let text = refused(items, next);
        assert!(text.contains(words), "{text} is without {words}");
    }
}

#[test]
fn a_description_without_end_is_refused_before_it_fills_anything() {
    // Many small pages.
    let mut pages = Pages::default();
    let mut count = 0;
    let error = loop {
        count += 1;
        if let Err(error) = pages.add(Page { items: vec![interface(&format!("test.Piano{count}"))], next: Some(count) }) {
            break error;
        }
    };
    assert!(count <= 300 && error.text().contains("than any description may have"), "{count}: {error}");

    // Many methods of one interface.
    let mut pages = Pages::default();
    pages.add(Page { items: vec![interface("test.Piano")], next: Some(1) }).expect("a page");
    let methods = || (0..1_000).map(|_| Item::Method(method())).collect();
    let error = (1..).find_map(|page| pages.add(Page { items: methods(), next: Some(1 + 1_000 * page) }).err()).expect("bounded");
    assert!(error.text().contains("than any description may have"), "{error}");

    // A few long ones.
    let mut pages = Pages::default();
    pages.add(Page { items: vec![interface("test.Piano")], next: Some(1) }).expect("a page");
    let long = |docs: String| Item::Method(MethodInfo { docs, ..method() });
    let error = (2..).find_map(|page| pages.add(Page { items: vec![long("a".repeat(1 << 20))], next: Some(page) }).err()).expect("bounded");
    assert!(error.text().contains("than any description may have"), "{error}");
}

fn nothing_known() -> OpaqueInfo {
    OpaqueInfo { path: String::new(), why: String::new() }
}

fn unit() -> Variant {
    Variant { name: Name::Borrowed(""), fields: Fields::Unit }
}

#[test]
fn a_description_is_weighed_by_what_it_takes_in_memory() {
    // Few bytes on the wire each, and many here.
    let cheap: [fn(&mut MethodInfo); 4] = [
        |method| method.types = with(vec![Shape::Plain(Plain::U8); 2_048]).types,
        |method| method.types = with(vec![Shape::Enum(Name::Borrowed("E"), vec![unit(); 4_096])]).types,
        |method| method.types = with(vec![Shape::Struct(Name::Borrowed("S"), Fields::Named(vec![(Name::Borrowed(""), 0); 4_096]))]).types,
        |method| method.opaque = vec![nothing_known(); 24],
    ];
    for (cheap, least) in cheap.into_iter().zip([2_048 * size_of::<Shape>(), 4_096 * size_of::<Variant>(), 4_096 * 32, 24 * 48]) {
        let mut method = method();
        cheap(&mut method);
        let mut pages = Pages::default();
        pages.add(Page { items: vec![interface("test.Piano")], next: Some(1) }).expect("a page");
        let refused =
            (2..).find_map(|next| pages.add(Page { items: vec![Item::Method(method.clone())], next: Some(next) }).err().map(|_| next));
        let taken = refused.expect("it is bounded") as usize - 1;
        assert!(taken * least <= 32 << 20, "{taken} items of at least {least} bytes");
    }
}

/// A method whose types are these shapes; all of its own types are the first of them.
fn with(shapes: Vec<Shape>) -> MethodInfo {
    let mut method = method();
    method.types = super::Types::made_of(shapes, method.parameters.len());
    method
}

#[test]
fn types_that_lead_nowhere_are_refused_and_shown_without_harm() {
    for shape in [Shape::Option(7), Shape::Map(0, 9), Shape::Tuple(vec![0, 0, 5]), Shape::Struct(Name::Borrowed("A"), Fields::Newtype(3))] {
        let method = with(vec![shape]);
        let text = refused(vec![interface("test.Piano"), Item::Method(method.clone())], None);
        assert!(text.contains("refers to one that is not there"), "{text}");
        shown(method);
    }
}

/// Everything that shows a method.
fn shown(method: MethodInfo) {
    let (value, argument) = (method.types.value(), method.types.argument(0));
    assert!(value.len() < 4_096 && argument.is_some_and(|argument| argument.len() < 4_096));
    #[cfg(feature = "json")]
    {
        let schemas = [method.arguments_schema(), method.result_schema(), method.error_schema()];
        assert!(schemas.iter().all(|schema| schema.to_string().len() < 4 << 20));
    }
    let interface = InterfaceInfo { methods: vec![method], access: Access::Granted, ..InterfaceInfo::of::<dyn Piano>() };
    assert!(Description { interfaces: vec![interface] }.to_string().len() < 4 << 20);
}

#[test]
fn types_that_contain_themselves_or_each_other_many_times_end() {
    let enumeration =
        |id| Shape::Enum(Name::Borrowed("E"), vec![Variant { name: Name::Borrowed("V"), fields: Fields::Tuple(vec![id, id]) }]);
    for shapes in [
        vec![Shape::Option(0)],
        vec![Shape::Tuple(vec![0, 0, 0])],
        vec![Shape::Map(1, 1), Shape::Seq(0)],
        vec![enumeration(0)],
        // Written out, it has 2^2000 parts.
        (0..2_000).map(|id| if id < 1_999 { Shape::Tuple(vec![id + 1, id + 1]) } else { Shape::Plain(Plain::U8) }).collect(),
        (0..2_000).map(|id| if id < 1_999 { enumeration(id + 1) } else { Shape::Plain(Plain::U8) }).collect(),
        // Each stands in the one before and nowhere else.
        (0..2_000).map(|id| if id < 1_999 { Shape::Option(id + 1) } else { Shape::Plain(Plain::U8) }).collect(),
        (0..2_000).map(|id| if id < 1_999 { Shape::Tuple(vec![id + 1]) } else { Shape::Plain(Plain::U8) }).collect(),
    ] {
        let method = with(shapes);
        let mut pages = Pages::default();
        pages.add(Page { items: vec![interface("test.Piano"), Item::Method(method.clone())], next: None }).expect("it breaks no rule");
        shown(method);
    }
}

#[test]
fn types_with_very_many_parts_are_shown_in_bounded_time() {
    // As many fields as a type may have, each a tuple of as many parts, and far more than that, as a value that is no page may have.
    for parts in [4_096, 100_000] {
        let named = |id| Fields::Named(vec![(Name::Borrowed("part"), id); parts]);
        let (array, mixed) = (vec![3; parts], (0..parts as u32).map(|part| 3 + part % 2).collect());
        let long = Shape::Struct(Name::Owned("n".repeat(100_000)), Fields::Unit);
        let method = with(vec![
            Shape::Struct(Name::Borrowed("A"), named(1)),
            Shape::Tuple(array),
            Shape::Struct(Name::Borrowed("B"), named(5)),
            Shape::Plain(Plain::U8),
            long,
            Shape::Tuple(mixed),
            Shape::Enum(
                Name::Borrowed("E"),
                (0..parts).map(|_| Variant { name: Name::Borrowed("V"), fields: Fields::Newtype(5) }).collect(),
            ),
        ]);
        assert_eq!(method.types.broken(method.parameters.len()).is_none(), parts == 4_096);
        let interface = InterfaceInfo { methods: vec![method; 20], ..InterfaceInfo::of::<dyn Piano>() };
        let shown = Description { interfaces: vec![interface] }.to_string();
        assert!(shown.len() < 10 << 20 && shown.contains("// There are more types than are shown."), "{}", shown.len());
    }
}

#[test]
fn texts_are_shown_as_what_they_are() {
    let mut interface = InterfaceInfo::of::<dyn Piano>();
    interface.name = "a\")] fn x() {} //\\".to_owned();
    interface.docs = "\u{ad}\u{61c}\u{180e}\u{e0041}\u{202e}".to_owned();
    let shown = interface.to_string();
    assert!(
        shown.starts_with("/// \\u{ad}\\u{61c}\\u{180e}\\u{e0041}\\u{202e}\n#[remote(name = \"a\\\")] fn x() {} //\\\\\")]\n"),
        "{shown}"
    );
}

#[test]
fn the_largest_item_of_a_page_fits_the_smallest_message() {
    // The bound of one text, and of what a structure may take, times what an item has of them.
    let docs = super::answer::short(&"ä".repeat(100_000));
    let signature = docs.clone();
    let method = MethodInfo { docs, signature, ..method() };
    assert!(Item::Method(method).weight() + crate::wire::STRUCTURE_MAX * 2 < 60_000);
}
