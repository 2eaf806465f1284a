//! A call names the interface that declares the method, so no two of one object may have the same name.

mod first {
    #[netref::remote]
    pub trait Account {
        async fn close(&self) -> netref::Result<()>;
    }
}

mod second {
    #[netref::remote]
    pub trait Account: super::first::Account {
        async fn open(&self) -> netref::Result<()>;
    }
}

mod third {
    #[netref::remote]
    pub trait Account {
        async fn close(&self) -> netref::Result<()>;
    }
}

#[netref::remote]
trait Both: first::Account + third::Account {}

#[netref::remote]
trait Store<K> {
    async fn put(&self, key: K) -> netref::Result<()>;
}

#[netref::remote]
trait Pair: Store<u8> + Store<u16> {}

fn main() {}
