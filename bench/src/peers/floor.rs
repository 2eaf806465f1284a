//! The floor as a peer; what it does is in `crate::floor`.

use tokio::net::TcpListener;

use crate::{Result, floor};

pub(super) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    super::announce(listener.local_addr()?)?;
    floor::serve(listener).await
}

pub(super) async fn connect(address: &str) -> Result<floor::Client> {
    floor::Client::connect(address.parse()?).await
}
