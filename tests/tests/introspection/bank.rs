//! Owns the bank: traits with everything that a description tells, and the objects behind them.

use std::collections::BTreeMap;

use netref::{AnyRemote, Object, Remote, Result, remote};
use serde::{Deserialize, Serialize};

/// What can go wrong at a bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BankError {
    NotEnough { balance: u64 },
    NoAccount(String),
    Call(netref::Error),
}

impl From<netref::Error> for BankError {
    fn from(error: netref::Error) -> Self {
        Self::Call(error)
    }
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for BankError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, netref::Schema)]
pub enum Currency {
    Crown,
    Pound,
    Foreign(u8),
}

#[derive(Clone, Debug, Serialize, Deserialize, netref::Schema)]
pub struct Terms {
    pub currency: Currency,
    pub limit: Option<u32>,
    pub next: Option<Box<Self>>,
}

#[remote(name = "bank.Named")]
pub trait Named {
    async fn name(&self) -> Result<String>;
}

/// Keeps accounts.
///
/// It forgets them when nobody holds them.
#[remote(name = "bank.Bank")]
pub trait Bank: Named {
    /// Opens an account under these terms.
    async fn open(&mut self, owner: &str, terms: Terms) -> Result<Remote<dyn Account>, BankError>;

    /// All accounts by their owners.
    #[idempotent]
    async fn all(&self) -> Result<BTreeMap<String, Remote<dyn Account>>, BankError>;

    #[remote(spawn, no_cancel)]
    async fn seal(&self, image: Vec<u8>, extra: serde_json::Value) -> Result<Vec<u8>>;
}

#[remote(name = "bank.Account")]
pub trait Account {
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError>;
    async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError>;
    /// Tells `listener` of every change from now on.
    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError>;
}

#[remote(name = "bank.Listener")]
pub trait Listener {
    /// The balance is another one now.
    async fn changed(&self, balance: u64, currency: Currency) -> Result<bool>;
}

#[remote(name = "bank.Audit")]
pub trait Audit {
    #[remote(blocking)]
    async fn total(&self) -> Result<u64>;
}

#[remote(name = "bank.Secret")]
pub trait Secret {
    async fn rob(&mut self) -> Result<()>;
}

#[derive(Default)]
struct MyBank {
    accounts: BTreeMap<String, Remote<dyn Account>>,
}

struct MyAccount {
    balance: u64,
    currency: Currency,
    listeners: Vec<Remote<dyn Listener>>,
}

impl Named for MyBank {
    async fn name(&self) -> Result<String> {
        Ok("the bank".to_owned())
    }
}

impl Bank for MyBank {
    async fn open(&mut self, owner: &str, terms: Terms) -> Result<Remote<dyn Account>, BankError> {
        if terms.limit == Some(0) {
            return Err(BankError::NoAccount(owner.to_owned()));
        }
        let account = Remote::<dyn Account>::new(MyAccount { balance: 0, currency: terms.currency, listeners: Vec::new() });
        self.accounts.insert(owner.to_owned(), account.clone());
        Ok(account)
    }

    async fn all(&self) -> Result<BTreeMap<String, Remote<dyn Account>>, BankError> {
        Ok(self.accounts.clone())
    }

    async fn seal(&self, mut image: Vec<u8>, extra: serde_json::Value) -> Result<Vec<u8>> {
        image.extend(extra.to_string().bytes());
        Ok(image)
    }
}

impl Audit for MyBank {
    async fn total(&self) -> Result<u64> {
        Ok(self.accounts.len() as u64)
    }
}

impl Secret for MyBank {
    async fn rob(&mut self) -> Result<()> {
        self.accounts.clear();
        Ok(())
    }
}

impl MyAccount {
    async fn tell(&mut self) -> Result<u64, BankError> {
        let mut kept = Vec::new();
        for listener in std::mem::take(&mut self.listeners) {
            if listener.changed(self.balance, self.currency).await? {
                kept.push(listener);
            }
        }
        self.listeners = kept;
        Ok(self.balance)
    }
}

impl Account for MyAccount {
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError> {
        self.balance += amount;
        self.tell().await
    }

    async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError> {
        self.balance = self.balance.checked_sub(amount).ok_or(BankError::NotEnough { balance: self.balance })?;
        self.tell().await
    }

    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError> {
        self.listeners.push(listener);
        Ok(())
    }
}

/// A bank whose host offers an audit, and withholds one interface.
pub fn bank() -> AnyRemote {
    let bank = Object::new(MyBank::default()).with_interface::<dyn Audit>();
    drop(bank.as_remote::<dyn Secret>());
    Remote::into_any(bank.as_remote::<dyn Bank>())
}
