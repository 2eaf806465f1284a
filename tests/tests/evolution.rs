//! Two programs that were built from different versions of an interface: what fits works, what does not is an error that names the
//! difference, and nothing is ever read as something else. Every case runs in both directions, and with types that derive `Schema`,
//! types that are traced, and one of each.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use netref::{
    AnyRemote, Error, ErrorKind, Interface, Method, Node, Outcome, Payload, RawCall, RawReply, Remote, RemoteFn, Result, Schema,
    WeakRemote, function::Function, remote,
};
use serde::{Deserialize, Serialize};

/// Hosts an object on one node and gives a reference to it on another.
async fn across<T: ?Sized + Interface, U: ?Sized + Interface>(object: Remote<T>) -> (Node, Node, Remote<U>) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let space = format!("mem://evolution-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let here = Node::builder().listen(space.as_str()).publish("it", object).start().await.unwrap();
    let there = Node::builder().start().await.unwrap();
    let it = there.connect(&format!("{space}/it")).await.unwrap();
    (here, there, it)
}

/// What becomes of a call between two versions.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// It runs, and both values arrive as they were sent.
    Fits,
    /// It does not run, and the error holds this.
    Differs(&'static str),
    /// It runs, and the result is something that the caller does not know; the error holds this.
    Unknown(&'static str),
}
use Expect::{Differs, Fits, Unknown};

/// What the callee has heard, as `Debug` writes it.
type Heard = Arc<Mutex<Option<String>>>;

#[track_caller]
fn check<T: std::fmt::Debug>(case: &str, expect: Expect, got: Result<T>, sent: String, returned: String, heard: &Heard) {
    let heard = heard.lock().unwrap().take();
    match (expect, got) {
        (Fits, Ok(value)) => assert_eq!((Some(sent), returned), (heard, format!("{value:?}")), "{case}"),
        (Differs(text), Err(error)) => {
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{case}: {error}");
            assert!(error.to_string().contains(text), "{case}: {error}");
            assert_eq!(heard, None, "{case}: it did not run");
        }
        (Unknown(text), Err(error)) => {
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::Ran), "{case}: {error}");
            assert!(error.to_string().contains(text), "{case}: {error}");
            assert_eq!(heard, Some(sent), "{case}: it ran");
        }
        (expect, got) => panic!("{case}: expected {expect:?}, got {got:?}"),
    }
}

