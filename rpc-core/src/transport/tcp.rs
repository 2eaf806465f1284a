//! Owns TCP links: resolving, the rule that plaintext stays on this machine, connecting, binding.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::time::timeout;

use super::listener::Source;
use super::{Address, CONNECT_MAX, Host, LinkStream, PeerTransport, TransportError, Tried};

/// How long the system's resolver may take. glibc asks twice, 5 s each.
const RESOLVE_MAX: Duration = Duration::from_secs(10);

/// How often a free port of one family is tried on the other before giving up.
const SAME_PORT_TRIES: usize = 16;

pub(super) async fn dial(address: &Address, host: &Host, port: u16, insecure_plaintext: bool) -> Result<LinkStream, TransportError> {
    if port == 0 {
        return Err(TransportError::PortZero { address: address.to_string() });
    }
    let addresses = permitted(address, resolve(host, port).await?, insecure_plaintext)?;
    let mut tried = Vec::with_capacity(addresses.len());
    for target in addresses {
        match connect(target).await {
            Ok(link) => return Ok(link),
            Err(cause) => tried.push(Tried { address: target, cause }),
        }
    }
    Err(TransportError::Unreachable { address: address.to_string(), tried })
}

async fn connect(target: SocketAddr) -> Result<LinkStream, String> {
    let stream = match timeout(CONNECT_MAX, TcpStream::connect(target)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(cause(&error)),
        Err(_) => return Err(format!("did not answer within {} s", CONNECT_MAX.as_secs())),
    };
    // A connection to a free port of this machine may choose that very port for its own end and so meet itself.
    if stream.local_addr().ok() == Some(target) {
        return Err("refused the connection (nobody listens there)".to_owned());
    }
    link(stream, target).map_err(|error| cause(&error))
}

pub(super) async fn bind(
    address: &Address,
    host: &Host,
    port: u16,
    insecure_plaintext: bool,
) -> Result<(Vec<Box<dyn Source>>, u16), TransportError> {
    let addresses = permitted(address, resolve(host, port).await?, insecure_plaintext)?;
    let listeners = if port == 0 { bind_free(address, &addresses).await? } else { bind_all(address, &addresses).await? };
    let Some(port) = listeners.first().and_then(|listener| listener.local_addr().ok()).map(|bound| bound.port()) else {
        return Err(TransportError::Failed { address: address.to_string(), cause: "no address to listen on".to_owned() });
    };
    Ok((listeners.into_iter().map(|listener| Box::new(listener) as Box<dyn Source>).collect(), port))
}

/// Listens on one free port of all the addresses.
async fn bind_free(address: &Address, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, TransportError> {
    let mut last = None;
    for _ in 0..SAME_PORT_TRIES {
        match try_bind_free(address, addresses).await {
            Err(error @ TransportError::Busy { .. }) => last = Some(error),
            result => return result,
        }
    }
    Err(last.unwrap_or_else(|| TransportError::Busy { address: address.to_string() }))
}

async fn try_bind_free(address: &Address, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, TransportError> {
    let mut port = 0;
    let mut listeners = Vec::new();
    for (index, target) in addresses.iter().enumerate() {
        let target = SocketAddr::new(target.ip(), port);
        if let Some(listener) = bind_one(address, target, index + 1 < addresses.len() || !listeners.is_empty()).await? {
            port = listener.local_addr().map_err(|error| failed(address, &error))?.port();
            listeners.push(listener);
        }
    }
    Ok(listeners)
}

async fn bind_all(address: &Address, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, TransportError> {
    let mut listeners = Vec::new();
    for (index, target) in addresses.iter().enumerate() {
        listeners.extend(bind_one(address, *target, index + 1 < addresses.len() || !listeners.is_empty()).await?);
    }
    Ok(listeners)
}

/// Listens on one address. None when this machine does not have the address and can do without it.
async fn bind_one(address: &Address, target: SocketAddr, optional: bool) -> Result<Option<TcpListener>, TransportError> {
    match TcpListener::bind(target).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if optional && is_absent(&error) => {
            tracing::debug!(%target, %error, "not listening there");
            Ok(None)
        }
        Err(error) => Err(failed(address, &error)),
    }
}

/// Whether the machine has no such address or family: a container without IPv6 says either.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error().is_some_and(|code| ADDRESS_FAMILY_UNSUPPORTED.contains(&code))
}

/// `EAFNOSUPPORT` of Linux, of the BSDs and macOS, and of Windows: std has no kind for it.
const ADDRESS_FAMILY_UNSUPPORTED: [i32; 3] = [97, 47, 10_047];

fn failed(address: &Address, error: &io::Error) -> TransportError {
    let address = address.to_string();
    match error.kind() {
        io::ErrorKind::AddrInUse => TransportError::Busy { address },
        io::ErrorKind::PermissionDenied => TransportError::Denied { address, cause: error.to_string() },
        io::ErrorKind::AddrNotAvailable => {
            TransportError::Failed { address, cause: "this machine does not have that address; listen on one of its own".to_owned() }
        }
        _ => TransportError::Failed { address, cause: error.to_string() },
    }
}

/// The addresses of a host, in the order in which they are tried.
async fn resolve(host: &Host, port: u16) -> Result<Vec<SocketAddr>, TransportError> {
    let name = match host {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, port)]),
        // RFC 6761 §6.3: always this machine, without asking a resolver, which may know only one of the two.
        Host::Name(name) if name.eq_ignore_ascii_case("localhost") => {
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(both.map(|ip| SocketAddr::new(ip, port)).to_vec());
        }
        Host::Name(name) => name,
    };
    let unresolved = |cause: String| TransportError::Unresolved { host: name.clone(), cause };
    let found = match timeout(RESOLVE_MAX, lookup_host((name.as_str(), port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => return Err(unresolved(format!("the resolver did not answer within {} s", RESOLVE_MAX.as_secs()))),
    };
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(unresolved("the resolver knows none".to_owned())) } else { Ok(addresses) }
}

/// What may be used of the addresses: plaintext stays on this machine unless it is allowed to leave.
pub(super) fn permitted(
    address: &Address,
    addresses: Vec<SocketAddr>,
    insecure_plaintext: bool,
) -> Result<Vec<SocketAddr>, TransportError> {
    if insecure_plaintext {
        return Ok(addresses);
    }
    let (near, far): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|target| is_loopback(target.ip()));
    if near.is_empty() {
        return Err(TransportError::Plaintext { address: address.to_string(), leads_to: far.iter().map(SocketAddr::ip).collect() });
    }
    Ok(near)
}

/// Whether packets to this address stay on this machine. The unspecified addresses do not: a listener on them hears every network.
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused the connection (nobody listens there)".to_owned(),
        _ => error.to_string(),
    }
}

pub(super) fn link(stream: TcpStream, remote: SocketAddr) -> io::Result<LinkStream> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let (reader, writer) = stream.into_split();
    Ok(LinkStream::new(reader, writer, PeerTransport::Tcp { local, remote }))
}

impl Source for TcpListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<LinkStream>> {
        let (stream, remote) = ready!(Self::poll_accept(self, cx))?;
        // What fails on a fresh connection is that connection's own matter, whatever the system calls it.
        Poll::Ready(link(stream, remote).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error)))
    }
}
