//! Methods and arguments called like those of the types around them, and raw names.

#![deny(warnings)]

use netref::{Error, Remote, remote};

/// Methods called like those of the types around them.
#[remote]
pub trait Awkward {
    async fn new(&self) -> Result<u8, Error>;
    async fn clone(&self) -> Result<u8, Error>;
    async fn send(&self, r#move: u8) -> Result<u8, Error>;
    async fn wait(&self) -> Result<u8, Error>;
    async fn closed(&self) -> Result<u8, Error>;
    async fn r#type(&self, r#fn: &str) -> Result<u8, Error>;
    async fn call(&self) -> Result<u8, Error>;
    async fn drop(&self) -> Result<u8, Error>;
    async fn key(&self) -> Result<u8, Error>;
    async fn await_all(&self) -> Result<u8, Error>;
    async fn dispatch(&self) -> Result<u8, Error>;
    async fn upcast(&self) -> Result<u8, Error>;
    async fn erase(&self) -> Result<u8, Error>;
    async fn meta(&self) -> Result<u8, Error>;
    async fn to_owned(&self) -> Result<u8, Error>;
    async fn into(&self) -> Result<u8, Error>;
    async fn shared(&self) -> Result<u8, Error>;
    async fn exclusive(&mut self) -> Result<u8, Error>;
    async fn poll(&self) -> Result<u8, Error>;
    async fn deref(&self) -> Result<u8, Error>;
    async fn fmt(&self) -> Result<u8, Error>;
    async fn serialize(&self) -> Result<u8, Error>;
    async fn type_id(&self) -> Result<u8, Error>;
    async fn timeout(&self) -> Result<u8, Error>;
    async fn run(&self) -> Result<u8, Error>;
    async fn open(&self) -> Result<u8, Error>;
}

#[remote]
pub trait r#Match {
    async fn r#async(&self) -> Result<u8, Error>;
}

fn main() {
    let methods = <dyn Awkward as netref::Interface>::DESCRIPTOR.methods;
    assert_eq!(methods[5].name, "type");
    assert_eq!(methods[5].parameters[0].name, "fn");
    assert!(<dyn r#Match as netref::Interface>::DESCRIPTOR.name.ends_with("::Match"));
    let _: fn(&Remote<dyn Awkward>) = |it| {
        drop(it.new());
        drop(it.wait());
        drop(Awkward::clone(it));
    };
}
