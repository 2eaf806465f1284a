//! What `#[remote]` makes of a trait, seen across a session: every way to pass an argument, supertraits on several ways, default
//! bodies, and two sides that were built from different versions of a trait.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use netref::{Error, ErrorKind, Interface, Node, Outcome, Remote, Result, remote};

/// Hosts an object on one node and gives a reference to it on another.
async fn across<T: ?Sized + Interface, U: ?Sized + Interface>(space: &str, object: Remote<T>) -> (Node, Node, Remote<U>) {
    let here = Node::builder().listen(format!("mem://{space}")).publish("it", object).start().await.unwrap();
    let there = Node::builder().start().await.unwrap();
    let it = there.connect(&format!("mem://{space}/it")).await.unwrap();
    (here, there, it)
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Order {
    lines: Vec<String>,
}

#[remote]
pub trait Echo {
    async fn text(&self, text: &str) -> Result<String>;
    async fn bytes(&self, one: &[u8], two: Vec<u8>, three: Bytes, four: &Bytes) -> Result<Vec<u8>>;
    async fn slice(&self, numbers: &[u64], orders: &[Order]) -> Result<usize>;
    async fn order(&self, order: &Order, and: Order) -> Result<Vec<Order>>;
    async fn map(&self, map: HashMap<String, (u8, Option<char>)>) -> Result<HashMap<String, (u8, Option<char>)>>;
    async fn cow(&self, text: Cow<'static, str>) -> Result<Cow<'static, str>>;
    async fn mixed<'a>(&self, number: u8, bytes: &'a [u8], text: &'a str, more: Bytes, last: &'a (u8, u8)) -> Result<Bytes>;
    async fn nothing(&self) -> Result<()>;
    #[remote(name = "type")]
    async fn r#match(&self, r#in: bool) -> Result<bool>;
}

struct Wall;

impl Echo for Wall {
    async fn text(&self, text: &str) -> Result<String> {
        Ok(text.to_owned())
    }
    async fn bytes(&self, one: &[u8], two: Vec<u8>, three: Bytes, four: &Bytes) -> Result<Vec<u8>> {
        Ok([one, &two, &three, four].concat())
    }
    async fn slice(&self, numbers: &[u64], orders: &[Order]) -> Result<usize> {
        Ok(numbers.len() * 10 + orders.len())
    }
    async fn order(&self, order: &Order, and: Order) -> Result<Vec<Order>> {
        Ok(vec![order.clone(), and])
    }
    async fn map(&self, map: HashMap<String, (u8, Option<char>)>) -> Result<HashMap<String, (u8, Option<char>)>> {
        Ok(map)
    }
    async fn cow(&self, text: Cow<'static, str>) -> Result<Cow<'static, str>> {
        Ok(text)
    }
    async fn mixed<'a>(&self, number: u8, bytes: &'a [u8], text: &'a str, more: Bytes, last: &'a (u8, u8)) -> Result<Bytes> {
        Ok([&[number], bytes, text.as_bytes(), &more, &[last.0, last.1]].concat().into())
    }
    async fn nothing(&self) -> Result<()> {
        Ok(())
    }
    async fn r#match(&self, r#in: bool) -> Result<bool> {
        Ok(r#in)
    }
}

#[tokio::test]
async fn every_way_to_pass_an_argument_arrives_whole() {
    let (_here, _there, echo) = across::<dyn Echo, dyn Echo>("interfaces-echo", Remote::new(Wall)).await;
    assert!(!Remote::is_local(&echo));
    assert_eq!(echo.text("ada").await.unwrap(), "ada");
    let joined = echo.bytes(b"a", vec![b'b'], Bytes::from_static(b"c"), &Bytes::from_static(b"d")).await.unwrap();
    assert_eq!(joined, b"abcd");
    let order = Order { lines: vec!["pen".to_owned()] };
    assert_eq!(echo.slice(&[1, 2, 3], std::slice::from_ref(&order)).await.unwrap(), 31);
    assert_eq!(echo.order(&order, order.clone()).await.unwrap(), [order.clone(), order]);
    let map = HashMap::from([("a".to_owned(), (1, Some('x'))), ("b".to_owned(), (2, None))]);
    assert_eq!(echo.map(map.clone()).await.unwrap(), map);
    assert_eq!(echo.cow(Cow::Borrowed("cow")).await.unwrap(), "cow");
    assert_eq!(echo.mixed(b'1', b"2", "3", Bytes::from_static(b"4"), &(b'5', b'6')).await.unwrap(), "123456");
    echo.nothing().await.unwrap();
    assert!(echo.r#match(true).await.unwrap());
}

// Each interface has its own methods 0 and 1; the numbers beyond them are those of its supertraits.
#[remote]
pub trait Named {
    async fn name(&self) -> Result<String>;
    async fn rename(&mut self, name: &str) -> Result<()>;
}

#[remote]
pub trait Measured {
    async fn size(&self) -> Result<u64>;
    async fn twice(&self) -> Result<u64> {
        Ok(2 * self.size().await?)
    }
}

#[remote]
pub trait File: Named + Measured {
    async fn read(&self) -> Result<String>;
}

#[remote]
pub trait Marker: Measured {}

#[remote]
pub trait Document: Marker + File + Named {
    async fn title(&self) -> Result<String>;
    async fn twice_and_title(&self) -> Result<String> {
        Ok(format!("{} {}", self.twice().await?, self.title().await?))
    }
}

struct Paper(String);

impl Named for Paper {
    async fn name(&self) -> Result<String> {
        Ok(self.0.clone())
    }
    async fn rename(&mut self, name: &str) -> Result<()> {
        name.clone_into(&mut self.0);
        Ok(())
    }
}
impl Measured for Paper {
    async fn size(&self) -> Result<u64> {
        Ok(21)
    }
}
impl File for Paper {
    async fn read(&self) -> Result<String> {
        Ok("words".to_owned())
    }
}
impl Marker for Paper {}
impl Document for Paper {
    async fn title(&self) -> Result<String> {
        Ok(format!("On {}", self.0))
    }
}

async fn read<D: Document>(it: &mut D) -> Result<String> {
    it.rename("trees").await?;
    let parts = [it.name().await?, it.read().await?, it.title().await?, it.twice_and_title().await?];
    Ok(format!("{} {} {}", parts.join(", "), it.size().await?, it.twice().await?))
}

#[tokio::test]
async fn inherited_methods_are_found_on_every_way_to_them() {
    const READ: &str = "trees, words, On trees, 42 On trees 21 42";
    assert_eq!(read(&mut Paper("leaves".to_owned())).await.unwrap(), READ);
    let object = Remote::<dyn Document>::new(Paper("leaves".to_owned()));
    assert_eq!(read(&mut object.clone()).await.unwrap(), READ);
    let (_here, _there, mut document) = across::<dyn Document, dyn Document>("interfaces-document", object).await;
    assert_eq!(read(&mut document).await.unwrap(), READ);
    // The reference says that it can be a `File`: so can what the host exported.
    let file: Remote<dyn File> = Remote::into_any(document).downcast();
    assert_eq!(file.read().await.unwrap(), "words");
    assert_eq!(file.twice().await.unwrap(), 42);
}

#[remote]
pub trait Nameplate {
    async fn name(&self) -> Result<String>;
}

#[tokio::test]
async fn an_export_grants_its_interface_and_supertraits_and_nothing_else() {
    let object = Remote::<dyn Named>::new(Paper("leaves".to_owned()));
    let (_here, _there, named) = across::<dyn Named, dyn Named>("interfaces-grant", object).await;
    assert_eq!(named.name().await.unwrap(), "leaves");
    // The object has more interfaces, and one method is called alike in another: the reference grants neither.
    let any = Remote::into_any(named.clone());
    let errors = [
        any.clone().downcast::<dyn Document>().title().await.unwrap_err(),
        any.clone().downcast::<dyn File>().read().await.unwrap_err(),
        any.downcast::<dyn Nameplate>().name().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun), "{error}");
    }
    assert_eq!(named.name().await.unwrap(), "leaves");
}