macro_rules! version {
    ($module:ident $name:literal $derives:tt { $($item:item)* } $argument:ty = $sent:expr; $result:ty = $returned:expr) => {
        pub mod $module {
            #![allow(unused_imports, dead_code)]
            use super::super::*;

            $(#[derive $derives] $item)*

            #[remote(name = $name)]
            pub trait Api {
                async fn call(&self, order: $argument) -> Result<$result>;
                async fn other(&self) -> Result<u8>;
            }

            pub struct Host(pub Heard);

            impl Api for Host {
                async fn call(&self, order: $argument) -> Result<$result> {
                    *self.0.lock().unwrap() = Some(format!("{order:?}"));
                    Ok(returned())
                }
                async fn other(&self) -> Result<u8> {
                    Ok(7)
                }
            }

            pub fn sent() -> $argument {
                $sent
            }

            pub fn returned() -> $result {
                $returned
            }
        }
    };
}

macro_rules! meet {
    ($case:literal $expect:expr; $caller:ident -> $callee:ident) => {{
        let heard = Heard::default();
        let host = Remote::<dyn $callee::Api>::new($callee::Host(Arc::clone(&heard)));
        let (_here, _there, it) = across::<dyn $callee::Api, dyn $caller::Api>(host).await;
        let case = concat!($case, ": ", stringify!($caller), " calls ", stringify!($callee));
        for _ in 0..2 {
            let got = <Remote<dyn $caller::Api> as $caller::Api>::call(&it, $caller::sent()).await;
            check(case, $expect, got, format!("{:?}", $caller::sent()), format!("{:?}", $callee::returned()), &heard);
        }
        let other = <Remote<dyn $caller::Api> as $caller::Api>::other(&it).await;
        assert_eq!(other, Ok(7), "{case}: the other method still works");
    }};
}

macro_rules! evolution {
    ($($test:ident $name:literal
        old { $($old:item)* } $old_argument:ty = $old_sent:expr; $old_result:ty = $old_returned:expr;
        new { $($new:item)* } $new_argument:ty = $new_sent:expr; $new_result:ty = $new_returned:expr;
        old_calls_new $to_new:expr; new_calls_old $to_old:expr;
    )*) => {$(
        mod $test {
            use super::*;
            version!(old_traced $name (Clone, Debug, PartialEq, Serialize, Deserialize) { $($old)* } $old_argument = $old_sent; $old_result = $old_returned);
            version!(old_derived $name (Clone, Debug, PartialEq, Serialize, Deserialize, Schema) { $($old)* } $old_argument = $old_sent; $old_result = $old_returned);
            version!(new_traced $name (Clone, Debug, PartialEq, Serialize, Deserialize) { $($new)* } $new_argument = $new_sent; $new_result = $new_returned);
            version!(new_derived $name (Clone, Debug, PartialEq, Serialize, Deserialize, Schema) { $($new)* } $new_argument = $new_sent; $new_result = $new_returned);

            #[tokio::test]
            async fn each_way() {
                meet!($name $to_new; old_traced -> new_traced);
                meet!($name $to_new; old_traced -> new_derived);
                meet!($name $to_new; old_derived -> new_traced);
                meet!($name $to_new; old_derived -> new_derived);
                meet!($name $to_old; new_traced -> old_traced);
                meet!($name $to_old; new_traced -> old_derived);
                meet!($name $to_old; new_derived -> old_traced);
                meet!($name $to_old; new_derived -> old_derived);
                meet!($name Fits; old_traced -> old_derived);
            }
        }
    )*};
}

evolution! {
    an_argument_of_another_type "evo.argument"
        old {} u32 = 5; u8 = 1;
        new {} u64 = 5; u8 = 1;
        old_calls_new Differs("argument `order`: the caller has `u32`, the callee has `u64`");
        new_calls_old Differs("argument `order`: the caller has `u64`, the callee has `u32`");

    a_result_of_another_type "evo.result"
        old {} u8 = 5; i32 = -1;
        new {} u8 = 5; Option<i32> = Some(-1);
        old_calls_new Differs("the result: the caller has `i32`, the callee has `Option<i32>`");
        new_calls_old Differs("the result: the caller has `Option<i32>`, the callee has `i32`");

    another_way_to_write_it "evo.written"
        old {} (Names, HashMap<u8, u8>, Box<u8>) = (vec!["a".to_owned()], HashMap::from([(1, 2)]), Box::new(3));
            BTreeSet<u8> = BTreeSet::from([1, 2]);
        new {} (Titles, BTreeMap<u8, u8>, u8) = (VecDeque::from(["a".to_owned()]), BTreeMap::from([(1, 2)]), 3);
            BTreeSet<u8> = BTreeSet::from([1, 2]);
        old_calls_new Fits;
        new_calls_old Fits;

    a_field_of_another_type "evo.field"
        old { pub struct Item { name: String, price: u32 } pub struct Order { items: Vec<Item> } }
            Order = Order { items: vec![Item { name: "pen".to_owned(), price: 5 }] }; u8 = 1;
        new { pub struct Item { name: String, price: u64 } pub struct Order { items: Vec<Item> } }
            Order = Order { items: vec![Item { name: "pen".to_owned(), price: 5 }] }; u8 = 1;
        old_calls_new Differs("argument `order`.items[].price: the caller has `u32`, the callee has `u64`");
        new_calls_old Differs("argument `order`.items[].price: the caller has `u64`, the callee has `u32`");

    a_field_that_was_added "evo.added"
        old { pub struct Order { name: String } } u8 = 1; HashMap<String, Option<Order>> = HashMap::from([("a".to_owned(), Some(Order { name: "b".to_owned() }))]);
        new { pub struct Order { name: String, #[serde(default)] note: String } } u8 = 1; HashMap<String, Option<Order>> = HashMap::new();
        old_calls_new Differs("the result[value], field 2: the caller has nothing, the callee has `note: String`");
        new_calls_old Differs("the result[value], field 2: the caller has `note: String`, the callee has nothing");

    fields_that_changed_places "evo.moved"
        old { pub struct Order { one: u32, two: u32 } } Order = Order { one: 1, two: 2 }; u8 = 1;
        new { pub struct Order { two: u32, one: u32 } } Order = Order { one: 1, two: 2 }; u8 = 1;
        old_calls_new Differs("argument `order`, field 1: the caller has `one: u32`, the callee has `two: u32`");
        new_calls_old Differs("argument `order`, field 1: the caller has `two: u32`, the callee has `one: u32`");

    a_field_of_another_name "evo.renamed"
        old { pub struct Order { net: u32 } } Order = Order { net: 1 }; u8 = 1;
        new { pub struct Order { gross: u32 } } Order = Order { gross: 1 }; u8 = 1;
        old_calls_new Differs("field 1: the caller has `net: u32`, the callee has `gross: u32`");
        new_calls_old Differs("field 1: the caller has `gross: u32`, the callee has `net: u32`");

    a_variant_appended_in_a_result "evo.result-variant"
        old { pub enum State { Idle, Busy { with: u32 } } } u8 = 1; Vec<State> = vec![State::Idle, State::Busy { with: 3 }];
        new { pub enum State { Idle, Busy { with: u32 }, Lost(String) } } u8 = 1; Vec<State> = vec![State::Idle, State::Lost("x".to_owned())];
        old_calls_new Unknown("expected variant index 0 <= i < 2, in the enum `State`");
        new_calls_old Fits;

    a_variant_appended_in_an_argument "evo.argument-variant"
        old { pub enum Order { Buy(u32), Sell(u32) } } Option<Order> = Some(Order::Sell(2)); u8 = 1;
        new { pub enum Order { Buy(u32), Sell(u32), Hold } } Option<Order> = Some(Order::Buy(2)); u8 = 1;
        old_calls_new Fits;
        new_calls_old Differs("argument `order`, variant 2: the caller has `Hold`, the callee has no such variant");

    a_variant_put_before_others "evo.inserted"
        old { pub enum Order { Buy(u32), Sell(u32) } } Order = Order::Sell(2); Order = Order::Buy(1);
        new { pub enum Order { Hold, Buy(u32), Sell(u32) } } Order = Order::Sell(2); Order = Order::Buy(1);
        old_calls_new Differs("argument `order`, variant 0: the caller has `Buy`, the callee has `Hold`");
        new_calls_old Differs("argument `order`, variant 0: the caller has `Hold`, the callee has `Buy`");

    a_variant_that_holds_something_else "evo.variant"
        old { pub enum Order { Buy(u32), Sell { count: u16 } } } u8 = 1; Order = Order::Sell { count: 1 };
        new { pub enum Order { Buy(u32), Sell { count: i16 } } } u8 = 1; Order = Order::Sell { count: 1 };
        old_calls_new Differs("the result::Sell.count: the caller has `u16`, the callee has `i16`");
        new_calls_old Differs("the result::Sell.count: the caller has `i16`, the callee has `u16`");

    types_that_contain_themselves "evo.recursive"
        old { pub enum Expr { Num(i64), Sum(Vec<Self>), Not(Box<Self>) } pub struct Tree { root: Expr, next: Option<Box<Self>> } }
            Tree = Tree { root: Expr::Not(Box::new(Expr::Num(1))), next: None }; Tree = Tree { root: Expr::Sum(vec![Expr::Num(1)]), next: None };
        new { pub enum Expr { Num(i64), Sum(Vec<Self>), Not(Box<Self>), Nil } pub struct Tree { root: Expr, next: Option<Box<Self>> } }
            Tree = Tree { root: Expr::Nil, next: None }; Tree = Tree { root: Expr::Sum(vec![Expr::Nil]), next: None };
        old_calls_new Unknown("in the enum `Expr`");
        new_calls_old Differs("argument `order`.root, variant 3: the caller has `Nil`");

    a_change_deep_inside "evo.deep"
        old { pub enum Expr { Num(i64), Sum(Vec<Self>), Call(HashMap<String, Self>) } }
            Vec<Option<Expr>> = vec![Some(Expr::Num(1))]; u8 = 1;
        new { pub enum Expr { Num(i64), Sum(Vec<Self>), Call(HashMap<String, (Self, bool)>) } }
            Vec<Option<Expr>> = vec![Some(Expr::Num(1))]; u8 = 1;
        old_calls_new Differs("argument `order`[]::Call.0[value]: the caller has `Expr`, the callee has `(Expr, bool)`");
        new_calls_old Differs("argument `order`[]::Call.0[value]: the caller has `(Expr, bool)`, the callee has `Expr`");

    a_newtype_of_another_name "evo.newtype"
        old { pub struct Meters(f64); } Meters = Meters(1.5); u8 = 1;
        new { pub struct Feet(f64); } Feet = Feet(1.5); u8 = 1;
        old_calls_new Differs("argument `order`: the caller has `Meters`, the callee has `Feet`");
        new_calls_old Differs("argument `order`: the caller has `Feet`, the callee has `Meters`");

    a_reference_to_something_else "evo.reference"
        old {} Option<Vec<Remote<dyn One>>> = None; u8 = 1;
        new {} Option<Vec<Remote<dyn Two>>> = None; u8 = 1;
        old_calls_new Differs("argument `order`[]: the caller has `Remote<dyn evo.One>`, the callee has `Remote<dyn evo.Two>`");
        new_calls_old Differs("argument `order`[]: the caller has `Remote<dyn evo.Two>`, the callee has `Remote<dyn evo.One>`");

    a_reference_that_does_not_hold "evo.weak"
        old {} Option<Remote<dyn One>> = None; u8 = 1;
        new {} Option<WeakRemote<dyn One>> = None; u8 = 1;
        old_calls_new Differs("the callee has `WeakRemote<dyn evo.One>`");
        new_calls_old Differs("the caller has `WeakRemote<dyn evo.One>`");

    bytes_under_another_name "evo.bytes"
        old {} Vec<u8> = vec![1, 2]; Bytes = Bytes::from_static(b"x");
        new {} Data = vec![1, 2]; Vec<u8> = vec![b'x'];
        old_calls_new Differs("argument `order`");
        new_calls_old Differs("argument `order`");
}

pub type Names = Vec<String>;
pub type Titles = VecDeque<String>;
pub type Data = Vec<u8>;
pub type Same = Guess;

#[remote(name = "evo.One")]
pub trait One {
    async fn one(&self) -> Result<u8>;
}

#[remote(name = "evo.Two")]
pub trait Two {
    async fn two(&self) -> Result<u8>;
}

mod kept {
    use super::*;

    version!(old "evo.kept" (Clone, Debug, Serialize, Deserialize) { pub struct Order { pub net: u32 } } Order = Order { net: 1 }; u8 = 1);
    version!(new "evo.kept" (Clone, Debug, Serialize, Deserialize, Schema) {
        #[serde(rename = "Order", rename_all = "snake_case")]
        pub struct Purchase {
            #[serde(rename = "net", alias = "gross")]
            pub amount: u32,
            #[serde(skip)]
            pub cache: (),
        }
    } Purchase = Purchase { amount: 2, cache: () }; u8 = 1);

    #[tokio::test]
    async fn names_that_serde_keeps_are_the_same_names() {
        let heard = Heard::default();
        let (_here, _there, it) = across::<dyn old::Api, dyn new::Api>(Remote::new(old::Host(Arc::clone(&heard)))).await;
        assert_eq!(new::Api::call(&it, new::sent()).await, Ok(1));
        assert_eq!(heard.lock().unwrap().take().as_deref(), Some("Order { net: 2 }"));
        let (_here, _there, it) = across::<dyn new::Api, dyn old::Api>(Remote::new(new::Host(Arc::clone(&heard)))).await;
        assert_eq!(old::Api::call(&it, old::sent()).await, Ok(1));
        assert_eq!(heard.lock().unwrap().take().as_deref(), Some("Purchase { amount: 1, cache: () }"));
    }
}

// --- methods ---

mod methods {
    use super::*;

    pub mod old {
        use super::*;
        #[remote(name = "evo.Methods")]
        pub trait Api {
            async fn kept(&self, number: u8) -> Result<u8>;
            async fn removed(&self) -> Result<u8>;
            async fn renamed(&self) -> Result<u8>;
            async fn longer(&self, one: u8) -> Result<u8>;
            #[remote(name = "again")]
            async fn first_name(&self, one: u8) -> Result<u8>;
        }
    }

    pub mod new {
        use super::*;
        #[remote(name = "evo.Methods")]
        pub trait Api {
            async fn added(&self) -> Result<u8>;
            async fn kept(&mut self, amount: u8) -> Result<u8>;
            async fn other_name(&self) -> Result<u8>;
            async fn longer(&self, one: u8, two: u8) -> Result<u8>;
            #[remote(name = "again")]
            async fn second_name(&self, one: u8) -> Result<u8>;
        }
    }

    pub struct Host;

    impl old::Api for Host {
        async fn kept(&self, number: u8) -> Result<u8> {
            Ok(number)
        }
        async fn removed(&self) -> Result<u8> {
            Ok(0)
        }
        async fn renamed(&self) -> Result<u8> {
            Ok(0)
        }
        async fn longer(&self, one: u8) -> Result<u8> {
            Ok(one)
        }
        async fn first_name(&self, one: u8) -> Result<u8> {
            Ok(one)
        }
    }

    impl new::Api for Host {
        async fn added(&self) -> Result<u8> {
            Ok(0)
        }
        async fn kept(&mut self, amount: u8) -> Result<u8> {
            Ok(amount)
        }
        async fn other_name(&self) -> Result<u8> {
            Ok(0)
        }
        async fn longer(&self, one: u8, two: u8) -> Result<u8> {
            Ok(one + two)
        }
        async fn second_name(&self, one: u8) -> Result<u8> {
            Ok(one)
        }
    }
}

#[track_caller]
fn refused(got: Result<u8>, kind: ErrorKind, text: &str) {
    let error = got.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (kind, Outcome::NotRun), "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn methods_come_and_go_and_the_others_go_on() {
    use methods::{Host, new, old};
    {
        use old::Api as _;
        let (_here, _there, it) = across::<dyn new::Api, dyn old::Api>(Remote::new(Host)).await;
        assert_eq!(it.kept(3).await, Ok(3), "`&self` there, `&mut self` here, another name of the argument");
        refused(it.removed().await, ErrorKind::NoSuchMethod, "has no method `removed`");
        refused(it.renamed().await, ErrorKind::NoSuchMethod, "has no method `renamed`");
        refused(it.longer(1).await, ErrorKind::SchemaMismatch, "the caller has 1 argument, the callee has 2 arguments");
        assert_eq!((it.first_name(4).await, it.kept(5).await), (Ok(4), Ok(5)));
    }
    {
        use new::Api as _;
        let (_here, _there, mut it) = across::<dyn old::Api, dyn new::Api>(Remote::new(Host)).await;
        refused(it.added().await, ErrorKind::NoSuchMethod, "has no method `added`");
        refused(it.other_name().await, ErrorKind::NoSuchMethod, "has no method `other_name`");
        let text = "the caller's method is `async fn longer(&self, one: u8, two: u8) -> Result<u8>`, the callee's is `async fn longer(&self, one: u8)";
        refused(it.longer(1, 2).await, ErrorKind::SchemaMismatch, text);
        assert_eq!((it.second_name(4).await, it.kept(5).await), (Ok(4), Ok(5)));
    }
}

// --- what no version of a program sends ---

mod plain {
    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub enum Expr {
        Num(u8),
        Sum(Vec<Self>),
    }

    #[remote(name = "evo.Plain")]
    pub trait Api {
        async fn total(&self, expr: Expr) -> Result<u64>;
    }

    pub struct Host;

    impl Api for Host {
        async fn total(&self, expr: Expr) -> Result<u64> {
            Ok(match expr {
                Expr::Num(number) => number.into(),
                Expr::Sum(all) => all.len() as u64,
            })
        }
    }
}

fn raw(method: &Method, bytes: &'static [u8]) -> RawCall {
    let mut payload = Payload::default();
    payload.bytes = Bytes::from_static(bytes);
    RawCall::new(method.clone(), payload)
}

async fn asked(it: &AnyRemote, call: RawCall) -> std::result::Result<Vec<u8>, Error> {
    match it.call_raw(call).reply().await {
        RawReply::Ok(payload) => Ok(payload.bytes.to_vec()),
        RawReply::AppError(payload) => panic!("{payload:?}"),
        RawReply::Failed(error) => Err(error),
    }
}

#[tokio::test]
async fn definitions_that_nobody_honest_sends_are_refused_and_hurt_nobody() {
    let descriptor = <dyn plain::Api as Interface>::DESCRIPTOR;
    let (_here, _there, it) = across::<dyn plain::Api, dyn plain::Api>(Remote::new(plain::Host)).await;
    let typed = it.clone();
    let it = Remote::into_any(it);
    let known = Method::known(descriptor, &descriptor.methods[0]);
    assert_eq!(asked(&it, raw(&known, &[0, 9])).await, Ok(vec![9]), "as the trait would call it");

    // One argument, and three roots: each the first shape, written nobody knows how.
    let roots = [vec![1], vec![0; 27]].concat();
    let ring = [vec![1, 33, 0], roots.clone()].concat();
    let mut deep = vec![0x80, 0x10];
    for id in 0_u32..2_048 {
        let next = (id + 1).min(2_047);
        deep.extend([34, (next & 0x7f) as u8 | 0x80, (next >> 7) as u8]);
    }
    deep.extend(roots);
    let structures: [(&[u8], &str); 6] = [
        (&[], "the caller did not say how"),
        (b"garbage", "cannot be read"),
        (&[0xff, 0xff, 0xff, 0x7f], "cannot be read"),
        (&ring, "argument `expr`: the caller has `Option<"),
        (&deep, "argument `expr`: the caller has `Vec<"),
        (&[7; 20_000], "the caller did not say how"),
    ];
    for (number, (structure, text)) in (1..).zip(structures) {
        let mut method = known.clone();
        method.fingerprint = number;
        method.structure = Bytes::copy_from_slice(structure);
        for _ in 0..3 {
            let error = asked(&it, raw(&method, &[0, 9])).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{error}");
            assert!(error.to_string().contains(text) && error.to_string().len() < 2_048, "{error}");
        }
    }
    assert_eq!(plain::Api::total(&typed, plain::Expr::Num(3)).await, Ok(3));
}

#[tokio::test]
async fn bytes_left_over_are_refused() {
    let descriptor = <dyn plain::Api as Interface>::DESCRIPTOR;
    let (_here, _there, it) = across::<dyn plain::Api, dyn plain::Api>(Remote::new(plain::Host)).await;
    let known = Method::known(descriptor, &descriptor.methods[0]);
    let error = asked(&Remote::into_any(it), raw(&known, &[0, 9, 9])).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::NotRun), "{error}");
    assert!(error.to_string().contains("1 byte is left over"), "{error}");
}

// --- on the way ---

#[tokio::test]
async fn a_node_that_only_passes_calls_on_passes_the_structure_on() {
    use a_field_of_another_type::{new_traced, old_traced};
    let heard = Heard::default();
    let host = Remote::<dyn new_traced::Api>::new(new_traced::Host(Arc::clone(&heard)));
    let (_first, _second, passed) = across::<dyn new_traced::Api, dyn new_traced::Api>(host).await;
    let (_third, _fourth, it) = across::<dyn new_traced::Api, dyn old_traced::Api>(passed).await;
    let error = old_traced::Api::call(&it, old_traced::sent()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    assert!(error.to_string().contains("items[].price: the caller has `u32`, the callee has `u64`"), "{error}");
}

#[tokio::test]
async fn an_object_of_this_process_is_asked_in_the_same_way() {
    use a_field_of_another_type::{new_traced, old_traced};
    let host = Remote::<dyn new_traced::Api>::new(new_traced::Host(Heard::default()));
    let it: Remote<dyn old_traced::Api> = Remote::into_any(host).downcast();
    let error = old_traced::Api::call(&it, old_traced::sent()).await.unwrap_err();
    assert!(error.to_string().contains("items[].price: the caller has `u32`, the callee has `u64`"), "{error}");
}

// --- what is not known ---

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Guess {
    Number(u8),
    Text(String),
}

#[remote(name = "evo.Opaque")]
pub trait Hidden: One {
    async fn guess(&self, all: HashSet<u8>, guesses: Vec<Option<Guess>>) -> Result<u8>;
    async fn known(&self, all: HashSet<u8>) -> Result<u8>;
}

#[test]
fn what_is_not_known_is_listed() {
    let places: Vec<String> = <dyn Hidden>::DESCRIPTOR.opaque().iter().map(|(method, place)| format!("{}: {place}", method.name)).collect();
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].starts_with("guess: argument `guesses`[]: it asks what comes next"), "{places:?}");
}

