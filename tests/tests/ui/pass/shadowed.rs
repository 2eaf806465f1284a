//! The user's own items, called like those that generated code would otherwise rely on.

#![deny(warnings)]

#![allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals)]

pub type Result<T> = ::std::result::Result<T, netref::Error>;

pub fn Ok() {}
pub fn Err() {}
pub const Some: u8 = 1;
pub const None: u8 = 2;
pub struct Option;
pub struct Vec;
pub struct Box;
pub struct Send;
pub struct Sync;
pub struct Sized;
pub struct Clone;
pub struct Future;
pub struct Interface;
pub struct Call;
pub struct u8_;
pub mod std_ {}
pub mod netref_ {}
pub mod core {}
pub mod std {
    pub mod sync {}
}

#[derive(::core::clone::Clone, serde::Serialize, serde::Deserialize)]
pub struct C;
#[derive(::core::clone::Clone, serde::Serialize, serde::Deserialize)]
pub struct T;
#[derive(::core::clone::Clone, serde::Serialize, serde::Deserialize)]
pub struct S;
#[derive(::core::clone::Clone, serde::Serialize, serde::Deserialize)]
pub struct String;

#[netref::remote]
pub trait Bank {
    async fn open(&self, c: C, t: &T, s: &[S], string: String) -> Result<C>;

    async fn local_names(
        &self,
        object: u8,
        guard: u8,
        inbound: u8,
        method: u8,
        slot: u8,
        wire: u8,
        served: u8,
        number: u8,
        count: u8,
        this: &str,
        base: &[u8],
    ) -> Result<()>;
}

fn main() {
    let _: fn(&netref::Remote<dyn Bank>) = |bank| drop(bank.open(C, &T, &[], String));
}
