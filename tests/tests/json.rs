//! Calls in JSON, by callers that know a name and no trait: over sessions, on local objects, through a relay; and what is refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use netref::{
    AnyRemote, Codec, Error, ErrorKind, Handler, Limits, Method, Node, Outcome, Payload, RawCall, RawReply, RawReturn, Remote, RemoteFn,
    Result, remote,
};
use netref_tests::patience::within;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum BankError {
    NotEnough { balance: u64 },
    Call(Error),
}

impl From<Error> for BankError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for BankError {}

/// A type that bincode cannot carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Filter {
    Owner(String),
    Range {
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
        to: u32,
    },
}

#[remote]
trait Named {
    async fn name(&self) -> Result<String>;
}

#[remote]
trait Aged {
    async fn age(&self) -> Result<u8>;
    async fn both(&self) -> Result<u8>;
}

#[remote]
trait Kept {
    async fn both(&self) -> Result<u8>;
}

#[remote]
trait Bank: Named + Aged + Kept {
    async fn open(&self, owner: &str, start: Option<u64>) -> Result<Remote<dyn Account>, BankError>;
    async fn all(&self, filter: Filter) -> Result<BTreeMap<String, Remote<dyn Account>>, BankError>;
    async fn stamp(&self, image: Vec<u8>, seal: Bytes, key: &[u8]) -> Result<Vec<u8>>;
    async fn wide(&self, small: u64, large: u64, larger: i128) -> Result<(u64, i128)>;
    async fn rate(&self) -> Result<f64>;
    async fn large(&self, bytes: u64) -> Result<String>;
    async fn nested(&self, value: Value) -> Result<Value>;
    async fn runs(&self, r#type: String) -> Result<u64>;
}

#[remote]
trait Account {
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError>;
    async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError>;
    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError>;
}

#[remote]
trait Listener {
    async fn changed(&self, balance: u64) -> Result<()>;
}

#[derive(Clone, Default)]
struct Counts {
    runs: Arc<AtomicU64>,
    alive: Arc<AtomicU64>,
}

#[derive(Default)]
struct MyBank {
    counts: Counts,
    accounts: Mutex<BTreeMap<String, Remote<dyn Account>>>,
}

struct MyAccount {
    balance: u64,
    listener: Option<Remote<dyn Listener>>,
    counts: Counts,
}

impl Drop for MyAccount {
    fn drop(&mut self) {
        self.counts.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Named for MyBank {
    async fn name(&self) -> Result<String> {
        Ok("the bank".to_owned())
    }
}

impl Aged for MyBank {
    async fn age(&self) -> Result<u8> {
        Ok(7)
    }
    async fn both(&self) -> Result<u8> {
        Ok(1)
    }
}

impl Kept for MyBank {
    async fn both(&self) -> Result<u8> {
        Ok(2)
    }
}

impl Bank for MyBank {
    async fn open(&self, owner: &str, start: Option<u64>) -> Result<Remote<dyn Account>, BankError> {
        self.counts.runs.fetch_add(1, Ordering::SeqCst);
        self.counts.alive.fetch_add(1, Ordering::SeqCst);
        let account = Remote::new(MyAccount { balance: start.unwrap_or(0), listener: None, counts: self.counts.clone() });
        if !owner.is_empty() {
            self.accounts.lock().unwrap().insert(owner.to_owned(), Remote::clone(&account));
        }
        Ok(account)
    }
    async fn all(&self, filter: Filter) -> Result<BTreeMap<String, Remote<dyn Account>>, BankError> {
        let mut accounts = self.accounts.lock().unwrap().clone();
        match filter {
            Filter::Owner(owner) => accounts.retain(|name, _| *name == owner),
            Filter::Range { from, to } => accounts = accounts.into_iter().take(to as usize).skip(from.unwrap_or(0) as usize).collect(),
        }
        Ok(accounts)
    }
    async fn stamp(&self, image: Vec<u8>, seal: Bytes, key: &[u8]) -> Result<Vec<u8>> {
        Ok([&image, &seal[..], key].concat())
    }
    async fn wide(&self, small: u64, large: u64, larger: i128) -> Result<(u64, i128)> {
        Ok((small + large, larger))
    }
    async fn rate(&self) -> Result<f64> {
        self.counts.runs.fetch_add(1, Ordering::SeqCst);
        Ok(f64::NAN)
    }
    async fn large(&self, bytes: u64) -> Result<String> {
        Ok("x".repeat(bytes as usize))
    }
    async fn nested(&self, value: Value) -> Result<Value> {
        Ok(value)
    }
    async fn runs(&self, r#type: String) -> Result<u64> {
        assert_eq!(r#type, "all");
        Ok(self.counts.runs.load(Ordering::SeqCst))
    }
}

impl Account for MyAccount {
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError> {
        self.balance += amount;
        if let Some(listener) = &self.listener {
            listener.changed(self.balance).await?;
        }
        Ok(self.balance)
    }
    async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError> {
        if amount > self.balance {
            return Err(BankError::NotEnough { balance: self.balance });
        }
        self.balance -= amount;
        Ok(self.balance)
    }
    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError> {
        self.listener = Some(listener);
        Ok(())
    }
}

/// A bank in this process, and the same bank over a session, each as somebody sees it who has no code for it.
struct World {
    ways: Vec<(&'static str, AnyRemote)>,
    counts: Counts,
    _nodes: Vec<Node>,
}

async fn world(mem: &str) -> World {
    let counts = Counts::default();
    let bank = Remote::<dyn Bank>::new(MyBank { counts: counts.clone(), ..MyBank::default() });
    let mem = format!("mem://{mem}");
    let host = Node::builder().listen(&mem).listen("tcp://127.0.0.1:0").publish("bank", Remote::clone(&bank)).start().await.unwrap();
    let mut nodes = vec![host.clone()];
    let mut ways = vec![("local", Remote::into_any(bank))];
    for address in host.addresses() {
        let node = Node::builder().start().await.unwrap();
        let way = if address.starts_with("mem") { "mem" } else { "tcp" };
        ways.push((way, node.connect_any(&format!("{address}/bank")).await.unwrap()));
        nodes.push(node);
    }
    assert_eq!(ways.len(), 3);
    World { ways, counts, _nodes: nodes }
}

async fn reply(target: &AnyRemote, method: &str, payload: Payload) -> RawReply {
    let method = Method::by_name(target.interface().to_owned(), method.to_owned());
    within(&method.to_string(), target.call_raw(RawCall::new(method.clone(), payload)).reply()).await
}

/// A call that succeeds.
async fn call(target: &AnyRemote, method: &str, arguments: Value) -> Payload {
    match reply(target, method, Payload::json(&arguments).unwrap()).await {
        RawReply::Ok(payload) => payload,
        other => panic!("{method}: {other:?}"),
    }
}

async fn value(target: &AnyRemote, method: &str, arguments: Value) -> Value {
    call(target, method, arguments).await.to_json().unwrap()
}

/// A call that netref refuses.
async fn refused(target: &AnyRemote, method: &str, payload: Payload, kind: ErrorKind, outcome: Outcome) -> String {
    match reply(target, method, payload).await {
        RawReply::Failed(error) => {
            assert_eq!((error.kind(), error.outcome()), (kind, outcome), "{error:?}");
            error.to_string()
        }
        other => panic!("{method}: {other:?}"),
    }
}

fn text(text: &str) -> Payload {
    let mut payload = Payload::json(&()).unwrap();
    payload.bytes = Bytes::copy_from_slice(text.as_bytes());
    payload
}

#[tokio::test]
async fn a_caller_without_code_calls_and_gets_values_errors_and_references() {
    let world = world("json-calls").await;
    for (way, bank) in &world.ways {
        assert!(bank.interface().ends_with("::Bank"), "{bank:?}");
        let opened = call(bank, "open", json!({ "owner": way, "start": 3 })).await;
        assert_eq!((opened.codec, opened.to_json().unwrap()), (Codec::Json.id(), json!({ "$ref": 0 })), "{way}");
        let account = &opened.references[0];
        assert_eq!(value(account, "deposit", json!({ "amount": 4 })).await, json!(7), "{way}");
        assert_eq!(value(account, "deposit", json!(["5"])).await, json!(12), "in order, and as a string: {way}");

        match reply(account, "withdraw", Payload::json(&json!({ "amount": 100 })).unwrap()).await {
            RawReply::AppError(error) => {
                assert_eq!(error.codec, Codec::Json.id());
                assert_eq!(error.to_json().unwrap(), json!({ "NotEnough": { "balance": 12 } }), "{way}");
                assert_eq!(error.into_value::<BankError>().unwrap(), BankError::NotEnough { balance: 12 });
            }
            other => panic!("{way}: {other:?}"),
        }

        let found = call(bank, "all", json!({ "filter": way })).await;
        assert_eq!(found.to_json().unwrap(), json!({ *way: { "$ref": 0 } }));
        let mut found: BTreeMap<String, Remote<dyn Account>> = found.into_value().unwrap();
        assert_eq!(found.get_mut(*way).unwrap().deposit(1).await.unwrap(), 13, "a reference from JSON, called by its trait: {way}");
        assert_eq!(value(bank, "all", json!({ "filter": { "to": 0 } })).await, json!({}));
        assert_eq!(value(bank, "runs", json!({ "type": "all" })).await, world.counts.runs.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn an_object_of_the_callers_goes_along_and_is_called_back() {
    struct Screen(tokio::sync::mpsc::UnboundedSender<u64>);
    impl Listener for Screen {
        async fn changed(&self, balance: u64) -> Result<()> {
            self.0.send(balance).map_err(|_| Error::new(ErrorKind::Cancelled, Outcome::Ran, "nobody looks"))
        }
    }
    #[derive(Serialize)]
    struct Watch {
        listener: Remote<dyn Listener>,
    }
    let world = world("json-callbacks").await;
    for (way, bank) in &world.ways {
        let opened = call(bank, "open", json!({ "owner": "" })).await;
        let account = &opened.references[0];
        let (sender, mut shown) = tokio::sync::mpsc::unbounded_channel();
        let listener = Remote::<dyn Listener>::new(Screen(sender));

        let by_value = Payload::json(&Watch { listener: Remote::clone(&listener) }).unwrap();
        assert_eq!(by_value.to_json().unwrap(), json!({ "listener": { "$ref": 0 } }));
        let by_index = Payload::json_with(&json!({ "listener": { "$ref": 0 } }), vec![Remote::into_any(listener)]).unwrap();
        for payload in [by_value, by_index] {
            assert!(matches!(reply(account, "watch", payload).await, RawReply::Ok(_)), "{way}");
            assert_eq!(value(account, "deposit", json!([1])).await, json!(shown.recv().await.unwrap()), "{way}");
        }

        for reference in ["{\"$ref\":1}", "{\"$ref\":0,\"more\":1}", "0", "null", "{}"] {
            let payload = text(&format!("{{\"listener\":{reference}}}"));
            let why = refused(account, "watch", payload, ErrorKind::Codec, Outcome::NotRun).await;
            assert!(why.contains("in `listener`"), "{why}");
        }
        drop((opened, world.ways.len()));
    }
    // Who called in JSON held the accounts as anybody does: with the last reference they are gone.
    within("the accounts are dropped", async {
        while world.counts.alive.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_are_base64_and_wide_integers_are_strings() {
    let world = world("json-bytes").await;
    for (way, bank) in &world.ways {
        let stamped = call(bank, "stamp", json!({ "image": "AAE=", "seal": "Ag", "key": "//8=" })).await;
        assert!(stamped.segments.is_empty(), "bytes stand in their place");
        assert_eq!(stamped.to_json().unwrap(), json!("AAEC//8="), "{way}");
        let why = refused(bank, "stamp", text("[\"-_8=\",\"\",\"\"]"), ErrorKind::Codec, Outcome::NotRun).await;
        assert!(why.contains("in `image`") && why.contains("base64"), "{why}");
        refused(bank, "stamp", text("[[0,1],\"\",\"\"]"), ErrorKind::Codec, Outcome::NotRun).await;

        let wide = json!({ "small": 1, "large": "18446744073709551614", "larger": i128::MIN.to_string() });
        assert_eq!(value(bank, "wide", wide).await, json!([u64::MAX.to_string(), i128::MIN.to_string()]), "{way}");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_method_is_refused_and_the_method_does_not_run() {
    let world = world("json-misfits").await;
    for (way, bank) in &world.ways {
        for (arguments, words) in [
            ("{\"start\":1}", "the argument `owner` is missing; the method takes `owner: &str`, `start: Option<u64>`"),
            ("{\"owner\":\"a\",\"end\":1}", "there is no argument `end`; the method takes `owner: &str`, `start: Option<u64>`"),
            ("{\"owner\":\"a\",\"owner\":\"b\"}", "`owner` comes twice"),
            ("{\"owner\":5}", "in `owner`: "),
            ("[\"a\",1,2]", "more arguments than the method has parameters"),
            ("{\"owner\":\"a\"} {}", "2 bytes are left over"),
            ("{\"owner\":\"a\"", "end in the middle"),
            ("\"a\"", "an object of named fields"),
            ("", "end in the middle"),
            ("{\"owner\":\"\u{1}\"}", "in `owner`: a control character"),
        ] {
            let why = refused(bank, "open", text(arguments), ErrorKind::Codec, Outcome::NotRun).await;
            assert!(why.contains(words) && why.contains("Bank.open"), "{way}: {arguments}: {why}");
        }
        assert_eq!(world.counts.runs.load(Ordering::SeqCst), 0, "{way}");
        let why = refused(bank, "opne", text("{}"), ErrorKind::NoSuchMethod, Outcome::NotRun).await;
        assert!(why.contains("opne"), "{why}");
    }
}

#[tokio::test]
async fn hostile_json_costs_its_own_call_and_nothing_else() {
    let world = world("json-hostile").await;
    for (way, bank) in &world.ways {
        for (arguments, words) in [
            ("[".repeat(1_000_000), "end in the middle"),
            (format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000)), "nested more than 64 levels"),
            (format!("{{\"value\":{}1{}}}", "{\"a\":".repeat(500_000), "}".repeat(500_000)), "nested more than 64 levels"),
            (format!("[{}]", "9".repeat(1_000_000)), "characters"),
            (format!("[{{{}\"b\":1}}]", "\"a\":1,".repeat(2)), "comes twice"),
        ] {
            let why = refused(bank, "nested", text(&arguments), ErrorKind::Codec, Outcome::NotRun).await;
            assert!(why.contains(words) && why.len() < 500, "{way}: {why}");
        }
        let value = json!({ "text": "x".repeat(1_000_000) });
        assert_eq!(self::value(bank, "nested", json!([value])).await, value, "the session lives: {way}");
    }
    let limits = Limits { decoded_bytes: 100_000, depth: 8, ..Limits::default() };
    let bank = Remote::<dyn Bank>::new(MyBank::default());
    let host = Node::builder().limits(limits).listen("mem://json-bounds").publish("bank", bank).start().await.unwrap();
    let node = Node::builder().start().await.unwrap();
    let bank = node.connect_any("mem://json-bounds/bank").await.unwrap();
    for (arguments, words) in
        [(format!("[[0{}]]", ",0".repeat(5_000)), "100000 bytes of memory"), ("[[[[[[[[[0]]]]]]]]]".to_owned(), "8 levels")]
    {
        let why = refused(&bank, "nested", text(&arguments), ErrorKind::Codec, Outcome::NotRun).await;
        assert!(why.contains(words), "{why}");
    }
    drop(host);
}

#[tokio::test]
async fn a_result_that_json_cannot_carry_says_that_the_method_ran() {
    let world = world("json-results").await;
    for (way, bank) in &world.ways {
        let before = world.counts.runs.load(Ordering::SeqCst);
        let why = refused(bank, "rate", text("{}"), ErrorKind::Codec, Outcome::Ran).await;
        assert!(why.contains("JSON cannot carry the number NaN"), "{way}: {why}");
        assert_eq!(world.counts.runs.load(Ordering::SeqCst), before + 1);
    }
    let host =
        Node::builder().listen("mem://json-large").publish("bank", Remote::<dyn Bank>::new(MyBank::default())).start().await.unwrap();
    let node = Node::builder().limits(Limits { message_bytes: 65_536, ..Limits::default() }).start().await.unwrap();
    let bank = node.connect_any("mem://json-large/bank").await.unwrap();
    refused(&bank, "large", text("[65535]"), ErrorKind::TooLarge, Outcome::Ran).await;
    assert_eq!(value(&bank, "large", json!([3])).await, json!("xxx"));
    drop(host);
}

#[tokio::test]
async fn only_a_codec_with_names_goes_without_a_fingerprint() {
    let world = world("json-fingerprints").await;
    for (way, bank) in &world.ways {
        let mut bincode = Payload::default();
        bincode.bytes = Bytes::from_static(b"\x01a\x00");
        let why = refused(bank, "open", bincode.clone(), ErrorKind::SchemaMismatch, Outcome::NotRun).await;
        assert!(why.contains("fingerprint 0") && why.contains("JSON"), "{way}: {why}");
        let why = refused(bank, "name", Payload::default(), ErrorKind::SchemaMismatch, Outcome::NotRun).await;
        assert!(why.contains("fingerprint 0"), "without arguments too, {way}: {why}");

        let wrong = Method::new(bank.interface().to_owned(), "open", 1, "async fn open(&self)");
        match within("wrong", bank.call_raw(RawCall::new(wrong, text("[\"a\"]"))).reply()).await {
            RawReply::Failed(error) => {
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{error:?}")
            }
            other => panic!("{way}: {other:?}"),
        }

        let known = netref_interface().methods.iter().find(|method| method.name == "open").unwrap();
        let right = Method::known(netref_interface(), known);
        assert!(matches!(within("right", bank.call_raw(RawCall::new(right, text("[\"a\"]"))).reply()).await, RawReply::Ok(_)), "{way}");

        let mut unknown = text("[]");
        unknown.codec = 7;
        let why = refused(bank, "open", unknown, ErrorKind::Codec, Outcome::NotRun).await;
        assert!(why.contains("there is no codec 7"), "{way}: {why}");
    }
    assert_eq!(world.counts.runs.load(Ordering::SeqCst), 3, "once for each way, with the right fingerprint");
}

fn netref_interface() -> &'static netref::InterfaceDescriptor {
    <dyn Bank as netref::Interface>::DESCRIPTOR
}

#[tokio::test]
async fn an_inherited_method_is_found_under_the_interface_of_the_reference() {
    let world = world("json-inherited").await;
    for (way, bank) in &world.ways {
        assert_eq!(value(bank, "name", json!({})).await, json!("the bank"), "{way}");
        assert_eq!(value(bank, "age", json!(null)).await, json!(7), "{way}");
        let why = refused(bank, "both", text("{}"), ErrorKind::NoSuchMethod, Outcome::NotRun).await;
        assert!(why.contains("both"), "two supertraits have one: {why}");
        for (base, both) in netref_interface().bases[1..].iter().zip([1, 2]) {
            let method = Method::by_name(base.name, "both");
            match within("both", bank.call_raw(RawCall::new(method, text("{}"))).reply()).await {
                RawReply::Ok(payload) => assert_eq!(payload.to_json().unwrap(), json!(both), "{way}"),
                other => panic!("{way}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_name_is_looked_up_whatever_its_interface() {
    let host =
        Node::builder().listen("mem://json-names").publish("bank", Remote::<dyn Bank>::new(MyBank::default())).start().await.unwrap();
    let node = Node::builder().start().await.unwrap();
    let session = node.open("mem://json-names").await.unwrap();
    let bank = session.lookup_any("bank").await.unwrap();
    assert_eq!(bank.interface(), netref_interface().name);
    let error = session.lookup_any("bnak").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchName);
    let error = node.connect_any("mem://json-names/bnak").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchName);
    let error = session.lookup::<dyn Account>("bank").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchMethod, "an interface that is asked for is still compared");
    drop(host);
}

/// Passes every call on, knowing nothing of what it carries.
struct Relay(AnyRemote, Arc<Mutex<Vec<(String, u8)>>>);

impl Handler for Relay {
    fn call(&self, call: RawCall) -> RawReturn {
        self.1.lock().unwrap().push((call.method.name.to_string(), call.payload.codec));
        self.0.call_raw(call)
    }
}

#[tokio::test]
async fn a_relay_without_the_code_passes_json_on() {
    let host = Node::builder().listen("mem://json-far").publish("bank", Remote::<dyn Bank>::new(MyBank::default())).start().await.unwrap();
    let middle = Node::builder().listen("mem://json-middle").start().await.unwrap();
    let far = middle.connect_any("mem://json-far/bank").await.unwrap();
    let seen = Arc::default();
    let relay = AnyRemote::from_handler(far.interface().to_owned(), Arc::new(Relay(far, Arc::clone(&seen))));
    middle.publish_any("bank", relay).unwrap();
    let node = Node::builder().start().await.unwrap();
    let bank = node.connect_any("mem://json-middle/bank").await.unwrap();

    let opened = call(&bank, "open", json!({ "owner": "ada", "start": 1 })).await;
    assert_eq!(value(&opened.references[0], "deposit", json!({ "amount": 1 })).await, json!(2));
    let why = refused(&bank, "open", text("{}"), ErrorKind::Codec, Outcome::NotRun).await;
    assert!(why.contains("`owner` is missing"), "{why}");
    let open = ("open".to_owned(), Codec::Json.id());
    assert_eq!(*seen.lock().unwrap(), [open.clone(), open]);
    drop(host);
}

/// Answers everything in JSON, also who asks in bincode.
struct Answering;

impl Handler for Answering {
    fn call(&self, call: RawCall) -> RawReturn {
        let answer = match &*call.method.name {
            "name" => Payload::json("json"),
            "age" => Payload::json(&"seven"),
            _ => Payload::json(&call.payload.to_json().map_err(|error| error.to_string())),
        };
        RawReturn::Ready(RawReply::Ok(answer.unwrap()))
    }
}

#[tokio::test]
async fn a_handler_reads_json_and_a_typed_caller_reads_its_answer() {
    let handler = Remote::<dyn Bank>::from_handler(Arc::new(Answering));
    assert_eq!(handler.name().await.unwrap(), "json");
    let error = handler.age().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::Ran), "{error:?}");
    let any = Remote::into_any(handler);
    assert_eq!(value(&any, "echo", json!({ "a": [1, "x"] })).await, json!({ "Ok": { "a": [1, "x"] } }));
    match reply(&any, "echo", Payload::default()).await {
        RawReply::Ok(answer) => assert!(answer.to_json().unwrap()["Err"].as_str().unwrap().contains("bincode")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_closure_is_called_by_name_with_its_arguments_in_order() {
    #[remote]
    trait Shop {
        async fn adder(&self, amount: u64) -> Result<RemoteFn<(u64,), u64>>;
        async fn answer(&self, to: RemoteFn<(), u64>) -> Result<u64>;
    }
    struct MyShop;
    impl Shop for MyShop {
        async fn adder(&self, amount: u64) -> Result<RemoteFn<(u64,), u64>> {
            Ok(RemoteFn::new(move |to: u64| async move { Ok(to + amount) }))
        }
        async fn answer(&self, to: RemoteFn<(), u64>) -> Result<u64> {
            to.call().await
        }
    }
    let host = Node::builder().listen("mem://json-closures").publish("shop", Remote::<dyn Shop>::new(MyShop)).start().await.unwrap();
    let node = Node::builder().start().await.unwrap();
    let shop = node.connect_any("mem://json-closures/shop").await.unwrap();
    let adder = call(&shop, "adder", json!({ "amount": 5 })).await.references.remove(0);
    assert_eq!(value(&adder, "call", json!([2])).await, json!(7));
    refused(&adder, "call", text("[]"), ErrorKind::Codec, Outcome::NotRun).await;

    // A closure of this side's that takes nothing, called by its type from over there.
    let answer: RemoteFn<(), u64> = RemoteFn::new(|| async { Ok(42) });
    match reply(&shop, "answer", Payload::json(&(answer,)).unwrap()).await {
        RawReply::Ok(payload) => assert_eq!(payload.to_json().unwrap(), json!(42)),
        other => panic!("{other:?}"),
    }
    drop(host);
}
