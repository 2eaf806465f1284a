//! What an object of this process keeps when its calls come by the seam, through interceptors or without its trait: threads that may be
//! blocked, methods that go on, deadlines, and who its caller is.

use std::sync::Barrier;
use std::sync::atomic::AtomicBool;

use netref::Session;
use netref::dynamic::Object as Dynamic;
use serde_json::json;

use super::*;

#[remote]
trait Clerk {
    /// Returns when two of them are there at the same time, and says whether it was on a thread that may be blocked.
    #[remote(blocking)]
    async fn meet(&self) -> Result<()>;
    /// Goes on when its caller gives up.
    #[remote(no_cancel)]
    async fn finish(&self) -> Result<()>;
    async fn wait(&self) -> Result<()>;
    async fn wait_inside(&mut self) -> Result<()>;
    /// Who calls, as far as it is told.
    async fn caller(&self) -> Result<(bool, bool)>;
    /// Asks `clerk`, which may be in this process, who calls.
    async fn caller_seen_by(&self, clerk: Remote<dyn Clerk>, way: String) -> Result<(bool, bool)>;
}

#[derive(Clone)]
struct Office {
    door: Arc<Barrier>,
    begun: Arc<AtomicU64>,
    finished: Arc<AtomicBool>,
    /// A clerk of the same process, for one who is asked over a session.
    colleague: Option<Remote<dyn Clerk>>,
}

impl Office {
    fn new() -> Self {
        Self { door: Arc::new(Barrier::new(2)), begun: Arc::default(), finished: Arc::default(), colleague: None }
    }
}

impl Clerk for Office {
    async fn meet(&self) -> Result<()> {
        self.door.wait();
        Ok(())
    }
    async fn finish(&self) -> Result<()> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(400 * MILLI).await;
        self.finished.store(true, Ordering::SeqCst);
        Ok(())
    }
    async fn wait(&self) -> Result<()> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn wait_inside(&mut self) -> Result<()> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn caller(&self) -> Result<(bool, bool)> {
        let context = Context::current();
        Ok((context.peer().is_local(), context.session().is_none()))
    }
    async fn caller_seen_by(&self, clerk: Remote<dyn Clerk>, way: String) -> Result<(bool, bool)> {
        let clerk = self.colleague.clone().unwrap_or(clerk);
        match &*way {
            "typed" => clerk.caller().await,
            _ => {
                let said = Dynamic::from(clerk).call("caller", json!([])).await.map_err(|error| error.call().unwrap().clone())?;
                Ok((said[0].as_bool().unwrap(), said[1].as_bool().unwrap()))
            }
        }
    }
}

fn look(call: RawCall, next: Next) -> RawReturn {
    next.call(call)
}

/// Hands calls on to an object, as a handler.
fn handled(object: Remote<dyn Clerk>) -> Remote<dyn Clerk> {
    Remote::from_handler(Arc::new(Passing(Remote::into_any(object))))
}

/// Everywhere that something can stand between a caller and an object of the same process or another one.
async fn clerks(office: &Office) -> Vec<(&'static str, Vec<Node>, Remote<dyn Clerk>)> {
    let new = || Remote::<dyn Clerk>::new(office.clone());
    let twice = || Remote::intercept(Remote::intercept(new(), look), look);
    let mut found = vec![
        ("nothing", Vec::new(), new()),
        ("local object", Vec::new(), Remote::intercept(new(), look)),
        ("local object, twice", Vec::new(), twice()),
        ("a handler", Vec::new(), handled(new())),
    ];
    let (plain, looking) = (Node::builder, || Node::builder().intercept_incoming(look).intercept_outgoing(look));
    for (place, host, guest, object) in [
        ("a session", plain(), plain(), new()),
        ("incoming", looking(), plain(), new()),
        ("outgoing", plain(), looking(), new()),
        ("object", plain(), plain(), Remote::intercept(new(), look)),
        ("a handler over a session", plain(), plain(), handled(new())),
        ("everything", looking(), looking(), twice()),
    ] {
        let (host, guest, clerk) = pair(host, guest, object).await;
        if place == "everything" {
            found.push(("everything, and the reference", vec![host.clone(), guest.clone()], Remote::intercept(clerk.clone(), look)));
        }
        found.push((place, vec![host, guest], clerk));
    }
    found
}

