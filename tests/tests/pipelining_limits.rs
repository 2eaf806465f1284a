//! Calls on promises with little room: whatever limits a peer announces, what travels ahead never stands in the way of what it waits for, and
//! what is given up leaves nothing behind. Every wait here has a bound, so that a hang is a failure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netref::{Error, ErrorKind, Limits, Node, Outcome, Remote, Result, Session, remote};
use netref_tests::patience::{until, within};
use tokio::sync::Semaphore;

#[remote]
trait Bank {
    async fn open(&self) -> Result<Remote<dyn Account>>;
    /// Waits until it is let in.
    async fn enter(&self) -> Result<Remote<dyn Bank>>;
    async fn let_in(&self) -> Result<()>;
    async fn same(&self) -> Result<Remote<dyn Bank>>;
    /// Gives back what it is given.
    async fn echo(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>>;
    /// A promise that is kept when somebody is let in.
    async fn later(&self) -> Result<Remote<dyn Account>>;
}

#[remote]
trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64>;
    async fn put(&self, bytes: Bytes) -> Result<u64>;
    async fn note(&mut self, number: u64) -> Result<()>;
    async fn notes(&self) -> Result<Vec<u64>>;
}

struct MyBank(Arc<Semaphore>);

impl Bank for MyBank {
    async fn open(&self) -> Result<Remote<dyn Account>> {
        Ok(Remote::new(MyAccount::default()))
    }

    async fn enter(&self) -> Result<Remote<dyn Bank>> {
        self.0.acquire().await.expect("never closed").forget();
        self.same().await
    }

    async fn let_in(&self) -> Result<()> {
        self.0.add_permits(1);
        Ok(())
    }

    async fn same(&self) -> Result<Remote<dyn Bank>> {
        Ok(Remote::new(Self(Arc::clone(&self.0))))
    }

    async fn echo(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>> {
        Ok(account)
    }

    async fn later(&self) -> Result<Remote<dyn Account>> {
        let gate = Arc::clone(&self.0);
        Ok(Remote::from_future(async move {
            gate.acquire().await.expect("never closed").forget();
            Ok::<_, Error>(Remote::new(MyAccount::default()))
        }))
    }
}

#[derive(Default)]
struct MyAccount(Vec<u64>);

impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> Result<u64> {
        Ok(amount)
    }

    async fn put(&self, bytes: Bytes) -> Result<u64> {
        Ok(bytes.len() as u64)
    }

    async fn note(&mut self, number: u64) -> Result<()> {
        self.0.push(number);
        Ok(())
    }

    async fn notes(&self) -> Result<Vec<u64>> {
        Ok(self.0.clone())
    }
}

/// A guest of a host with these limits.
async fn guest_of(limits: Limits) -> (Remote<dyn Bank>, Vec<Node>) {
    let bank = Remote::<dyn Bank>::new(MyBank(Arc::new(Semaphore::new(0))));
    let host = Node::builder().limits(limits.clone()).listen("tcp://127.0.0.1:0").publish("bank", bank).start().await.expect("starts");
    let guest = Node::builder().limits(limits).start().await.expect("starts");
    let bank = guest.connect(&format!("{}/bank", host.addresses()[0])).await.expect("connects");
    (bank, vec![host, guest])
}

async fn guest_of_small(calls_in_flight: u32) -> (Remote<dyn Bank>, Vec<Node>) {
    guest_of(Limits { calls_in_flight, ..Limits::default() }).await
}

fn session_of(node: &Node) -> Session {
    node.sessions().into_iter().next().expect("there is one")
}

async fn idle(bank: Remote<dyn Bank>, nodes: &[Node]) {
    drop(bank);
    until("nothing is left", || nodes.iter().all(|node| session_of(node).stats().is_idle())).await;
}

#[tokio::test]
async fn results_that_are_kept_for_calls_take_no_room_from_those_calls() {
    for limit in [1, 2, 4, 16] {
        let (bank, nodes) = guest_of_small(limit).await;
        let accounts: Vec<_> = (0..5 * limit).map(|_| bank.open().pipelined()).collect();
        // In another order than that in which the accounts were opened.
        let deposits: Vec<_> = accounts.iter().rev().map(|account| account.deposit(3).send()).collect();
        for deposit in deposits {
            assert_eq!(within("a deposit", deposit).await, Ok(3), "with a limit of {limit}");
        }
        drop(accounts);
        idle(bank, &nodes).await;
    }
}

