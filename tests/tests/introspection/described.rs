//! What objects say about themselves, wherever they are asked from, and how it is shown.

use std::sync::Arc;

use netref::introspect::{Access, Description, InterfaceInfo};
use netref::{AnyRemote, ErrorKind, Handler, RawCall, RawReturn, Remote, RemoteFn, Result, remote};
use serde_json::json;

use crate::bank::bank;
use crate::{PLACES, Scene, within};

const SHOWN: &str = r#"/// Keeps accounts.
///
/// It forgets them when nobody holds them.
#[remote(name = "bank.Bank")]
pub trait Bank: Named {
    /// Opens an account under these terms.
    async fn open(&mut self, owner: &str, terms: Terms) -> Result<Remote<dyn Account>, BankError>;

    /// All accounts by their owners.
    #[idempotent]
    async fn all(&self) -> Result<BTreeMap<String, Remote<dyn Account>>, BankError>;

    // Opaque: argument `extra`: it asks what comes next (`deserialize_any`)
    #[remote(spawn, no_cancel)]
    async fn seal(&self, image: Vec<u8>, extra: serde_json::Value) -> Result<Vec<u8>>;
}

#[remote(name = "bank.Named")]
pub trait Named {
    async fn name(&self) -> Result<String>;
}

// References to it are taken or given.
#[remote(name = "bank.Account")]
pub trait Account {
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError>;

    async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError>;

    /// Tells `listener` of every change from now on.
    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError>;
}

// References to it are taken or given.
#[remote(name = "bank.Listener")]
pub trait Listener {
    /// The balance is another one now.
    async fn changed(&self, balance: u64, currency: Currency) -> Result<bool>;
}

// A reference to the object can be cast to it.
#[remote(name = "bank.Audit")]
pub trait Audit {
    #[remote(blocking)]
    async fn total(&self) -> Result<u64>;
}

struct Terms { currency: Currency, limit: Option<u32>, next: Option<Terms> }

enum BankError { NotEnough { balance: u64 }, NoAccount(String), Call(netref::Error) }

enum Currency { Crown, Pound, Foreign(u8) }
"#;

#[tokio::test]
async fn a_bank_is_shown_as_rust_source_wherever_it_is_asked() {
    let bank = bank();
    let here = bank.describe().await.expect("described");
    let scene = Scene::of(bank).await;
    let there = within("the host", scene.direct.describe()).await.expect("described");
    let through = within("the relay", scene.relayed.describe()).await.expect("described");
    assert_eq!((there, through), (&here, &here));
    assert_eq!(here.to_string(), SHOWN);
}

#[tokio::test]
async fn interceptors_hide_nothing_of_what_an_object_says_about_itself() {
    let known = || AnyRemote::from_handler("test.Wide", Arc::new(Says(Some(InterfaceInfo::of::<dyn Wide>()))));
    for place in PLACES {
        let bank = bank();
        let here = bank.describe().await.expect("described");
        let scene = Scene::around(bank, place).await;
        let there = within("the host", scene.direct.describe()).await.expect("described");
        let through = within("the relay", scene.relayed.describe()).await.expect("described");
        assert_eq!((there, through), (&here, &here), "{place}");
        let scene = Scene::around(known(), place).await;
        for object in [&scene.direct, &scene.relayed] {
            assert_eq!(object.describe().await.expect("described"), &Description::of::<dyn Wide>(), "{place}");
        }
    }
}

#[tokio::test]
async fn a_description_says_what_a_holder_may_do() {
    let description = bank().describe().await.expect("described");
    let access: Vec<_> = description.interfaces.iter().map(|interface| (&*interface.name, interface.access)).collect();
    assert_eq!(
        access,
        [
            ("bank.Bank", Access::Granted),
            ("bank.Named", Access::Supertrait),
            ("bank.Account", Access::Mentioned),
            ("bank.Listener", Access::Mentioned),
            ("bank.Audit", Access::Offered)
        ],
        "the interface that is withheld is not told"
    );
    let all = description.method("all").expect("a method");
    assert!(all.idempotent && !all.exclusive && all.parameters.is_empty());
    let open = description.method("open").expect("a method");
    assert!(open.exclusive && !open.idempotent);
    let parameters: Vec<_> = open.parameters.iter().map(|parameter| (&*parameter.name, &*parameter.ty)).collect();
    assert_eq!(parameters, [("owner", "&str"), ("terms", "Terms")]);
    assert_eq!((open.types.argument(0).as_deref(), open.types.value()), (Some("String"), "Remote<dyn bank.Account>".to_owned()));
    let seal = description.method("seal").expect("a method");
    assert!(seal.spawn && seal.no_cancel && !seal.blocking);
    assert_eq!(seal.opaque[0].path, "argument `extra`");
    assert!(description.method("name").is_some(), "inherited");
    assert!(description.method("deposit").is_none() && description.method("total").is_none(), "not without a cast");
    assert_eq!(description.nearest("opne"), Some("open"));
}

