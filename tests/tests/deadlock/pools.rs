//! The second pool, for calls that are made inside handlers: what goes beyond it fails or waits for a bounded time.

use super::*;

#[remote]
pub trait Spender {
    /// Fills its pool with calls that do not end and tells what becomes of one more: polled at once, or sent before it is awaited.
    async fn spend(&self, target: Remote<dyn Hold>, pool: u32, send: bool) -> Result<Told>;
    /// Makes many calls at once and adds the results up.
    async fn fan_out(&self, target: Remote<dyn Hold>, calls: u64) -> Result<u64>;
}

struct Spending;
impl Spender for Spending {
    async fn spend(&self, target: Remote<dyn Hold>, pool: u32, send: bool) -> Result<Told> {
        let held: Vec<_> = (0..pool).map(|_| target.hold().send()).collect();
        let more = target.quick(1);
        let more = if send { more.send() } else { more };
        let error = more.await.expect_err("the pool is spent");
        drop(held);
        Ok(told(&error))
    }
    async fn fan_out(&self, target: Remote<dyn Hold>, calls: u64) -> Result<u64> {
        let calls: Vec<_> = (0..calls).map(|number| target.quick(number).send()).collect();
        let mut sum = 0;
        for call in calls {
            sum += call.await?;
        }
        Ok(sum)
    }
}

#[tokio::test]
async fn call_back_over_its_own_session_fails_at_once_when_the_second_pool_is_spent_and_any_other_waits_for_a_bounded_time() {
    let limits = || Limits { calls_in_flight: 4, nested_wait: Duration::from_millis(300), ..Limits::default() };
    let middle = node(limits()).await;
    let caller = node(limits()).await;
    let third = node(limits()).await;
    middle.publish("spender", Remote::<dyn Spender>::new(Spending)).expect("a name");
    third.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let spender: Remote<dyn Spender> = caller.connect(&url(&middle, "spender")).await.expect("a session");
    let own: Remote<dyn Hold> = Remote::new(Holding::default());
    let elsewhere: Remote<dyn Hold> = middle.connect(&url(&third, "hold")).await.expect("a session");
    let handed_on: Remote<dyn Hold> = caller.connect(&url(&third, "hold")).await.expect("a session");
    for send in [false, true] {
        let told = within("back over its own session", spender.spend(own.clone(), 4, send)).await.expect("the handler runs");
        assert!(told.is(ErrorKind::Overloaded, Outcome::NotRun), "{told:?}");
        assert!(told.text.contains("goes back to the node"), "{told:?}");
        // Over another session of the handler's node, which the caller's reference leads to by way of the caller.
        let told = within("over another session", local_spend(&elsewhere, send)).await;
        assert!(told.is(ErrorKind::Overloaded, Outcome::NotRun), "{told:?}");
        assert!(told.text.contains("no call on the session has ended"), "{told:?}");
        let told = within("by way of the caller", spender.spend(handed_on.clone(), 4, send)).await.expect("the handler runs");
        assert!(told.is(ErrorKind::Overloaded, Outcome::NotRun), "{told:?}");
    }
    within("the calls that were given up have ended", async {
        while middle.stats().tables.iter().any(|session| session.calls_out > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(within("afterwards", spender.fan_out(own.clone(), 3)).await.expect("the session goes on"), 3);
}

/// The same from a handler that was not called over any session.
async fn local_spend(target: &Remote<dyn Hold>, send: bool) -> Told {
    let spender: Remote<dyn Spender> = Remote::new(Spending);
    spender.spend(target.clone(), 4, send).await.expect("the handler runs")
}

#[tokio::test]
async fn relayed_calls_beyond_the_second_pool_wait_for_a_bounded_time_only() {
    let limits = || Limits { calls_in_flight: 4, nested_wait: Duration::from_millis(300), ..Limits::default() };
    let middle = node(Limits { nested_wait: Duration::from_millis(300), ..Limits::default() }).await;
    let caller = node(Limits::default()).await;
    let third = node(limits()).await;
    third.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let far: Remote<dyn Hold> = middle.connect(&url(&third, "hold")).await.expect("a session");
    middle.publish("hold", far).expect("a name");
    let relayed: Remote<dyn Hold> = caller.connect(&url(&middle, "hold")).await.expect("a session");
    let held: Vec<_> = (0..4).map(|_| relayed.hold().send()).collect();
    let error = within("a relayed call", relayed.quick(1)).await.expect_err("the third node's pool is spent");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error}");
    drop(held);
    assert_eq!(within("afterwards", relayed.quick(2)).await.expect("room is back"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handler_that_fans_out_20_000_calls_to_a_third_node_gets_them_all_answered() {
    let middle = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let third = node(Limits::default()).await;
    middle.publish("spender", Remote::<dyn Spender>::new(Spending)).expect("a name");
    third.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let spender: Remote<dyn Spender> = caller.connect(&url(&middle, "spender")).await.expect("a session");
    let hold: Remote<dyn Hold> = caller.connect(&url(&third, "hold")).await.expect("a session");
    let direct: Remote<dyn Hold> = middle.connect(&url(&third, "hold")).await.expect("a session");
    const CALLS: u64 = 20_000;
    let local: Remote<dyn Spender> = Remote::new(Spending);
    let expected = CALLS * (CALLS - 1) / 2;
    assert_eq!(within("a handler of a local call", local.fan_out(direct, CALLS)).await.expect("all answered"), expected);
    // By way of the caller, whose session the handler was called on, so only as many as its second pool takes.
    let few = 4_000;
    assert_eq!(within("by way of the caller", spender.fan_out(hold, few)).await.expect("all answered"), few * (few - 1) / 2);
    // The handler's own session with the third node.
    let fan: Remote<dyn FanOut> = Remote::new(Fan(middle.clone(), url(&third, "hold")));
    middle.publish("fan", fan).expect("a name");
    let fan: Remote<dyn FanOut> = caller.connect(&url(&middle, "fan")).await.expect("a session");
    assert_eq!(within("a handler of a call over a session", fan.fan_out(CALLS)).await.expect("all answered"), expected);
}

#[remote]
pub trait FanOut {
    async fn fan_out(&self, calls: u64) -> Result<u64>;
}

struct Fan(Node, String);
impl FanOut for Fan {
    async fn fan_out(&self, calls: u64) -> Result<u64> {
        let third: Remote<dyn Hold> = self.0.connect(&self.1).await?;
        // Polled, not sent: every call waits for its turn by itself.
        let mut tasks = JoinSet::new();
        for number in 0..calls {
            let third = third.clone();
            tasks.spawn(netref::spawn(async move { third.quick(number).await }));
        }
        let mut sum = 0;
        while let Some(done) = tasks.join_next().await {
            sum += done.expect("a task").expect("a task")?;
        }
        Ok(sum)
    }
}
