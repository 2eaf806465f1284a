//! All the options.

#![deny(warnings)]

use netref::{Error, Interface, remote};

#[remote(name = "bank.v1", crate = "netref")]
pub trait Bank {
    #[idempotent]
    async fn balance(&self) -> Result<u64, Error>;

    #[remote(name = "close-account", no_cancel)]
    #[idempotent]
    async fn close(&self) -> Result<(), Error>;

    #[remote(spawn)]
    #[netref::remote(no_cancel,)]
    async fn audit(&self) -> Result<(), Error>;

    #[remote(blocking)]
    async fn print(&mut self) -> Result<(), Error>;
}

mod rpc {
    pub use netref as inner;
}

#[remote(crate = rpc::inner)]
pub trait Elsewhere {
    async fn size(&self) -> Result<u64, Error>;
}

#[remote(crate = "crate::rpc::inner")]
pub trait Anywhere: Elsewhere {
    async fn length(&self) -> Result<u64, Error>;
}

fn main() {
    let bank = <dyn Bank as Interface>::DESCRIPTOR;
    assert_eq!(bank.name, "bank.v1");
    assert!(bank.exclusive);
    let [balance, close, audit, print] = bank.methods else { panic!("four methods") };
    assert!(balance.idempotent && !balance.spawn && !balance.blocking && !balance.no_cancel && !balance.exclusive);
    assert_eq!(close.name, "close-account");
    assert!(close.idempotent && close.no_cancel);
    assert!(audit.spawn && audit.no_cancel && !audit.blocking);
    assert!(print.blocking && print.exclusive);
    assert!(<dyn Anywhere as Interface>::DESCRIPTOR.name.ends_with("::Anywhere"));
}
