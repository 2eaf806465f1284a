//! The child process of the conformance test: it publishes a bank over its standard streams and ends with its session.

#[path = "../../tests/conformance/bank.rs"]
#[allow(dead_code, reason = "the test uses the rest")]
mod bank;

use netref::{Node, Remote};

#[tokio::main]
async fn main() {
    let node = Node::builder().publish("bank", Remote::<dyn bank::Bank>::new(bank::MyBank::new())).start().await.unwrap();
    let session = node.serve_stdio().await.unwrap();
    session.closed().await;
    // Tokio reads the standard input on a thread that cannot be stopped, so the runtime is not waited for.
    std::process::exit(0);
}
