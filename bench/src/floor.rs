//! Owns the floor: a hand-written echo of a `u64` over TCP, the least that any RPC over
//! a socket has to do. One task per side; all frames that are ready are answered with one
//! write, and the caller refills its window with one write. It has no tasks per call, no
//! table of calls and no codec, so with many calls in flight no RPC can reach it.
//!
//! ```text
//! frame = u32 LE length (8) | u64 LE value
//! ```

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    Result,
    load::{Load, Phase, Stop},
};

const FRAME: usize = 4 + size_of::<u64>();
/// What one read may take: more than the largest window that is measured.
const READ_BYTES: usize = 64 * 1024;

/// Accepts connections until its future is dropped.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut buffer = Buffer::new();
    while buffer.fill(&mut stream).await? {
        let ready = buffer.frames();
        for frame in ready.chunks_exact(FRAME) {
            value(frame)?;
        }
        // The answer to a frame is the same frame, so what was read is what is written.
        stream.write_all(ready).await?;
        let written = ready.len();
        buffer.consume(written);
    }
    Ok(())
}

/// The calling side. Answers come in order, so each is checked against the next value due.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Buffer,
    out: Vec<u8>,
    sent: u64,
    answered: u64,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Buffer::new(), out: Vec::new(), sent: 0, answered: 0 })
    }

    async fn send(&mut self, count: u64) -> Result<()> {
        self.out.clear();
        for _ in 0..count {
            self.out.extend_from_slice(&(size_of::<u64>() as u32).to_le_bytes());
            self.out.extend_from_slice(&self.sent.to_le_bytes());
            self.sent += 1;
        }
        Ok(self.stream.write_all(&self.out).await?)
    }

    /// Takes what has arrived, at least one answer; gives their number.
    async fn receive(&mut self) -> Result<u64> {
        let mut count = 0;
        while count == 0 {
            if !self.buffer.fill(&mut self.stream).await? {
                return Err("floor: the server closed the connection".into());
            }
            let ready = self.buffer.frames();
            for frame in ready.chunks_exact(FRAME) {
                crate::load::verify(self.answered, value(frame)?)?;
                self.answered += 1;
                count += 1;
            }
            let taken = ready.len();
            self.buffer.consume(taken);
        }
        Ok(count)
    }
}

impl Load for Client {
    async fn sequential(&mut self, stop: Stop) -> Result<Phase> {
        let mut phase = Phase::default();
        while !stop.is_due() {
            let started = std::time::Instant::now();
            self.send(1).await?;
            self.receive().await?;
            phase.record(started.elapsed());
        }
        Ok(phase)
    }

    async fn pipelined(&mut self, window: u64, stop: Stop) -> Result<Phase> {
        let mut phase = Phase::default();
        self.send(window).await?;
        while !stop.is_due() {
            let answered = self.receive().await?;
            phase.calls += answered;
            self.send(answered).await?;
        }
        while self.answered < self.sent {
            phase.calls += self.receive().await?;
        }
        Ok(phase)
    }
}

/// Bytes read and not yet taken; whole frames are handed out, a partial one stays.
#[derive(Debug)]
struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: vec![0; READ_BYTES].into_boxed_slice(), filled: 0 }
    }

    /// Reads once; `false` when the other side has closed.
    async fn fill(&mut self, stream: &mut TcpStream) -> Result<bool> {
        let read = stream.read(&mut self.bytes[self.filled..]).await?;
        self.filled += read;
        Ok(read > 0)
    }

    fn frames(&self) -> &[u8] {
        &self.bytes[..self.filled - self.filled % FRAME]
    }

    fn consume(&mut self, taken: usize) {
        self.bytes.copy_within(taken..self.filled, 0);
        self.filled -= taken;
    }
}

fn value(frame: &[u8]) -> Result<u64> {
    let (length, value) = frame.split_at(4);
    if length != (size_of::<u64>() as u32).to_le_bytes() {
        return Err("floor: a frame's length is not 8".into());
    }
    Ok(u64::from_le_bytes(value.try_into()?))
}
