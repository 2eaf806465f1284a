//! Traits that a `macro_rules!` macro writes.

#![deny(warnings)]

use netref::{Error, Interface, Remote, remote};

macro_rules! store {
    ($name:ident, $key:ty, $value:ty, $error:ty, $argument:ident) => {
        #[remote]
        pub trait $name {
            async fn put(&self, $argument: $key, value: &$value) -> Result<$value, $error>;

            async fn twice(&self, $argument: $key, value: &$value) -> Result<$value, $error> {
                self.put($argument.clone(), value).await?;
                self.put($argument, value).await
            }
        }
    };
}

store!(Numbers, u64, Vec<u8>, Error, key);
store!(Texts, String, String, netref::Error, value_key);

struct It;

impl Numbers for It {
    async fn put(&self, _key: u64, value: &Vec<u8>) -> Result<Vec<u8>, Error> {
        Ok(value.clone())
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let it = Remote::<dyn Numbers>::new(It);
    assert_eq!(runtime.block_on(async move { it.twice(1, &vec![1]).await }).unwrap(), [1]);
    let method = &<dyn Texts as Interface>::DESCRIPTOR.methods[0];
    assert_eq!(method.signature, "async fn put(&self, value_key: String, value: &String) -> Result<String, netref::Error>");
}
