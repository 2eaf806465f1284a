//! What serde writes otherwise than it stands there has no place that could be promised.

use netref::{Pipeline, Remote, Result, remote};
use serde::{Deserialize, Serialize};

#[remote]
trait Account {
    async fn balance(&self) -> Result<u64>;
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Inner {
    account: Remote<dyn Account>,
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Opened {
    #[pipeline]
    #[serde(flatten)]
    inner: Inner,
}

fn main() {}
