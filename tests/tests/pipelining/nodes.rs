//! Owns promises among three nodes in a row: of an object of the third one, and passed on to another node.

use std::sync::Arc;

use netref::{Error, Node, Remote, Result, remote};
use tokio::sync::Semaphore;

use crate::{Account, MyAccount};

#[remote]
pub(crate) trait Middle {
    /// An object of the third node's.
    async fn distant(&self) -> Result<Remote<dyn Account>>;
    /// Holds a reference, and notes on it what it is told.
    async fn hold(&mut self, account: Remote<dyn Account>) -> Result<()>;
    async fn held(&self) -> Result<Remote<dyn Account>>;
    async fn note(&self, text: String) -> Result<()>;
}

struct MyMiddle {
    gate: Arc<Semaphore>,
    distant: Remote<dyn Account>,
    held: Option<Remote<dyn Account>>,
}

impl Middle for MyMiddle {
    async fn distant(&self) -> Result<Remote<dyn Account>> {
        self.gate.acquire().await.expect("never closed").forget();
        Ok(self.distant.clone())
    }

    async fn hold(&mut self, account: Remote<dyn Account>) -> Result<()> {
        self.held = Some(account);
        Ok(())
    }

    async fn held(&self) -> Result<Remote<dyn Account>> {
        Ok(self.held.clone().expect("it holds one"))
    }

    async fn note(&self, text: String) -> Result<()> {
        let mut held = self.held.clone().expect("it holds one");
        held.note(text).await
    }
}

/// Three nodes in a row: the first one calls the second, which holds an object of the third.
pub(crate) async fn three() -> (Remote<dyn Middle>, Remote<dyn Account>, Arc<Semaphore>, Vec<Node>) {
    let account = MyAccount::remote();
    let third = Node::builder().listen("tcp://127.0.0.1:0").publish("account", account.clone()).start().await.expect("starts");
    let gate = Arc::new(Semaphore::new(0));
    let second = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("starts");
    let distant = second.connect::<dyn Account>(&format!("{}/account", third.addresses()[0])).await.expect("connects");
    second.publish("middle", Remote::<dyn Middle>::new(MyMiddle { gate: Arc::clone(&gate), distant, held: None })).expect("it is free");
    let first = Node::builder().start().await.expect("starts");
    let middle = first.connect::<dyn Middle>(&format!("{}/middle", second.addresses()[0])).await.expect("connects");
    (middle, account, gate, vec![first, second, third])
}

#[tokio::test]
async fn promise_of_an_object_of_a_third_node_keeps_order() {
    let (middle, account, gate, _nodes) = three().await;
    let mut promise = middle.distant().pipelined();
    let mut sent: Vec<_> = (0..10).map(|number| promise.note(number.to_string()).send()).collect();
    gate.add_permits(1);
    let mut known = Remote::resolved(&promise).await.expect("it resolves");
    sent.extend((10..20).map(|number| known.note(number.to_string()).send()));
    for call in sent {
        call.await.expect("it runs");
    }
    assert_eq!(account.notes().await, Ok((0..20).map(|number| number.to_string()).collect()));
}

#[tokio::test]
async fn promise_that_is_passed_to_another_node_is_resolved_there() {
    for is_home in [false, true] {
        let (mut middle, distant, _gate, _nodes) = three().await;
        let (give, given) = tokio::sync::oneshot::channel();
        let mine = Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) });
        middle.hold(mine.clone()).await.expect("it holds it");
        let early = middle.note("early".into()).send();
        let held = middle.held().await.expect("it is there");
        assert_eq!(Remote::key(&held), None, "what comes home is a promise as well");
        let account = MyAccount::remote();
        let meant = if is_home { account.clone() } else { distant.clone() };
        give.send(meant).unwrap_or_else(|_| panic!("somebody waits"));
        early.await.expect("it runs");
        middle.note("late".into()).await.expect("it runs");
        let text = |notes: Vec<String>| notes.join(" ");
        let notes = if is_home { account.notes().await } else { distant.notes().await };
        assert_eq!(notes.map(text), Ok("early late".to_owned()));
        let held = middle.held().await.expect("it is there");
        let known = Remote::resolved(&held).await.expect("it resolves");
        assert_eq!(Remote::key(&known), Remote::key(&Remote::resolved(&mine).await.expect("it resolves")));
    }
}
