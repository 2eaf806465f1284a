//! Objects without their traits, with the feature `json`: [`Object`] calls any method of any object with a JSON value and gets one, and a
//! function that takes and gives such values is an object that others call through its trait.
//!
//! References are part of a [`Value`]: those in a result are [`Object`]s that can be called in turn, and those in arguments are given as they
//! are, callbacks included.
//!
//! ```
//! use netref::dynamic::{Object, Value};
//! use netref::{Remote, Result, remote};
//! use serde_json::json;
//!
//! # mod shop {
//! # use netref::{Remote, Result, remote};
//! #[remote]
//! pub trait Shop {
//!     async fn open(&self, owner: &str) -> Result<Remote<dyn Till>>;
//! }
//! #[remote]
//! pub trait Till {
//!     async fn sell(&self, price: u64, bell: Remote<dyn Bell>) -> Result<u64>;
//! }
//! #[remote]
//! pub trait Bell {
//!     async fn ring(&self, price: u64) -> Result<()>;
//! }
//! # pub struct Corner;
//! # impl Shop for Corner { async fn open(&self, _: &str) -> Result<Remote<dyn Till>> { Ok(Remote::new(Corner)) } }
//! # impl Till for Corner {
//! #     async fn sell(&self, price: u64, bell: Remote<dyn Bell>) -> Result<u64> { bell.ring(price).await?; Ok(price * 2) }
//! # }
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let shop = Object::from(Remote::<dyn shop::Shop>::new(shop::Corner));
//! // `shop` came from `Object::connect(url)`, say; nothing here knows a trait.
//! let till = shop.call("open", json!({ "owner": "ada" })).await?;
//! let till = till.as_object().expect("a reference");
//!
//! let bell = Object::from_fn("shop.Bell", |call| async move {
//!     assert_eq!(call.arguments["price"], json!(5));
//!     Ok(Value::Null)
//! });
//! let arguments = Value::from(json!({ "price": 5 })).with("bell", bell);
//! assert_eq!(till.call("sell", arguments).await?, json!(10));
//! # Ok::<(), netref::dynamic::Error>(()) }).unwrap();
//! ```
//!
//! The page on the wire protocol has what each type is in JSON. A call goes out by the name of its method, so its arguments are checked
//! by the host, which names what is wrong with them and what may have been meant; [`Object::describe`] tells in advance.
//!
//! # Files
//!
//! | file | what |
//! | --- | --- |
//! | `object.rs` | [`Object`], calls |
//! | `function.rs` | objects that are functions |
//! | `known.rs` | what callers told of their types, decoded once |
//! | `value.rs`, `value_serde.rs` | [`Value`], JSON with references in it |
//! | `typed_in.rs`, `typed_out.rs` | values of a type that is only described, from and to the codec of a caller who knows it |
//! | `error.rs` | [`Error`] |

mod error;
mod function;
mod known;
mod object;
mod typed_in;
mod typed_out;
mod value;
mod value_serde;

pub use error::Error;
pub use function::Call;
pub use object::Object;
pub use value::Value;
