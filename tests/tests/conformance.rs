//! One test body for a plain struct, a reference in this process, and a reference over every kind of link. Only the constructor
//! differs, and whether the constructor put the bank at a distance.

#[path = "conformance/bank.rs"]
mod bank;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bank::{Account, Bank, BankError, Folder, Listener, MyBank, Named, Order};
use netref::{ErrorKind, Node, Outcome, Remote};

/// After this long a test that hangs has failed.
const BOUND: Duration = Duration::from_secs(60);

/// So long a call is given that never returns: enough for it to begin on a busy machine.
const SHORT: Duration = Duration::from_millis(500);

/// So long a call is given that is expected to return.
const LONG: Duration = Duration::from_secs(50);

struct Ear {
    heard: Arc<AtomicU32>,
}

impl Listener for Ear {
    async fn heard(&self, text: &str) -> Result<u32, BankError> {
        assert_eq!(text, "news");
        Ok(self.heard.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// The body. `distant` says whether the bank is another node's.
async fn check<B: Bank>(bank: &mut B, distant: bool) {
    values_and_borrows(bank).await;
    exclusive_methods(bank).await;
    inherited_methods(bank).await;
    concurrent_methods(bank).await;
    nested_references(bank, distant).await;
    keys(bank, distant).await;
    typed_errors(bank).await;
    abandoned_calls(bank).await;
    panics(bank).await;
    context(bank, distant).await;
}

async fn values_and_borrows<B: Bank>(bank: &B) {
    let lent = {
        let text = String::from("!");
        let order = Order { from: "ada".to_owned(), amounts: vec![1] };
        bank.lend(&text, &[2, 3], &[u64::MAX], &order).await.unwrap()
    };
    assert_eq!(lent, Order { from: "ada!".to_owned(), amounts: vec![1, u64::MAX, 2, 3] });
    for length in [0, 1, 70_000, 1_000_000] {
        let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let mut turned = bank.bulk(bytes.clone()).await.unwrap();
        turned.reverse();
        assert_eq!(turned, bytes);
    }
}

async fn exclusive_methods<B: Bank>(bank: &mut B) {
    assert_eq!(bank.rename("branch").await.unwrap(), "bank");
    assert_eq!(bank.rename("bank").await.unwrap(), "branch");
    let account = bank.account("carl").await.unwrap();
    let deposits: Vec<_> = (0..50)
        .map(|_| {
            let mut account = account.clone();
            tokio::spawn(async move { account.deposit(2).await.unwrap() })
        })
        .collect();
    for deposit in deposits {
        deposit.await.unwrap();
    }
    assert_eq!(account.balance().await.unwrap(), 100, "`&mut self` methods have the object to themselves");
}

/// A supertrait's supertrait, called through a bound that knows no other.
async fn name_of<N: Named>(it: &N) -> String {
    it.name().await.unwrap()
}

async fn inherited_methods<B: Bank>(bank: &B) {
    assert_eq!(name_of(bank).await, "bank");
    assert_eq!(bank.city().await.unwrap(), "Turin");
    assert_eq!(bank.letterhead().await.unwrap(), "bank, Turin");
    assert_eq!(bank.opens_at().await.unwrap(), 9, "the default body is overridden over there");
}

async fn concurrent_methods<B: Bank>(bank: &B) {
    let (opened, knocked) = tokio::join!(bank.door(), bank.knock());
    assert_eq!(opened.unwrap(), "open");
    knocked.unwrap();
}

async fn nested_references<B: Bank>(bank: &B, distant: bool) {
    let mut ada = bank.account("ada").await.unwrap();
    assert_eq!(Remote::is_local(&ada), !distant);
    assert_eq!(ada.deposit(5).await.unwrap(), 5);
    let folder = bank.folder().await.unwrap();
    assert_eq!(folder.pair.0, 7);
    assert_eq!(folder.pair.1.balance().await.unwrap(), 5, "it is the same account");
    let bob = folder.by_owner["bob"][1].clone().unwrap();
    assert_eq!(bob.owner().await.unwrap(), "bob");
    assert!(folder.by_owner["bob"][0].is_none());

    // An object of the caller's in the middle of the bank's own.
    let Folder { mut by_owner, pair } = folder;
    by_owner.insert("mine".to_owned(), vec![Some(Remote::new(Mine))]);
    let folder = bank.refile(Folder { by_owner, pair }).await.unwrap();
    assert_eq!(folder.by_owner.keys().collect::<Vec<_>>(), ["ada", "bob", "eve", "mine"]);
    let mine = folder.by_owner["mine"][0].as_ref().unwrap();
    assert!(Remote::is_local(mine), "it came home as itself");
    assert_eq!(mine.owner().await.unwrap(), "caller");
    assert_eq!(folder.by_owner["eve"][0].as_ref().unwrap().owner().await.unwrap(), "eve");

    let heard = Arc::new(AtomicU32::new(0));
    let listener = Remote::<dyn Listener>::new(Ear { heard: heard.clone() });
    assert_eq!(bank.tell(&listener, 4).await.unwrap(), 1 + 2 + 3 + 4);
    assert_eq!(heard.load(Ordering::SeqCst), 4);
}

/// An account that belongs to the caller.
struct Mine;

impl Account for Mine {
    async fn owner(&self) -> Result<String, BankError> {
        Ok("caller".to_owned())
    }
    async fn balance(&self) -> Result<u64, BankError> {
        Ok(0)
    }
    async fn deposit(&mut self, amount: u64) -> Result<u64, BankError> {
        Ok(amount)
    }
    async fn spoil(&mut self) -> Result<(), BankError> {
        Ok(())
    }
}

async fn keys<B: Bank>(bank: &B, distant: bool) {
    let ada = bank.account("ada").await.unwrap();
    let again = bank.account("ada").await.unwrap();
    let bob = bank.account("bob").await.unwrap();
    assert!(Remote::key(&ada).is_some());
    assert_eq!(Remote::key(&ada), Remote::key(&again));
    assert_eq!(Remote::key(&ada), Remote::key(&ada.clone()));
    assert_ne!(Remote::key(&ada), Remote::key(&bob));
    assert!(bank.same(ada.clone(), &again).await.unwrap(), "both came home as the same object");
    assert!(!bank.same(ada.clone(), &bob).await.unwrap());
    let folder = bank.folder().await.unwrap();
    assert_eq!(Remote::key(&folder.pair.1), Remote::key(&ada));

    // There and back, its key asked for before and after the first journey.
    for asked_before in [true, false] {
        let listener = Remote::<dyn Listener>::new(Ear { heard: Arc::default() });
        let before = asked_before.then(|| Remote::key(&listener));
        let back = bank.echo(listener.clone()).await.unwrap();
        assert!(Remote::is_local(&back));
        assert_eq!(Remote::key(&back), Remote::key(&listener));
        assert!(before.is_none_or(|before| before == Remote::key(&back)));
        if distant {
            assert_ne!(Remote::key(&back).unwrap().node(), Remote::key(&ada).unwrap().node());
        }
    }
}

async fn typed_errors<B: Bank>(bank: &B) {
    assert!(matches!(bank.broke(3).await, Err(BankError::Broke { missing: 3 })));
    let Err(BankError::Frozen { ask }) = bank.frozen("bob").await else { panic!("not frozen") };
    assert_eq!(ask.owner().await.unwrap(), "bob", "a reference in an error is as good as any");
}

/// Waits until as many holds have begun, or been dropped, as are asked for.
async fn until<B: Bank>(bank: &B, is_so: impl Fn((u64, u64)) -> bool) {
    while !is_so(bank.held().await.unwrap()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn abandoned_calls<B: Bank>(bank: &B) {
    let (began, dropped) = bank.held().await.unwrap();
    let mut call = Box::pin(bank.hold());
    tokio::select! {
        result = &mut call => panic!("it holds for ever and gave {result:?}"),
        () = until(bank, |held| held.0 == began + 1) => {}
    }
    assert_eq!(bank.held().await.unwrap(), (began + 1, dropped), "it runs");
    drop(call);
    until(bank, |held| held == (began + 1, dropped + 1)).await;

    // Given up by a clock: the same from the other side.
    assert!(tokio::time::timeout(SHORT, bank.hold()).await.is_err());
    until(bank, |held| held.0 == held.1).await;
    assert!(tokio::time::timeout(LONG, bank.name()).await.is_ok_and(|name| name.unwrap() == "bank"));
}

/// Awaits a call that panics, and gives what its caller is told: a panic of its own from a plain struct, else an error.
async fn told<T>(call: impl Future<Output = Result<T, BankError>>) -> String {
    let mut call = Box::pin(AssertUnwindSafe(call));
    let result = std::future::poll_fn(move |cx| match std::panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(payload) => std::task::Poll::Ready(Err(payload)),
    });
    match result.await {
        Err(payload) => *payload.downcast::<String>().unwrap(),
        Ok(Err(BankError::Call(error))) => {
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::MayHaveRun), "{error}");
            assert!(error.location().is_some_and(|place| place.contains("bank.rs:")), "{error:?}");
            error.text().to_owned()
        }
        Ok(_) => panic!("the panic got lost"),
    }
}

async fn panics<B: Bank>(bank: &B) {
    let text = told(bank.panics("no money, on purpose")).await;
    assert!(text.contains("no money, on purpose"), "{text}");
    assert_eq!(bank.name().await.unwrap(), "bank", "a panic in a `&self` method ends one call");

    let mut account = bank.account("dora").await.unwrap();
    let text = told(account.spoil()).await;
    assert!(text.contains("spoilt on purpose"), "{text}");
    for result in [account.balance().await, account.deposit(1).await] {
        let Err(BankError::Call(error)) = result else { panic!("a spoilt account goes on") };
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Poisoned, Outcome::NotRun), "{error}");
    }
    assert_eq!(bank.account("ada").await.unwrap().owner().await.unwrap(), "ada", "the others are sound");
}

