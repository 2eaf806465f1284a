//! Values of every kind on their way to a function that has no trait and back: the mirror hands them to its listener, which gives back what it
//! got, and finds the same value again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use netref::dynamic::{Object, Value};
use netref::{ErrorKind, Remote, RemoteFn, Result, remote};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Key {
    One,
    Two,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Option<u8>),
    Tuple(i8, char),
    Named { inner: Vec<Self>, r#type: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct All {
    small: (u8, i16, u32, bool),
    wide: (u64, i64, u128, i128),
    floats: (f32, Meters),
    nothing: (Nothing, ()),
    absent: Option<String>,
    present: Option<String>,
    kinds: Vec<Kind>,
    by_key: BTreeMap<Key, u8>,
    by_number: HashMap<u16, i64>,
    by_truth: BTreeMap<bool, char>,
    array: [u16; 5],
    list: Vec<u8>,
}

fn all() -> All {
    let deep = Kind::Named { inner: vec![Kind::Unit, Kind::Newtype(None), Kind::Newtype(Some(7))], r#type: "ü\n\"".to_owned() };
    All {
        small: (255, -300, 70_000, true),
        wide: (u64::MAX, i64::MIN, u128::MAX, i128::MIN),
        floats: (0.1, Meters(-1e300)),
        nothing: (Nothing, ()),
        absent: None,
        present: Some("here".to_owned()),
        kinds: vec![Kind::Tuple(-1, 'ß'), deep],
        by_key: [(Key::One, 1), (Key::Two, 2)].into(),
        by_number: [(500, -5)].into(),
        by_truth: [(true, 't'), (false, 'f')].into(),
        array: [1, 2, 3, 4, 5],
        list: vec![1, 2, 3],
    }
}

#[remote(name = "test.Mirror")]
trait Mirror {
    async fn show(&self, glass: Remote<dyn Glass>) -> Result<()>;
}

#[remote(name = "test.Glass")]
trait Glass {
    async fn all(&self, all: All) -> Result<All>;
    async fn bulk(&self, left: Vec<u8>, middle: &[u8], right: Bytes) -> Result<Vec<u8>>;
    async fn objects(&self, objects: Vec<Option<Remote<dyn Glass>>>) -> Result<BTreeMap<String, Remote<dyn Glass>>>;
    async fn opaque(&self, value: serde_json::Value) -> Result<()>;
    async fn infinite(&self, value: f64) -> Result<()>;
    async fn short(&self, value: f64) -> Result<f32>;
    async fn nothing(&self) -> Result<()>;
}

struct Wall;

impl Mirror for Wall {
    async fn show(&self, glass: Remote<dyn Glass>) -> Result<()> {
        assert_eq!(glass.all(all()).await?, all());
        assert_eq!(glass.bulk(vec![1; 100_000], &[2], Bytes::from_static(b"\xff")).await?, vec![1; 100_000]);
        let given = glass.objects(vec![None, Some(glass.clone())]).await?;
        assert_eq!(Remote::key(&given["it"]), Remote::key(&glass));
        glass.nothing().await?;
        // What the structure does not tell cannot be read, and says so.
        let error = glass.infinite(f64::INFINITY).await.expect_err("JSON has it not");
        assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
        assert!(error.text().contains("JSON has no number inf"), "{error}");
        // The nearest there is, up to the largest.
        assert_eq!(glass.short(1.0 / 3.0).await?, 1.0 / 3.0);
        assert_eq!(glass.short(f32::MAX.into()).await?, f32::MAX);
        for beyond in [1e39, -1e300] {
            let error = glass.short(beyond).await.expect_err("it is beyond what fits");
            assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
            assert!(error.text().contains("the value is to be f32, and is the number"), "{error}");
        }
        let error = glass.opaque(serde_json::Value::Null).await.expect_err("nothing is known of it");
        assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
        assert!(error.text().contains("nothing is known of a value's type"), "{error}");
        Ok(())
    }
}

#[tokio::test]
async fn values_of_every_kind_come_back_as_they_were() {
    let scene = crate::Scene::of(Remote::into_any(Remote::<dyn Mirror>::new(Wall))).await;
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let known = Arc::clone(&seen);
    let glass = Object::from_fn("test.Glass", move |call| {
        known.lock().expect("a lock").push(call.arguments.clone());
        async move {
            Ok(match &*call.method {
                "all" => call.arguments["all"].clone(),
                "bulk" => call.arguments["left"].clone(),
                "short" => call.arguments["value"].clone(),
                "objects" => {
                    assert!(call.arguments["objects"][0].is_null());
                    Value::Null.with("it", call.arguments["objects"][1].clone())
                }
                _ => Value::Null,
            })
        }
    });
    for mirror in [&scene.direct, &scene.relayed] {
        seen.lock().expect("a lock").clear();
        crate::within("the mirror", mirror.call("show", Value::Null.with("glass", &glass))).await.expect("nothing was lost");
        let seen = seen.lock().expect("a lock");
        let all = &seen[0]["all"];
        assert_eq!(all["wide"], json!(["18446744073709551615", "-9223372036854775808", u128::MAX.to_string(), i128::MIN.to_string()]));
        assert_eq!(all["kinds"][0], json!({ "Tuple": [-1, "ß"] }));
        assert_eq!(all["by_key"], json!({ "One": 1, "Two": 2 }));
        assert_eq!(all["nothing"], json!([null, null]));
        assert_eq!(seen[1]["middle"], json!("Ag=="));
        assert_eq!(all.to::<All>().expect("the same in JSON"), self::all());
    }
}

#[remote(name = "test.Caller")]
trait Caller {
    /// Calls a closure of each number of arguments.
    async fn call(
        &self,
        none: RemoteFn<(), String>,
        one: RemoteFn<(Vec<u8>,), String>,
        two: RemoteFn<(u8, (u8, u8)), String>,
    ) -> Result<Vec<String>>;
}

struct Calls;

impl Caller for Calls {
    async fn call(
        &self,
        none: RemoteFn<(), String>,
        one: RemoteFn<(Vec<u8>,), String>,
        two: RemoteFn<(u8, (u8, u8)), String>,
    ) -> Result<Vec<String>> {
        Ok(vec![none.call().await?, one.call(vec![1, 2]).await?, two.call(1, (2, 3)).await?])
    }
}

#[tokio::test]
async fn a_function_stands_for_a_closure_whoever_calls() {
    let scene = crate::Scene::of(Remote::into_any(Remote::<dyn Caller>::new(Calls))).await;
    let closure = Object::from_fn("netref.Function", |call| async move { Ok(json!(call.arguments.to_string()).into()) });
    let arguments = Value::from(json!({})).with("none", &closure).with("one", &closure).with("two", &closure);
    let heard = crate::within("the closures", scene.direct.call("call", arguments)).await.expect("called back");
    assert_eq!(heard, json!(["[]", "[[1,2]]", "[1,[2,3]]"]));
    for arguments in [json!([]), json!([[1, 2]]), json!([1, [2, 3]])] {
        assert_eq!(closure.call("call", arguments.clone()).await.expect("called"), json!(arguments.to_string()));
    }
}
