//! Objects of the caller's that the callee calls: listeners, calls back and forth in the middle of a call, a subscription that ends
//! when its reference is dropped, and a weak reference that holds nothing.
//!
//! `cargo run --example callbacks`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{Node, Remote, Result, WeakRemote, remote};
use tokio::sync::mpsc;

#[remote]
pub trait Feed {
    /// News go to `listener` until the subscription is dropped.
    async fn subscribe(&self, listener: Remote<dyn Listener>) -> Result<Remote<dyn Subscription>>;

    /// News go to `listener` as long as somebody else keeps it alive.
    async fn follow(&self, listener: WeakRemote<dyn Listener>) -> Result<()>;

    /// Tells everybody, and gives how many there were.
    async fn publish(&self, news: &str) -> Result<u64>;

    async fn subscribers(&self) -> Result<u64>;
}

#[remote]
pub trait Listener {
    /// It is told where the news come from, so that it can call back.
    async fn heard(&self, news: &str, from: Remote<dyn Feed>) -> Result<()>;
}

/// A subscription. It has no methods: holding it is what it is for.
#[remote]
pub trait Subscription {}

// The feed.

#[derive(Clone, Default)]
struct MyFeed {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next: u64,
    subscribed: BTreeMap<u64, Remote<dyn Listener>>,
    following: Vec<WeakRemote<dyn Listener>>,
}

struct MySubscription {
    number: u64,
    state: Arc<Mutex<State>>,
}

impl Subscription for MySubscription {}

impl Drop for MySubscription {
    fn drop(&mut self) {
        let gone = self.state.lock().unwrap().subscribed.remove(&self.number);
        drop(gone); // not under the lock: dropping a reference is cheap, but it is good manners
    }
}

impl Feed for MyFeed {
    async fn subscribe(&self, listener: Remote<dyn Listener>) -> Result<Remote<dyn Subscription>> {
        // A call back in the middle of the call. The listener calls this feed in turn before it answers.
        listener.heard("welcome", Remote::new(self.clone())).await?;
        let mut state = self.state.lock().unwrap();
        state.next += 1;
        let number = state.next;
        state.subscribed.insert(number, listener);
        Ok(Remote::new(MySubscription { number, state: Arc::clone(&self.state) }))
    }

    async fn follow(&self, listener: WeakRemote<dyn Listener>) -> Result<()> {
        self.state.lock().unwrap().following.push(listener);
        Ok(())
    }

    async fn publish(&self, news: &str) -> Result<u64> {
        let (mut listeners, following) = {
            let mut state = self.state.lock().unwrap();
            (state.subscribed.values().cloned().collect::<Vec<_>>(), std::mem::take(&mut state.following))
        };
        for weak in following {
            // Asks the node that has the listener whether there still is one.
            if let Some(listener) = weak.upgrade().await? {
                listeners.push(listener);
                self.state.lock().unwrap().following.push(weak);
            }
        }
        for listener in &listeners {
            listener.heard(news, Remote::new(self.clone())).await?;
        }
        Ok(listeners.len() as u64)
    }

    async fn subscribers(&self) -> Result<u64> {
        let state = self.state.lock().unwrap();
        Ok((state.subscribed.len() + state.following.len()) as u64)
    }
}

// The listener.

struct Reader {
    name: &'static str,
    heard: mpsc::UnboundedSender<String>,
}

impl Listener for Reader {
    async fn heard(&self, news: &str, from: Remote<dyn Feed>) -> Result<()> {
        let subscribers = from.subscribers().await?;
        let _ = self.heard.send(format!("{} hears \"{news}\", with {subscribers} subscribed", self.name));
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.heard.send(format!("{} is gone", self.name));
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let publisher = Node::builder().listen("tcp://127.0.0.1:0").publish("feed", Remote::<dyn Feed>::new(MyFeed::default())).start().await?;
    let reader = Node::builder().start().await?;
    let feed: Remote<dyn Feed> = reader.connect(&format!("{}/feed", publisher.addresses()[0])).await?;
    let (sender, mut heard) = mpsc::unbounded_channel();
    let new = |name| Remote::<dyn Listener>::new(Reader { name, heard: sender.clone() });

    // Only the feed holds this listener, so it lives as long as its subscription.
    let subscription = feed.subscribe(new("ada")).await?;
    expect(&mut heard, "ada hears \"welcome\", with 0 subscribed").await;

    // The feed holds this one weakly: it lives as long as `bob`.
    let bob = new("bob");
    feed.follow(Remote::downgrade(&bob)).await?;

    assert_eq!(feed.publish("rain").await?, 2);
    expect(&mut heard, "ada hears \"rain\", with 2 subscribed").await;
    expect(&mut heard, "bob hears \"rain\", with 2 subscribed").await;

    // Dropping the subscription drops the object over there, which lets go of the listener over here.
    drop(subscription);
    expect(&mut heard, "ada is gone").await;
    assert_eq!(feed.publish("sun").await?, 1);
    expect(&mut heard, "bob hears \"sun\", with 1 subscribed").await;

    // The last strong reference goes once the feed has let go of the one that it used to call.
    drop(bob);
    expect(&mut heard, "bob is gone").await;
    assert_eq!(feed.publish("snow").await?, 0);
    println!("nobody hears \"snow\"");
    Ok(())
}

/// Waits for the next thing that was heard.
async fn expect(heard: &mut mpsc::UnboundedReceiver<String>, what: &str) {
    let next = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await;
    let next = next.expect("nothing was heard for ten seconds").expect("nobody is left to hear");
    assert_eq!(next, what);
    println!("{next}");
}
