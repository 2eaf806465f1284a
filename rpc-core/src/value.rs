//! Owns [`Value`]: what the type parameters and associated types of a remote trait have to be able to do.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What travels as a copy: any type that serde can carry and that threads can share.
///
/// It is implemented for all of them; nobody implements it by hand. The type parameters and associated types of a `#[remote]` trait have
/// this bound without saying so, because a value of theirs goes from one process to another. Code that is generic over them says it:
///
/// ```
/// use netref::{Remote, Result, Value, remote};
///
/// #[remote]
/// trait Store<K, V> {
///     async fn get(&self, key: K) -> Result<Option<V>>;
/// }
///
/// async fn has<K: Value, V: Value>(store: &Remote<dyn Store<K, V>>, key: K) -> Result<bool> {
///     Ok(store.get(key).await?.is_some())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not travel between processes",
    label = "not a value that can be sent",
    note = "a type that travels is `Serialize + DeserializeOwned + Send + Sync + 'static`: derive `serde::Serialize` and `serde::Deserialize` for it",
    note = "in generic code write the bound `netref::Value`"
)]
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for T {}
