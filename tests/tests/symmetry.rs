//! Neither end of a session is the client: both call, both keep, both dial, and they end with one session. References come home as the
//! original object, and nobody gets into a session, or at an object, by what he says of himself.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::id::{Incarnation, NodeId};
use netref::wire::{self, Descriptor, Frame};
use netref::{ErrorKind, Node, Outcome, Remote, Result, remote};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// After this long a test that hangs has failed.
const BOUND: Duration = Duration::from_secs(60);

/// How often two nodes dial each other at the same moment.
const ROUNDS: usize = 50;

async fn bounded<R>(body: impl Future<Output = R>) -> R {
    tokio::time::timeout(BOUND, body).await.expect("it hangs")
}

/// Waits until something is so. The bound is the test's.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[remote]
trait Player {
    /// Who it is.
    async fn id(&self) -> Result<u64>;

    /// Plays the ball to `there` until it was played `left` times, and says whose object played it in turn. `here` is the callee.
    async fn play(&self, left: u32, here: Remote<dyn Player>, there: Remote<dyn Player>) -> Result<Vec<u64>>;

    /// Keeps `ball` and calls it a second after this call returned.
    async fn keep(&self, ball: Remote<dyn Player>) -> Result<()>;

    /// Hands `ball` on along `way`, and gives back what the last one gives back: the ball as it has it.
    async fn pass(&self, ball: Remote<dyn Player>, way: Vec<Remote<dyn Player>>) -> Result<Remote<dyn Player>>;
}

/// A player that remembers what arrived.
#[derive(Default)]
struct Side {
    number: u64,
    arrived: Arc<Mutex<Vec<Remote<dyn Player>>>>,
    called: Arc<AtomicU64>,
}

impl Side {
    fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }
}

impl Player for Side {
    async fn id(&self) -> Result<u64> {
        self.called.fetch_add(1, Ordering::SeqCst);
        Ok(self.number)
    }

    async fn play(&self, left: u32, here: Remote<dyn Player>, there: Remote<dyn Player>) -> Result<Vec<u64>> {
        assert!(Remote::is_local(&here) && !Remote::is_local(&there), "at depth {left} the two changed places");
        if left == 0 {
            return Ok(vec![self.number]);
        }
        let mut played = there.play(left - 1, there.clone(), here).await?;
        played.push(self.number);
        Ok(played)
    }

    async fn keep(&self, ball: Remote<dyn Player>) -> Result<()> {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = ball.id().await;
        });
        Ok(())
    }

    async fn pass(&self, ball: Remote<dyn Player>, mut way: Vec<Remote<dyn Player>>) -> Result<Remote<dyn Player>> {
        self.arrived.lock().unwrap().push(ball.clone());
        if way.is_empty() {
            return Ok(ball);
        }
        let next = way.remove(0);
        next.pass(ball, way).await
    }
}

fn player(number: u64) -> Remote<dyn Player> {
    Remote::new(Side::new(number))
}

/// A node that listens and publishes a player of that number.
async fn node(url: &str, number: u64) -> Node {
    Node::builder().name(number.to_string()).listen(url).publish("player", player(number)).start().await.unwrap()
}

const TCP: &str = "tcp://127.0.0.1:0";

fn url(node: &Node) -> String {
    format!("{}/player", node.addresses()[0])
}

async fn connect(from: &Node, to: &Node) -> Remote<dyn Player> {
    from.connect(&url(to)).await.unwrap()
}

/// Asserts that two nodes have, before long, exactly one session, and the same.
async fn end_with_one_session(a: &Node, b: &Node) {
    until(|| (a.sessions().len(), b.sessions().len()) == (1, 1)).await;
    assert_eq!(a.sessions()[0].id(), b.sessions()[0].id());
    assert_eq!(a.sessions()[0].peer().node(), Some(b.identity().0));
    assert_eq!(b.sessions()[0].peer().node(), Some(a.identity().0));
}

async fn play_to_depth_50(listen: &str) {
    let a = node(TCP, 1).await;
    let b = node(listen, 2).await;
    let there = connect(&a, &b).await;
    let here = player(1);
    let played = there.play(50, there.clone(), here).await.unwrap();
    assert_eq!(played.len(), 51);
    assert!(played.chunks(2).all(|pair| pair[0] == 2 && pair.get(1).is_none_or(|&other| other == 1)), "{played:?}");
    end_with_one_session(&a, &b).await;
    drop(there);
    until(|| a.stats().is_idle() && b.stats().is_idle()).await;
}

