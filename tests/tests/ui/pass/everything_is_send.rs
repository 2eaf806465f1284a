//! Calls, and futures that name interfaces, can be spawned.

#![deny(warnings)]

use netref::{Call, Error, Remote, remote};

#[remote]
pub trait Listener {
    async fn heard(&self, what: &str) -> Result<(), Error>;
}

#[remote]
pub trait Radio {
    async fn listen(&self, listener: Remote<dyn Listener>) -> Result<Remote<dyn Radio>, Error>;
}

struct Tower;

impl Radio for Tower {
    async fn listen(&self, listener: Remote<dyn Listener>) -> Result<Remote<dyn Radio>, Error> {
        // A handler that names interfaces across awaits.
        listener.heard("one").await?;
        let again: Call<(), Error> = listener.heard("two");
        again.await?;
        Ok(Remote::new(Tower))
    }
}

struct Ear;

impl Listener for Ear {
    async fn heard(&self, what: &str) -> Result<(), Error> {
        assert!(what == "one" || what == "two");
        Ok(())
    }
}

fn is_static<T: Send + 'static>(value: T) -> T {
    value
}

async fn any<R: Radio>(radio: &R, ear: Remote<dyn Listener>) -> Result<Remote<dyn Radio>, Error> {
    radio.listen(ear).await
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let radio = Remote::<dyn Radio>::new(Tower);
    let ear = Remote::<dyn Listener>::new(Ear);
    let call = is_static(radio.listen(ear.clone()));
    runtime.block_on(runtime.spawn(call)).unwrap().unwrap();
    runtime.block_on(runtime.spawn(async move { any(&radio, ear.clone()).await?.listen(ear).await })).unwrap().unwrap();
}
