//! What stands around calls: a journal of every call that a node serves, a rule on who may close the shop, a caller that tries again when
//! the shop is full, and a trace that goes along.
//!
//! `cargo run --example interceptors`

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netref::around::{Interceptor, Next, Retry, Spans};
use netref::{Error, ErrorKind, Node, Outcome, RawCall, RawReply, RawReturn, Remote, Result, TraceContext, remote};

#[remote]
pub trait Shop {
    async fn buy(&self, what: &str) -> Result<String>;
    /// The trace in which it runs, as a `traceparent`.
    async fn trace(&self) -> Result<Option<String>>;
    async fn close(&self) -> Result<()>;
}

/// A plain shop, which knows nothing of all this.
struct Corner;

impl Shop for Corner {
    async fn buy(&self, what: &str) -> Result<String> {
        Ok(format!("a {what}"))
    }
    async fn trace(&self) -> Result<Option<String>> {
        Ok(TraceContext::current().map(|trace| trace.to_string()))
    }
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

// begin: journal
/// Writes a line for each call: who called what, and how it ended.
struct Journal;

impl Interceptor for Journal {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let (method, peer, begin) = (call.method.name.to_string(), call.context.peer().name().to_owned(), Instant::now());
        next.call(call).on_end(move |reply| {
            let end = match reply {
                Some(RawReply::Ok(_)) => "ok".to_owned(),
                Some(RawReply::AppError(_)) => "an error of its own".to_owned(),
                Some(RawReply::Failed(error)) => error.text().to_owned(),
                None => "given up".to_owned(),
            };
            println!("shop:  {peer} calls {method}: {end}");
            eprintln!("({method} took {:?})", begin.elapsed());
        })
    }
}
// end: journal

/// A rule: only the owner closes the shop. A peer's name is a claim, which is enough for an example.
fn only_the_owner_closes(call: RawCall, next: Next) -> RawReturn {
    if call.method.name == "close" && call.context.peer().name() != "owner" {
        return RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, "only the owner closes the shop"));
    }
    next.call(call)
}

/// The shop is full now and then: each time for two calls.
struct Full(AtomicU64);

impl Interceptor for Full {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        if self.0.fetch_add(1, Ordering::Relaxed) % 3 < 2 {
            return RawReturn::failed(Error::new(ErrorKind::Overloaded, Outcome::NotRun, "the shop is full"));
        }
        next.call(call)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // The callee's side: around everything that its node serves, and around the one object.
    let shop = Remote::intercept(Remote::<dyn Shop>::new(Corner), only_the_owner_closes);
    let node = Node::builder().name("shop").listen("tcp://127.0.0.1:0").intercept_incoming(Journal).intercept_incoming(Spans::new());
    let node = node.publish("shop", shop).start().await?;
    let url = format!("{}/shop", node.addresses()[0]);

    // The caller's side: around one reference. It has the same type, and is used as before.
    let guest = Node::builder().name("guest").start().await?;
    let plain: Remote<dyn Shop> = guest.connect(&url).await?;
    let full = Remote::intercept(plain.clone(), Full(AtomicU64::new(0)));
    assert_eq!(full.buy("pear").await.unwrap_err().text(), "the shop is full");
    let patient = Remote::intercept(full, Retry::new(4).back_off(Duration::from_millis(1), Duration::from_millis(10)));
    println!("guest: buys {}", patient.buy("pear").await?);

    let denied = plain.close().await.unwrap_err();
    assert_eq!((denied.kind(), denied.outcome()), (ErrorKind::Denied, Outcome::NotRun));
    println!("guest: may not close the shop");

    // A trace that began elsewhere, in an HTTP request perhaps, goes on in the shop.
    let request: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
    let seen: TraceContext = request.scope(async { plain.trace().await }).await?.expect("it is carried along").parse()?;
    assert_eq!(seen.trace_id(), request.trace_id());
    println!("guest: is traced as {:032x}", seen.trace_id());

    let owner = Node::builder().name("owner").start().await?;
    owner.connect::<dyn Shop>(&url).await?.close().await?;
    println!("owner: has closed the shop");
    Ok(())
}
