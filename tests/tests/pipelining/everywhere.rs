//! Owns what a promise does wherever the object is that it becomes: each body runs on a bank of this process and on one over a session.

use std::time::Duration;

use netref::{ErrorKind, Limits, Outcome, Remote, Result};

use crate::{Account, Bank, BankError, MyAccount, World};

macro_rules! near_and_far {
    ($($name:ident)+) => {
        mod near {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::near().await).await;
            })+
        }
        mod far {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::far().await).await;
            })+
        }
    };
}

near_and_far! {
    promise_is_called_before_the_result_is_there
    chain_is_as_deep_as_one_likes
    fields_and_tuples_are_promised
    calls_on_a_promise_and_on_what_it_becomes_start_in_order
    broken_promise_fails_its_calls_in_its_own_type
    promise_is_passed_on
    promise_of_what_comes_home_is_the_object_itself
    dropped_promise_cancels_its_call
    dropped_promise_that_was_used_does_not_cancel_its_call
    deadline_of_a_waiting_call_says_that_it_did_not_run
    calls_that_wait_are_bounded
}

async fn promise_is_called_before_the_result_is_there(world: World) {
    let account = world.bank.open("ada").pipelined();
    let deposit = account.deposit(9).send();
    assert_eq!(Remote::key(&account), None, "nothing is known yet");
    assert!(Remote::is_connected(&account));
    world.gate.add_permits(1);
    assert_eq!(deposit.await, Ok(9));
    let known = Remote::resolved(&account).await.expect("it resolves");
    assert!(Remote::key(&known).is_some());
    assert_eq!(Remote::key(&account), Remote::key(&known));
    assert_eq!(known.deposit(1).await, Ok(10));
}

async fn chain_is_as_deep_as_one_likes(world: World) {
    world.gate.add_permits(1);
    let mut bank = world.bank.clone();
    for _ in 0..20 {
        bank = bank.same().pipelined();
    }
    assert_eq!(bank.open("ada").pipelined().deposit(7).await, Ok(7));
}

async fn fields_and_tuples_are_promised(world: World) {
    let pair = world.bank.pair(true).pipelined();
    let right = pair.right.deposit(3).send();
    assert_eq!(pair.left.deposit(2).await, Ok(2));
    assert_eq!(right.await, Ok(3));
    assert_eq!(pair.nested.0.deposit(5).await, Ok(5));
    assert_eq!(pair.nested.1.downcast::<dyn Account>().plainly().await, Ok(5));
    let (add, ()) = world.bank.adder().pipelined();
    assert_eq!(add.call(4).await, Ok(5));

    let pair = world.bank.pair(false).pipelined();
    let error = pair.right.plainly().await.expect_err("there is none");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchObject, Outcome::NotRun));
    assert_eq!(pair.left.plainly().await, Ok(0));
}

async fn calls_on_a_promise_and_on_what_it_becomes_start_in_order(world: World) {
    for _ in 0..20 {
        let mut account = world.bank.open("ada").pipelined();
        let mut sent = Vec::new();
        for number in 0..10 {
            // One of them is long, and arrives in pieces.
            let text = if number == 3 { "x".repeat(200_000) } else { number.to_string() };
            sent.push(account.note(text).send());
        }
        world.gate.add_permits(1);
        let mut known = Remote::resolved(&account).await.expect("it resolves");
        for number in 10..20 {
            let note = if number % 2 == 0 { account.note(number.to_string()) } else { known.note(number.to_string()) };
            sent.push(note.send());
        }
        for call in sent {
            call.await.expect("it runs");
        }
        let mut notes = known.notes().await.expect("they are there");
        assert_eq!(notes.remove(3).len(), 200_000);
        assert_eq!(notes, (0..20).filter(|number| *number != 3).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

async fn broken_promise_fails_its_calls_in_its_own_type(world: World) {
    let account = world.bank.open("nobody").pipelined();
    let (deposit, plainly) = (account.deposit(1).send(), account.plainly().send());
    let onward = world.bank.echo(account.clone()).pipelined();
    world.gate.add_permits(3);
    let gone = BankError::NoAccount { owner: "nobody".into() };
    assert_eq!(deposit.await, Err(gone.clone()), "the error is of the type of the call");
    let error = plainly.await.expect_err("the promise is broken");
    assert_eq!((error.kind(), error.outcome(), error.text()), (ErrorKind::Nested, Outcome::NotRun, "nobody has no account"));
    assert!(error.origin().is_some() && error.method().is_some_and(|method| method.ends_with("Account.plainly")), "{error:?}");
    assert_eq!(account.deposit(1).await, Err(gone), "also later");
    assert!(!Remote::is_connected(&account));
    assert_eq!(Remote::closed(&account).await.text(), "nobody has no account");
    let error = onward.plainly().await.expect_err("so is what was made of it");
    assert_eq!(error.outcome(), Outcome::NotRun);
}

async fn promise_is_passed_on(world: World) {
    let account = world.bank.open("ada").pipelined();
    let deposit = account.deposit(4).send();
    let balance = world.bank.balance_of(account.clone()).send();
    world.gate.add_permits(1);
    assert_eq!(deposit.await, Ok(4));
    assert!(balance.await.expect("it is called") <= 4);
    assert_eq!(world.bank.balance_of(account).await, Ok(4));
}

async fn promise_of_what_comes_home_is_the_object_itself(world: World) {
    for _ in 0..20 {
        let mine = MyAccount::remote();
        let mut account = world.bank.echo(mine.clone()).pipelined();
        let mut sent: Vec<_> = (0..10).map(|number| account.note(number.to_string()).send()).collect();
        world.gate.add_permits(1);
        tokio::task::yield_now().await;
        sent.extend((10..20).map(|number| account.note(number.to_string()).send()));
        let mut known = Remote::resolved(&account).await.expect("it resolves");
        assert!(Remote::is_local(&known));
        assert_eq!(Remote::key(&known), Remote::key(&mine));
        sent.extend((20..30).map(|number| known.note(number.to_string()).send()));
        for call in sent {
            call.await.expect("it runs");
        }
        assert_eq!(mine.notes().await, Ok((0..30).map(|number| number.to_string()).collect()));
    }
}

async fn dropped_promise_cancels_its_call(world: World) {
    drop(world.bank.slow().pipelined());
    while world.bank.ended().await.expect("it answers") == 0 {
        tokio::task::yield_now().await;
    }
}

async fn dropped_promise_that_was_used_does_not_cancel_its_call(world: World) {
    let deposit = {
        let account = world.bank.open("ada").pipelined();
        account.deposit(6).send()
    };
    assert_eq!(world.bank.ended().await, Ok(0));
    world.gate.add_permits(1);
    assert_eq!(deposit.await, Ok(6));
}

async fn deadline_of_a_waiting_call_says_that_it_did_not_run(world: World) {
    let account = Remote::from_future(std::future::pending::<Result<Remote<dyn Account>>>());
    let error = account.plainly().timeout(Duration::from_millis(1)).await.expect_err("it waits for ever");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    drop(world);
}

async fn calls_that_wait_are_bounded(world: World) {
    let account = Remote::from_future(std::future::pending::<Result<Remote<dyn Account>>>());
    let most = Limits::default().promised_calls as usize;
    let waiting: Vec<_> = (0..most).map(|_| account.plainly().send()).collect();
    let error = account.plainly().await.expect_err("there are too many");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun));
    drop(waiting);
    let error = account.plainly().timeout(Duration::from_millis(1)).await.expect_err("it waits");
    assert_eq!(error.kind(), ErrorKind::Deadline, "those that were given up make room");
    drop(world);
}