#[tokio::test]
async fn what_comes_home_needs_no_room_that_calls_on_it_take() {
    for limit in [1, 2, 4] {
        let (bank, nodes) = guest_of_small(limit).await;
        let own: Vec<Remote<dyn Account>> = (0..4 * limit).map(|_| Remote::new(MyAccount::default())).collect();
        let mut promised: Vec<_> = own.iter().map(|account| bank.echo(account.clone()).pipelined()).collect();
        let mut sent = Vec::new();
        for number in 0..4 {
            sent.extend(promised.iter_mut().rev().map(|account| account.note(number).send()));
        }
        for note in sent {
            within("a note", note).await.expect("it runs");
        }
        for account in own {
            assert_eq!(account.notes().await, Ok(vec![0, 1, 2, 3]));
        }
        drop(promised);
        idle(bank, &nodes).await;
    }
}

#[tokio::test]
async fn call_that_brings_a_result_about_has_room_beside_all_that_wait_for_it() {
    for limit in [2, 4] {
        let (bank, nodes) = guest_of_small(limit).await;
        let entered = bank.enter().pipelined();
        let host = session_of(&nodes[0]);
        let waiting: Vec<_> = (0..10 * limit).map(|_| entered.open().send()).collect();
        until("as many wait over there as may", || host.stats().promised == limit as usize).await;
        within("it is let in", bank.let_in()).await.expect("it runs");
        for open in waiting {
            within("an account", open).await.expect("it is opened");
        }
        drop(entered);
        idle(bank, &nodes).await;
    }
}

/// The same through a promise that the peer has given, of which it will say later what it is.
#[tokio::test]
async fn promise_of_the_peers_own_leaves_room_for_what_keeps_it() {
    for limit in [1, 2, 4] {
        let (bank, nodes) = guest_of_small(limit).await;
        let later = within("it is there", bank.later()).await.expect("it is there");
        let waiting: Vec<_> = (0..10 * limit).map(|_| later.deposit(1).send()).collect();
        let host = session_of(&nodes[0]);
        until("as many run over there as may", || host.stats().calls_in == limit as usize).await;
        within("it is let in", bank.let_in()).await.expect("it runs");
        for deposit in waiting {
            assert_eq!(within("a deposit", deposit).await, Ok(1));
        }
        drop(later);
        idle(bank, &nodes).await;
    }
}

#[tokio::test]
async fn calls_that_wait_and_are_given_up_leave_their_room_at_once() {
    let (bank, nodes) = guest_of_small(2).await;
    let (host, guest) = (session_of(&nodes[0]), session_of(&nodes[1]));
    let entered = bank.enter().pipelined();
    for _ in 0..20 {
        let waiting: Vec<_> = (0..5).map(|_| entered.echo(Remote::new(MyAccount::default())).send()).collect();
        until("two wait over there", || host.stats().promised == 2).await;
        drop(waiting);
        until("none waits over there", || host.stats().promised == 0 && host.stats().calls_in == 1).await;
        until("nobody holds an account", || host.stats().imports == 0).await;
        until("the guest knows", || guest.stats().calls_out == 1).await;
    }
    within("it is let in", bank.let_in()).await.expect("it runs");
    within("an account", entered.open()).await.expect("the promise is kept");
    drop(entered);
    idle(bank, &nodes).await;
}

#[tokio::test]
async fn long_call_that_is_given_up_while_it_waits_gives_its_credit_back() {
    let limits = Limits { message_bytes: 1 << 20, call_window: 4 << 20, ..Limits::default() };
    let (bank, nodes) = guest_of(limits).await;
    let (host, guest) = (session_of(&nodes[0]), session_of(&nodes[1]));
    let entered = bank.enter().pipelined();
    let account = entered.open().pipelined();
    for _ in 0..20 {
        let put = account.put(vec![7; 1_000_000].into()).send();
        until("two wait over there", || host.stats().promised == 2).await;
        drop(put);
        until("one waits over there", || host.stats().promised == 1).await;
        until("the guest knows", || guest.stats().calls_out == 2).await;
    }
    within("it is let in", bank.let_in()).await.expect("it runs");
    assert_eq!(within("it fits", account.put(vec![7; 1_000_000].into())).await, Ok(1_000_000));
    drop((entered, account));
    idle(bank, &nodes).await;
}

