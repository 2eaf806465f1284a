//! What `#[derive(Schema)]` cannot stand for.

use netref::Schema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
struct Half {
    #[serde(skip_serializing, default)]
    only_read: u8,
}

#[derive(Schema)]
struct Borrowed<'a>(&'a str);

#[derive(Schema)]
union Either {
    one: u8,
    two: i8,
}

#[derive(Schema)]
#[netref(krate = "netref")]
struct Elsewhere;

fn main() {}