mod opaque {
    use super::*;

    version!(old "evo.opaque" () {} Guess = Guess::Number(1); u8 = 1);
    version!(new "evo.opaque" () {} Same = Guess::Number(1); u8 = 1);

    #[tokio::test]
    async fn where_nothing_is_known_the_types_have_to_be_written_alike() {
        let (_here, _there, it) = across::<dyn old::Api, dyn new::Api>(Remote::new(old::Host(Heard::default()))).await;
        let error = new::Api::call(&it, new::sent()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
        assert!(error.to_string().contains("argument `order`: the caller has `(opaque)`"), "{error}");
    }
}

// --- traits with parameters ---

mod generic {
    use super::*;

    pub mod old {
        use super::*;

        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct Item {
            pub price: u32,
        }

        #[remote(name = "evo.Store")]
        pub trait Store<K, V> {
            async fn put(&self, key: K, values: Vec<V>) -> Result<Option<V>>;
        }
    }

    pub mod new {
        use super::*;

        #[derive(Clone, Debug, Serialize, Deserialize, Schema)]
        pub struct Item {
            pub price: u64,
        }

        #[remote(name = "evo.Store")]
        pub trait Store<K, V> {
            async fn put(&self, key: K, values: Vec<V>) -> Result<Option<V>>;
        }
    }

