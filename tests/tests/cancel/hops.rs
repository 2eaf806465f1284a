//! A deadline is inherited from call to call, and an error says what became of the caller's own call, however many nodes lie between.

use super::*;

/// The error of a program of its own, which wraps netref's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum HopError {
    Net(Error),
}

impl std::fmt::Display for HopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Net(error) = self;
        error.fmt(f)
    }
}

impl std::error::Error for HopError {}

impl From<Error> for HopError {
    fn from(error: Error) -> Self {
        Self::Net(error)
    }
}

#[remote]
pub trait Hop {
    /// The microseconds that are left at this hop and each after it.
    async fn left(&self) -> Result<Vec<Option<u64>>>;
    /// As `left`, with more time asked for than there is.
    async fn left_with_more(&self) -> Result<Vec<Option<u64>>>;
    /// Never ends, at the last hop.
    async fn hang(&self) -> Result<u64>;
    /// Waits until its deadline is over, and only then calls the next hop.
    #[remote(no_cancel)]
    async fn too_late(&self) -> Result<u64>;
    /// Fails, at the last hop, for want of the method.
    async fn missing(&self) -> Result<u64>;
    async fn missing_wrapped(&self) -> Result<u64, HopError>;
    async fn panics(&self) -> Result<u64>;
    async fn fails(&self) -> Result<u64>;
    /// The object at the end of the way, passed on from hop to hop.
    async fn last(&self) -> Result<Remote<dyn Hop>>;
    /// The same under an interface that it does not have.
    async fn wrong(&self) -> Result<AnyRemote>;
}

#[remote]
pub trait Other {
    async fn other(&self) -> Result<()>;
}

struct Stop {
    live: Arc<Live>,
    next: Option<Remote<dyn Hop>>,
    late: Arc<Mutex<Option<Error>>>,
}

impl Other for Stop {
    async fn other(&self) -> Result<()> {
        Ok(())
    }
}

fn micros_left() -> Option<u64> {
    Context::current().remaining().map(|left| left.as_micros() as u64)
}

impl Stop {
    /// An object of this hop's that is anything but a `Hop`, held as one.
    fn stranger(&self) -> AnyRemote {
        Remote::into_any(Remote::<dyn Other>::new(Self { live: Arc::clone(&self.live), next: None, late: Arc::default() }))
    }
}

impl Hop for Stop {
    async fn left(&self) -> Result<Vec<Option<u64>>> {
        let mut all = vec![micros_left()];
        nap(2_000).await;
        if let Some(next) = &self.next {
            // A task keeps the deadline, when it is netref's.
            let next = next.clone();
            all.extend(netref::spawn(async move { next.left().await }).await.unwrap()?);
        }
        Ok(all)
    }
    async fn left_with_more(&self) -> Result<Vec<Option<u64>>> {
        let mut all = vec![micros_left()];
        nap(2_000).await;
        if let Some(next) = &self.next {
            all.extend(next.left_with_more().timeout(Duration::from_secs(100_000)).await?);
        }
        Ok(all)
    }
    async fn hang(&self) -> Result<u64> {
        let _inside = self.live.enter();
        match &self.next {
            Some(next) => next.hang().await,
            None => std::future::pending().await,
        }
    }
    async fn too_late(&self) -> Result<u64> {
        let _inside = self.live.enter();
        let Some(next) = &self.next else { return Ok(0) };
        while micros_left() != Some(0) {
            nap(1_000).await;
        }
        let error = next.too_late().await.unwrap_err();
        *self.late.lock().unwrap() = Some(error);
        Ok(1)
    }
    async fn missing(&self) -> Result<u64> {
        let Some(next) = &self.next else { unreachable!("the last hop is a stranger") };
        let last = next.wrong().await?;
        if Remote::is_local(&last.clone().downcast::<dyn Hop>()) { Ok(0) } else { last.downcast::<dyn Hop>().missing().await }
    }
    async fn missing_wrapped(&self) -> Result<u64, HopError> {
        match &self.next {
            Some(next) => next.missing_wrapped().await,
            None => Ok(self.missing_here().await?),
        }
    }
    async fn panics(&self) -> Result<u64> {
        panic!("as it should")
    }
    async fn fails(&self) -> Result<u64> {
        match &self.next {
            Some(next) => next.fails().await,
            None => Err(Error::new(ErrorKind::Denied, Outcome::NotRun, "not today")),
        }
    }
    async fn last(&self) -> Result<Remote<dyn Hop>> {
        match &self.next {
            Some(next) => next.last().await,
            None => Ok(Remote::new(Self { live: Arc::clone(&self.live), next: None, late: Arc::default() })),
        }
    }
    async fn wrong(&self) -> Result<AnyRemote> {
        match &self.next {
            Some(next) => next.wrong().await,
            None => Ok(self.stranger()),
        }
    }
}

