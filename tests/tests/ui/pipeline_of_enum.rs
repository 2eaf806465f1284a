//! Which variant a result will be is not known ahead of it.

use netref::{Pipeline, Remote, Result, remote};
use serde::{Deserialize, Serialize};

#[remote]
trait Account {
    async fn balance(&self) -> Result<u64>;
}

#[derive(Serialize, Deserialize, Pipeline)]
enum Opened {
    New(Remote<dyn Account>),
    Known(Remote<dyn Account>),
}

fn main() {}
