//! The bank, driven by a program that has no trait: nothing in this file names an interface but by its text.

use std::sync::{Arc, Mutex};

use netref::dynamic::{Error, Object, Value};
use netref::{ErrorKind, Outcome, Scope, introspect};
use serde_json::json;

use crate::bank::bank;
use crate::{Scene, within};

fn terms(currency: &str) -> serde_json::Value {
    json!({ "currency": currency })
}

/// A listener that is a function. It hears until it has heard so many.
fn listener(heard: &Arc<Mutex<Vec<Value>>>, patience: usize) -> Object {
    let heard = Arc::clone(heard);
    Object::from_fn("bank.Listener", move |call| {
        let mut heard = heard.lock().expect("a lock");
        assert_eq!((&*call.interface, &*call.method), ("bank.Listener", "changed"));
        heard.push(call.arguments);
        let goes_on = heard.len() < patience;
        async move { Ok(json!(goes_on).into()) }
    })
}

#[tokio::test]
async fn a_bank_is_driven_without_its_traits_and_calls_back() {
    let scene = Scene::of(bank()).await;
    for (bank, owner) in [(&scene.direct, "ada"), (&scene.relayed, "bob")] {
        let account = bank.call("open", json!({ "owner": owner, "terms": terms("Pound") })).await.expect("opened");
        let account = account.as_object().expect("a reference").clone();
        assert_eq!(account.interface(), "bank.Account");
        assert_eq!(account.call("deposit", json!([5])).await.expect("called"), json!(5));

        let heard = Arc::default();
        account.call("watch", Value::Null.with("listener", listener(&heard, 2))).await.expect("called");
        for amount in [7, 1, 1] {
            within("the callback", account.call("deposit", json!({ "amount": amount }))).await.expect("called");
        }
        let heard = std::mem::take(&mut *heard.lock().expect("a lock"));
        assert_eq!(heard.len(), 2, "it was asked to go on, and then not");
        assert_eq!(heard[0], json!({ "balance": 12, "currency": "Pound" }), "by the names of the signature");

        // References nested in a result, called in turn and handed back.
        let all = bank.call("all", Value::Null).await.expect("called");
        let same = all[owner].as_object().expect("a reference");
        assert_eq!(same.as_any().key(), account.as_any().key());
        assert_eq!(same.call("withdraw", json!({ "amount": 4 })).await.expect("called"), json!(10));
        assert_eq!(bank.call("name", Value::Null).await.expect("inherited"), json!("the bank"));
        assert_eq!(bank.call("bank.Named.name", json!({})).await.expect("inherited"), json!("the bank"));
    }
    let audit = scene.relayed.cast("bank.Audit").await.expect("offered");
    assert_eq!(audit.call("total", Value::Null).await.expect("called"), json!(2));
    let error = scene.direct.cast("bank.Secret").await.expect_err("withheld");
    assert_eq!(error.call().expect("netref's").kind(), ErrorKind::NoSuchInterface);
}

#[tokio::test]
async fn the_methods_own_error_is_a_value() {
    let scene = Scene::of(bank()).await;
    let account = scene.relayed.call("open", json!(["eve", terms("Crown")])).await.expect("opened");
    let error = account.as_object().expect("a reference").call("withdraw", json!([3])).await.expect_err("there is nothing");
    assert_eq!(error.value().expect("its own"), &json!({ "NotEnough": { "balance": 0 } }));
    assert!(error.to_string().starts_with("`bank.Account.withdraw` returned the error {\"NotEnough\""), "{error}");
}

#[tokio::test]
async fn errors_name_the_method_and_the_parameter_and_what_may_have_been_meant() {
    let scene = Scene::of(bank()).await;
    let cases = [
        ("opne", json!({}), ErrorKind::NoSuchMethod, &["`bank.Bank.opne`", "did you mean `open`?"][..]),
        ("frobnicate", json!({}), ErrorKind::NoSuchMethod, &["no method `frobnicate`", "it has `open`, `all`, `seal`, `name`"]),
        ("bank.Name.name", json!({}), ErrorKind::NoSuchMethod, &["of `bank.Name`"]),
        (
            "open",
            json!({ "onwer": "ada", "terms": terms("Crown") }),
            ErrorKind::Codec,
            &["`bank.Bank.open`", "no argument `onwer` (did you mean `owner`?); the method takes", "`owner: &str`, `terms: Terms`"],
        ),
        ("open", json!({ "owner": "ada" }), ErrorKind::Codec, &["the argument `terms` is missing", "`bank.Bank.open`"]),
        ("open", json!({ "owner": 5, "terms": terms("Crown") }), ErrorKind::Codec, &["`owner`"]),
        ("open", json!({ "owner": "ada", "terms": terms("Crwon") }), ErrorKind::Codec, &["`terms.currency`", "Crwon"]),
        ("all", json!({ "owner": "ada" }), ErrorKind::Codec, &["the method takes none"]),
    ];
    for (method, arguments, kind, words) in cases {
        let error = scene.relayed.call(method, arguments).await.expect_err(method);
        let call = error.call().expect("netref's");
        assert_eq!((call.kind(), call.outcome()), (kind, Outcome::NotRun), "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{error} is without {word}");
        }
    }
}

