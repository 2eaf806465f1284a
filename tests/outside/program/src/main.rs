//! A program as a user writes it: an interface of another crate, hosted and called over TCP, with netref under another name.

#![deny(warnings, unused_qualifications, elided_lifetimes_in_paths, rust_2018_idioms, unused_crate_dependencies)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use outside_interface::{Book, Named, Ok, Reader, Result, Shelf, ShelfError};
use rpc::{ErrorKind, Node, Outcome, Remote, remote};
use serde::{Deserialize, Serialize};

#[derive(Default)]
struct MyShelf {
    books: HashMap<String, Remote<dyn Book>>,
}

impl Named for MyShelf {
    async fn name(&self) -> Result<String> {
        Result::Ok("the top shelf".to_owned())
    }
}

impl Shelf for MyShelf {
    async fn new(&mut self, title: &str) -> Result<Remote<dyn Book>> {
        let book = Remote::<dyn Book>::new(MyBook { title: title.to_owned() });
        self.books.insert(title.to_owned(), book.clone());
        Result::Ok(book)
    }

    async fn clone(&self, title: &str) -> Result<Remote<dyn Book>> {
        let book = self.books.get(title).ok_or_else(|| ShelfError::Missing(title.to_owned()))?;
        let title = book.title().await?;
        Result::Ok(Remote::new(MyBook { title }))
    }

    async fn send(&self, reader: Remote<dyn Reader>) -> Result<Ok> {
        let mut times = 0;
        for book in self.books.values() {
            times += reader.read(book.clone()).await?.times;
        }
        Result::Ok(Ok { times })
    }

    async fn wait(&self, milliseconds: u64) -> Result<Ok> {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        Result::Ok(Ok { times: 1 })
    }

    async fn closed(&self) -> Result<bool> {
        Result::Ok(self.books.is_empty())
    }

    async fn r#type(&self, r#in: &str) -> Result<String> {
        Result::Ok(format!("oak, in {in}"))
    }

    async fn all(&self) -> Result<HashMap<String, Remote<dyn Book>>> {
        Result::Ok(self.books.clone())
    }
}

struct MyBook {
    title: String,
}

impl Book for MyBook {
    async fn title(&self) -> Result<String> {
        Result::Ok(self.title.clone())
    }
}

#[derive(Default)]
struct MyReader {
    read: AtomicU32,
}

impl Reader for MyReader {
    async fn read(&self, book: Remote<dyn Book>) -> Result<Ok> {
        assert_eq!(book.title().await?, "Emma");
        self.read.fetch_add(1, Ordering::Relaxed);
        Result::Ok(Ok { times: 1 })
    }
}

/// An interface of the program itself, and a value of its own.
#[remote(crate = "rpc")]
trait Scale {
    async fn weigh(&self, things: Vec<Weight>) -> rpc::Result<Weight>;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Weight(f64);

struct MyScale;

impl Scale for MyScale {
    async fn weigh(&self, things: Vec<Weight>) -> rpc::Result<Weight> {
        rpc::Result::Ok(Weight(things.iter().map(|weight| weight.0).sum()))
    }
}

/// One body for a local object and a remote one.
async fn check(shelf: &mut impl Shelf) -> Result<()> {
    assert!(shelf.closed().await?);
    assert_eq!(shelf.greet().await?, "this is the top shelf");
    let book = shelf.new("Emma").await?;
    let copy = Shelf::clone(shelf, "Emma").await?;
    assert_eq!((book.title().await?, copy.title().await?), ("Emma".to_owned(), "Emma".to_owned()));
    assert_ne!(Remote::key(&book), Remote::key(&copy));
    assert_eq!(Remote::key(&shelf.all().await?["Emma"]), Remote::key(&book));
    assert_eq!(shelf.send(Remote::new(MyReader::default())).await?, Ok { times: 1 });
    assert_eq!(shelf.wait(1).await?, Ok { times: 1 });
    assert!(!shelf.closed().await?);
    assert_eq!(shelf.r#type("the hall").await?, "oak, in the hall");
    let missing = Shelf::clone(shelf, "Persuasion").await.err();
    assert_eq!(missing, Some(ShelfError::Missing("Persuasion".to_owned())));
    Result::Ok(())
}

async fn over_tcp() -> Result<()> {
    let node = Node::builder()
        .listen("tcp://127.0.0.1:0")
        .publish("shelf", Remote::<dyn Shelf>::new(MyShelf::default()))
        .publish("scale", Remote::<dyn Scale>::new(MyScale))
        .start()
        .await?;
    let url = &node.addresses()[0];
    let mut shelf: Remote<dyn Shelf> = rpc::connect(&format!("{url}/shelf")).await?;
    assert!(!Remote::is_local(&shelf) && Remote::is_connected(&shelf));
    check(&mut shelf).await?;

    // What a call has beside being awaited, on methods of the same names.
    assert_eq!(shelf.wait(1).send().await?, Ok { times: 1 });
    let Err(ShelfError::Call(late)) = shelf.wait(60_000).timeout(Duration::from_millis(20)).await else { panic!("a minute is over") };
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun));
    shelf.closed().oneway()?;

    let scale: Remote<dyn Scale> = rpc::connect(&format!("{url}/scale")).await?;
    assert_eq!(scale.weigh(vec![Weight(1.5), Weight(2.0)]).await?, Weight(3.5));

    node.shutdown(Duration::from_secs(1)).await;
    Remote::closed(&shelf).await;
    assert!(!Remote::is_connected(&shelf));
    Result::Ok(())
}

fn main() {
    // Without a runtime of the program's own.
    let shelf = Remote::<dyn Shelf>::new(MyShelf::default());
    assert_eq!(shelf.wait(1).wait(), Result::Ok(Ok { times: 1 }));

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime
        .block_on(async {
            check(&mut MyShelf::default()).await?;
            check(&mut Remote::<dyn Shelf>::new(MyShelf::default())).await?;
            over_tcp().await
        })
        .expect("everything works");
    println!("outside: built and ran, with netref as `rpc`");
}
