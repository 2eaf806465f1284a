//! Borrowed arguments and runs of bytes in every form.

#![deny(warnings)]

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use netref::{Error, Remote, remote};

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Order {
    pub lines: Vec<String>,
}

#[remote]
#[allow(unused_parens)]
pub trait Store {
    async fn text(&self, text: &str) -> Result<usize, Error>;
    async fn bytes(&self, bytes: &[u8]) -> Result<usize, Error>;
    async fn owned_bytes(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error>;
    async fn shared_bytes(&self, bytes: Bytes, again: &bytes::Bytes) -> Result<Bytes, Error>;
    async fn borrowed_vec(&self, bytes: &Vec<u8>, numbers: &Vec<u64>) -> Result<usize, Error>;
    async fn slice(&self, numbers: &[u64], orders: &[Order]) -> Result<usize, Error>;
    async fn order(&self, order: &Order) -> Result<usize, Error>;
    async fn tuple(&self, pair: &(u8, String)) -> Result<u8, Error>;
    async fn array(&self, array: &[u64; 3], map: HashMap<String, Vec<u64>>) -> Result<u64, Error>;
    async fn lifetimes<'a, 'b>(&'a self, one: &'a str, other: &'b str) -> Result<usize, Error>;
    async fn cow(&self, text: Cow<'static, str>) -> Result<Cow<'static, str>, Error>;
    async fn nothing(&self) -> Result<(), Error>;
    async fn reference(&self, it: &Remote<dyn Store>) -> Result<Remote<dyn Store>, Error>;
    async fn parenthesised(&self, number: (u8), text: (&str)) -> Result<(u8), Error>;
}

struct Shelf;

impl Store for Shelf {
    async fn text(&self, text: &str) -> Result<usize, Error> {
        Ok(text.len())
    }
    async fn bytes(&self, bytes: &[u8]) -> Result<usize, Error> {
        Ok(bytes.len())
    }
    async fn owned_bytes(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        Ok(bytes)
    }
    async fn shared_bytes(&self, bytes: Bytes, again: &Bytes) -> Result<Bytes, Error> {
        assert_eq!(&bytes, again);
        Ok(bytes)
    }
    async fn borrowed_vec(&self, bytes: &Vec<u8>, numbers: &Vec<u64>) -> Result<usize, Error> {
        Ok(bytes.len() + numbers.len())
    }
    async fn slice(&self, numbers: &[u64], orders: &[Order]) -> Result<usize, Error> {
        Ok(numbers.len() + orders.len())
    }
    async fn order(&self, order: &Order) -> Result<usize, Error> {
        Ok(order.lines.len())
    }
    async fn tuple(&self, pair: &(u8, String)) -> Result<u8, Error> {
        Ok(pair.0)
    }
    async fn array(&self, array: &[u64; 3], _map: HashMap<String, Vec<u64>>) -> Result<u64, Error> {
        Ok(array[0])
    }
    async fn lifetimes<'a, 'b>(&'a self, one: &'a str, other: &'b str) -> Result<usize, Error> {
        Ok(one.len() + other.len())
    }
    async fn cow(&self, text: Cow<'static, str>) -> Result<Cow<'static, str>, Error> {
        Ok(text)
    }
    async fn nothing(&self) -> Result<(), Error> {
        Ok(())
    }
    async fn reference(&self, it: &Remote<dyn Store>) -> Result<Remote<dyn Store>, Error> {
        Ok(it.clone())
    }
    async fn parenthesised(&self, number: u8, _text: &str) -> Result<u8, Error> {
        Ok(number)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Remote::<dyn Store>::new(Shelf);
        let call = {
            // The call borrows nothing of its arguments.
            let text = String::from("short-lived");
            store.text(&text)
        };
        assert_eq!(call.await.unwrap(), 11);
        assert_eq!(store.bytes(b"abc").await.unwrap(), 3);
        assert_eq!(store.owned_bytes(vec![1]).await.unwrap(), [1]);
        assert_eq!(store.shared_bytes(Bytes::from_static(b"ab"), &Bytes::from_static(b"ab")).await.unwrap(), "ab");
        assert_eq!(store.borrowed_vec(&vec![1, 2], &vec![3]).await.unwrap(), 3);
        assert_eq!(store.order(&Order { lines: vec![] }).await.unwrap(), 0);
        assert_eq!(store.lifetimes("a", "bc").await.unwrap(), 3);
        store.reference(&store).await.unwrap().nothing().await.unwrap();
    });
}
