//! The interfaces of the conformance test and one plain implementation of them. Compiled into the test and into its child process, so
//! the interfaces are named here rather than after the crate.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netref::{Context, Error, Remote, remote};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// What goes wrong at a bank: an error of the user's own, with a value, a reference and netref's own error in it.
#[derive(Debug, Serialize, Deserialize)]
pub enum BankError {
    Broke { missing: u64 },
    Frozen { ask: Remote<dyn Account> },
    Call(Error),
}

impl fmt::Display for BankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broke { missing } => write!(f, "{missing} are missing"),
            Self::Frozen { .. } => f.write_str("the account is frozen"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BankError {}

impl From<Error> for BankError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

/// A value that is lent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub from: String,
    pub amounts: Vec<u64>,
}

/// References at depth.
#[derive(Debug, Serialize, Deserialize)]
pub struct Folder {
    pub by_owner: BTreeMap<String, Vec<Option<Remote<dyn Account>>>>,
    pub pair: (u8, Box<Remote<dyn Account>>),
}

/// What a handler saw of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub is_in_call: bool,
    pub caller_is_local: bool,
    pub remaining: Option<Duration>,
    pub has_session: bool,
}

impl Seen {
    pub fn now() -> Self {
        let context = Context::current();
        Self {
            is_in_call: context.is_in_call(),
            caller_is_local: context.peer().is_local(),
            remaining: context.remaining(),
            has_session: context.session().is_some(),
        }
    }
}

/// What the handler saw, what a task that it spawned with netref saw, and what a task of plain tokio's saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub handler: Seen,
    pub spawned: Seen,
    pub foreign: Seen,
}

#[remote(name = "conformance.Named")]
pub trait Named {
    async fn name(&self) -> Result<String, BankError>;
}

#[remote(name = "conformance.Branch")]
pub trait Branch: Named {
    async fn city(&self) -> Result<String, BankError>;

    /// Left as it is.
    async fn letterhead(&self) -> Result<String, BankError> {
        Ok(format!("{}, {}", self.name().await?, self.city().await?))
    }

    /// Overridden.
    async fn opens_at(&self) -> Result<u8, BankError> {
        Ok(12)
    }
}

#[remote(name = "conformance.Bank")]
pub trait Bank: Branch {
    async fn rename(&mut self, name: &str) -> Result<String, BankError>;

    async fn account(&self, owner: &str) -> Result<Remote<dyn Account>, BankError>;
    async fn folder(&self) -> Result<Folder, BankError>;
    async fn refile(&self, folder: Folder) -> Result<Folder, BankError>;
    async fn same(&self, left: Remote<dyn Account>, right: &Remote<dyn Account>) -> Result<bool, BankError>;
    async fn echo(&self, listener: Remote<dyn Listener>) -> Result<Remote<dyn Listener>, BankError>;
    async fn tell(&self, listener: &Remote<dyn Listener>, times: u32) -> Result<u32, BankError>;

    async fn lend(&self, text: &str, bytes: &[u8], numbers: &[u64], order: &Order) -> Result<Order, BankError>;
    async fn bulk(&self, bytes: Vec<u8>) -> Result<Vec<u8>, BankError>;

    async fn broke(&self, missing: u64) -> Result<(), BankError>;
    async fn frozen(&self, owner: &str) -> Result<u64, BankError>;
    async fn panics(&self, message: &str) -> Result<(), BankError>;
    /// Waits for `knock`.
    async fn door(&self) -> Result<String, BankError>;
    async fn knock(&self) -> Result<(), BankError>;
    /// Never returns.
    async fn hold(&self) -> Result<(), BankError>;
    /// How many calls of `hold` began, and how many of them were dropped.
    async fn held(&self) -> Result<(u64, u64), BankError>;

    async fn report(&self) -> Result<Report, BankError>;
    /// The report of a bank that this one calls.
    async fn report_of(&self, other: Remote<dyn Bank>) -> Result<Report, BankError>;
    async fn hold_at(&self, other: Remote<dyn Bank>) -> Result<(), BankError>;
}

#[remote(name = "conformance.Account")]
pub trait Account {
    async fn owner(&self) -> Result<String, BankError>;
    async fn balance(&self) -> Result<u64, BankError>;
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError>;
    async fn spoil(&mut self) -> Result<(), BankError>;
}

#[remote(name = "conformance.Listener")]
pub trait Listener {
    async fn heard(&self, text: &str) -> Result<u32, BankError>;
}

/// A bank that knows nothing of netref but its references.
pub struct MyBank {
    name: String,
    accounts: Mutex<HashMap<String, Remote<dyn Account>>>,
    knocked: Notify,
    began: AtomicU64,
    dropped: AtomicU64,
}

