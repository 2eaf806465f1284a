//! An associated type has bounds and nothing else.

use netref::{Error, remote};

#[remote]
pub trait Store {
    type Key<T>;
    type Row<'a>;
    type Value = String;
    type Column
    where
        Self: Sized;
    #[cfg(unix)]
    type Path;

    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