#[tokio::test]
async fn two_nodes_call_each_other_to_depth_50_on_one_session() {
    bounded(async {
        play_to_depth_50(TCP).await;
        play_to_depth_50("mem://depth-b").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_call_each_other_to_depth_50_on_several_threads() {
    bounded(async {
        let a = node(TCP, 1).await;
        let b = node(TCP, 2).await;
        let there = connect(&a, &b).await;
        let towers: Vec<_> = (0..20)
            .map(|_| {
                let there = there.clone();
                tokio::spawn(async move { there.play(50, there.clone(), player(1)).await.unwrap().len() })
            })
            .collect();
        for tower in towers {
            assert_eq!(tower.await.unwrap(), 51);
        }
        end_with_one_session(&a, &b).await;
    })
    .await;
}

#[tokio::test]
async fn an_object_that_is_kept_is_called_a_second_after_the_call_returned() {
    bounded(async {
        let a = node("mem://keep-a", 1).await;
        let b = node(TCP, 2).await;
        let there = connect(&a, &b).await;
        let (gone, is_gone) = oneshot::channel();
        let ball = Kept { side: Side::new(1), _gone: Gone(Some(gone)) };
        let called = ball.side.called.clone();
        there.keep(Remote::new(ball)).await.unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 0);
        is_gone.await.unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 1, "it was dropped after it was called");
    })
    .await;
}

/// A player that says when it is dropped.
struct Kept {
    side: Side,
    _gone: Gone,
}

struct Gone(Option<oneshot::Sender<()>>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(gone) = self.0.take() {
            let _ = gone.send(());
        }
    }
}

impl Player for Kept {
    async fn id(&self) -> Result<u64> {
        self.side.id().await
    }
    async fn play(&self, left: u32, here: Remote<dyn Player>, there: Remote<dyn Player>) -> Result<Vec<u64>> {
        self.side.play(left, here, there).await
    }
    async fn keep(&self, ball: Remote<dyn Player>) -> Result<()> {
        self.side.keep(ball).await
    }
    async fn pass(&self, ball: Remote<dyn Player>, way: Vec<Remote<dyn Player>>) -> Result<Remote<dyn Player>> {
        self.side.pass(ball, way).await
    }
}

/// Two new nodes dial each other at the same moment, each so many times at once.
async fn cross(a_url: &str, b_url: &str, at_once: usize) {
    let a = node(a_url, 1).await;
    let b = node(b_url, 2).await;
    let start = Arc::new(tokio::sync::Barrier::new(2 * at_once));
    let dial = |from: &Node, to: &Node| {
        let (from, url, start) = (from.clone(), url(to), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            from.connect::<dyn Player>(&url).await
        })
    };
    let dials: Vec<_> = (0..at_once).map(|_| (dial(&a, &b), dial(&b, &a))).collect();
    let mut references = Vec::new();
    for (to_b, to_a) in dials {
        references.push((to_b.await.unwrap().unwrap(), to_a.await.unwrap().unwrap()));
    }
    let numbers = async || {
        for (to_b, to_a) in &references {
            let (of_b, of_a) = tokio::join!(to_b.id(), to_a.id());
            assert_eq!((of_b.unwrap(), of_a.unwrap()), (2, 1));
        }
    };
    numbers().await;
    end_with_one_session(&a, &b).await;
    numbers().await;
    assert!(references.iter().all(|(to_b, to_a)| Remote::is_connected(to_b) && Remote::is_connected(to_a)));
    // Whoever dials again finds it.
    let again = tokio::join!(connect(&a, &b), connect(&b, &a));
    assert_eq!((again.0.id().await.unwrap(), again.1.id().await.unwrap()), (2, 1));
    end_with_one_session(&a, &b).await;
}

async fn cross_often() {
    for round in 0..ROUNDS {
        cross(TCP, TCP, 1).await;
        cross(&format!("mem://cross-a-{round}"), &format!("mem://cross-b-{round}"), 1).await;
    }
    for _ in 0..5 {
        cross(TCP, TCP, 8).await;
    }
}