impl MyBank {
    pub fn new() -> Self {
        Self {
            name: "bank".to_owned(),
            accounts: Mutex::default(),
            knocked: Notify::new(),
            began: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    fn at(&self, owner: &str) -> Remote<dyn Account> {
        let mut accounts = self.accounts.lock().unwrap();
        accounts.entry(owner.to_owned()).or_insert_with(|| Remote::new(MyAccount { owner: owner.to_owned(), balance: 0 })).clone()
    }
}

impl Named for MyBank {
    async fn name(&self) -> Result<String, BankError> {
        Ok(self.name.clone())
    }
}

impl Branch for MyBank {
    async fn city(&self) -> Result<String, BankError> {
        Ok("Turin".to_owned())
    }

    async fn opens_at(&self) -> Result<u8, BankError> {
        Ok(9)
    }
}

/// Counts the handlers that were dropped before their end.
struct Dropped<'a>(&'a AtomicU64);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bank for MyBank {
    async fn rename(&mut self, name: &str) -> Result<String, BankError> {
        Ok(std::mem::replace(&mut self.name, name.to_owned()))
    }

    async fn account(&self, owner: &str) -> Result<Remote<dyn Account>, BankError> {
        Ok(self.at(owner))
    }

    async fn folder(&self) -> Result<Folder, BankError> {
        let by_owner = ["ada", "bob"].map(|owner| (owner.to_owned(), vec![None, Some(self.at(owner))])).into();
        Ok(Folder { by_owner, pair: (7, Box::new(self.at("ada"))) })
    }

    async fn refile(&self, mut folder: Folder) -> Result<Folder, BankError> {
        // A new object of the caller's, and one of this bank's that has been away.
        folder.by_owner.insert("eve".to_owned(), vec![Some(self.at("eve"))]);
        for account in folder.by_owner.values().flatten().flatten() {
            account.owner().await?;
        }
        Ok(folder)
    }

    async fn same(&self, left: Remote<dyn Account>, right: &Remote<dyn Account>) -> Result<bool, BankError> {
        assert!(Remote::is_local(&left) && Remote::is_local(right), "accounts of this bank came home as something else");
        Ok(Remote::key(&left) == Remote::key(right))
    }

    async fn echo(&self, listener: Remote<dyn Listener>) -> Result<Remote<dyn Listener>, BankError> {
        Ok(listener)
    }

    async fn tell(&self, listener: &Remote<dyn Listener>, times: u32) -> Result<u32, BankError> {
        let mut sum = 0;
        for _ in 0..times {
            sum += listener.heard("news").await?;
        }
        Ok(sum)
    }

    async fn lend(&self, text: &str, bytes: &[u8], numbers: &[u64], order: &Order) -> Result<Order, BankError> {
        let mut order = order.clone();
        order.from.push_str(text);
        order.amounts.extend(numbers);
        order.amounts.extend(bytes.iter().map(|&byte| u64::from(byte)));
        Ok(order)
    }

    async fn bulk(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>, BankError> {
        bytes.reverse();
        Ok(bytes)
    }

    async fn broke(&self, missing: u64) -> Result<(), BankError> {
        Err(BankError::Broke { missing })
    }

    async fn frozen(&self, owner: &str) -> Result<u64, BankError> {
        Err(BankError::Frozen { ask: self.at(owner) })
    }

    async fn panics(&self, message: &str) -> Result<(), BankError> {
        panic!("{message}");
    }

    async fn door(&self) -> Result<String, BankError> {
        self.knocked.notified().await;
        Ok("open".to_owned())
    }

    async fn knock(&self) -> Result<(), BankError> {
        self.knocked.notify_one();
        Ok(())
    }

    async fn hold(&self) -> Result<(), BankError> {
        self.began.fetch_add(1, Ordering::SeqCst);
        let _dropped = Dropped(&self.dropped);
        std::future::pending().await
    }

    async fn held(&self) -> Result<(u64, u64), BankError> {
        Ok((self.began.load(Ordering::SeqCst), self.dropped.load(Ordering::SeqCst)))
    }

    async fn report(&self) -> Result<Report, BankError> {
        let spawned = netref::spawn(async { Seen::now() }).await.unwrap();
        let foreign = tokio::spawn(async { Seen::now() }).await.unwrap();
        Ok(Report { handler: Seen::now(), spawned, foreign })
    }

    async fn report_of(&self, other: Remote<dyn Bank>) -> Result<Report, BankError> {
        other.report().await
    }

    async fn hold_at(&self, other: Remote<dyn Bank>) -> Result<(), BankError> {
        other.hold().await
    }
}

struct MyAccount {
    owner: String,
    balance: u64,
}

impl Account for MyAccount {
    async fn owner(&self) -> Result<String, BankError> {
        Ok(self.owner.clone())
    }

    async fn balance(&self) -> Result<u64, BankError> {
        Ok(self.balance)
    }

    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError> {
        let before = self.balance;
        // Another `&mut self` call that came in between would be lost.
        tokio::task::yield_now().await;
        self.balance = before + amount;
        Ok(self.balance)
    }

    async fn spoil(&mut self) -> Result<(), BankError> {
        panic!("spoilt on purpose");
    }
}