impl Stop {
    async fn missing_here(&self) -> Result<u64> {
        self.stranger().downcast::<dyn Hop>().missing().await
    }
}

/// Four nodes in a row: A calls B, B calls C, C calls D, and nobody else.
struct Row {
    nodes: Vec<Node>,
    lives: Vec<Arc<Live>>,
    late: Arc<Mutex<Option<Error>>>,
    first: Option<Remote<dyn Hop>>,
}

impl Row {
    async fn start() -> Self {
        let late = Arc::new(Mutex::new(None));
        let (mut nodes, mut lives, mut next) = (Vec::new(), Vec::new(), None::<String>);
        for name in ["d", "c", "b"] {
            let limits = Limits { refusals: 1, ..Limits::default() };
            let node = Node::builder().name(name).limits(limits).listen("tcp://127.0.0.1:0").start().await.unwrap();
            let live = Arc::new(Live::default());
            let hop = match &next {
                Some(url) => Some(node.connect(url).await.unwrap()),
                None => None,
            };
            let stop = Stop { live: Arc::clone(&live), next: hop, late: Arc::clone(&late) };
            node.publish("hop", Remote::<dyn Hop>::new(stop)).unwrap();
            next = Some(format!("{}/hop", node.addresses()[0]));
            nodes.insert(0, node);
            lives.insert(0, live);
        }
        let a = Node::builder().name("a").start().await.unwrap();
        let first = a.connect(&next.unwrap()).await.unwrap();
        nodes.insert(0, a);
        Self { nodes, lives, late, first: Some(first) }
    }

    fn first(&self) -> Remote<dyn Hop> {
        self.first.clone().unwrap()
    }

    fn inside(&self) -> Vec<u64> {
        self.lives.iter().map(|live| live.inside()).collect()
    }

