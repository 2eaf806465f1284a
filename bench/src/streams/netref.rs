//! Owns streams of netref on their defaults: nothing is set but the address.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use netref::{
    Node, Remote, remote,
    stream::{self, ByteReader, Receiver},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{BUFFER, COUNTED, Figures, UNREAD, rate};
use crate::Result;

#[remote]
trait Source {
    async fn bytes(&self, count: u64) -> netref::Result<ByteReader>;
    async fn items(&self) -> netref::Result<Receiver<u64>>;
    async fn echo(&self, value: u64) -> netref::Result<u64>;
}

#[derive(Debug)]
struct Endless;

impl Source for Endless {
    async fn bytes(&self, count: u64) -> netref::Result<ByteReader> {
        let (mut writer, reader) = stream::bytes();
        tokio::spawn(async move {
            let buffer = vec![7; BUFFER];
            let mut left = count;
            while left > 0 {
                let now = left.min(BUFFER as u64) as usize;
                writer.write_all(&buffer[..now]).await?;
                left -= now as u64;
            }
            writer.shutdown().await
        });
        Ok(reader)
    }

    async fn items(&self) -> netref::Result<Receiver<u64>> {
        let (mut sender, receiver) = stream::channel(UNREAD);
        tokio::spawn(async move {
            for item in 0.. {
                sender.send(item).await?;
            }
            Ok::<(), netref::Error>(())
        });
        Ok(receiver)
    }

    async fn echo(&self, value: u64) -> netref::Result<u64> {
        Ok(value)
    }
}

pub(super) async fn serve() -> Result<()> {
    let source = Remote::<dyn Source>::new(Endless);
    let node = Node::builder().listen("tcp://127.0.0.1:0").publish("source", source).start().await?;
    let addresses = node.addresses();
    let address = addresses.first().ok_or("netref: the node listens nowhere")?;
    crate::peers::announce(format_args!("{address}/source"))?;
    std::future::pending().await
}

pub(super) async fn bytes(address: String, bytes: u64) -> Result<Figures> {
    let source = netref::connect::<dyn Source>(&address).await?;
    let started = Instant::now();
    let mut reader = source.bytes(bytes).await?;
    let mut buffer = vec![0; BUFFER];
    let mut count = 0;
    loop {
        match reader.read(&mut buffer).await? {
            0 => break,
            read => count += read as u64,
        }
    }
    if count != bytes {
        return Err(format!("netref: {count} of {bytes} bytes arrived").into());
    }
    Ok(rate(bytes, started.elapsed()))
}

pub(super) async fn items(address: String) -> Result<Figures> {
    let source = netref::connect::<dyn Source>(&address).await?;
    let mut items = source.items().await?;
    let began = Instant::now();
    let (mut started, mut first, mut next) = (None, 0, 0);
    loop {
        for _ in 0..UNREAD {
            let item = items.recv().await.ok_or("netref: the stream has ended")??;
            if item != next {
                return Err(format!("netref: item {item} came where {next} belongs").into());
            }
            next += 1;
        }
        match started {
            None if began.elapsed() >= COUNTED / 4 => (started, first) = (Some(Instant::now()), next),
            Some(started) if started.elapsed() >= COUNTED => return Ok(rate(next - first, started.elapsed())),
            _ => {}
        }
    }
}

pub(super) async fn calls(address: String) -> Result<Figures> {
    let source = netref::connect::<dyn Source>(&address).await?;
    let idle = p99(&source).await?;
    let read = Arc::new(AtomicU64::new(0));
    let mut reader = source.bytes(u64::MAX).await?;
    let counted = Arc::clone(&read);
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            counted.fetch_add(count as u64, Ordering::Relaxed);
        }
    });
    tokio::time::sleep(COUNTED / 4).await;
    let (started, before) = (Instant::now(), read.load(Ordering::Relaxed));
    let busy = p99(&source).await?;
    let rate = (read.load(Ordering::Relaxed) - before) as f64 / started.elapsed().as_secs_f64();
    reading.abort();
    Ok(Figures { figure: idle, busy, rate })
}

/// One call after the other, for a while; in microseconds.
async fn p99(source: &Remote<dyn Source>) -> Result<f64> {
    let began = Instant::now();
    let mut took: Vec<Duration> = Vec::new();
    while began.elapsed() < COUNTED {
        let asked = took.len() as u64;
        let started = Instant::now();
        let answered = source.echo(asked).await?;
        took.push(started.elapsed());
        crate::load::verify(asked, answered)?;
    }
    took.sort_unstable();
    let place = (took.len() * 99 / 100).min(took.len().saturating_sub(1));
    Ok(took.get(place).map_or(0.0, Duration::as_secs_f64) * 1e6)
}
