//! Owns the copy of bytes over a TCP connection: what any stream of bytes has to do.

use std::time::Instant;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{BUFFER, Figures, rate};
use crate::Result;

/// Answers a number with that many bytes.
pub(super) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::peers::announce(format_args!("{}", listener.local_addr()?))?;
    let (mut stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut left = stream.read_u64_le().await?;
    let buffer = vec![7; BUFFER];
    while left > 0 {
        let now = left.min(BUFFER as u64) as usize;
        stream.write_all(&buffer[..now]).await?;
        left -= now as u64;
    }
    std::future::pending().await
}

pub(super) async fn bytes(address: String, bytes: u64) -> Result<Figures> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let started = Instant::now();
    stream.write_u64_le(bytes).await?;
    let mut buffer = vec![0; BUFFER];
    let mut left = bytes;
    while left > 0 {
        left -= stream.read(&mut buffer).await? as u64;
    }
    Ok(rate(bytes, started.elapsed()))
}
