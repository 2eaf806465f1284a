//! Owns what a session makes of calls on promises: they travel ahead of the result, in order, and end with the session.

use netref::{ErrorKind, Limits, Outcome, Remote};
use netref_tests::patience::until;

use crate::{Account, Bank, BankError, MyAccount, World, far, far_with, session_of};

#[tokio::test]
async fn calls_are_at_the_callee_before_the_result_is() {
    let world = far().await;
    let account = world.bank.open("ada").pipelined();
    let sent: Vec<_> = (1..=3).map(|amount| account.deposit(amount).send()).collect();
    let same = world.bank.same().pipelined().open("bob").pipelined();
    let other = same.deposit(5).send();
    let host = session_of(&world.nodes[0]);
    until("four calls wait over there", || host.stats().promised == 4).await;
    world.gate.add_permits(2);
    for call in sent {
        call.await.expect("it runs");
    }
    assert_eq!(other.await, Ok(5));
    assert_eq!(account.deposit(1).await, Ok(7));
    drop((account, same));
    let World { bank, nodes, .. } = world;
    drop(bank);
    until("nothing is left", || nodes.iter().all(|node| session_of(node).stats().is_idle())).await;
}

#[tokio::test]
async fn order_holds_also_when_what_comes_back_waits_for_credit() {
    for _ in 0..10 {
        let world = far_with(Limits { message_bytes: 100_000, call_window: 1, ..Limits::default() }).await;
        let mine = MyAccount::remote();
        let mut account = world.bank.echo(mine.clone()).pipelined();
        // One message fits the guest's window, and not four.
        let text = |number: u32| number.to_string() + &" ".repeat(90_000);
        let mut sent: Vec<_> = (0..10).map(|number| account.note(text(number)).send()).collect();
        world.gate.add_permits(1);
        let promise = account.clone();
        let resolved = Remote::resolved(&promise);
        sent.extend((10..20).map(|number| account.note(text(number)).send()));
        let mut known = resolved.await.expect("it resolves");
        sent.extend((20..30).map(|number| known.note(text(number)).send()));
        for call in sent {
            call.await.expect("it runs");
        }
        let notes: Vec<u32> =
            mine.notes().await.expect("they are there").iter().map(|note| note.trim().parse().expect("a number")).collect();
        assert_eq!(notes, (0..30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn result_that_is_only_called_ahead_is_not_sent() {
    let world = far().await;
    let deposit = {
        let account = world.bank.open("ada").pipelined();
        account.deposit(5).send()
    };
    let host = session_of(&world.nodes[0]);
    until("the call waits over there", || host.stats().promised == 1).await;
    let mine = session_of(&world.nodes[1]);
    // What was said before has arrived when this is answered.
    assert_eq!(world.bank.ended().await, Ok(0));
    world.gate.add_permits(1);
    assert_eq!(deposit.await, Ok(5));
    assert_eq!((host.stats().exports, mine.stats().imports), (1, 1), "the bank, and no account");
    until("no call is left", || host.stats().calls_in + mine.stats().calls_out == 0).await;
}

#[tokio::test]
async fn end_of_the_session_breaks_its_promises() {
    let world = far().await;
    let account = world.bank.open("ada").pipelined();
    let sent = account.deposit(1).send();
    let host = session_of(&world.nodes[0]);
    until("the call waits over there", || host.stats().promised == 1).await;
    session_of(&world.nodes[1]).close();
    assert!(matches!(sent.await, Err(BankError::Call(error)) if error.outcome() == Outcome::MayHaveRun), "it had been sent");
    let late = account.plainly().await.expect_err("there is nothing to call");
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Disconnected, Outcome::NotRun));
    assert_eq!(Remote::closed(&account).await.kind(), ErrorKind::Disconnected);
    until("nothing is left", || host.stats().is_idle()).await;
}