#[tokio::test]
async fn types_are_told_as_json_schema() {
    let description = bank().describe().await.expect("described");
    let schema = description.method("open").expect("a method").arguments_schema();
    assert_eq!(schema["required"], json!(["owner", "terms"]));
    assert_eq!(schema["properties"], json!({ "owner": { "type": "string" }, "terms": { "$ref": "#/$defs/Terms" } }));
    let terms = &schema["$defs"]["Terms"];
    assert_eq!(terms["required"], json!(["currency"]), "an Option may be left out");
    assert_eq!(terms["properties"]["next"], json!({ "anyOf": [{ "$ref": "#/$defs/Terms" }, { "type": "null" }] }), "it contains itself");
    let foreign = &schema["$defs"]["Currency"]["oneOf"];
    assert_eq!((&foreign[0], &foreign[2]["properties"]["Foreign"]["maximum"]), (&json!({ "const": "Crown" }), &json!(255)));
    let seal = description.method("seal").expect("a method");
    let extra = &seal.arguments_schema()["properties"]["extra"];
    assert!(extra["description"].as_str().expect("a text").starts_with("opaque"), "{extra}");
    assert_eq!(seal.result_schema()["contentEncoding"], json!("base64"));
    let all = description.method("all").expect("a method").result_schema();
    assert_eq!(all["additionalProperties"]["required"], json!(["$ref"]));
    assert!(description.method("open").expect("a method").error_schema()["$defs"]["BankError"]["oneOf"].is_array());
}

#[tokio::test]
async fn a_description_is_a_value() {
    let description = bank().describe().await.expect("described");
    let text = serde_json::to_string(&description).expect("a value");
    let back: Description = serde_json::from_str(&text).expect("a value");
    assert_eq!(back, description);
    // Whatever a value says, it is shown without harm.
    let wild = text.replace("\"Seq\":", "\"Option\":").replace("\"value\":0", "\"value\":4000000000");
    let wild: Description = serde_json::from_str(&wild).expect("a value");
    for method in wild.interfaces.iter().flat_map(|interface| &interface.methods) {
        let _ = (method.arguments_schema(), method.result_schema(), method.types.value());
    }
}

#[tokio::test]
async fn a_program_in_another_language_asks_in_json() {
    let scene = Scene::of(bank()).await;
    let page = scene.relayed.call("netref.Object.describe", json!([0])).await.expect("described");
    let items = page["items"].as_array().expect("a list");
    let first = &items[0]["Interface"];
    assert_eq!((first["name"].as_str(), first["access"].as_str()), (Some("bank.Bank"), Some("Granted")));
    let open = &items[1]["Method"];
    assert_eq!((open["name"].as_str(), open["parameters"][1]["ty"].as_str()), (Some("open"), Some("Terms")));
    let argument = open["types"]["arguments"][0].as_u64().expect("a number") as usize;
    assert_eq!(open["types"]["shapes"][argument], json!({ "Plain": "String" }));
    assert!(page["next"].is_null());
}

#[tokio::test]
async fn a_closure_is_described() {
    let closure = RemoteFn::new(|number: u32, text: String| async move { Ok::<_, netref::Error>(format!("{number}{text}")) });
    let scene = Scene::of(Remote::into_any(closure.into_remote())).await;
    let description = scene.direct.describe().await.expect("described");
    let call = description.method("call").expect("a method");
    assert_eq!((call.types.argument(0).as_deref(), call.types.argument(1).as_deref()), (Some("u32"), Some("String")));
    assert_eq!(scene.direct.call("call", json!([3, "x"])).await.expect("called"), json!("3x"));
}

/// Answers nothing, and says what it is told to say.
struct Says(Option<InterfaceInfo>);

impl Handler for Says {
    fn call(&self, call: RawCall) -> RawReturn {
        RawReturn::failed(netref::Error::new(ErrorKind::Denied, netref::Outcome::NotRun, call.method.to_string()))
    }