    pub struct Host;

    impl<K: netref::Value, V: netref::Value> new::Store<K, V> for Host {
        async fn put(&self, _key: K, values: Vec<V>) -> Result<Option<V>> {
            Ok(values.into_iter().next())
        }
    }

    /// What is behind it is not known: no made-up text is one.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct Email(String);

    impl TryFrom<String> for Email {
        type Error = &'static str;

        fn try_from(text: String) -> std::result::Result<Self, &'static str> {
            if text.contains("@example.") { Ok(Self(text)) } else { Err("no address") }
        }
    }

    impl From<Email> for String {
        fn from(email: Email) -> Self {
            email.0
        }
    }

    fn ada() -> Email {
        Email("ada@example.org".to_owned())
    }

    #[tokio::test]
    async fn what_a_parameter_stands_for_is_compared_where_its_structure_is_not_known() {
        use old::Store;
        let host = Remote::<dyn new::Store<u8, (Email, u32)>>::new(Host);
        let (_here, _there, it) = across::<_, dyn Store<u8, (Email, u32)>>(host.clone()).await;
        assert_eq!(it.put(1, vec![(ada(), 7)]).await.unwrap().unwrap().1, 7);
        let (_here, _there, it) = across::<_, dyn Store<u8, (Email, i32)>>(host).await;
        let error = it.put(1, vec![(ada(), -1)]).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{error}");
        assert!(error.text().contains("the callee has `(opaque)`, in a type that is written in another way"), "{error}");
    }