#[tokio::test]
async fn deadline_that_passes_while_a_call_waits_ends_it_at_both_ends() {
    let (bank, nodes) = guest_of_small(2).await;
    let host = session_of(&nodes[0]);
    let entered = bank.enter().pipelined();
    let in_time = |_| entered.open().timeout(Duration::from_millis(50)).send();
    let waiting: Vec<_> = (0..4).map(in_time).collect();
    until("two wait over there", || host.stats().promised == 2).await;
    for (number, open) in waiting.into_iter().enumerate() {
        let error = within("its time", open).await.expect_err("nobody is let in");
        let outcome = if number < 2 { Outcome::MayHaveRun } else { Outcome::NotRun };
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, outcome));
    }
    until("none waits over there", || host.stats().promised == 0 && host.stats().calls_in == 1).await;
    within("it is let in", bank.let_in()).await.expect("it runs");
    within("an account", entered.open()).await.expect("the promise is kept");
    drop(entered);
    idle(bank, &nodes).await;
}

#[tokio::test]
async fn chain_of_two_hundred_goes_at_once_where_there_is_room_and_comes_through_everywhere() {
    for limit in [1, 2, 4, 4_096] {
        let (bank, nodes) = guest_of_small(limit).await;
        let mut last = bank.enter().pipelined();
        for _ in 0..200 {
            last = last.same().pipelined();
        }
        let deposit = last.open().pipelined().deposit(7).send();
        let host = session_of(&nodes[0]);
        until("they wait over there", || host.stats().promised == 202.min(limit as usize)).await;
        if limit > 1 {
            within("it is let in", bank.let_in()).await.expect("it runs");
        } else {
            // Who waits to be let in takes all the room there is for calls, with or without promises.
            let another = Node::builder().start().await.expect("starts");
            let bank = another.connect::<dyn Bank>(&format!("{}/bank", nodes[0].addresses()[0])).await.expect("connects");
            within("it is let in", bank.let_in()).await.expect("it runs");
        }
        assert_eq!(within("the end of the chain", deposit).await, Ok(7), "with a limit of {limit}");
        drop(last);
    }
}

#[tokio::test]
async fn argument_that_is_too_long_to_wait_over_there_waits_here() {
    let (bank, nodes) = guest_of(Limits::default()).await;
    let host = session_of(&nodes[0]);
    let mut account = bank.enter().pipelined().open().pipelined();
    let put = account.put(vec![1; 50_000_000].into()).send();
    let note = account.note(1).send();
    until("the account waits over there", || host.stats().promised == 1).await;
    within("it is let in", bank.let_in()).await.expect("it runs");
    assert_eq!(within("all of it arrives", put).await, Ok(50_000_000));
    within("it is behind", note).await.expect("it runs");
}

#[tokio::test]
async fn what_comes_home_is_told_however_much_stands_in_line_before_it() {
    let bank = Remote::<dyn Bank>::new(MyBank(Arc::new(Semaphore::new(0))));
    // A limit on what waits at a caller is none on what a peer may ask.
    let limits = Limits { promised_calls: 1, ..Limits::default() };
    let host = Node::builder().limits(limits).listen("tcp://127.0.0.1:0").publish("bank", bank).start().await.expect("starts");
    let guest = Node::builder().start().await.expect("starts");
    let bank = guest.connect::<dyn Bank>(&format!("{}/bank", host.addresses()[0])).await.expect("connects");
    let own: Vec<Remote<dyn Account>> = (0..20).map(|_| Remote::new(MyAccount::default())).collect();
    let promised: Vec<_> = own.iter().map(|account| bank.echo(account.clone()).pipelined()).collect();
    // Long enough to be still arriving when it is known what the promise is.
    let sent: Vec<_> =
        promised.iter().flat_map(|account| [account.put(vec![1; 300_000].into()).send(), account.deposit(1).send()]).collect();
    for account in &promised {
        within("it is known", Remote::resolved(account)).await.expect("it comes home");
    }
    for call in sent {
        within("a call", call).await.expect("it runs");
    }
    drop((promised, own));
    idle(bank, &[host, guest]).await;
}
