//! Owns remoc's mpsc channel of `u64`, on its default codec and configuration, with as much
//! room on both sides as netref's has.

use std::time::Instant;

use remoc::rch;
use tokio::net::{TcpListener, TcpStream};

use super::{COUNTED, Figures, UNREAD, rate};
use crate::Result;

type Items = rch::mpsc::Receiver<u64, remoc::codec::Default, UNREAD>;

pub(super) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::peers::announce(format_args!("{}", listener.local_addr()?))?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let (connection, mut base, _): (_, rch::base::Sender<Items>, rch::base::Receiver<()>) =
        remoc::Connect::io(remoc::Cfg::default(), read, write).await?;
    tokio::spawn(connection);
    let (sender, receiver) = rch::mpsc::with_local_buffer::<u64, remoc::codec::Default>(UNREAD);
    base.send(receiver.set_buffer::<UNREAD>()).await.map_err(|error| format!("remoc: {error}"))?;
    for item in 0_u64.. {
        sender.send(item).await.map_err(|error| format!("remoc: {error}"))?;
    }
    Ok(())
}

pub(super) async fn items(address: String) -> Result<Figures> {
    let stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let (connection, _base, mut base): (_, rch::base::Sender<()>, rch::base::Receiver<Items>) =
        remoc::Connect::io(remoc::Cfg::default(), read, write).await?;
    tokio::spawn(connection);
    let mut items = base.recv().await.map_err(|error| format!("remoc: {error}"))?.ok_or("remoc: no channel came")?;
    let began = Instant::now();
    let (mut started, mut first, mut next) = (None, 0, 0);
    loop {
        for _ in 0..UNREAD {
            let item = items.recv().await.map_err(|error| format!("remoc: {error}"))?.ok_or("remoc: the stream has ended")?;
            crate::load::verify(next, item)?;
            next += 1;
        }
        match started {
            None if began.elapsed() >= COUNTED / 4 => (started, first) = (Some(Instant::now()), next),
            Some(started) if started.elapsed() >= COUNTED => return Ok(rate(next - first, started.elapsed())),
            _ => {}
        }
    }
}
