//! Errors can be made from `netref::Error`.

use netref::remote;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub enum BankError {
    Broke,
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broke")
    }
}

impl std::error::Error for BankError {}

#[remote]
pub trait Bank {
    async fn balance(&self) -> Result<u64, BankError>;
}

fn main() {}
