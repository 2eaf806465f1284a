//! `&mut self` methods that are entered again: whoever would wait for itself is refused, everybody else waits for his turn.

use super::*;

#[remote]
pub trait Counter {
    async fn add(&mut self, by: u64) -> Result<u64>;
    async fn get(&self) -> Result<u64>;
    /// Calls `add` on itself, from inside.
    async fn add_within(&mut self, this: Remote<dyn Counter>) -> Result<Told>;
    /// Calls `get` on itself, from inside a method that is alone with the object.
    async fn get_within(&mut self, this: Remote<dyn Counter>) -> Result<Told>;
    /// Calls `add` on itself, from inside a method that is not alone.
    async fn upgrade(&self, this: Remote<dyn Counter>) -> Result<Told>;
    /// Has another node call `add`.
    async fn add_through(&mut self, this: Remote<dyn Counter>, middle: Remote<dyn Middle>) -> Result<Told>;
    /// Waits for the switch, then calls `get` on itself.
    async fn get_after(&self, this: Remote<dyn Counter>) -> Result<u64>;
    /// Adds after a call to somebody else.
    async fn add_after(&mut self, middle: Remote<dyn Middle>) -> Result<u64>;
}

#[remote]
pub trait Middle {
    async fn pass(&self, counter: Remote<dyn Counter>) -> Result<Told>;
    /// Calls two `&mut self` methods at once, whose bodies call back here.
    async fn siblings(&self, counter: Remote<dyn Counter>, this: Remote<dyn Middle>) -> Result<u64>;
    async fn nothing(&self) -> Result<()>;
    async fn flip(&self) -> Result<()>;
}

#[derive(Default)]
struct Tally {
    value: u64,
    entered: Arc<Notify>,
    switch: Arc<Notify>,
}

impl Counter for Tally {
    async fn add(&mut self, by: u64) -> Result<u64> {
        self.value += by;
        Ok(self.value)
    }
    async fn get(&self) -> Result<u64> {
        Ok(self.value)
    }
    async fn add_within(&mut self, mut this: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&this.add(1).await.expect_err("it would wait for itself")))
    }
    async fn get_within(&mut self, this: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&this.get().await.expect_err("it would wait for itself")))
    }
    async fn upgrade(&self, mut this: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&this.add(1).await.expect_err("it would wait for itself")))
    }
    async fn add_through(&mut self, this: Remote<dyn Counter>, middle: Remote<dyn Middle>) -> Result<Told> {
        middle.pass(this).await
    }
    async fn get_after(&self, this: Remote<dyn Counter>) -> Result<u64> {
        self.entered.notify_one();
        self.switch.notified().await;
        this.get().await
    }
    async fn add_after(&mut self, middle: Remote<dyn Middle>) -> Result<u64> {
        middle.nothing().await?;
        self.value += 1;
        middle.nothing().await?;
        Ok(self.value)
    }
}

#[derive(Default)]
struct Between {
    switch: Arc<Notify>,
}

impl Middle for Between {
    async fn pass(&self, mut counter: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&counter.add(1).await.expect_err("it would wait for itself")))
    }
    async fn siblings(&self, counter: Remote<dyn Counter>, this: Remote<dyn Middle>) -> Result<u64> {
        let (mut one, mut other) = (counter.clone(), counter);
        let (first, second) = tokio::join!(one.add_after(this.clone()), other.add_after(this));
        Ok(first?.max(second?))
    }
    async fn nothing(&self) -> Result<()> {
        tokio::task::yield_now().await;
        Ok(())
    }
    async fn flip(&self) -> Result<()> {
        self.switch.notify_one();
        Ok(())
    }
}

/// The refused call is the method of the error; the one it would wait for is in its text.
fn names_both(told: &Told, refused: &str, holder: &str) {
    assert!(told.is(ErrorKind::Reentrant, Outcome::NotRun), "{told:?}");
    assert!(told.method.ends_with(refused), "names the call that was refused, {refused}: {told:?}");
    assert!(told.text.contains(holder), "names the call that is inside, {holder}: {told:?}");
}