mod old {
    use super::*;

    #[remote(name = "shop.v1")]
    pub trait Shop {
        async fn find(&self, name: String) -> Result<Vec<u8>>;
        async fn price(&mut self, of: &str) -> Result<u64>;
        async fn gone(&self) -> Result<u64>;
    }
}

mod new {
    use super::*;

    #[remote(name = "shop.v1")]
    pub trait Shop {
        async fn price(&self, of: &str) -> Result<u32>;
        async fn added(&self) -> Result<u64>;
        async fn find(&self, anything: &str) -> Result<Bytes>;
    }

    pub struct Corner;

    impl Shop for Corner {
        async fn price(&self, _of: &str) -> Result<u32> {
            Ok(1)
        }
        async fn added(&self) -> Result<u64> {
            Ok(2)
        }
        async fn find(&self, anything: &str) -> Result<Bytes> {
            Ok(Bytes::copy_from_slice(anything.as_bytes()))
        }
    }
}

#[tokio::test]
async fn sides_of_different_age_understand_what_did_not_change() {
    use old::Shop as _;
    let (_here, _there, mut shop) = across::<dyn new::Shop, dyn old::Shop>("interfaces-shop", Remote::new(new::Corner)).await;
    // Moved, renamed arguments, borrowed forms on one side only: nothing that reaches the wire.
    assert_eq!(shop.find("bread".to_owned()).await.unwrap(), b"bread");
    let error: Error = shop.price("bread").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun));
    let text = error.to_string();
    assert!(text.contains("Result<u64>") && text.contains("Result<u32>"), "{text}");
    let error = shop.gone().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun));
}