    fn describe(&self) -> Option<InterfaceInfo> {
        self.0.clone()
    }
}

#[remote(name = "test.Wide")]
trait Wide {
    /// A method.
    async fn first(&self, number: u64, text: String) -> Result<Vec<u64>>;
}

#[tokio::test]
async fn a_handler_says_what_it_stands_for_or_nothing() {
    let silent = AnyRemote::from_handler("test.Silent", Arc::new(Says(None)));
    let scene = Scene::of(silent).await;
    let description = scene.relayed.describe().await.expect("described");
    assert_eq!((description.interfaces.len(), description.interfaces[0].is_known), (1, false));
    assert!(description.to_string().contains("Its host does not say which methods it has"), "{description}");

    let known = AnyRemote::from_handler("test.Wide", Arc::new(Says(Some(InterfaceInfo::of::<dyn Wide>()))));
    let scene = Scene::of(known).await;
    assert_eq!(scene.relayed.describe().await.expect("described"), &Description::of::<dyn Wide>());
}

#[tokio::test]
async fn a_large_interface_comes_in_pages() {
    let mut info = InterfaceInfo::of::<dyn Wide>();
    for number in 0..800 {
        let mut method = info.methods[0].clone();
        method.name = format!("method{number}");
        method.docs = "All work and no play. ".repeat(20);
        info.methods.push(method);
    }
    let scene = Scene::of(AnyRemote::from_handler("test.Wide", Arc::new(Says(Some(info.clone()))))).await;
    for object in [&scene.direct, &scene.relayed] {
        let description = within("the pages", object.describe()).await.expect("described");
        assert_eq!(description.interfaces, [info.clone()]);
    }
    // One that has no end is refused before it fills anything.
    for number in 800..9_000 {
        let mut method = info.methods[0].clone();
        method.name = format!("method{number}");
        info.methods.push(method);
    }
    let scene = Scene::of(AnyRemote::from_handler("test.Wide", Arc::new(Says(Some(info))))).await;
    let error = within("the pages", scene.direct.describe()).await.expect_err("too large");
    assert_eq!(error.call().expect("netref's").kind(), ErrorKind::Protocol, "{error}");
    assert!(error.to_string().contains("than any description may have"), "{error}");
}

#[tokio::test]
async fn what_a_terminal_would_obey_is_written_out() {
    let mut info = InterfaceInfo::of::<dyn Wide>();
    info.docs = "\u{1b}[2J\u{202e}txet\n*/ }".to_owned();
    info.methods[0].signature = "async fn first(&self)\n    async fn second(&self)".to_owned();
    let shown = info.to_string();
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert!(shown.contains("/// \\u{1b}[2J\\u{202e}txet\n/// */ }\n"), "{shown}");
    assert!(shown.contains("first(&self)\\u{a}    async"), "{shown}");
}

#[remote(name = "test.Store")]
trait Store<V> {
    async fn put(&self, value: V) -> Result<Option<V>>;
}

#[remote(name = "test.Stores")]
trait Stores {
    async fn numbers(&self, numbers: Remote<dyn Store<u32>>) -> Result<Remote<dyn Store<u32>>>;
    async fn texts(&self) -> Result<Remote<dyn Store<String>>>;
}

struct Both;

impl Stores for Both {
    async fn numbers(&self, numbers: Remote<dyn Store<u32>>) -> Result<Remote<dyn Store<u32>>> {
        Ok(numbers)
    }

    async fn texts(&self) -> Result<Remote<dyn Store<String>>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn instances_of_a_generic_trait_are_told_apart() {
    let scene = Scene::of(Remote::into_any(Remote::<dyn Stores>::new(Both))).await;
    let description = scene.relayed.describe().await.expect("described");
    let told: Vec<_> = description.interfaces.iter().map(|interface| (&*interface.name, interface.methods[0].types.value())).collect();
    assert_eq!(
        told,
        [
            ("test.Stores", "Remote<dyn test.Store>".to_owned()),
            ("test.Store", "Option<u32>".to_owned()),
            ("test.Store", "Option<String>".to_owned())
        ]
    );
    let shown = description.to_string();
    for types in ["    // Here: (u32) -> Option<u32>\n", "    // Here: (String) -> Option<String>\n"] {
        assert!(shown.contains(types), "{shown}");
    }
}
