//! A type that is only called a result is told apart by the compiler.

use netref::remote;

#[derive(serde::Serialize, serde::Deserialize)]
pub struct QueryResult;

#[remote]
pub trait Search {
    async fn find(&self) -> QueryResult;
}

fn main() {}