/// A clerk behind interceptors that poll what they pass on before the session's task does, or in a task of their own.
async fn clerks_behind_those_who_poll(office: &Office) -> Vec<(&'static str, Vec<Node>, Remote<dyn Clerk>)> {
    let layer = || Tower::new(tower::limit::ConcurrencyLimitLayer::new(100));
    let new = || Remote::<dyn Clerk>::new(office.clone());
    let mut found = Vec::new();
    for (place, host, object) in [
        ("a layer at the host", Node::builder().intercept_incoming(layer()), new()),
        ("a layer around the object", Node::builder(), Remote::intercept(new(), layer())),
        ("a task at the host", Node::builder().intercept_incoming(in_a_task), new()),
    ] {
        let (host, guest, clerk) = pair(host, Node::builder(), object).await;
        found.push((place, vec![host, guest], clerk));
    }
    found
}

/// Passes a call on in a task of its own.
fn in_a_task(call: RawCall, next: Next) -> RawReturn {
    let replied = tokio::spawn(next.call(call).reply());
    RawReturn::pending(async move { replied.await.unwrap() })
}

async fn pair(host: NodeBuilder, guest: NodeBuilder, clerk: Remote<dyn Clerk>) -> (Node, Node, Remote<dyn Clerk>) {
    let (host, guest) = (host.publish("clerk", clerk).start().await.unwrap(), guest.start().await.unwrap());
    let clerk = found(&host, &guest).await;
    (host, guest, clerk)
}

async fn found(host: &Node, guest: &Node) -> Remote<dyn Clerk> {
    let (here, there) = tokio::io::duplex(1 << 16);
    let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
    let (session, accepted) = tokio::join!(guest.connect_io(read_here, write_here), host.accept_io(read_there, write_there));
    accepted.unwrap();
    let session: Session = session.unwrap();
    session.lookup("clerk").await.unwrap()
}

#[test]
fn methods_that_block_run_side_by_side_and_block_nobody_else() {
    // One thread: a method that blocks it would never be met by the other one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reached = Arc::new(Mutex::new(String::new()));
    let at = Arc::clone(&reached);
    let run = async move {
        let office = Office::new();
        let (those_who_look, those_who_poll) = (clerks(&office).await, clerks_behind_those_who_poll(&office).await);
        for (place, _nodes, clerk) in those_who_look.into_iter().chain(those_who_poll) {
            place.clone_into(&mut at.lock().unwrap());
            let (one, other) = (clerk.meet().send(), clerk.meet().send());
            let met = async { (one.await, other.await) };
            let (one, other) = timeout(PATIENCE, met).await.unwrap_or_else(|_| panic!("they do not meet: {place}"));
            assert_eq!((one, other), (Ok(()), Ok(())), "{place}");
            // By the name alone.
            *at.lock().unwrap() = format!("{place}, by the name alone");
            let dynamic = Dynamic::from(clerk);
            let met = async { tokio::join!(dynamic.call("meet", json!([])), dynamic.call("meet", json!([]))) };
            let (one, other) = timeout(PATIENCE, met).await.unwrap_or_else(|_| panic!("they do not meet without the trait: {place}"));
            one.unwrap();
            other.unwrap();
        }
    };
    let (done, is_done) = std::sync::mpsc::channel();
    let test = std::thread::spawn(move || {
        runtime.block_on(run);
        done.send(()).unwrap();
    });
    // A thread that is blocked for ever would hang the test, and no timer would fire on it.
    if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(2 * PATIENCE) {
        panic!("a thread is blocked: {}", reached.lock().unwrap());
    }
    test.join().unwrap();
}

#[tokio::test]
async fn a_method_that_goes_on_goes_on_when_its_caller_gives_up() {
    for way in ["dropped", "deadline", "without the trait"] {
        let office = Office::new();
        for (place, _nodes, clerk) in clerks(&office).await {
            office.begun.store(0, Ordering::SeqCst);
            office.finished.store(false, Ordering::SeqCst);
            match way {
                "dropped" => {
                    let call = clerk.finish().send();
                    until("it has begun", || office.begun.load(Ordering::SeqCst) > 0).await;
                    drop(call);
                }
                "deadline" => {
                    let error = clerk.finish().timeout(200 * MILLI).await.unwrap_err();
                    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun), "{place}");
                }
                _ => {
                    let dynamic = Dynamic::from(clerk.clone());
                    let call = timeout(200 * MILLI, dynamic.call("finish", json!([])));
                    call.await.unwrap_err();
                }
            }
            until(&format!("it is finished: {place}, {way}"), || office.finished.load(Ordering::SeqCst)).await;
        }
    }
}

