//! Attributes of the user stay where they are and silence what they did.

#![deny(warnings)]

use netref::{Error, Remote, remote};

#[deprecated]
#[derive(serde::Serialize, serde::Deserialize)]
pub struct OldAmount;

#[remote]
#[allow(deprecated, non_snake_case)]
pub trait Bank {
    #[deprecated]
    async fn old(&self) -> Result<u64, Error>;

    #[allow(unused_variables)]
    async fn amount(&self, Amount: OldAmount, unused: u8) -> Result<OldAmount, Error> {
        Ok(OldAmount)
    }
}

#[remote]
#[cfg(windows)]
pub trait Never {
    async fn nothing(&self) -> Result<Missing, Error>;
}

#[cfg(not(windows))]
#[remote]
#[doc(hidden)]
#[must_use]
pub trait Always {
    async fn nothing(&self) -> Result<(), Error>;
}

fn main() {
    let _: Option<Remote<dyn Always>> = None;
    let _: Option<Remote<dyn Bank>> = None;
}
