//! Aliases of `Result`, and error types of the user.

#![deny(warnings)]

use std::fmt;

use netref::{Error, Interface, remote};

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub enum BankError {
    Broke,
    Call(Error),
}

impl fmt::Display for BankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no")
    }
}

impl std::error::Error for BankError {}

impl From<Error> for BankError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

pub type Result<T, E = BankError> = std::result::Result<T, E>;
pub type BankResult<T> = Result<T, BankError>;
pub type BytesResult = Result<Vec<u8>>;
pub type ListResult<T> = Result<Vec<T>>;

mod own {
    pub type Swapped<E, T> = std::result::Result<T, E>;
    pub type SwappedResult<E, T> = Swapped<E, T>;
}

#[remote]
pub trait Bank {
    async fn short(&self) -> Result<u64>;
    async fn long(&self) -> Result<u64, BankError>;
    async fn other(&self) -> Result<u64, Error>;
    async fn named(&self) -> BankResult<Vec<u8>>;
    async fn bare(&self) -> BytesResult;
    async fn list(&self) -> ListResult<Vec<u8>>;
    async fn swapped(&self) -> own::SwappedResult<BankError, u64>;
    async fn full(&self) -> std::result::Result<Vec<u8>, BankError>;
}

struct Branch;

impl Bank for Branch {
    async fn short(&self) -> Result<u64> {
        Err(BankError::Broke)
    }
    async fn long(&self) -> Result<u64, BankError> {
        Ok(1)
    }
    async fn other(&self) -> Result<u64, Error> {
        Ok(1)
    }
    async fn named(&self) -> BankResult<Vec<u8>> {
        Ok(vec![])
    }
    async fn bare(&self) -> BytesResult {
        Ok(vec![])
    }
    async fn list(&self) -> ListResult<Vec<u8>> {
        Ok(vec![])
    }
    async fn swapped(&self) -> Result<u64, BankError> {
        Ok(1)
    }
    async fn full(&self) -> Result<Vec<u8>> {
        Ok(vec![])
    }
}

fn main() {
    let bank = netref::Remote::<dyn Bank>::new(Branch);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer: Result<u64, BankError> = runtime.block_on(async move { bank.short().await });
    assert!(matches!(answer, Err(BankError::Broke)));
    assert_eq!(<dyn Bank as Interface>::DESCRIPTOR.methods.len(), 8);
}
