//! Owns promises that become promises: their calls keep their order whatever they become in the end.

use std::sync::{Arc, Mutex};

use netref::{ErrorKind, Outcome, Remote, Result, remote};
use tokio::sync::Semaphore;

use crate::nodes::three;
use crate::{Account, BankError, MyAccount, session_of};

type Given = std::result::Result<Remote<dyn Account>, BankError>;

#[remote]
pub(crate) trait Forward {
    /// A promise: what it is is said later.
    async fn later(&self) -> Result<Remote<dyn Account>>;
    /// What it is.
    async fn is(&self, account: Remote<dyn Account>) -> Result<()>;
    /// Gives it back.
    async fn has(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>>;
}

/// Gives a promise, once it may.
pub(crate) struct MyForward {
    later: Remote<dyn Account>,
    give: Mutex<Option<tokio::sync::oneshot::Sender<Given>>>,
    gate: Arc<Semaphore>,
}

impl MyForward {
    pub(crate) fn new() -> (Arc<Self>, Arc<Semaphore>) {
        let (give, given) = tokio::sync::oneshot::channel::<Given>();
        let later = Remote::from_future(async move { given.await.expect("it is given") });
        let gate = Arc::new(Semaphore::new(0));
        (Arc::new(Self { later, give: Mutex::new(Some(give)), gate: Arc::clone(&gate) }), gate)
    }

    pub(crate) fn give(&self, given: Given) {
        let give = self.give.lock().expect("not poisoned").take().expect("it is given once");
        give.send(given).unwrap_or_else(|_| panic!("somebody waits"));
    }
}

pub(crate) struct Forwards(pub(crate) Arc<MyForward>);

impl Forward for Forwards {
    async fn later(&self) -> Result<Remote<dyn Account>> {
        self.0.gate.acquire().await.expect("never closed").forget();
        Ok(self.0.later.clone())
    }

    async fn is(&self, account: Remote<dyn Account>) -> Result<()> {
        self.0.give(Ok(account));
        Ok(())
    }

    async fn has(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>> {
        Ok(account)
    }
}

/// What a promise turns out to be that a call has given back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    OfTheCallee,
    OfTheCaller,
    OfAThird,
    Nothing,
}

#[tokio::test]
async fn promise_of_a_promise_keeps_order_whatever_it_becomes() {
    let (_middle, distant, _gate, nodes) = three().await;
    let (first, second) = (&nodes[0], &nodes[1]);
    let there = second.connect::<dyn Account>(&format!("{}/account", nodes[2].addresses()[0])).await.expect("connects");
    for (round, is) in (0..40).flat_map(|round| [Is::OfTheCallee, Is::OfTheCaller, Is::OfAThird, Is::Nothing].map(|is| (round, is))) {
        let (forward, gate) = MyForward::new();
        let name = format!("forward-{is:?}-{round}");
        second.publish(&name, Remote::<dyn Forward>::new(Forwards(Arc::clone(&forward)))).expect("it is free");
        let remote = session_of(first).lookup::<dyn Forward>(&name).await.expect("it is there");

        let nobody = BankError::NoAccount { owner: "nobody".into() };
        let mut account = remote.later().pipelined();
        // One of them is long, and arrives in pieces.
        let text = |number: u32| if number == 3 + round % 9 { "x".repeat(200_000) } else { format!("{round}.{number}") };
        let mut sent: Vec<_> = (0..5).map(|number| account.note(text(number)).send()).collect();
        gate.add_permits(1);
        for _ in 0..round % 4 {
            // The result arrives meanwhile, and is still a promise.
            session_of(first).lookup::<dyn Forward>(&name).await.expect("it is there");
        }
        // Or nothing is called any more before it is known what it is in the end.
        let goes_on = round % 8 < 4;
        if goes_on {
            sent.extend((5..10).map(|number| account.note(text(number)).send()));
        }
        let early = goes_on.then(|| account.deposit(0).send());
        let own = if is == Is::OfAThird { distant.clone() } else { MyAccount::remote() };
        match is {
            Is::OfTheCallee => forward.give(Ok(own.clone())),
            Is::OfTheCaller => drop(remote.is(own.clone()).send().await),
            Is::OfAThird => forward.give(Ok(there.clone())),
            Is::Nothing => forward.give(Err(nobody.clone())),
        }
        for number in if goes_on { 10..20 } else { 5..20 } {
            sent.push(account.note(text(number)).send());
            tokio::task::yield_now().await;
        }
        let late = account.deposit(0).send();
        let known = Remote::resolved(&account).await;
        assert_eq!(known.is_ok(), is != Is::Nothing, "{is:?}: {known:?}");
        let mut last = known.unwrap_or_else(|_| account.clone());
        sent.extend((20..25).map(|number| last.note(text(number)).send()));
        for call in sent {
            let done = call.await;
            match is {
                Is::Nothing => {
                    let error = done.expect_err("there is nothing to call");
                    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Nested, Outcome::NotRun));
                    assert_eq!(error.text(), "nobody has no account", "{error:?}");
                }
                _ => done.unwrap_or_else(|error| panic!("{is:?}: {error}")),
            }
        }
        for deposit in early.into_iter().chain([late, account.deposit(0)]) {
            // The error has the type of the method, which is that of the promise.
            assert_eq!(deposit.await, if is == Is::Nothing { Err(nobody.clone()) } else { Ok(0) });
        }
        if is == Is::Nothing {
            // Whoever else it is passed on to learns the same.
            let onward = remote.has(account.clone()).pipelined();
            assert_eq!(onward.deposit(0).await, Err(nobody.clone()));
            assert_eq!(remote.has(last).await.expect("it is given back").deposit(0).await, Err(nobody));
        } else {
            let notes = own.notes().await.expect("they are there");
            let expected: Vec<_> = (0..25).map(text).collect();
            let mine = &notes[notes.len() - 25..];
            assert!(mine == expected, "{is:?} {round}: {:?}", mine.iter().map(|note| &note[..note.len().min(9)]).collect::<Vec<_>>());
            assert_eq!(Remote::is_local(&last), is == Is::OfTheCaller);
        }
    }
}
