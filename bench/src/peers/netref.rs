//! netref on the defaults that its README shows: nothing is set but the address.

use netref::{Node, Remote, remote};

use crate::{Result, load};

/// The one method that is measured.
#[remote]
trait Echo {
    async fn echo(&self, value: u64) -> Result<u64, netref::Error>;
}

#[derive(Debug)]
struct EchoService;

impl Echo for EchoService {
    async fn echo(&self, value: u64) -> Result<u64, netref::Error> {
        Ok(value)
    }
}

pub(super) async fn serve() -> Result<()> {
    let node = Node::builder().listen("tcp://127.0.0.1:0").publish("echo", Remote::<dyn Echo>::new(EchoService)).start().await?;
    let addresses = node.addresses();
    let address = addresses.first().ok_or("netref: the node listens nowhere")?;
    super::announce(format_args!("{address}/echo"))?;
    // The node serves while it is held, and this process ends from outside.
    std::future::pending().await
}

pub(super) async fn connect(address: &str) -> Result<impl load::Echo> {
    Ok(netref::connect::<dyn Echo>(address).await?)
}

impl load::Echo for Remote<dyn Echo> {
    async fn echo(&self, value: u64) -> Result<u64> {
        Ok(Echo::echo(self, value).await?)
    }
}
