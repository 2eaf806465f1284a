//! Promises: references that are called and passed on before it is known what they refer to. What they mean is the same wherever the
//! objects are, so most bodies run on an object of this process and on one over a session.
//!
//! | file | what |
//! | --- | --- |
//! | `everywhere` | what holds for objects of this process and of another one alike |
//! | `session` | what a session makes of calls on promises |
//! | `nodes` | promises of what a third node has |
//! | `from_future` | promises of what is no call |
//! | `forward` | promises that become promises |
//! | `interceptors` | what interceptors see of calls on promises |

mod everywhere;
mod forward;
mod from_future;
mod interceptors;
mod nodes;
mod session;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use netref::{AnyRemote, Error, Limits, Node, Pipeline, Remote, RemoteFn, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum BankError {
    NoAccount { owner: String },
    Call(Error),
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAccount { owner } => write!(f, "{owner} has no account"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BankError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoAccount { .. } => None,
            Self::Call(error) => Some(error),
        }
    }
}

impl From<Error> for BankError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Pair {
    number: u64,
    left: Remote<dyn Account>,
    right: Option<Remote<dyn Account>>,
    #[pipeline]
    nested: Nested,
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Nested(u8, Remote<dyn Account>, AnyRemote);

#[remote]
trait Bank {
    /// Waits until the gate lets it through.
    async fn open(&self, owner: &str) -> std::result::Result<Remote<dyn Account>, BankError>;
    async fn same(&self) -> Result<Remote<dyn Bank>>;
    async fn pair(&self, complete: bool) -> Result<Pair>;
    async fn adder(&self) -> Result<(RemoteFn<(u64,), u64>, u64)>;
    /// Gives back what it is given.
    async fn echo(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>>;
    async fn balance_of(&self, account: Remote<dyn Account>) -> Result<u64>;
    async fn slow(&self) -> Result<Remote<dyn Account>>;
    async fn ended(&self) -> Result<u64>;
}

#[remote]
trait Account {
    async fn deposit(&self, amount: u64) -> std::result::Result<u64, BankError>;
    async fn plainly(&self) -> Result<u64>;
    async fn note(&mut self, text: String) -> Result<()>;
    async fn notes(&self) -> Result<Vec<String>>;
}

struct MyBank {
    gate: Arc<Semaphore>,
    ended: Arc<AtomicU64>,
}

struct MyAccount {
    balance: AtomicU64,
    notes: Mutex<Vec<String>>,
}

impl MyAccount {
    fn remote() -> Remote<dyn Account> {
        Remote::new(Self { balance: AtomicU64::new(0), notes: Mutex::new(Vec::new()) })
    }
}

struct Count(Arc<AtomicU64>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bank for MyBank {
    async fn open(&self, owner: &str) -> std::result::Result<Remote<dyn Account>, BankError> {
        self.gate.acquire().await.expect("never closed").forget();
        if owner == "nobody" {
            return Err(BankError::NoAccount { owner: owner.to_owned() });
        }
        Ok(MyAccount::remote())
    }

    async fn same(&self) -> Result<Remote<dyn Bank>> {
        Ok(Remote::new(Self { gate: Arc::clone(&self.gate), ended: Arc::clone(&self.ended) }))
    }

    async fn pair(&self, complete: bool) -> Result<Pair> {
        let (left, account) = (MyAccount::remote(), MyAccount::remote());
        let right = complete.then(MyAccount::remote);
        Ok(Pair { number: 1, left, right, nested: Nested(0, account.clone(), Remote::into_any(account)) })
    }

    async fn adder(&self) -> Result<(RemoteFn<(u64,), u64>, u64)> {
        Ok((RemoteFn::new(|number: u64| async move { Ok::<_, Error>(number + 1) }), 3))
    }

    async fn echo(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>> {
        self.gate.acquire().await.expect("never closed").forget();
        Ok(account)
    }

    async fn balance_of(&self, account: Remote<dyn Account>) -> Result<u64> {
        account.plainly().await
    }

    async fn slow(&self) -> Result<Remote<dyn Account>> {
        let _count = Count(Arc::clone(&self.ended));
        std::future::pending().await
    }

    async fn ended(&self) -> Result<u64> {
        Ok(self.ended.load(Ordering::SeqCst))
    }
}

impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> std::result::Result<u64, BankError> {
        Ok(self.balance.fetch_add(amount, Ordering::SeqCst) + amount)
    }

    async fn plainly(&self) -> Result<u64> {
        Ok(self.balance.load(Ordering::SeqCst))
    }

    async fn note(&mut self, text: String) -> Result<()> {
        self.notes.lock().expect("not poisoned").push(text);
        Ok(())
    }

    async fn notes(&self) -> Result<Vec<String>> {
        Ok(self.notes.lock().expect("not poisoned").clone())
    }
}

struct World {
    bank: Remote<dyn Bank>,
    gate: Arc<Semaphore>,
    nodes: Vec<Node>,
}

fn bank() -> (Remote<dyn Bank>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    (Remote::new(MyBank { gate: Arc::clone(&gate), ended: Arc::default() }), gate)
}

async fn near() -> World {
    let (bank, gate) = bank();
    World { bank, gate, nodes: Vec::new() }
}

async fn far() -> World {
    far_with(Limits::default()).await
}

/// The guest has these limits.
async fn far_with(limits: Limits) -> World {
    let (bank, gate) = bank();
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("bank", bank).start().await.expect("starts");
    let guest = Node::builder().limits(limits).start().await.expect("starts");
    let url = format!("{}/bank", host.addresses()[0]);
    let bank = guest.connect::<dyn Bank>(&url).await.expect("connects");
    World { bank, gate, nodes: vec![host, guest] }
}

/// The session of a node with the other node of a test.
fn session_of(node: &Node) -> netref::Session {
    node.sessions().into_iter().next().expect("there is one")
}
