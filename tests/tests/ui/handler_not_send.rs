//! The futures of implementations move between threads.

use std::rc::Rc;

use netref::{Error, remote};

#[remote]
pub trait Bank {
    async fn size(&self) -> Result<u64, Error>;
}

struct Branch;

impl Bank for Branch {
    async fn size(&self) -> Result<u64, Error> {
        let counted = Rc::new(7);
        std::future::ready(()).await;
        Ok(*counted)
    }
}

fn main() {}