#[tokio::test]
async fn exclusive_method_that_is_entered_again_directly_fails_at_once_and_names_both_calls() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let local: Remote<dyn Counter> = Remote::new(Tally::default());
    host.publish("counter", local.clone()).expect("a name");
    let far: Remote<dyn Counter> = caller.connect(&url(&host, "counter")).await.expect("a session");
    for counter in [&local, &far] {
        let mut entry = counter.clone();
        within("direct re-entry", async {
            names_both(&entry.add_within(counter.clone()).await.expect("the outer call runs"), "Counter.add", "Counter.add_within");
            names_both(&entry.get_within(counter.clone()).await.expect("the outer call runs"), "Counter.get", "Counter.get_within");
            names_both(&entry.upgrade(counter.clone()).await.expect("the outer call runs"), "Counter.add", "Counter.upgrade");
            let before = entry.get().await.expect("the object goes on");
            assert_eq!(entry.add(1).await.expect("the object goes on"), before + 1);
        })
        .await;
    }
}

#[tokio::test]
async fn exclusive_method_that_is_entered_again_through_a_second_node_fails_at_once_and_names_both_calls() {
    let host = node(Limits::default()).await;
    let second = node(Limits::default()).await;
    let third = node(Limits::default()).await;
    let local: Remote<dyn Counter> = Remote::new(Tally::default());
    host.publish("counter", local.clone()).expect("a name");
    second.publish("middle", Remote::<dyn Middle>::new(Between::default())).expect("a name");
    // Called by the host itself, by the second node, and by a third one that knows both.
    let middle_for_host: Remote<dyn Middle> = host.connect(&url(&second, "middle")).await.expect("a session");
    let counter_for_second: Remote<dyn Counter> = second.connect(&url(&host, "counter")).await.expect("a session");
    let middle_for_second: Remote<dyn Middle> = second.connect(&url(&second, "middle")).await.expect("a session with itself");
    let counter_for_third: Remote<dyn Counter> = third.connect(&url(&host, "counter")).await.expect("a session");
    let middle_for_third: Remote<dyn Middle> = third.connect(&url(&second, "middle")).await.expect("a session");
    for (who, counter, middle) in [
        ("the host", &local, &middle_for_host),
        ("the second", &counter_for_second, &middle_for_second),
        ("a third", &counter_for_third, &middle_for_third),
    ] {
        let mut entry = counter.clone();
        let told = within(who, entry.add_through(counter.clone(), middle.clone())).await.expect("the outer call runs");
        names_both(&told, "Counter.add", "Counter.add_through");
        let before = entry.get().await.expect("the object goes on");
        assert_eq!(entry.add(1).await.expect("the object goes on"), before + 1, "{who}");
    }
}

#[tokio::test]
async fn siblings_of_one_handler_queue_for_an_object_and_do_not_fail() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let local: Remote<dyn Counter> = Remote::new(Tally::default());
    host.publish("counter", local.clone()).expect("a name");
    let local_middle: Remote<dyn Middle> = Remote::new(Between::default());
    caller.publish("middle", local_middle.clone()).expect("a name");
    let far_counter: Remote<dyn Counter> = caller.connect(&url(&host, "counter")).await.expect("a session");
    let far_middle: Remote<dyn Middle> = host.connect(&url(&caller, "middle")).await.expect("a session");
    let mut expected = 0;
    for (counter, middle) in [(&local, &local_middle), (&far_counter, &local_middle), (&local, &far_middle), (&far_counter, &far_middle)] {
        for _ in 0..10 {
            expected += 2;
            let value = within("siblings", middle.siblings(counter.clone(), middle.clone())).await.expect("both run, one after the other");
            assert_eq!(value, expected);
        }
    }
}

#[tokio::test]
async fn shared_entry_by_a_call_that_is_inside_passes_the_writers_that_wait() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let (entered, switch) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let tally = Tally { value: 5, entered: Arc::clone(&entered), switch: Arc::clone(&switch) };
    host.publish("counter", Remote::<dyn Counter>::new(tally)).expect("a name");
    host.publish("middle", Remote::<dyn Middle>::new(Between { switch })).expect("a name");
    let counter: Remote<dyn Counter> = caller.connect(&url(&host, "counter")).await.expect("a session");
    let middle: Remote<dyn Middle> = caller.connect(&url(&host, "middle")).await.expect("a session");
    within("a shared re-entry beside a writer", async {
        let outer = counter.get_after(counter.clone()).send();
        entered.notified().await;
        let mut other = counter.clone();
        let writer = other.add(1).send();
        // On the same session and after the writer, so the writer waits at the door by now.
        middle.flip().await.expect("the switch is another object");
        assert_eq!(outer.await.expect("it passes the writer"), 5);
        assert_eq!(writer.await.expect("the writer has its turn"), 6);
    })
    .await;
}