async fn context<B: Bank>(bank: &B, distant: bool) {
    let report = bank.report().await.unwrap();
    assert_eq!(report.handler.caller_is_local, !distant);
    assert_eq!(report.handler.has_session, distant);
    assert_eq!(report.handler.remaining, None, "there is no deadline unless somebody sets one");
    assert_eq!(report.spawned, report.handler, "netref's spawn carries it on");
    assert!(!report.foreign.is_in_call && report.foreign.caller_is_local, "plain tokio's does not");
}

/// The options of a call, which only references have.
async fn check_options(bank: &Remote<dyn Bank>, distant: bool) {
    let report = bank.report().timeout(LONG).await.unwrap();
    let Some(remaining) = report.handler.remaining else { panic!("the deadline got lost") };
    assert!(!remaining.is_zero() && remaining <= LONG, "{remaining:?}");
    assert!(report.handler.is_in_call);
    let carried_on = report.spawned.remaining.unwrap();
    assert!(carried_on <= LONG && !carried_on.is_zero());
    assert_eq!(report.foreign.remaining, None);

    // A handler's own call inherits it, to a third object in the caller's own process.
    let own = Remote::<dyn Bank>::new(MyBank::new());
    let report = bank.report_of(own.clone()).timeout(LONG).await.unwrap();
    let inherited = report.handler.remaining.unwrap();
    assert!(inherited <= LONG && !inherited.is_zero());
    assert_eq!(report.handler.caller_is_local, !distant, "the caller is the immediate one");

    let Err(BankError::Call(error)) = bank.hold().timeout(SHORT).await else { panic!("it holds for ever") };
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun), "{error}");
    assert_eq!(error.method(), Some("conformance.Bank.hold"));
    until(bank, |held| held.0 == held.1).await;

    let Err(BankError::Call(error)) = bank.hold_at(own.clone()).timeout(SHORT).await else { panic!("it holds for ever") };
    assert_eq!(error.kind(), ErrorKind::Deadline, "{error}");
    until(&own, |held| held == (1, 1)).await;

    let before = bank.held().await.unwrap();
    let Err(BankError::Call(error)) = bank.hold().timeout(Duration::ZERO).await else { panic!("it holds for ever") };
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun), "{error}");
    assert_eq!(bank.held().await.unwrap(), before, "what is over before it began sends nothing");

    let door = bank.door().send();
    bank.knock().oneway().unwrap();
    assert_eq!(door.await.unwrap(), "open");
    let never = bank.hold();
    drop(never);
    assert_eq!(bank.held().await.unwrap(), before, "a call that is dropped before it is polled was never made");
    let Err(BankError::Call(error)) = bank.name().wait() else { panic!("it waited inside a runtime") };
    assert_eq!(error.kind(), ErrorKind::Misuse);
}

