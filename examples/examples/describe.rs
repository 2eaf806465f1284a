//! Asks an object what it can be called with, and prints that as Rust source: interfaces, methods, types, doc comments. The asking side
//! has no code for the interfaces.
//!
//! `cargo run --example describe` asks a bank of its own; `cargo run --example describe -- tcp://127.0.0.1:7070/bank` any object. With `serve` in place
//! of an address it publishes its bank, prints the address, and ends with its standard input.

use std::collections::BTreeMap;
use std::time::Duration;

use netref::introspect::Access;
use netref::{Node, Object, Remote, Result, remote};
use serde::{Deserialize, Serialize};

/// Keeps accounts, and forgets those that nobody holds.
#[remote(name = "bank.Bank")]
pub trait Bank {
    /// Opens an account, which lives at the bank.
    async fn open(&mut self, owner: &str, terms: Terms) -> Result<Remote<dyn Account>>;

    /// All accounts by their owners.
    #[idempotent]
    async fn all(&self) -> Result<BTreeMap<String, Remote<dyn Account>>>;
}

/// Somebody's money.
#[remote(name = "bank.Account")]
pub trait Account {
    /// Puts money in, and gives the balance.
    async fn deposit(&mut self, amount: u64) -> Result<u64>;

    /// Tells `listener` of every change.
    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<()>;
}

/// What the caller hands over, to be called back.
#[remote(name = "bank.Listener")]
pub trait Listener {
    async fn changed(&self, balance: u64) -> Result<()>;
}

/// For those to whom the bank offers it.
#[remote(name = "bank.Audit")]
pub trait Audit {
    async fn accounts(&self) -> Result<u64>;
}

#[derive(Serialize, Deserialize)]
pub struct Terms {
    pub currency: Currency,
    pub limit: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub enum Currency {
    Crown,
    Other { code: String },
}

#[derive(Default)]
struct MyBank {
    accounts: BTreeMap<String, Remote<dyn Account>>,
}

struct MyAccount {
    balance: u64,
    listeners: Vec<Remote<dyn Listener>>,
}

impl Bank for MyBank {
    async fn open(&mut self, owner: &str, _terms: Terms) -> Result<Remote<dyn Account>> {
        let account = Remote::<dyn Account>::new(MyAccount { balance: 0, listeners: Vec::new() });
        self.accounts.insert(owner.to_owned(), account.clone());
        Ok(account)
    }

    async fn all(&self) -> Result<BTreeMap<String, Remote<dyn Account>>> {
        Ok(self.accounts.clone())
    }
}

impl Account for MyAccount {
    async fn deposit(&mut self, amount: u64) -> Result<u64> {
        self.balance += amount;
        for listener in &self.listeners {
            listener.changed(self.balance).await?;
        }
        Ok(self.balance)
    }

    async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<()> {
        self.listeners.push(listener);
        Ok(())
    }
}

impl Audit for MyBank {
    async fn accounts(&self) -> Result<u64> {
        Ok(self.accounts.len() as u64)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => ask_its_own().await,
        Some("serve") => serve().await,
        Some(url) => {
            print!("{}", netref::connect_any(url).await?.describe().await?);
            Ok(())
        }
    }
}

/// A node that publishes a bank, and the bank's address.
async fn publish() -> Result<(Node, String)> {
    let bank = Object::new(MyBank::default()).with_interface::<dyn Audit>();
    let node = Node::builder().listen("tcp://127.0.0.1:0").publish("bank", bank.as_remote::<dyn Bank>()).start().await?;
    let url = format!("{}/bank", node.addresses()[0]);
    Ok((node, url))
}

async fn serve() -> Result<()> {
    let (node, url) = publish().await?;
    println!("{url}");
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    ended.await.expect("it does not panic").expect("the standard input can be read");
    node.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

async fn ask_its_own() -> Result<()> {
    let (_node, url) = publish().await?;

    // begin: describe
    let description = netref::connect_any(&url).await?.describe().await?;
    print!("{description}");
    // end: describe

    let open = description.method("open").expect("the bank has it");
    assert_eq!(open.docs, "Opens an account, which lives at the bank.");
    assert_eq!(open.parameters.iter().map(|parameter| &*parameter.name).collect::<Vec<_>>(), ["owner", "terms"]);
    let offered = description.interface("bank.Audit").expect("the bank offers it");
    assert_eq!(offered.access, Access::Offered);

    println!("\nJSON Schema of the arguments of `open`:\n{:#}", open.arguments_schema());
    Ok(())
}
