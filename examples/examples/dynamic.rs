//! A bank is used by a program that has no trait for it: methods by name, values in JSON, references as handles, and a function that the bank
//! calls back. The bank itself, in a module of its own, is ordinary code.
//!
//! `cargo run --example dynamic`

use netref::Node;
use netref::dynamic::{Error, Object, Value};
use serde_json::json;

mod bank {
    //! The other side. Nothing outside this module names its traits.

    use netref::{AnyRemote, Remote, remote};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    pub enum BankError {
        NotEnough { balance: u64 },
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

    #[remote(name = "bank.Bank")]
    pub trait Bank {
        /// Opens an account.
        async fn open(&self, owner: &str) -> Result<Remote<dyn Account>, BankError>;
    }

    #[remote(name = "bank.Account")]
    pub trait Account {
        async fn deposit(&mut self, amount: u64) -> Result<u64, BankError>;
        async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError>;
        async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError>;
    }

    #[remote(name = "bank.Listener")]
    pub trait Listener {
        async fn changed(&self, owner: &str, balance: u64) -> Result<(), BankError>;
    }

    struct MyBank;

    struct MyAccount {
        owner: String,
        balance: u64,
        listeners: Vec<Remote<dyn Listener>>,
    }

    impl Bank for MyBank {
        async fn open(&self, owner: &str) -> Result<Remote<dyn Account>, BankError> {
            Ok(Remote::new(MyAccount { owner: owner.to_owned(), balance: 0, listeners: Vec::new() }))
        }
    }

    impl MyAccount {
        async fn set(&mut self, balance: u64) -> Result<u64, BankError> {
            self.balance = balance;
            for listener in &self.listeners {
                listener.changed(&self.owner, balance).await?;
            }
            Ok(balance)
        }
    }

    impl Account for MyAccount {
        async fn deposit(&mut self, amount: u64) -> Result<u64, BankError> {
            self.set(self.balance + amount).await
        }

        async fn withdraw(&mut self, amount: u64) -> Result<u64, BankError> {
            let left = self.balance.checked_sub(amount).ok_or(BankError::NotEnough { balance: self.balance })?;
            self.set(left).await
        }

        async fn watch(&mut self, listener: Remote<dyn Listener>) -> Result<(), BankError> {
            self.listeners.push(listener);
            Ok(())
        }
    }

    pub fn bank() -> AnyRemote {
        Remote::into_any(Remote::<dyn Bank>::new(MyBank))
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let node = Node::builder().listen("tcp://127.0.0.1:0").start().await?;
    node.publish_any("bank", bank::bank())?;
    let url = format!("{}/bank", node.addresses()[0]);

    // begin: call
    let bank = Object::connect(&url).await?;
    let account = bank.call("open", json!({ "owner": "ada" })).await?;
    let account = account.as_object().expect("a reference to an account"); // a handle, to be called in turn
    assert_eq!(account.call("deposit", json!({ "amount": 5 })).await?, json!(5));

    let listener = Object::from_fn("bank.Listener", |call| async move {
        println!("called back: {} {}", call.method, call.arguments);
        Ok(Value::Null)
    });
    account.call("watch", Value::Null.with("listener", listener)).await?;
    account.call("deposit", json!({ "amount": 7 })).await?; // calls back
    // end: call

    // The method's own error is a value; what netref says names the method and the argument.
    let error = account.call("withdraw", json!({ "amount": 100 })).await.expect_err("there are only 12");
    assert_eq!(error.value().expect("the bank's own"), &json!({ "NotEnough": { "balance": 12 } }));
    println!("{error}");
    for (method, arguments) in [("wihdraw", json!({ "amount": 1 })), ("withdraw", json!({ "amuont": 1 })), ("withdraw", json!([]))] {
        let error = account.call(method, arguments).await.expect_err("there is a slip in it");
        println!("{error}");
    }

    // What there is to call is told by the object itself.
    for method in &account.describe().await?.granted().expect("an account").methods {
        println!("account has: {}", method.signature);
    }
    Ok(())
}
