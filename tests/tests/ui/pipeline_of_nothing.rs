//! A struct without references promises nothing.

use netref::Pipeline;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Pipeline)]
struct Opened {
    number: u64,
    owners: Vec<String>,
}

fn main() {}