fn named(method: &str) -> RawCall {
    let payload = Payload::json(&json!([])).unwrap();
    RawCall::new(Method::by_name(<dyn Clerk as netref::Interface>::DESCRIPTOR.name, method.to_owned()), payload)
}

#[tokio::test]
async fn a_deadline_of_the_context_ends_calls_by_the_seam_wherever_the_object_is() {
    for (place, _nodes, clerk) in clerks(&Office::new()).await {
        let clerk = Remote::into_any(clerk);
        for (method, limit, outcome) in
            [("wait", Duration::ZERO, Outcome::NotRun), ("wait", 200 * MILLI, Outcome::MayHaveRun), ("caller", PATIENCE, Outcome::Ran)]
        {
            let mut call = named(method);
            call.context = call.context.with_timeout(limit);
            let reply = timeout(PATIENCE, clerk.call_raw(call).reply()).await;
            match reply.unwrap_or_else(|_| panic!("{method} is not ended: {place}")) {
                RawReply::Failed(error) => {
                    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, outcome), "{place}: {error}");
                    assert!(error.to_string().contains("Clerk.wait"), "{error}");
                }
                reply => assert!(outcome == Outcome::Ran && matches!(reply, RawReply::Ok(_)), "{place}: {reply:?}"),
            }
        }
    }
    // One that waits for its turn has not run.
    let clerk = Remote::into_any(Remote::<dyn Clerk>::new(Office::new()));
    let inside = tokio::spawn(clerk.call_raw(named("wait_inside")).reply());
    tokio::task::yield_now().await;
    let mut call = named("wait_inside");
    call.context = call.context.with_timeout(20 * MILLI);
    match clerk.call_raw(call).reply().await {
        RawReply::Failed(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun), "{error}"),
        reply => panic!("{reply:?}"),
    }
    inside.abort();
}

#[tokio::test]
async fn a_deadline_that_an_interceptor_sets_holds_on_either_side() {
    let hurried = |mut call: RawCall, next: Next| {
        call.context = call.context.with_timeout(200 * MILLI);
        next.call(call)
    };
    let new = || Remote::<dyn Clerk>::new(Office::new());
    let (_host, _guest, there) = pair(Node::builder().intercept_incoming(hurried), Node::builder(), new()).await;
    let (_host, _guest, here) = pair(Node::builder(), Node::builder().intercept_outgoing(hurried), new()).await;
    for clerk in [Remote::intercept(new(), hurried), there, here] {
        let error = timeout(PATIENCE, clerk.wait()).await.expect("it is ended").unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun), "{error}");
        assert_eq!(clerk.caller().await.map(|_| ()), Ok(()));
    }
}

#[tokio::test]
async fn an_object_that_a_handler_calls_in_its_own_process_has_this_process_for_a_caller() {
    for way in ["typed", "without the trait"] {
        for inner in ["nothing", "local object", "twice"] {
            let clerk = match inner {
                "nothing" => Remote::new(Office::new()),
                "local object" => Remote::intercept(Remote::<dyn Clerk>::new(Office::new()), look),
                _ => Remote::intercept(Remote::intercept(Remote::<dyn Clerk>::new(Office::new()), look), look),
            };
            let office = Office { colleague: Some(clerk.clone()), ..Office::new() };
            for (place, _nodes, asked) in clerks(&office).await {
                let seen = asked.caller_seen_by(clerk.clone(), way.to_owned()).await.unwrap();
                assert_eq!(seen, (true, true), "{place}, {way}, {inner}");
            }
        }
    }
    // Whose call passes through, whatever stands around the object, stays its caller.
    for (place, nodes, clerk) in clerks(&Office::new()).await {
        let is_local = nodes.is_empty();
        assert_eq!(clerk.caller().await.unwrap(), (is_local, is_local), "{place}");
    }
    // Also where a node that was to pass it on answers by an object of its own.
    let own = Remote::into_any(Remote::<dyn Clerk>::new(Office::new()));
    let redirect = move |call: RawCall, _next: Next| own.call_raw(call);
    let (_far, relay, there) = pair(Node::builder(), Node::builder().intercept_outgoing(redirect), Remote::new(Office::new())).await;
    relay.publish("clerk", there).unwrap();
    let stranger = Node::builder().start().await.unwrap();
    assert_eq!(found(&relay, &stranger).await.caller().await.unwrap(), (false, false));
}
