//! References inside references, errors of one's own, and objects with `&mut self` methods. Two nodes of one process speak TCP to each
//! other, so that the whole story can be read from top to bottom.
//!
//! `cargo run --example bank`

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use netref::{ErrorKind, Node, Outcome, Remote, remote};
use serde::{Deserialize, Serialize};

// begin: error
/// What can go wrong at a bank. It travels as it is; `Call` is what can go wrong on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BankError {
    NotEnough { balance: u64 },
    NoAccount { owner: String },
    Call(netref::Error),
}

impl From<netref::Error> for BankError {
    fn from(error: netref::Error) -> Self {
        Self::Call(error)
    }
}
// end: error

impl fmt::Display for BankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnough { balance } => write!(f, "there are only {balance} in the account"),
            Self::NoAccount { owner } => write!(f, "{owner} has no account"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BankError {}

type Result<T, E = BankError> = std::result::Result<T, E>;

#[remote]
pub trait Account {
    async fn balance(&self) -> Result<u64>;
    async fn deposit(&mut self, amount: u64) -> Result<u64>;
    async fn withdraw(&mut self, amount: u64) -> Result<u64>;
}

#[remote]
pub trait Bank {
    /// The account of `owner`, opened if there is none.
    async fn open(&mut self, owner: &str) -> Result<Remote<dyn Account>>;

    async fn find(&self, owner: &str) -> Result<Remote<dyn Account>>;

    async fn all(&self) -> Result<HashMap<String, Remote<dyn Account>>>;

    /// Moves money between two accounts, of this bank or of any other.
    async fn transfer(&self, from: Remote<dyn Account>, to: Remote<dyn Account>, amount: u64) -> Result<Receipt>;
}

/// A value with references in it: the value is copied, the references are shared.
#[derive(Debug, Serialize, Deserialize)]
pub struct Receipt {
    pub amount: u64,
    pub from: Remote<dyn Account>,
    pub to: Remote<dyn Account>,
}

// The bank: plain structs with plain `impl`s. A `&mut self` method has its object to itself, so there is no lock.

#[derive(Default)]
struct MyAccount {
    balance: u64,
}

impl Account for MyAccount {
    async fn balance(&self) -> Result<u64> {
        Ok(self.balance)
    }

    async fn deposit(&mut self, amount: u64) -> Result<u64> {
        self.balance += amount;
        Ok(self.balance)
    }

    async fn withdraw(&mut self, amount: u64) -> Result<u64> {
        self.balance = self.balance.checked_sub(amount).ok_or(BankError::NotEnough { balance: self.balance })?;
        Ok(self.balance)
    }
}

#[derive(Default)]
struct MyBank {
    accounts: HashMap<String, Remote<dyn Account>>,
}

impl Bank for MyBank {
    async fn open(&mut self, owner: &str) -> Result<Remote<dyn Account>> {
        let account = self.accounts.entry(owner.to_owned()).or_insert_with(|| Remote::new(MyAccount::default()));
        Ok(account.clone())
    }

    async fn find(&self, owner: &str) -> Result<Remote<dyn Account>> {
        self.accounts.get(owner).cloned().ok_or_else(|| BankError::NoAccount { owner: owner.to_owned() })
    }

    async fn all(&self) -> Result<HashMap<String, Remote<dyn Account>>> {
        Ok(self.accounts.clone())
    }

    async fn transfer(&self, mut from: Remote<dyn Account>, mut to: Remote<dyn Account>, amount: u64) -> Result<Receipt> {
        let place = |account| if Remote::is_local(account) { "here" } else { "at the caller" };
        println!("the bank moves {amount} from an account {} to one {}", place(&from), place(&to));
        from.withdraw(amount).await?;
        to.deposit(amount).await?;
        Ok(Receipt { amount, from, to })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let here = Node::builder().name("branch").listen("tcp://127.0.0.1:0").publish("bank", Remote::<dyn Bank>::new(MyBank::default()));
    let branch = here.start().await?;
    let customer = Node::builder().name("customer").start().await?;
    let mut bank: Remote<dyn Bank> = customer.connect(&format!("{}/bank", branch.addresses()[0])).await?;

    let mut ada = bank.open("ada").await?;
    let bob = bank.open("bob").await?;
    ada.deposit(50).await?;
    println!("ada has {}, bob has {}", ada.balance().await?, bob.balance().await?);

    // References in arguments, and in a struct in the result. They mean the same objects on both sides: a reference that comes home is
    // the object itself again.
    let receipt = bank.transfer(ada.clone(), bob.clone(), 20).await?;
    assert_eq!(Remote::key(&receipt.from), Remote::key(&ada));
    assert_eq!((ada.balance().await?, receipt.to.balance().await?), (30, 20));
    println!("{} moved: ada has {}, bob has {}", receipt.amount, ada.balance().await?, bob.balance().await?);

    // References in a map.
    let accounts = bank.all().await?;
    let mut total = 0;
    for account in accounts.values() {
        total += account.balance().await?;
    }
    assert_eq!((accounts.len(), total), (2, 50));
    println!("{} accounts hold {total}", accounts.len());

    // The bank's own errors arrive as the bank's own errors, also from a call that the handler made itself.
    let refused = bank.transfer(ada.clone(), bob.clone(), 1_000).await.unwrap_err();
    assert_eq!(refused, BankError::NotEnough { balance: 30 });
    println!("1000 not moved: {refused}");
    let unknown = bank.find("eve").await.unwrap_err();
    assert_eq!(unknown, BankError::NoAccount { owner: "eve".to_owned() });
    println!("not found: {unknown}");

    // An account of the customer's own: the bank calls it where it lives, over the same connection.
    let mut purse = Remote::<dyn Account>::new(MyAccount { balance: 5 });
    bank.transfer(purse.clone(), bob.clone(), 5).await?;
    assert_eq!((purse.deposit(1).await?, bob.balance().await?), (1, 25));
    println!("5 moved out of the purse: bob has {}", bob.balance().await?);

    // What goes wrong on the way says whether the call ran.
    branch.shutdown(Duration::from_secs(1)).await;
    Remote::closed(&ada).await; // until this side has noticed
    let Err(BankError::Call(error)) = ada.deposit(1).await else { panic!("the bank is gone") };
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::NotRun));
    println!("after the shutdown: {:?}, {:?}", error.kind(), error.outcome());
    Ok(())
}
