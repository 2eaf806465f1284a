//! Private traits and all sorts of restricted visibility.

#![deny(warnings)]
#![deny(unreachable_pub, unnameable_types)]

use netref::{Error, Remote, remote};

#[derive(serde::Serialize, serde::Deserialize)]
struct Secret(u8);

#[remote]
trait Private {
    async fn secret(&self, secret: Secret) -> Result<Secret, Error>;
}

mod inner {
    use super::{Error, remote};

    #[remote]
    pub(crate) trait Shared {
        async fn shared(&self) -> Result<u8, Error>;
    }

    pub(crate) mod deeper {
        #[netref::remote]
        pub(super) trait Above {
            async fn above(&self, secret: crate::Secret) -> Result<u8, netref::Error>;
        }

        #[netref::remote]
        pub(in crate::inner) trait Within: Above + super::Shared {
            async fn within(&self) -> Result<u8, netref::Error>;
        }
    }

    pub(crate) fn is_named() -> bool {
        <dyn deeper::Within as netref::Interface>::DESCRIPTOR.name.ends_with("::Within")
            && <dyn deeper::Above as netref::Interface>::DESCRIPTOR.methods.len() == 1
    }
}

use inner::Shared as _;

struct Vault;

impl Private for Vault {
    async fn secret(&self, secret: Secret) -> Result<Secret, Error> {
        Ok(secret)
    }
}

impl inner::Shared for Vault {
    async fn shared(&self) -> Result<u8, Error> {
        Ok(1)
    }
}

fn main() {
    assert!(inner::is_named());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(Remote::<dyn Private>::new(Vault).secret(Secret(3)).await.unwrap().0, 3);
        assert_eq!(Remote::<dyn inner::Shared>::new(Vault).shared().await.unwrap(), 1);
    });
}