#[tokio::test]
async fn nodes_that_dial_each_other_at_the_same_moment_have_one_session() {
    bounded(async {
        for _ in 0..ROUNDS {
            // On one thread, in one task: the two dials take turns at every await.
            let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
            let (to_b, to_a) = tokio::join!(connect(&a, &b), connect(&b, &a));
            assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));
            end_with_one_session(&a, &b).await;
            assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn tasks_that_dial_at_the_same_moment_have_one_session() {
    bounded(async {
        for _ in 0..ROUNDS {
            cross(TCP, TCP, 1).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_dial_at_the_same_moment_have_one_session() {
    bounded(async { tokio::spawn(cross_often()).await.unwrap() }).await;
}

#[tokio::test]
async fn nodes_that_publish_and_dial_one_after_the_other_have_one_session() {
    bounded(async {
        let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
        let to_b = connect(&a, &b).await;
        let to_a = connect(&b, &a).await;
        assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));
        assert_eq!((a.sessions().len(), b.sessions().len()), (1, 1));
        end_with_one_session(&a, &b).await;
    })
    .await;
}

#[tokio::test]
async fn connecting_by_several_addresses_gives_one_session() {
    bounded(async {
        let path = std::env::temp_dir().join(format!("netref-symmetry-{}.sock", std::process::id()));
        let b = Node::builder()
            .listen("tcp://localhost:0")
            .listen("mem://several")
            .listen(format!("unix://{}", path.display()))
            .publish("player", player(2))
            .start()
            .await
            .unwrap();
        let a = Node::builder().start().await.unwrap();
        let [tcp, mem, unix] = <[String; 3]>::try_from(b.addresses()).unwrap();
        let port = tcp.rsplit(':').next().unwrap();
        let urls = [
            format!("{tcp}/player"),
            format!("tcp://127.0.0.1:{port}/player"),
            format!("tcp://LOCALHOST:{port}/player"),
            format!("{mem}/player"),
            format!("{unix}#player"),
        ];
        let mut keys = Vec::new();
        for url in &urls {
            let there: Remote<dyn Player> = a.connect(url).await.unwrap();
            assert_eq!(there.id().await.unwrap(), 2);
            keys.push(Remote::key(&there).unwrap());
        }
        assert!(keys.iter().all(|key| *key == keys[0]), "it is one object by whatever address");
        end_with_one_session(&a, &b).await;

        // The same, all at once, by a node that has none yet.
        let c = Node::builder().start().await.unwrap();
        let dials = urls.clone().map(|url| {
            let c = c.clone();
            tokio::spawn(async move { c.connect::<dyn Player>(&url).await.unwrap() })
        });
        for dial in dials {
            assert_eq!(dial.await.unwrap().id().await.unwrap(), 2);
        }
        until(|| (c.sessions().len(), b.sessions().len()) == (1, 2)).await;
    })
    .await;
}

/// What is published on a node, as another node has it.
async fn publish_for(from: &Node, name: &str, to: &Node, object: impl Player + 'static) -> Remote<dyn Player> {
    to.publish(name, Remote::<dyn Player>::new(object)).unwrap();
    from.connect(&format!("{}/{name}", to.addresses()[0])).await.unwrap()
}

/// A sends its ball to B, B to C, and C to A; with a session between C and A, or without one, so that all goes through B.
async fn round_trip(is_key_asked_first: bool, has_own_session: bool) {
    let (a, b, c) = (node(TCP, 1).await, node(TCP, 2).await, node(TCP, 3).await);
    let side = Side::new(9);
    let called = side.called.clone();
    let ball = Remote::<dyn Player>::new(side);
    let key = is_key_asked_first.then(|| Remote::key(&ball));

    let home = Side::new(1);
    let arrived = home.arrived.clone();
    let (third, way, sessions) = if has_own_session {
        let home = publish_for(&c, "home", &a, home).await;
        (publish_for(&b, "courier", &c, Courier { to: home }).await, Vec::new(), (2, 2, 2))
    } else {
        (connect(&b, &c).await, vec![Remote::new(home)], (1, 2, 1))
    };
    let second = publish_for(&a, "courier", &b, Courier { to: third }).await;
    let back = second.pass(ball.clone(), way).await.unwrap();
    assert_eq!((a.sessions().len(), b.sessions().len(), c.sessions().len()), sessions);

    let arrived = std::mem::take(&mut *arrived.lock().unwrap());
    assert_eq!(arrived.len(), 1);
    for reference in [&arrived[0], &back] {
        assert!(Remote::is_local(reference), "{reference:?}");
        assert_eq!(Remote::key(reference), Remote::key(&ball));
        let before = called.load(Ordering::SeqCst);
        assert_eq!(reference.id().await.unwrap(), 9);
        assert_eq!(called.load(Ordering::SeqCst), before + 1);
    }
    assert!(key.is_none_or(|key| key == Remote::key(&ball)), "its key changed on the way");
}

/// Passes on to one place.
struct Courier {
    to: Remote<dyn Player>,
}

impl Player for Courier {
    async fn id(&self) -> Result<u64> {
        Ok(0)
    }
    async fn play(&self, _left: u32, _here: Remote<dyn Player>, _there: Remote<dyn Player>) -> Result<Vec<u64>> {
        Ok(Vec::new())
    }
    async fn keep(&self, _ball: Remote<dyn Player>) -> Result<()> {
        Ok(())
    }
    async fn pass(&self, ball: Remote<dyn Player>, way: Vec<Remote<dyn Player>>) -> Result<Remote<dyn Player>> {
        assert!(!Remote::is_local(&ball), "it is at home on the way already");
        self.to.pass(ball, way).await
    }
}

#[tokio::test]
async fn a_reference_that_went_round_three_nodes_is_the_original_object() {
    bounded(round_trip(false, true)).await;
}

#[tokio::test]
async fn a_reference_that_went_there_and_back_through_a_third_node_is_the_original_object() {
    bounded(round_trip(false, false)).await;
}

#[tokio::test]
async fn a_reference_whose_key_was_asked_for_first_comes_home_all_the_same() {
    bounded(round_trip(true, true)).await;
    bounded(round_trip(true, false)).await;
}

#[tokio::test]
async fn a_reference_that_went_there_and_back_is_the_original_object() {
    bounded(async {
        let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
        let to_b = connect(&a, &b).await;
        let ball = player(9);
        let back = to_b.pass(ball.clone(), Vec::new()).await.unwrap();
        assert!(Remote::is_local(&back));
        assert_eq!(Remote::key(&back), Remote::key(&ball));
        // And when a call brings it rather than a result.
        let home = Side::new(1);
        let arrived = home.arrived.clone();
        let back = to_b.pass(ball.clone(), vec![Remote::new(home)]).await.unwrap();
        let arrived = arrived.lock().unwrap().remove(0);
        for reference in [back, arrived] {
            assert!(Remote::is_local(&reference));
            assert_eq!(Remote::key(&reference), Remote::key(&ball));
        }
    })
    .await;
}

type Tamper = Arc<dyn Fn(&mut Frame<'_>) + Send + Sync>;

/// Whose words are changed on a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Liar {
    Dialler,
    Listener,
}

/// Stands between a node and whoever dials it, and changes what one of the two says. Gives the address to dial in place of the node's.
async fn gate(node: &Node, liar: Liar, tamper: impl Fn(&mut Frame<'_>) + Send + Sync + 'static) -> String {
    let target = node.addresses()[0].strip_prefix("tcp://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let honest: Tamper = Arc::new(|_: &mut Frame<'_>| {});
    let tamper: Tamper = Arc::new(tamper);
    let (out, back) = if liar == Liar::Dialler { (tamper, honest) } else { (honest, tamper) };
    tokio::spawn(async move {
        while let Ok((dialler, _)) = listener.accept().await {
            let (from_dialler, to_dialler) = dialler.into_split();
            let (from_node, to_node) = TcpStream::connect(&target).await.unwrap().into_split();
            tokio::spawn(relay(from_dialler, to_node, out.clone()));
            tokio::spawn(relay(from_node, to_dialler, back.clone()));
        }
    });
    format!("tcp://{address}/player")
}

/// Carries one direction of a link, frame by frame, until either end is gone.
async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, tamper: Tamper) {
    let mut buffer = Vec::new();
    let mut is_past_magic = false;
    while from.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
        let mut out = Vec::new();
        if !is_past_magic && buffer.len() >= wire::MAGIC.len() {
            out.extend(buffer.drain(..wire::MAGIC.len()));
            is_past_magic = true;
        }
        while let Some((body, consumed)) = wire::split(&buffer).filter(|_| is_past_magic) {
            let mut frame = wire::decode(body).unwrap();
            tamper(&mut frame);
            wire::encode(&frame, &mut out).unwrap();
            buffer.drain(..consumed);
        }
        if to.write_all(&out).await.is_err() {
            return;
        }
    }
}

fn claims(identity: (NodeId, Incarnation)) -> impl Fn(&mut Frame<'_>) + Send + Sync {
    move |frame| {
        if let Frame::Hello(hello) = frame {
            (hello.node, hello.incarnation) = identity;
        }
    }
}

#[tokio::test]
async fn a_dialler_that_claims_to_be_another_node_is_not_taken_for_it() {
    bounded(async {
        let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
        let (to_b, to_a) = (connect(&a, &b).await, connect(&b, &a).await);
        end_with_one_session(&a, &b).await;
        let real = a.sessions()[0].id();

        let impostor = Node::builder().start().await.unwrap();
        let gate = gate(&b, Liar::Dialler, claims(a.identity())).await;
        // It is told to try again while it might be a dial that crossed, and then gets a session of its own, with a peer of A's name.
        let stolen: Remote<dyn Player> = impostor.connect(&gate).await.unwrap();
        assert_eq!(stolen.id().await.unwrap(), 2);
        assert_eq!(b.sessions().len(), 2);
        assert!(b.sessions().iter().any(|session| session.id() == real), "the real session is still there");
        assert_ne!(impostor.sessions()[0].id(), real);

        // Neither side's references, old or new, lead to the impostor.
        assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));
        let again: Remote<dyn Player> = b.connect(&url(&a)).await.unwrap();
        assert_eq!(again.id().await.unwrap(), 1);
        assert!(Remote::is_connected(&to_b) && Remote::is_connected(&to_a));

        // By an address that B has not dialled before it finds the real session too, not a second one.
        let other = url(&a).replace("127.0.0.1", "localhost");
        let again: Remote<dyn Player> = b.connect(&other).await.unwrap();
        assert_eq!(again.id().await.unwrap(), 1);
        let again: Remote<dyn Player> = a.connect(&url(&b).replace("127.0.0.1", "localhost")).await.unwrap();
        assert_eq!(again.id().await.unwrap(), 2);
        assert_eq!(a.sessions().len(), 1);
        assert_eq!(b.sessions().len(), 2);

        drop(impostor);
        until(|| b.sessions().len() == 1).await;
        assert_eq!(b.sessions()[0].id(), real);
        assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn an_impostor_that_came_first_keeps_nobody_apart() {
    bounded(async {
        let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
        let impostor = Node::builder().start().await.unwrap();
        let gate = gate(&b, Liar::Dialler, claims(a.identity())).await;
        let stolen: Remote<dyn Player> = impostor.connect(&gate).await.unwrap();
        let (to_b, to_a) = tokio::join!(connect(&a, &b), connect(&b, &a));
        assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));
        let again: Remote<dyn Player> = b.connect(&url(&a).replace("127.0.0.1", "localhost")).await.unwrap();
        assert_eq!(again.id().await.unwrap(), 1);
        until(|| (a.sessions().len(), b.sessions().len(), impostor.sessions().len()) == (1, 2, 1)).await;
        assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap(), stolen.id().await.unwrap()), (2, 1, 2));
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_claims_to_be_another_node_is_not_taken_for_it() {
    bounded(async {
        let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
        let (to_b, to_a) = (connect(&a, &b).await, connect(&b, &a).await);
        let real = a.sessions()[0].id();

        let impostor = node(TCP, 3).await;
        let gate = gate(&impostor, Liar::Listener, claims(a.identity())).await;
        let stolen: Remote<dyn Player> = b.connect(&gate).await.unwrap();
        assert_eq!(stolen.id().await.unwrap(), 3, "it is a session with whoever listens there");
        assert_eq!(b.sessions().len(), 2);
        assert_eq!(a.sessions().len(), 1);
        assert_eq!(a.sessions()[0].id(), real);
        assert_eq!((to_b.id().await.unwrap(), to_a.id().await.unwrap()), (2, 1));

        // A, dialled anew, is still found by its real session.
        let again: Remote<dyn Player> = b.connect(&url(&a).replace("127.0.0.1", "localhost")).await.unwrap();
        assert_eq!(again.id().await.unwrap(), 1);
        assert_eq!((a.sessions().len(), b.sessions().len()), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn knowing_a_session_by_name_does_not_get_anybody_into_it() {
    bounded(async {
        let (a, b) = (node(TCP, 1).await, node(TCP, 2).await);
        let to_b = connect(&a, &b).await;
        let real = a.sessions()[0].id();
        let target = b.addresses()[0].strip_prefix("tcp://").unwrap().to_owned();
        for proof in [[0; 32], [7; 32]] {
            let mut link = TcpStream::connect(&target).await.unwrap();
            let (node, incarnation) = a.identity();
            let hello = wire::Hello {
                major: wire::MAJOR,
                minor: wire::MINOR,
                features: 0,
                node,
                incarnation,
                share: proof,
                name: "1",
                limits: netref::limits::PeerLimits::MINIMUM,
            };
            let mut bytes = wire::MAGIC.to_vec();
            wire::encode(&Frame::Hello(hello), &mut bytes).unwrap();
            wire::encode(&Frame::Start(wire::Start::Attach { session: real, received: 0, proof }), &mut bytes).unwrap();
            link.write_all(&bytes).await.unwrap();
            let mut answer = Vec::new();
            link.read_to_end(&mut answer).await.unwrap();
            let answer = answer.strip_prefix(&wire::MAGIC).unwrap();
            let (hello, consumed) = wire::split(answer).unwrap();
            assert!(matches!(wire::decode(hello).unwrap(), Frame::Hello(hello) if hello.node == b.identity().0));
            let (refusal, _) = wire::split(&answer[consumed..]).unwrap();
            let Frame::Refuse(refusal) = wire::decode(refusal).unwrap() else { panic!("it was let in") };
            assert!(refusal.text.contains("no such session, or the proof is wrong"), "{refusal:?}");
        }
        assert_eq!(to_b.id().await.unwrap(), 2);
        end_with_one_session(&a, &b).await;
    })
    .await;
}

/// How a reference to an object at home is forged on its way home.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    Tag,
    Number,
    Both,
}

#[tokio::test]
async fn a_forged_identity_gives_a_broken_reference_and_harms_nothing_else() {
    for forgery in [Forgery::Tag, Forgery::Number, Forgery::Both] {
        bounded(forged(forgery)).await;
    }
}

async fn forged(forgery: Forgery) {
    let (a, b, c) = (node(TCP, 1).await, node(TCP, 2).await, node(TCP, 3).await);
    let seen = Arc::new(AtomicBool::new(false));
    let has_forged = seen.clone();
    let gate = gate(&a, Liar::Dialler, move |frame| {
        let Frame::Call(call) = frame else { return };
        for reference in &mut call.body.references {
            let Descriptor::Home { number, tag, .. } = reference else { continue };
            seen.store(true, Ordering::SeqCst);
            match forgery {
                Forgery::Tag => *tag ^= 1,
                Forgery::Number => *number += 1,
                Forgery::Both => (*number, *tag) = (1, 0),
            }
        }
    })
    .await;
    let home = Side::new(1);
    let arrived = home.arrived.clone();
    a.publish("home", Remote::<dyn Player>::new(home)).unwrap();
    // C reaches A through the forger, and has A's ball from B.
    let home: Remote<dyn Player> = c.connect(&gate.replace("/player", "/home")).await.unwrap();
    let third = publish_for(&b, "courier", &c, Courier { to: home.clone() }).await;
    let first = publish_for(&a, "courier", &b, Courier { to: third }).await;

    let side = Side::new(9);
    let called = side.called.clone();
    let ball = Remote::<dyn Player>::new(side);
    let back = first.pass(ball.clone(), Vec::new()).await;
    assert!(has_forged.load(Ordering::SeqCst), "the reference went another way than by identity");
    let forged = arrived.lock().unwrap().remove(0);
    assert!(!Remote::is_local(&forged) && !Remote::is_connected(&forged));
    assert_eq!(Remote::key(&forged), None);
    let error = forged.id().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchObject, Outcome::NotRun), "{error}");
    assert_eq!(called.load(Ordering::SeqCst), 0);
    // The broken reference went all the way back, and every session lives.
    let error = back.unwrap().id().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchObject, "{error}");
    assert_eq!(home.id().await.unwrap(), 1);
    assert_eq!(first.id().await.unwrap(), 0);
    assert_eq!(ball.id().await.unwrap(), 9);
    assert_eq!((a.sessions().len(), b.sessions().len(), c.sessions().len()), (2, 2, 2));
}
