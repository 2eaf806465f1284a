//! Owns what interceptors see of calls on promises: each of them once, on either side, and in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netref::around::{Interceptor, Next};
use netref::{Node, RawCall, RawReturn, Remote};

use crate::forward::{Forward, Forwards, MyForward};
use crate::{Account, MyAccount, session_of};

/// Counts the calls of accounts that pass.
struct Passed(Arc<AtomicU64>);

impl Interceptor for Passed {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let is_counted = call.method.interface.ends_with("Account");
        self.0.fetch_add(u64::from(is_counted), Ordering::SeqCst);
        next.call(call)
    }
}

#[tokio::test]
async fn interceptors_of_both_nodes_see_calls_on_promises() {
    for (outgoing, incoming) in [(true, false), (false, true), (true, true)] {
        let (out, into) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (forward, gate) = MyForward::new();
        let remote = Remote::<dyn Forward>::new(Forwards(Arc::clone(&forward)));
        let mut host = Node::builder().listen("tcp://127.0.0.1:0").publish("forward", remote);
        if incoming {
            host = host.intercept_incoming(Passed(Arc::clone(&into)));
        }
        let host = host.start().await.expect("starts");
        let mut guest = Node::builder();
        if outgoing {
            guest = guest.intercept_outgoing(Passed(Arc::clone(&out)));
        }
        let guest = guest.start().await.expect("starts");
        let remote = guest.connect::<dyn Forward>(&format!("{}/forward", host.addresses()[0])).await.expect("connects");
        let mut account = remote.later().pipelined();
        let mut sent = vec![account.note("0".into()).send()];
        gate.add_permits(1);
        // The result is a promise by now.
        session_of(&guest).lookup::<dyn Forward>("forward").await.expect("it is there");
        sent.push(account.note("1".into()).send());
        forward.give(Ok(MyAccount::remote()));
        let mut known = Remote::resolved(&account).await.expect("it resolves");
        sent.push(known.note("2".into()).send());
        for call in sent {
            call.await.expect("it runs");
        }
        assert_eq!(known.notes().await, Ok(vec!["0".to_owned(), "1".to_owned(), "2".to_owned()]));
        assert_eq!((out.load(Ordering::SeqCst), into.load(Ordering::SeqCst)), (4 * u64::from(outgoing), 4 * u64::from(incoming)));
    }
}
