//! Pages of a peer that lies or has no end, and types that lead nowhere or in circles.

use super::answer::{Item, Page};
use super::{Access, Description, InterfaceInfo, MethodInfo, Pages};
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
    ] {
        let method = with(shapes);
        let mut pages = Pages::default();
        pages.add(Page { items: vec![interface("test.Piano"), Item::Method(method.clone())], next: None }).expect("it breaks no rule");
        shown(method);
    }
}

#[test]
fn the_largest_item_of_a_page_fits_the_smallest_message() {
    // The bound of one text, and of what a structure may take, times what an item has of them.
    let docs = super::answer::short(&"ä".repeat(100_000));
    let signature = docs.clone();
    let method = MethodInfo { docs, signature, ..method() };
    assert!(Item::Method(method).weight() + crate::wire::STRUCTURE_MAX * 2 < 60_000);
}
