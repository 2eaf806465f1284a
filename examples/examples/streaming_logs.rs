//! A log that is followed from another process: what is there already, then each line as it is written. A reader that is slow holds up its own
//! lines and nobody else, and a follower that has seen enough says so.
//!
//! `cargo run --example streaming_logs`

use std::sync::{Arc, Mutex};

use netref::stream::{self, Receiver};
use netref::{Node, Remote, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    number: u64,
    text: String,
}

#[remote]
pub trait Log {
    async fn write(&self, text: &str) -> Result<()>;
    /// Every line from number `from` on, for as long as there is one.
    async fn follow(&self, from: u64) -> Result<Receiver<Line>>;
    /// No more is written.
    async fn close(&self) -> Result<()>;
}

#[derive(Default)]
struct Memory {
    lines: Arc<Mutex<Vec<String>>>,
    /// How many lines there are, and whether that is all.
    state: watch::Sender<(u64, bool)>,
}

// begin: follow
impl Log for Memory {
    async fn write(&self, text: &str) -> Result<()> {
        self.lines.lock().unwrap().push(text.to_owned());
        self.state.send_modify(|state| state.0 += 1);
        Ok(())
    }

    async fn follow(&self, from: u64) -> Result<Receiver<Line>> {
        // At most eight lines are on their way or wait to be read: the ninth waits here.
        let (mut sender, receiver) = stream::channel(8);
        let (lines, mut state) = (Arc::clone(&self.lines), self.state.subscribe());
        tokio::spawn(async move {
            for number in from.. {
                while state.borrow_and_update().0 <= number {
                    if state.borrow().1 {
                        return sender.finish().await;
                    }
                    tokio::select! {
                        changed = state.changed() => if changed.is_err() { return Ok(()) },
                        gone = sender.closed() => return Err(gone),
                    }
                }
                let text = lines.lock().unwrap()[number as usize].clone();
                sender.send(Line { number, text }).await?;
            }
            Ok(())
        });
        Ok(receiver)
    }
    // end: follow

    async fn close(&self) -> Result<()> {
        self.state.send_modify(|state| state.1 = true);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let log = Remote::<dyn Log>::new(Memory::default());
    let node = Node::builder().listen("tcp://127.0.0.1:0").publish("log", log.clone()).start().await?;
    let url = format!("{}/log", node.addresses()[0]);

    for number in 0..3 {
        log.write(&format!("written before anybody follows: {number}")).await?;
    }
    let there = netref::connect::<dyn Log>(&url).await?;
    let mut lines = there.follow(1).await?;
    // A second follower never reads. It stops its own lines after the eighth.
    let idle = there.follow(0).await?;

    let writer = tokio::spawn(async move {
        for number in 3..100 {
            log.write(&format!("written meanwhile: {number}")).await?;
        }
        log.close().await
    });

    let mut seen = Vec::new();
    while let Some(line) = lines.recv().await {
        let line = line?;
        if line.number < 5 {
            println!("{:>3} {}", line.number, line.text);
        }
        seen.push(line.number);
    }
    assert_eq!(seen, (1..100).collect::<Vec<_>>());
    println!("… and so on: {} lines, none missing, and then the end", seen.len());

    idle.stop("I only wanted to look");
    writer.await.unwrap()?;
    Ok(())
}
