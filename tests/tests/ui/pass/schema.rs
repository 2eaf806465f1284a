//! `#[derive(Schema)]` where names are shadowed, on generic types, and beside every attribute that it reads.

#![deny(warnings)]
#![allow(dead_code)]

use std::collections::HashMap;

use netref::Schema;
use serde::{Deserialize, Serialize};

struct String;
struct Vec;
struct Option;
struct Box;

#[derive(Serialize, Deserialize)]
struct Foreign<T>(T);

#[derive(Serialize, Deserialize, Schema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Page<T: Clone, const N: usize>
where
    T: Default,
{
    items: std::vec::Vec<T>,
    #[serde(default, alias = "other")]
    r#type: u8,
    /// It has no `Schema` of its own.
    foreign: Foreign<u8>,
    types: [u8; 3],
    next: std::option::Option<std::boxed::Box<Page<T, N>>>,
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Everything<K> {
    Unit,
    Newtype(HashMap<u8, K>),
    Tuple(u8, (K, K)),
    #[serde(rename_all = "camelCase")]
    Struct { some_field: K },
    #[serde(skip)]
    Hidden(std::sync::mpsc::Sender<K>),
}

#[netref::remote]
trait Api {
    async fn all(&self, page: Page<u8, 2>, every: Everything<u8>, foreign: Foreign<Page<u8, 1>>) -> netref::Result<()>;
}

fn main() {
    let opaque = <dyn Api as netref::Interface>::DESCRIPTOR.opaque();
    // `Foreign` is traced, and in it what derives `Schema`: its alias hides names there.
    assert!(opaque.len() == 1 && opaque[0].1.path == "argument `foreign`.0", "{opaque:?}");
    let text = netref::schema::describe::<Page<u8, 2>>();
    assert_eq!(text, "struct Page { items: Vec<u8>, type: u8, foreign: Foreign, types: (u8, u8, u8), next: Option<Page> }");
    let text = netref::schema::describe::<Everything<u8>>();
    assert_eq!(text, "enum Everything { UNIT, NEWTYPE(HashMap<u8, u8>), TUPLE(u8, (u8, u8)), STRUCT { someField: u8 } }");
}
