//! A peer on another machine is told no more than it may know.

use netref::stream::{self, Receiver};
use netref::{ErrorKind, Node, Remote, Result, remote};

use crate::bounded;

#[remote]
pub trait Panicky {
    async fn numbers(&self) -> Result<Receiver<u64>>;
}

struct Falls;

impl Panicky for Falls {
    async fn numbers(&self) -> Result<Receiver<u64>> {
        stream::from_iter((0..10).map(|number| if number < 3 { number } else { panic!("the password is swordfish") }), 4)
    }
}

/// What ends the stream at its reader.
async fn end_of(host: &Node, shares: bool) -> String {
    host.publish("falls", Remote::<dyn Panicky>::new(Falls)).unwrap();
    let caller = Node::builder().start().await.unwrap();
    let panicky: Remote<dyn Panicky> = if shares {
        caller.connect(&format!("{}/falls", host.addresses()[0])).await.unwrap()
    } else {
        // What comes over any pair of streams may come from anywhere.
        let (here, there) = tokio::io::duplex(1_000);
        let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
        let (dialled, _) = tokio::join!(caller.connect_io(read_here, write_here), host.accept_io(read_there, write_there));
        dialled.unwrap().lookup("falls").await.unwrap()
    };
    let mut numbers = panicky.numbers().await.unwrap();
    for number in 0..3 {
        assert_eq!(bounded(numbers.recv()).await.unwrap().unwrap(), number);
    }
    let error = bounded(numbers.recv()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(bounded(numbers.recv()).await.is_none());
    format!("{error} {error:?}")
}

#[tokio::test]
async fn what_a_panic_in_a_stream_says_stays_on_the_machine() {
    let start = || Node::builder().listen("tcp://127.0.0.1:0").start();
    let near = end_of(&start().await.unwrap(), true).await;
    assert!(near.contains("swordfish") && near.contains("leaving.rs"), "{near}");
    let far = end_of(&start().await.unwrap(), false).await;
    assert!(!far.contains("swordfish") && !far.contains("leaving.rs"), "{far}");
    assert!(far.contains("its log has it as"), "{far}");
}