async fn bounded(body: impl Future<Output = ()>) {
    tokio::time::timeout(BOUND, body).await.expect("it hangs");
}

/// Both bodies on what a node publishes. The node lives as long as they run.
async fn over(node: Node, url: String) {
    let caller = Node::builder().start().await.unwrap();
    let mut bank: Remote<dyn Bank> = caller.connect(&url).await.unwrap();
    both(&mut bank).await;
    assert_eq!((caller.sessions().len(), node.sessions().len()), (1, 1));
}

async fn both(bank: &mut Remote<dyn Bank>) {
    assert!(!Remote::is_local(bank));
    check(bank, true).await;
    check_options(bank, true).await;
    assert!(Remote::is_connected(bank));
}

async fn listening(url: &str) -> (Node, String) {
    let node = Node::builder().listen(url).publish("bank", Remote::<dyn Bank>::new(MyBank::new())).start().await.unwrap();
    let address = node.addresses().remove(0);
    (node, address)
}

async fn over_tcp() {
    let (node, address) = listening("tcp://127.0.0.1:0").await;
    over(node, format!("{address}/bank")).await;
}

#[tokio::test]
async fn a_plain_struct_is_a_bank() {
    bounded(check(&mut MyBank::new(), false)).await;
}

#[tokio::test]
async fn a_reference_in_this_process_is_the_same_bank() {
    bounded(async {
        let mut bank = Remote::<dyn Bank>::new(MyBank::new());
        assert!(Remote::is_local(&bank));
        check(&mut bank, false).await;
        check_options(&bank, false).await;
    })
    .await;
}

