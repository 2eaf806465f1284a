//! Owns the loops that make the calls: the same for every RPC, and the words a peer with
//! loops of its own (the floor) answers to. Knows no peer and reads no CPU time.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::Result;

/// Calls that can be driven for a while, in either scenario.
pub(crate) trait Load: Send {
    fn sequential(&mut self, stop: Stop) -> impl Future<Output = Result<Phase>> + Send;
    fn pipelined(&mut self, window: u64, stop: Stop) -> impl Future<Output = Result<Phase>> + Send;
}

/// One RPC's way to make one call; clones share the connection.
pub(crate) trait Echo: Clone + Send + Sync + 'static {
    fn echo(&self, value: u64) -> impl Future<Output = Result<u64>> + Send;
}

/// What one phase of calls gave. Latencies are kept where calls are made one by one.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    pub(crate) calls: u64,
    pub(crate) latencies_ns: Vec<u64>,
}

impl Phase {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.calls += 1;
        self.latencies_ns.push(latency.as_nanos() as u64);
    }
}

/// Says when a phase is over. A thread of its own sets the flag, so that no peer's runtime
/// carries a timer and no call reads the clock for it.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn after(time: Duration) -> Self {
        let stop = Self(Arc::default());
        let flag = stop.0.clone();
        std::thread::spawn(move || {
            std::thread::sleep(time);
            flag.store(true, Ordering::Relaxed);
        });
        stop
    }

    pub(crate) fn is_due(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Fails unless an answer is the value that was asked for.
pub(crate) fn verify(asked: u64, answered: u64) -> Result<()> {
    if asked == answered {
        return Ok(());
    }
    Err(format!("wrong answer: asked for the echo of {asked}, got {answered}").into())
}

impl<E: Echo> Load for E {
    async fn sequential(&mut self, stop: Stop) -> Result<Phase> {
        let mut phase = Phase::default();
        while !stop.is_due() {
            let asked = phase.calls;
            let started = Instant::now();
            let answered = self.echo(asked).await?;
            phase.record(started.elapsed());
            verify(asked, answered)?;
        }
        Ok(phase)
    }

    async fn pipelined(&mut self, window: u64, stop: Stop) -> Result<Phase> {
        let tasks: Vec<_> = (0..window).map(|task| tokio::spawn(one_after_the_other(self.clone(), task << 40, stop.clone()))).collect();
        let mut phase = Phase::default();
        for task in tasks {
            phase.calls += task.await??;
        }
        Ok(phase)
    }
}

/// One task's calls, with values of its own from `first` on; gives their number.
async fn one_after_the_other<E: Echo>(echo: E, first: u64, stop: Stop) -> Result<u64> {
    let mut calls = 0;
    while !stop.is_due() {
        verify(first + calls, echo.echo(first + calls).await?)?;
        calls += 1;
    }
    Ok(calls)
}
