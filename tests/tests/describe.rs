//! The bank of the example `describe`, which another process serves: a third process is given its address and shows it, and this one, which
//! has none of its traits, drives it in JSON and is called back.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use netref::dynamic::{Object, Value};
use netref::introspect::Access;
use netref::{ErrorKind, Outcome};
use serde_json::json;

const EXAMPLE: &str = env!("CARGO_BIN_EXE_netref-describe");

/// The example, while it serves its bank.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start() -> Self {
        let mut child = Command::new(EXAMPLE).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut url).expect("it prints its address");
        assert!(url.starts_with("tcp://127.0.0.1:"), "{url}");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended by itself if all is well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn the_example_shows_what_another_process_serves() {
    let mut serving = Serving::start();
    let shown = Command::new(EXAMPLE).arg(&serving.url).output().expect("it runs");
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).expect("text");
    for part in [
        "/// Keeps accounts, and forgets those that nobody holds.\n#[remote(name = \"bank.Bank\")]\npub trait Bank {\n",
        "    /// Opens an account, which lives at the bank.\n    async fn open(&mut self, owner: &str, terms: Terms) -> Result<Remote<dyn Account>>;\n",
        "    /// Tells `listener` of every change.\n    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<()>;\n",
        "// A reference to the object can be cast to it.\n#[remote(name = \"bank.Audit\")]\n",
        "enum Currency { Crown, Other { code: String } }",
    ] {
        assert!(shown.contains(part), "{shown}\nis without\n{part}");
    }
    let bank = Object::connect(&serving.url).await.expect("a session");
    assert_eq!(bank.describe().await.expect("described").to_string(), shown, "it is the same from here");

    // It serves as long as somebody keeps its standard input open.
    drop(serving.child.stdin.take());
    assert!(serving.child.wait().expect("it ends").success());
}

#[tokio::test]
async fn the_bank_of_the_example_is_driven_by_a_process_without_its_traits() {
    let serving = Serving::start();
    let bank = Object::connect(&serving.url).await.expect("a session");

    // What is called here is found in the description.
    let description = bank.describe().await.expect("described").clone();
    let open = description.method("open").expect("a method");
    let terms = &open.arguments_schema()["$defs"]["Terms"]["properties"];
    assert!(terms["currency"].is_object() && terms["limit"].is_object(), "{terms}");
    let listener = description.interface("bank.Listener").expect("it is mentioned").clone();
    assert_eq!(listener.access, Access::Mentioned);

    let account =
        bank.call("open", json!({ "owner": "ada", "terms": { "currency": { "Other": { "code": "X" } } } })).await.expect("opened");
    let account = account.as_object().expect("a reference").clone();
    assert_eq!(account.interface(), "bank.Account");
    assert_eq!(account.call("deposit", json!({ "amount": 5 })).await.expect("paid in"), json!(5));

    // Called back by the other process, through a trait that only it has.
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let noted = Arc::clone(&heard);
    let listener = Object::from_fn_described(listener, move |call| {
        assert_eq!((&*call.interface, &*call.method), ("bank.Listener", "changed"));
        noted.lock().expect("a lock").push(call.arguments);
        async { Ok(Value::Null) }
    });
    account.call("watch", Value::Null.with("listener", &listener)).await.expect("watched");
    assert_eq!(account.call("deposit", json!({ "amount": 7 })).await.expect("paid in"), json!(12));

    // The same account by another way, which calls back too.
    let all = bank.call("all", Value::Null).await.expect("all accounts");
    let again = all["ada"].as_object().expect("a reference");
    assert_eq!(again.as_any().key(), account.as_any().key());
    assert_eq!(again.call("deposit", json!([1])).await.expect("paid in"), json!(13));
    {
        let heard = heard.lock().expect("a lock");
        assert!(heard.len() == 2 && heard[0] == json!({ "balance": 12 }) && heard[1] == json!({ "balance": 13 }), "{heard:?}");
    }

    let audit = bank.cast("bank.Audit").await.expect("it is offered");
    assert_eq!(audit.call("accounts", Value::Null).await.expect("counted"), json!(1));
    let error = account.call("depozit", json!({ "amount": 5 })).await.expect_err("there is a slip in it");
    let error = error.call().expect("netref's");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun), "{error}");
    assert!(error.text().contains("did you mean `deposit`?"), "{error}");
}
