//! Returns of calls whose results are called ahead, when they arrive in pieces or nobody wants them any more.

use std::fmt;
use std::sync::Arc;

use netref::testing::{Line, Relay};
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
    /// Refuses with what it was lent, and keeps nothing of it.
    async fn give_back(&self) -> Result<Remote<dyn Account>, Refusal>;
    /// Gives away what it was lent.
    async fn hand_over(&self) -> Result<Remote<dyn Account>>;
    /// Says so in this process.
    async fn note(&self) -> Result<()>;
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
    async fn give_back(&self) -> Result<Remote<dyn Account>, Refusal> {
        Err(Refusal::Because { text: self.text.clone(), instead: self.lent.lock().unwrap().take() })
    }
    async fn hand_over(&self) -> Result<Remote<dyn Account>> {
        Ok(self.lent.lock().unwrap().take().expect("it is there"))
    }
    async fn note(&self) -> Result<()> {
        self.gate.add_permits(1);
        Ok(())
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

/// The finish of a call arrives when its result is written and not read.
#[tokio::test]
async fn result_holds_what_goes_home_until_it_is_read_though_its_finish_is_there_before() {
    let noted = Arc::new(Semaphore::new(0));
    let [first, second, third] = [0; 3].map(|_| async { Node::builder().listen("tcp://127.0.0.1:0").start().await.unwrap() });
    let (first, second, third) = tokio::join!(first, second, third);
    let lender = MyBank::new(&noted);
    third.publish("lender", Remote::<dyn Bank>::new(lender)).unwrap();
    let url = format!("{}/lender", third.addresses()[0]);
    let (lender, of_second) = (first.connect::<dyn Bank>(&url).await.unwrap(), second.connect::<dyn Bank>(&url).await.unwrap());
    let here = Remote::<dyn Bank>::new(MyBank::new(&noted));
    second.publish("bank", here.clone()).unwrap();
    let relay = Relay::to(&second.addresses()[0].to_string(), 1).await.unwrap();
    let bank: Remote<dyn Bank> = first.connect(&format!("{}/bank", relay.address())).await.unwrap();
    for round in 0..5 {
        within("it is lent", lender.lend(Remote::new(MyAccount))).await.unwrap();
        let lent = within("it is handed over", of_second.hand_over()).await.unwrap();
        within("it is lent on", here.lend(lent)).await.unwrap();
        relay.back().change(|conditions| conditions.stalled = true);
        let account = bank.give_back().pipelined();
        let deposit = account.deposit(1).send();
        let notes = [bank.note().send()];
        within("the refusal is written", noted.acquire()).await.unwrap().forget();
        drop(account);
        let notes = notes.into_iter().chain([bank.note().send()]).collect::<Vec<_>>();
        within("the finish is there", noted.acquire()).await.unwrap().forget();
        for _ in 0..20 {
            within("what is let go of has gone", of_second.count()).await.unwrap();
            within("around", lender.count()).await.unwrap();
        }
        relay.back().resume();
        match within("a deposit", deposit).await {
            Err(Refusal::Because { instead: Some(instead), .. }) => {
                assert_eq!(within("what was lent", instead.deposit(3)).await.unwrap(), 3, "{round}");
            }
            other => panic!("{round}: it is not what was said: {other:?}"),
        }
        for note in notes {
            within("the session goes on", note).await.unwrap();
        }
    }
}