#[tokio::test]
async fn a_reference_over_memory_is_the_same_bank() {
    bounded(async {
        let (node, address) = listening("mem://conformance").await;
        over(node, format!("{address}/bank")).await;
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_reference_over_a_unix_socket_is_the_same_bank() {
    bounded(async {
        let path = std::env::temp_dir().join(format!("netref-conformance-{}.sock", std::process::id()));
        let (node, address) = listening(&format!("unix://{}", path.display())).await;
        over(node, format!("{address}#bank")).await;
    })
    .await;
}

#[tokio::test]
async fn a_reference_over_tcp_is_the_same_bank() {
    bounded(over_tcp()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_over_tcp_is_the_same_bank_on_several_threads() {
    bounded(async { tokio::spawn(over_tcp()).await.unwrap() }).await;
}

#[tokio::test]
async fn a_reference_over_a_pair_of_streams_is_the_same_bank() {
    bounded(async {
        let node = Node::builder().publish("bank", Remote::<dyn Bank>::new(MyBank::new())).share_panics(true).start().await.unwrap();
        let caller = Node::builder().start().await.unwrap();
        let (here, there) = tokio::io::duplex(1_000);
        let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
        let (dialled, accepted) = tokio::join!(caller.connect_io(read_here, write_here), node.accept_io(read_there, write_there));
        assert_eq!(accepted.unwrap().id(), dialled.as_ref().unwrap().id());
        both(&mut dialled.unwrap().lookup("bank").await.unwrap()).await;
    })
    .await;
}

#[tokio::test]
async fn a_reference_over_the_streams_of_a_child_process_is_the_same_bank() {
    bounded(async {
        let caller = Node::builder().start().await.unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_netref-conformance-child"));
        command.kill_on_drop(true).stderr(std::process::Stdio::null());
        let (session, mut child) = caller.spawn_child(command).await.unwrap();
        both(&mut session.lookup("bank").await.unwrap()).await;
        session.close();
        assert!(child.wait().await.unwrap().success(), "the child ends with its session");
    })
    .await;
}