    #[tokio::test]
    async fn so_is_what_a_closure_takes() {
        let host = RemoteFn::<(Email, u32), u32>::new(|_: Email, number: u32| async move { Ok(number) }).into_remote();
        let (_here, _there, it) = across::<_, Function<(Email, u32), u32>>(host.clone()).await;
        assert_eq!(RemoteFn::from(it).call(ada(), 7).await, Ok(7));
        let (_here, _there, it) = across::<_, Function<(Email, i32), u32>>(host.clone()).await;
        let error = RemoteFn::from(it).call(ada(), -1).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{error}");

        // Nobody has noted the structure on the caller's side when it is called without its type.
        let (_here, _there, it) = across::<_, Function<(Email, u32), u32>>(host).await;
        let interface = Function::<(Email, u64), u32>::DESCRIPTOR;
        let method = Method::known(interface, &interface.methods[0]);
        let error = asked(&Remote::into_any(it), raw(&method, b"\x0fada@example.org\x01")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    }

    mod same {
        pub fn serialize<T: serde::Serialize, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
            value.serialize(serializer)
        }

        pub fn deserialize<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
            T::deserialize(deserializer)
        }
    }

    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Inner<T>(T);

    #[derive(Clone, Debug, Serialize, Deserialize, Schema)]
    #[serde(bound = "T: Serialize + serde::de::DeserializeOwned")]
    pub struct ByModule<T>(#[serde(with = "same")] T, u8);

    #[derive(Clone, Debug, Serialize, Deserialize, Schema)]
    pub struct Without<T> {
        inner: Inner<T>,
    }

    version!(here "evo.of-parameters" () {} (super::ByModule<u32>, super::Without<u8>) = (super::ByModule(1, 2), super::Without { inner: super::Inner(3) }); u8 = 1);
    version!(alike "evo.of-parameters" () {} (super::ByModule<u32>, super::Without<u8>) = (super::ByModule(1, 2), super::Without { inner: super::Inner(3) }); u8 = 1);
    version!(module "evo.of-parameters" () {} (super::ByModule<i32>, super::Without<u8>) = (super::ByModule(-1, 2), super::Without { inner: super::Inner(3) }); u8 = 1);
    version!(without "evo.of-parameters" () {} (super::ByModule<u32>, super::Without<i8>) = (super::ByModule(1, 2), super::Without { inner: super::Inner(-3) }); u8 = 1);

    #[tokio::test]
    async fn an_unknown_part_of_a_generic_type_is_told_apart_by_what_its_parameters_stand_for() {
        meet!("alike" Fits; alike -> here);
        meet!("by a module" Differs("argument `order`.0.0: the caller has `i32 (opaque)`, the callee has `u32 (opaque)`"); module -> here);
        meet!("without" Differs("`Inner<i8> (opaque)`, the callee has `Inner<u8> (opaque)`"); without -> here);
    }

    #[tokio::test]
    async fn each_instance_of_a_trait_has_a_structure_of_its_own() {
        use old::Store;
        let host = Remote::<dyn new::Store<u8, new::Item>>::new(Host);
        let (_here, _there, it) = across::<_, dyn Store<u8, old::Item>>(host).await;
        let error = it.put(1, vec![old::Item { price: 1 }]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
        assert!(error.text().starts_with("argument `values`[].price: the caller has `u32`, the callee has `u64`"), "{error}");

        let host = Remote::<dyn new::Store<String, u16>>::new(Host);
        let (_here, _there, it) = across::<_, dyn Store<String, u16>>(host.clone()).await;
        assert_eq!(it.put("a".to_owned(), vec![300]).await, Ok(Some(300)));
        let (_here, _there, it) = across::<_, dyn Store<String, i16>>(host).await;
        let error = it.put("a".to_owned(), vec![300]).await.unwrap_err();
        assert!(error.text().contains("the caller has `i16`, the callee has `u16`"), "{error}");
    }
}