#[tokio::test]
async fn what_a_function_returns_is_checked_by_the_type_that_it_is_to_be() {
    let scene = Scene::of(bank()).await;
    for (returned, words) in
        [(json!("yes"), "the value is to be bool, and is the text"), (json!(null), "the value is to be bool, and is null")]
    {
        let account = scene.direct.call("open", json!(["ada", terms("Crown")])).await.expect("opened");
        let account = account.as_object().expect("a reference");
        let wrong = Object::from_fn("bank.Listener", move |_| {
            let returned = returned.clone();
            async move { Ok(returned.into()) }
        });
        account.call("watch", Value::Null.with("listener", wrong)).await.expect("called");
        let error = account.call("deposit", json!([1])).await.expect_err("the callback failed");
        let error = error.value().expect("the bank passes it on").to_string();
        assert!(error.contains(words) && error.contains("bank.Listener.changed"), "{error}");
    }
}

#[tokio::test]
async fn a_function_fails_as_a_method_does() {
    let scene = Scene::of(bank()).await;
    let account = scene.direct.call("open", json!(["ada", terms("Crown")])).await.expect("opened");
    let account = account.as_object().expect("a reference");
    let refuses = Object::from_fn("bank.Listener", |_| async { Err(Error::refused(ErrorKind::Denied, "the listener is closed today")) });
    account.call("watch", Value::Null.with("listener", refuses)).await.expect("called");
    let error = account.call("deposit", json!([1])).await.expect_err("the callback failed");
    assert!(error.to_string().contains("the listener is closed today"), "{error}");

    let panics = Object::from_fn("bank.Listener", |_| async { panic!("it fell over") });
    let other = scene.direct.call("open", json!(["bob", terms("Crown")])).await.expect("opened");
    let other = other.as_object().expect("a reference");
    other.call("watch", Value::Null.with("listener", panics)).await.expect("called");
    let error = other.call("deposit", json!([1])).await.expect_err("the callback failed");
    assert!(error.to_string().contains("it fell over"), "{error}");
}

/// What a caller in JSON is told of a function that fails, here and over two hops.
async fn told(function: impl Fn() -> Error + Send + Sync + 'static) -> Vec<netref::Error> {
    let function = Object::from_fn("test.Failing", move |_| {
        let error = function();
        async move { Err(error) }
    });
    let scene = Scene::of(function.clone().into_any()).await;
    let mut errors = Vec::new();
    for object in [&function, &scene.direct, &scene.relayed] {
        let error = object.call("fail", json!([])).await.expect_err("it fails");
        errors.push(error.call().expect("netref's").clone());
    }
    errors
}

#[tokio::test]
async fn the_error_of_a_call_of_its_own_says_that_the_function_ran() {
    let never = || netref::Error::new(ErrorKind::Disconnected, Outcome::NotRun, "the other bank is gone");
    assert_eq!(never().scope(), Scope::Session);
    for error in told(move || Error::from(never())).await {
        assert_eq!((error.kind(), error.outcome(), error.scope()), (ErrorKind::Nested, Outcome::Ran, Scope::Call), "{error}");
        let origin = error.origin().expect("the error itself");
        assert_eq!((origin.kind(), origin.outcome(), origin.text()), (ErrorKind::Disconnected, Outcome::NotRun, "the other bank is gone"));
        assert!(error.to_string().starts_with("`test.Failing.fail`: the handler at `test.Failing.fail` returned"), "{error}");
        assert!(!error.may_retry());
    }
}

#[tokio::test]
async fn a_function_that_takes_no_call_says_that_it_did_not_run() {
    for kind in [ErrorKind::Denied, ErrorKind::Disconnected] {
        for error in told(move || Error::refused(kind, "it is closed today")).await {
            assert_eq!((error.kind(), error.outcome(), error.scope()), (kind, Outcome::NotRun, Scope::Call), "{error}");
        }
    }
}

#[tokio::test]
async fn a_function_is_an_object_for_those_without_a_trait_too() {
    let known = Scene::of(bank()).await;
    let description = known.direct.describe().await.expect("described");
    let listener: introspect::InterfaceInfo = description.interface("bank.Listener").expect("mentioned").clone();
    let object = Object::from_fn_described(listener, |call| async move {
        match call.arguments["currency"].as_str() {
            Some("Crown") => Ok(json!(call.arguments["balance"].as_u64().unwrap_or_default() > 3).into()),
            _ => Err(Error::returned(json!({ "not": "accepted" }))),
        }
    });
    let scene = Scene::of(object.into_any()).await;
    let described = scene.relayed.describe().await.expect("described");
    assert_eq!(described.method("changed").expect("a method").docs, "The balance is another one now.");
    assert_eq!(scene.relayed.call("changed", json!({ "balance": 5, "currency": "Crown" })).await.expect("called"), json!(true));
    let error = scene.relayed.call("changed", json!({ "balance": 5, "currency": "Pound" })).await.expect_err("refused");
    assert_eq!(error.value().expect("its own"), &json!({ "not": "accepted" }));
}

#[tokio::test]
async fn a_map_that_looks_like_a_reference_is_refused_where_it_is_written() {
    let scene = Scene::of(bank()).await;
    let error = scene.direct.call("open", json!({ "owner": { "$ref": 0 }, "terms": 1 })).await.expect_err("no reference");
    assert!(error.to_string().contains("put an `Object` there"), "{error}");
    assert_eq!(error.call().expect("netref's").outcome(), Outcome::NotRun);
}
