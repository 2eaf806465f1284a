//! Owns promises that are made of a future: it runs while somebody waits for it, and may not give itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use netref::{Error, ErrorKind, Outcome, Remote, Result};

use crate::{Account, Bank, Count, World, far};

#[tokio::test]
async fn future_is_a_reference_at_once() {
    let World { bank, gate, nodes: _nodes } = far().await;
    let (give, given) = tokio::sync::oneshot::channel();
    let later = Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) });
    gate.add_permits(1);
    let deposit = later.open("ada").pipelined().deposit(2).send();
    give.send(bank).unwrap_or_else(|_| panic!("somebody waits"));
    assert_eq!(deposit.await, Ok(2));
}

#[tokio::test]
async fn future_that_nobody_waits_for_is_dropped() {
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Count(Arc::clone(&dropped));
    let future = async move {
        let _count = count;
        std::future::pending::<Result<Remote<dyn Account>>>().await
    };
    drop(Remote::from_future(future));
    while dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn promise_of_itself_is_an_error() {
    let own: Arc<Mutex<Option<Remote<dyn Account>>>> = Arc::default();
    let inner = Arc::clone(&own);
    let account = Remote::from_future(async move {
        loop {
            if let Some(own) = inner.lock().expect("not poisoned").clone() {
                return Ok::<_, Error>(own);
            }
            tokio::task::yield_now().await;
        }
    });
    *own.lock().expect("not poisoned") = Some(account.clone());
    let error = account.plainly().await.expect_err("there is nothing");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Misuse, Outcome::NotRun));
    own.lock().expect("not poisoned").take();
}
