//! Thirty methods, each with its number and its docs.

#![deny(warnings)]

use netref::{Error, Interface, remote};

/// Thirty methods.
#[remote]
pub trait Many {
    /// Method number 0.
    async fn method_0(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 1.
    async fn method_1(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 2.
    async fn method_2(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 3.
    async fn method_3(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 4.
    async fn method_4(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 5.
    async fn method_5(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 6.
    async fn method_6(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 7.
    async fn method_7(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 8.
    async fn method_8(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 9.
    async fn method_9(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 10.
    async fn method_10(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 11.
    async fn method_11(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 12.
    async fn method_12(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 13.
    async fn method_13(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 14.
    async fn method_14(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 15.
    async fn method_15(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 16.
    async fn method_16(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 17.
    async fn method_17(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 18.
    async fn method_18(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 19.
    async fn method_19(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 20.
    async fn method_20(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 21.
    async fn method_21(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 22.
    async fn method_22(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 23.
    async fn method_23(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 24.
    async fn method_24(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 25.
    async fn method_25(&self, a: u16, b: &str) -> Result<u64, Error>;

    /// Method number 26.
    async fn method_26(&self, a: u32, b: &str) -> Result<u64, Error>;

    /// Method number 27.
    async fn method_27(&self, a: u64, b: &str) -> Result<u64, Error>;

    /// Method number 28.
    async fn method_28(&self, a: u8, b: &str) -> Result<u64, Error>;

    /// Method number 29.
    async fn method_29(&self, a: u16, b: &str) -> Result<u64, Error>;
}

struct All;

impl Many for All {
    async fn method_0(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 0)
    }

    async fn method_1(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 1)
    }

    async fn method_2(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 2)
    }

    async fn method_3(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 3)
    }

    async fn method_4(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 4)
    }

    async fn method_5(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 5)
    }

    async fn method_6(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 6)
    }

    async fn method_7(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 7)
    }

    async fn method_8(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 8)
    }

    async fn method_9(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 9)
    }

    async fn method_10(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 10)
    }

    async fn method_11(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 11)
    }

    async fn method_12(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 12)
    }

    async fn method_13(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 13)
    }

    async fn method_14(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 14)
    }

    async fn method_15(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 15)
    }

    async fn method_16(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 16)
    }

    async fn method_17(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 17)
    }

    async fn method_18(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 18)
    }

    async fn method_19(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 19)
    }

    async fn method_20(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 20)
    }

    async fn method_21(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 21)
    }

    async fn method_22(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 22)
    }

    async fn method_23(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 23)
    }

    async fn method_24(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 24)
    }

    async fn method_25(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 25)
    }

    async fn method_26(&self, a: u32, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 26)
    }

    async fn method_27(&self, a: u64, b: &str) -> Result<u64, Error> {
        Ok(a + b.len() as u64 + 27)
    }

    async fn method_28(&self, a: u8, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 28)
    }

    async fn method_29(&self, a: u16, b: &str) -> Result<u64, Error> {
        Ok(u64::from(a) + b.len() as u64 + 29)
    }
}

fn main() {
    let methods = <dyn Many as Interface>::DESCRIPTOR.methods;
    assert_eq!(methods.len(), 30);
    assert_eq!(methods[17].name, "method_17");
    assert_eq!(methods[17].docs, "Method number 17.");
    let _bank = netref::Remote::<dyn Many>::new(All);
}
