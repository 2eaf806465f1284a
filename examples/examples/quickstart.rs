//! Two processes that share objects over TCP. The first one is a bank: it hosts the objects. It starts a second one, a customer, which
//! calls them, gets one by reference, hands one of its own over to be called back, and lets go.
//!
//! `cargo run --example quickstart`

use std::io::Read;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netref::{Error, ErrorKind, Node, Outcome, Remote, Result, remote};
use tokio::sync::Mutex;

// begin: interface
#[remote]
pub trait Bank {
    async fn open(&self, owner: &str) -> Result<Remote<dyn Account>>; // a reference to an object, not a copy
    async fn accounts(&self) -> Result<u64>;
}

#[remote]
pub trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64>;
    async fn watch(&self, listener: Remote<dyn Listener>) -> Result<()>; // an object of the caller's, to call back
}

#[remote]
pub trait Listener {
    async fn changed(&self, balance: u64) -> Result<()>;
}
// end: interface

// The first process: the objects.

#[derive(Default)]
struct MyBank {
    accounts: Arc<AtomicU64>,
}

impl Bank for MyBank {
    async fn open(&self, owner: &str) -> Result<Remote<dyn Account>> {
        println!("bank:     opens an account for {owner}");
        self.accounts.fetch_add(1, Ordering::SeqCst);
        let accounts = Arc::clone(&self.accounts);
        Ok(Remote::new(MyAccount { owner: owner.to_owned(), balance: 0.into(), listener: Mutex::new(None), accounts }))
    }

    async fn accounts(&self) -> Result<u64> {
        Ok(self.accounts.load(Ordering::SeqCst))
    }
}

struct MyAccount {
    owner: String,
    balance: AtomicU64,
    listener: Mutex<Option<Remote<dyn Listener>>>,
    accounts: Arc<AtomicU64>,
}

impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> Result<u64> {
        let balance = self.balance.fetch_add(amount, Ordering::SeqCst) + amount;
        println!("bank:     {} has {balance}", self.owner);
        if let Some(listener) = &*self.listener.lock().await {
            listener.changed(balance).await?; // to the other process and back, in the middle of its own call
        }
        Ok(balance)
    }

    async fn watch(&self, listener: Remote<dyn Listener>) -> Result<()> {
        *self.listener.lock().await = Some(listener);
        Ok(())
    }
}

impl Drop for MyAccount {
    fn drop(&mut self) {
        println!("bank:     drops the account of {}, to which nobody refers any more", self.owner);
        self.accounts.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn bank() -> Result<()> {
    // begin: publish
    let bank = Remote::<dyn Bank>::new(MyBank::default());
    let node = Node::builder().listen("tcp://127.0.0.1:0").publish("bank", bank).start().await?;
    let url = format!("{}/bank", node.addresses()[0]); // with the port that the system chose
    // end: publish
    println!("bank:     listens on TCP");

    // The customer ends when its standard input does, so it does not outlive this process, however this one ends.
    let program = std::env::current_exe().map_err(|error| failed(&format!("this program cannot be found: {error}")))?;
    let mut customer = tokio::process::Command::new(program);
    customer.args(["customer", &url]).stdin(Stdio::piped()).kill_on_drop(true);
    let mut customer = customer.spawn().map_err(|error| failed(&format!("the second process cannot be started: {error}")))?;
    let hold = customer.stdin.take(); // `wait` would close it
    let status = customer.wait().await.map_err(|error| failed(&format!("the second process was lost: {error}")))?;
    drop(hold);
    if !status.success() {
        return Err(failed(&format!("the second process failed: {status}")));
    }
    node.shutdown(Duration::from_secs(1)).await;
    println!("bank:     done");
    Ok(())
}

// The second process: the calls.

struct Screen;

impl Listener for Screen {
    async fn changed(&self, balance: u64) -> Result<()> {
        println!("customer: is called back: the balance is {balance}");
        Ok(())
    }
}

async fn customer(url: &str) -> Result<()> {
    println!("customer: connects");
    // begin: call
    let bank: Remote<dyn Bank> = netref::connect(url).await?;
    let account = bank.open("ada").await?; // it lives over there
    assert_eq!(account.deposit(5).await?, 5);
    account.watch(Remote::new(Screen)).await?; // `Screen` lives here
    assert_eq!(account.deposit(7).timeout(Duration::from_secs(5)).await?, 12);
    drop(account); // the last reference: the object over there is dropped
    // end: call
    // The drop takes a moment to get there, and is awaited only so that the output is the same every time.
    while bank.accounts().await? > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("customer: sees that no account is left");
    Ok(())
}

/// Ends this process when its standard input ends. A thread and not a task: nothing has to wait for it.
fn end_with_stdin() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}

fn failed(text: &str) -> Error {
    Error::new(ErrorKind::Unreachable, Outcome::NotRun, text)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let role = if arguments.is_empty() { "bank" } else { "customer" };
    eprintln!("{role}: process {}", std::process::id());
    let result = match arguments[..] {
        [] => bank().await,
        ["customer", url] => {
            end_with_stdin();
            customer(url).await
        }
        _ => {
            eprintln!("it takes no arguments: it starts its second process itself");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{role}: {error}");
            ExitCode::FAILURE
        }
    }
}