    /// No handler is left, and nothing in the tables but what the hops hold for good.
    async fn settled(mut self) {
        until("every handler is dropped", || self.inside().iter().all(|&inside| inside == 0)).await;
        self.first = None;
        for node in &self.nodes {
            node.unpublish("hop");
        }
        until("the tables are empty", || self.nodes.iter().all(|node| node.stats().is_idle())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_is_inherited_across_three_hops_and_shrinks() {
    let row = Row::start().await;
    for wants_more in [false, true] {
        let limit = Duration::from_secs(600);
        let call = if wants_more { row.first().left_with_more() } else { row.first().left() };
        let left = bounded(call.timeout(limit)).await.unwrap();
        let left: Vec<u64> = left.into_iter().map(|left| left.expect("a deadline at each hop")).collect();
        assert_eq!(left.len(), 3);
        let mut before = limit.as_micros() as u64;
        for left in left {
            assert!(left > 0 && left < before, "{left} after {before}");
            before = left;
        }
    }
    assert_eq!(bounded(row.first().left()).await.unwrap(), [None, None, None], "netref sets no deadline by itself");
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_ends_the_handlers_of_all_hops() {
    let row = Row::start().await;
    let error = bounded(row.first().hang().timeout(Duration::from_millis(200))).await.unwrap_err();
    // The hops keep the same deadline, so it may be one of them that notices first and returns the error of its own call in time.
    let chain = chain(&error);
    let (last, before) = chain.split_last().unwrap();
    assert_eq!(*last, (ErrorKind::Deadline, Outcome::MayHaveRun));
    assert!(before.iter().all(|nested| *nested == (ErrorKind::Nested, Outcome::Ran)), "{chain:?}");
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_call_ends_the_handlers_of_all_hops() {
    let row = Row::start().await;
    let call = row.first().hang().send();
    until("all three hang", || row.inside() == [1, 1, 1]).await;
    drop(call);
    row.settled().await;

    // The same through nodes that only pass the reference on.
    let row = Row::start().await;
    let last = row.first().last().await.unwrap();
    let call = last.hang().send();
    until("the last hangs", || row.inside() == [0, 0, 1]).await;
    drop((call, last));
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_that_is_over_sends_nothing() {
    let row = Row::start().await;
    let error = row.first().hang().timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    assert!(error.may_retry());
    let sent = row.first().hang().timeout(Duration::ZERO).send().await.unwrap_err();
    assert_eq!((sent.kind(), sent.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    assert_eq!(row.lives[0].entered.load(Ordering::SeqCst), 0);

    // Inherited: the handler goes on, being `no_cancel`, and what it calls then is never sent.
    // Whether its own result is still in time is open.
    let result = bounded(row.first().too_late().timeout(Duration::from_millis(100))).await;
    assert!(matches!(&result, Ok(1)) || result.is_err_and(|error| error.kind() == ErrorKind::Deadline));
    until("the first hop has tried", || row.late.lock().unwrap().is_some()).await;
    let late = row.late.lock().unwrap().take().unwrap();
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    assert_eq!(row.lives[1].entered.load(Ordering::SeqCst), 0, "the second hop never heard of it");
    row.settled().await;
}

fn chain(error: &Error) -> Vec<(ErrorKind, Outcome)> {
    std::iter::successors(Some(error), |error| error.origin()).map(|error| (error.kind(), error.outcome())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_of_a_nested_call_arrives_as_nested_and_names_each_hop() {
    let row = Row::start().await;
    let nested = (ErrorKind::Nested, Outcome::Ran);

    // B, C and D each return the error of what they called; D makes it up.
    let error = bounded(row.first().fails()).await.unwrap_err();
    assert_eq!(chain(&error), [nested, nested, nested, (ErrorKind::Denied, Outcome::NotRun)]);
    let hops: Vec<_> = std::iter::successors(Some(&error), |error| error.origin()).take(3).map(Error::text).collect();
    for (text, name) in hops.iter().zip(["node b ", "node c ", "node d "]) {
        assert!(text.contains(name), "`{text}` does not name {name}");
    }
    assert!(error.to_string().contains("not today"), "{error}");
    assert!(error.method().is_some_and(|method| method.ends_with("Hop.fails")));
    assert!(!error.may_retry(), "the caller's own call ran");

    // B's own call to what D hosts never ran; A's call to B did.
    let error = bounded(row.first().missing()).await.unwrap_err();
    assert_eq!(chain(&error), [nested, (ErrorKind::NoSuchMethod, Outcome::NotRun)]);
    assert!(error.text().contains("node b "), "{error}");

    // Inside an error type of the program's own it is the same.
    let HopError::Net(error) = bounded(row.first().missing_wrapped()).await.unwrap_err();
    assert_eq!(chain(&error)[..3], [nested; 3]);
    assert_eq!(chain(&error).last(), Some(&(ErrorKind::NoSuchMethod, Outcome::NotRun)));
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_through_nodes_that_only_pass_it_on_has_the_outcome_of_the_real_call() {
    let row = Row::start().await;
    let last = bounded(row.first().last()).await.unwrap();
    assert!(!Remote::is_local(&last));
    let key = Remote::key(&last).unwrap();
    assert_eq!(key.node(), row.nodes[3].identity().0, "it is D's object");

    let wrong: Remote<dyn Hop> = bounded(row.first().wrong()).await.unwrap().downcast();
    let error = bounded(wrong.fails()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::NoSuchMethod, Outcome::NotRun)]);

    let error = bounded(last.panics()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Panic, Outcome::MayHaveRun)]);

    let error = bounded(last.fails()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Nested, Outcome::Ran), (ErrorKind::Denied, Outcome::NotRun)]);

    assert_eq!(bounded(last.left().timeout(Duration::from_secs(600))).await.unwrap().len(), 1);
    let error = bounded(last.hang().timeout(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Deadline, Outcome::MayHaveRun)]);
    drop((last, wrong));
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_of_the_far_hop_cut_during_the_call_may_have_run() {
    // Passed on only: the error is that of the real call.
    let row = Row::start().await;
    let last = bounded(row.first().last()).await.unwrap();
    let call = last.hang().send();
    until("the last hangs", || row.inside() == [0, 0, 1]).await;
    row.nodes[3].sessions()[0].close();
    let error = bounded(call).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Disconnected, Outcome::MayHaveRun)]);
    // A call that was never sent on did not run.
    let error = bounded(last.hang()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Disconnected, Outcome::NotRun)]);
    drop(last);
    row.settled().await;

    // Called by a handler at each hop: C's call may have run, those of A and B ran.
    let row = Row::start().await;
    let call = row.first().hang().send();
    until("all three hang", || row.inside() == [1, 1, 1]).await;
    row.nodes[3].sessions()[0].close();
    let error = bounded(call).await.unwrap_err();
    let nested = (ErrorKind::Nested, Outcome::Ran);
    assert_eq!(chain(&error), [nested, nested, (ErrorKind::Disconnected, Outcome::MayHaveRun)]);
    row.settled().await;

    // The caller's own session: every handler behind it ends.
    let row = Row::start().await;
    let call = row.first().hang().send();
    until("all three hang", || row.inside() == [1, 1, 1]).await;
    row.nodes[1].sessions().iter().find(|session| session.peer().name() == "a").unwrap().close();
    let error = bounded(call).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Disconnected, Outcome::MayHaveRun)]);
    row.settled().await;
}
