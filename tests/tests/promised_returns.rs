//! Returns of calls whose results are called ahead, when they arrive in pieces or nobody wants them any more.

use std::fmt;
use std::sync::Arc;

use netref::testing::Line;
use netref::{Error, Node, Outcome, Remote, Result, remote};
use netref_tests::patience::within;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[remote]
trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64, Refusal>;
}

#[derive(Debug, Serialize, Deserialize, netref::Schema)]
enum Refusal {
    Because { text: String, instead: Option<Remote<dyn Account>> },
    Call(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Refusal {}

#[remote]
trait Bank {
    /// Refuses, once the gate is open.
    async fn open(&self) -> Result<Remote<dyn Account>, Refusal>;
    async fn lend(&self, account: Remote<dyn Account>) -> Result<()>;
    async fn lent(&self) -> Result<Remote<dyn Account>>;
    async fn count(&self) -> Result<u64>;
}

struct MyBank {
    gate: Arc<Semaphore>,
    text: String,
    instead: Option<Remote<dyn Account>>,
    lent: std::sync::Mutex<Option<Remote<dyn Account>>>,
}

impl MyBank {
    fn new(gate: &Arc<Semaphore>) -> Self {
        Self { gate: Arc::clone(gate), text: "closed".into(), instead: None, lent: std::sync::Mutex::default() }
    }
}

impl Bank for MyBank {
    async fn open(&self) -> Result<Remote<dyn Account>, Refusal> {
        self.gate.acquire().await.expect("it stays").forget();
        Err(Refusal::Because { text: self.text.clone(), instead: self.instead.clone() })
    }
    async fn lend(&self, account: Remote<dyn Account>) -> Result<()> {
        *self.lent.lock().unwrap() = Some(account);
        Ok(())
    }
    async fn lent(&self) -> Result<Remote<dyn Account>> {
        Ok(self.lent.lock().unwrap().clone().expect("it is there"))
    }
    async fn count(&self) -> Result<u64> {
        Ok(1)
    }
}

struct MyAccount;
impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> Result<u64, Refusal> {
        Ok(amount)
    }
}

#[tokio::test]
async fn what_broke_a_promise_is_told_also_where_it_arrives_behind_those_that_it_broke() {
    let gate = Arc::new(Semaphore::new(0));
    let bank = MyBank { text: "x".repeat(300_000), ..MyBank::new(&gate) };
    let host = Node::builder().publish("bank", Remote::<dyn Bank>::new(bank)).start().await.unwrap();
    let guest = Node::builder().start().await.unwrap();
    let ((here, left), (right, there)) = (tokio::io::duplex(4_096), tokio::io::duplex(4_096));
    let line = Line::between(left, right, 1);
    let ((read, write), (taken, given)) = (tokio::io::split(here), tokio::io::split(there));
    let (dialled, accepted) = tokio::join!(guest.connect_io(read, write), host.accept_io(taken, given));
    let (session, _accepted) = (dialled.unwrap(), accepted.unwrap());
    let bank: Remote<dyn Bank> = session.lookup("bank").await.unwrap();
    // All of it takes a moment, and the caller is awake.
    line.back().change(|conditions| conditions.rate = Some(3_000_000));
    for _ in 0..3 {
        let account = bank.open().pipelined();
        let deposits = [account.deposit(1).send(), account.deposit(2).send()];
        gate.add_permits(1);
        for deposit in deposits {
            match within("a deposit", deposit).await {
                Err(Refusal::Because { text, .. }) => assert_eq!(text.len(), 300_000),
                other => panic!("it is not what was said: {other:?}"),
            }
        }
    }
    assert!(!session.is_closed());
}

#[tokio::test]
async fn result_that_holds_what_goes_home_leaves_nothing_when_nobody_waits_for_it() {
    let gate = Arc::new(Semaphore::new(0));
    let [first, second, third] = [0; 3].map(|_| async { Node::builder().listen("tcp://127.0.0.1:0").start().await.unwrap() });
    let (first, second, third) = tokio::join!(first, second, third);
    let url = |node: &Node, name: &str| format!("{}/{name}", node.addresses()[0]);
    third.publish("lender", Remote::<dyn Bank>::new(MyBank::new(&gate))).unwrap();
    let mine: Remote<dyn Account> = Remote::new(MyAccount);
    // The second node has it over the third one, and sends it home by its identity.
    first.connect::<dyn Bank>(&url(&third, "lender")).await.unwrap().lend(mine).await.unwrap();
    let lent = second.connect::<dyn Bank>(&url(&third, "lender")).await.unwrap().lent().await.unwrap();
    second.publish("bank", Remote::<dyn Bank>::new(MyBank { instead: Some(lent), ..MyBank::new(&gate) })).unwrap();
    let bank: Remote<dyn Bank> = first.connect(&url(&second, "bank")).await.unwrap();
    for round in 0..50 {
        let account = bank.open().pipelined();
        let deposit = account.deposit(1).send();
        // Nothing more is called on it: its result is finished before it is there.
        drop(account);
        within("the finish has left", bank.count()).await.unwrap();
        gate.add_permits(1);
        match within("a deposit", deposit).await {
            Err(Refusal::Because { instead, .. }) => assert!(instead.is_none_or(|instead| Remote::is_connected(&instead)), "{round}"),
            Err(Refusal::Call(error)) => assert_eq!(error.outcome(), Outcome::NotRun, "{round}: {error}"),
            Ok(_) => panic!("there is no account"),
        }
        assert_eq!(within("the session goes on", bank.count()).await.unwrap(), 1, "{round}");
    }
}
