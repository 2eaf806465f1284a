//! The supertraits `Debug`, `Send`, `Sync` and `'static`.

#![deny(warnings)]

use std::fmt::Debug;

use netref::{Error, Remote, remote};

#[remote]
pub trait Shown: Debug {
    async fn show(&self) -> Result<String, Error> {
        Ok(format!("{self:?}"))
    }
}

#[remote]
pub trait Spelled: std::fmt::Debug + ::core::marker::Send + Sync + 'static {
    async fn spell(&self) -> Result<String, Error>;
}

#[derive(Debug)]
struct It;

impl Shown for It {}

impl Spelled for It {
    async fn spell(&self) -> Result<String, Error> {
        self.show().await
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let it = Remote::<dyn Spelled>::new(It);
    // A spawned future that names the trait: the lifetime of `dyn Spelled` has to be general enough.
    let text = runtime.block_on(runtime.spawn(async move { it.spell().await })).unwrap().unwrap();
    assert_eq!(text, "It");
}
