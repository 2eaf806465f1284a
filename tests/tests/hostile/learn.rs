//! Owns what a peer has to know of the methods before it can call any: it is learnt from a client that behaves.

use netref::wire::{self, Frame, Target};
use netref::{Node, Remote};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::victim::{METHODS, Nested, Target1, Victim, place};
use crate::within;

#[derive(Clone, Debug, Default)]
pub struct Learned {
    pub root: String,
    pub target: String,
    /// Name, fingerprint and signature of `lookup`, then of the methods in their order.
    pub methods: Vec<(String, u64, String)>,
    pub lookup: Vec<u8>,
}

/// Listens in on a client that calls every method once, of another victim: that one has room for all of them.
pub async fn learn() -> Learned {
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    host.publish("target", Remote::<dyn Target1>::new(Victim)).expect("a name");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("tcp://{}/target", listener.local_addr().expect("an address"));
    let there = place(&host);
    let proxy = tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("the client");
        let server = TcpStream::connect(there).await.expect("the host");
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut heard = Vec::new();
        let mut chunk = [0; 4_096];
        while let Ok(count @ 1..) = from_client.read(&mut chunk).await {
            heard.extend_from_slice(&chunk[..count]);
            to_server.write_all(&chunk[..count]).await.expect("the host takes it");
        }
        drop(to_server);
        back.abort();
        heard
    });
    let client = Node::builder().start().await.expect("a node starts");
    let target: Remote<dyn Target1> = client.connect(&url).await.expect("a session");
    target.echo(1).await.expect("answered");
    drop(target.forever(1).send());
    target.numbers(Vec::new()).await.expect("answered");
    target.nest(Nested::Leaf).await.expect("answered");
    target.large(1).await.expect("answered");
    target.take(None).await.expect("answered");
    target.units(Vec::new()).await.expect("answered");
    target.text(String::new()).await.expect("answered");
    target.describe(Remote::into_any(target.clone())).await.expect("answered");
    drop(target.keep(String::new()).send());
    drop(target.hold(netref::stream::channel(1).1).send());
    drop(target.hold_bytes(netref::stream::bytes().1).send());
    drop(target.count(netref::stream::channel(1).1).send());
    drop(target.hold_value(netref::stream::watch(1).1).send());
    drop(target.pour().await.expect("answered"));
    drop(target.give().await.expect("answered"));
    target.next().await.expect("answered");
    target.ahead(target.clone()).await.expect("answered");
    drop((target, client));
    let heard = within("the client", proxy).await.expect("the proxy");
    let mut learned = Learned::default();
    let mut rest = &heard[wire::MAGIC.len()..];
    let mut found = Vec::new();
    while let Some((body, consumed)) = wire::split(rest) {
        match wire::decode(body).expect("a client that behaves") {
            Frame::Define(define) => {
                if define.interface == 0 {
                    learned.root = define.name.to_owned();
                } else if !define.name.is_empty() {
                    learned.target = define.name.to_owned();
                }
                found.extend(define.methods.iter().map(|method| (method.name.to_owned(), method.fingerprint, method.signature.to_owned())));
            }
            Frame::Call(call) if call.target == Target::Root => learned.lookup = call.body.bytes.to_vec(),
            _ => {}
        }
        rest = &rest[consumed..];
    }
    for name in ["lookup"].iter().chain(&METHODS) {
        learned.methods.push(found.iter().find(|method| method.0 == *name).expect("defined").clone());
    }
    learned
}
