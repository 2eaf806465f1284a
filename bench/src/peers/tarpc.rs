//! tarpc as its documentation shows it: the stock `serde_transport` with bincode over TCP,
//! each request spawned. Its limits are raised so that nothing queues at them, and its
//! sockets have TCP_NODELAY, which its own `tcp::connect` and `tcp::listen` leave off.

use futures::StreamExt as _;
use tarpc::{
    client, context, serde_transport,
    server::{self, BaseChannel, Channel as _},
    tokio_serde::formats::Bincode,
};
use tokio::net::{TcpListener, TcpStream};

use crate::{Result, load};

/// Of 1,000: more than is ever in flight here.
const CALLS_IN_FLIGHT: usize = 1_000_000;
/// Of 100, on both sides.
const BUFFERED: usize = 4096;

#[tarpc::service]
trait Echo {
    async fn echo(value: u64) -> u64;
}

#[derive(Debug, Clone)]
struct EchoService;

impl Echo for EchoService {
    async fn echo(self, _: context::Context, value: u64) -> u64 {
        value
    }
}

pub(super) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    super::announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let transport = serde_transport::Transport::from((stream, Bincode::default()));
        let config = server::Config { pending_response_buffer: BUFFERED };
        let requests = BaseChannel::new(config, transport).execute(EchoService.serve());
        tokio::spawn(requests.for_each(|request| async {
            tokio::spawn(request);
        }));
    }
}

pub(super) async fn connect(address: &str) -> Result<impl load::Echo> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let transport = serde_transport::Transport::from((stream, Bincode::default()));
    let mut config = client::Config::default();
    config.max_in_flight_requests = CALLS_IN_FLIGHT;
    config.pending_request_buffer = BUFFERED;
    Ok(EchoClient::new(config, transport).spawn())
}

impl load::Echo for EchoClient {
    async fn echo(&self, value: u64) -> Result<u64> {
        // A context is made for every call, as in tarpc's documentation: its deadline is 10 s.
        Ok(Self::echo(self, context::current(), value).await?)
    }
}
