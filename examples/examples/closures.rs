//! Closures by reference: handed over to be called elsewhere, and received to be called here. A closure runs where it was made.
//!
//! `cargo run --example closures`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netref::{Error, Node, Remote, RemoteFn, Result, remote};

#[remote]
pub trait Library {
    /// The titles that `wanted` says yes to. `progress` is told how far it is.
    async fn find(&self, wanted: RemoteFn<(String,), bool>, progress: RemoteFn<(usize, usize), ()>) -> Result<Vec<String>>;

    /// A closure of the library's own: each call gives the next number.
    async fn counter(&self, first: u64) -> Result<RemoteFn<(), u64>>;

    /// One closure that does what all of them do, one after the other.
    async fn chain(&self, steps: Vec<RemoteFn<(String,), String>>) -> Result<RemoteFn<(String,), String>>;
}

struct MyLibrary {
    titles: Vec<&'static str>,
}

impl Library for MyLibrary {
    async fn find(&self, wanted: RemoteFn<(String,), bool>, progress: RemoteFn<(usize, usize), ()>) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for (number, title) in self.titles.iter().enumerate() {
            if wanted.call((*title).to_owned()).await? {
                found.push((*title).to_owned());
            }
            progress.call(number + 1, self.titles.len()).await?;
        }
        Ok(found)
    }

    async fn counter(&self, first: u64) -> Result<RemoteFn<(), u64>> {
        let next = Arc::new(AtomicU64::new(first));
        Ok(RemoteFn::new(move || {
            let next = Arc::clone(&next);
            async move { Ok(next.fetch_add(1, Ordering::SeqCst)) }
        }))
    }

    async fn chain(&self, steps: Vec<RemoteFn<(String,), String>>) -> Result<RemoteFn<(String,), String>> {
        Ok(RemoteFn::new(move |text: String| {
            let steps = steps.clone();
            async move {
                let mut text = text;
                for step in &steps {
                    text = step.call(text).await?; // to wherever it was made
                }
                Ok(text)
            }
        }))
    }
}

/// Says when the closure that holds it is dropped.
struct Held(tokio::sync::mpsc::UnboundedSender<()>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let library = Remote::<dyn Library>::new(MyLibrary { titles: vec!["Emma", "Dune", "Ulysses", "Solaris"] });
    let town = Node::builder().listen("tcp://127.0.0.1:0").publish("library", library).start().await?;
    let reader = Node::builder().start().await?;
    let library: Remote<dyn Library> = reader.connect(&format!("{}/library", town.addresses()[0])).await?;

    let longest = 5; // a closure takes along what it needs
    let wanted = RemoteFn::new(move |title: String| async move { Ok(title.len() <= longest) });
    let progress = RemoteFn::new(|done: usize, of: usize| async move {
        println!("{done} of {of} titles");
        Ok(())
    });
    let found = library.find(wanted, progress).await?; // both are called back, here
    assert_eq!(found, ["Emma", "Dune"]);
    println!("found {}", found.join(" and "));

    // One that came from there runs there. What it returns is a call like that of a method.
    let next = library.counter(7).await?;
    let numbers = [next.call().await?, next.call().timeout(Duration::from_secs(5)).await?];
    assert_eq!(numbers, [7, 8]);
    println!("the library counts {} and {}", numbers[0], numbers[1]);

    // Each step runs where it was made, in the middle of a call that was made somewhere else.
    let (gone, mut is_gone) = tokio::sync::mpsc::unbounded_channel();
    let held = Held(gone);
    let upper = RemoteFn::new(move |text: String| {
        let _held = &held;
        async move { Ok::<_, Error>(text.to_uppercase()) }
    });
    let quote = RemoteFn::new(|text: String| async move { Ok::<_, Error>(format!("\"{text}\"")) });
    let both = library.chain(vec![upper, quote]).await?;
    let said = both.call("emma".into()).await?;
    assert_eq!(said, "\"EMMA\"");
    println!("the chain says {said}");

    // The chain holds its steps. With its last reference it goes, and with it what the steps hold here.
    drop(both);
    tokio::time::timeout(Duration::from_secs(10), is_gone.recv()).await.expect("the step is dropped").expect("it says so");
    println!("the steps are gone with the chain");
    Ok(())
}
