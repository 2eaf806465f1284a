//! Services of tarpc over a netref session: two stock services, one at each end, called in both directions on one connection, beside an
//! object of netref's own. Only the transports are made in another way than tarpc's documentation shows.
//!
//! `cargo run --example tarpc_bridge`

use std::time::{Duration, Instant};

use futures::StreamExt;
use netref::{Node, Remote, remote, tarpc_bridge};
use tarpc::server::{BaseChannel, Channel};
use tarpc::{client, context};

#[tarpc::service]
trait World {
    async fn hello(name: String) -> String;
}

#[tarpc::service]
trait Clock {
    /// How many milliseconds the caller still gives.
    async fn left() -> u64;
}

#[remote]
trait Door {
    async fn knock(&self) -> netref::Result<String>;
}

#[derive(Clone)]
struct Greeter;

impl World for Greeter {
    async fn hello(self, _: context::Context, name: String) -> String {
        format!("hello {name}")
    }
}

#[derive(Clone)]
struct Watch;

impl Clock for Watch {
    async fn left(self, context: context::Context) -> u64 {
        context.deadline.saturating_duration_since(Instant::now()).as_millis() as u64
    }
}

struct Front;

impl Door for Front {
    async fn knock(&self) -> netref::Result<String> {
        Ok("come in".to_owned())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One side serves `World`, and has a door.
    let here = Node::builder().name("here").listen("tcp://127.0.0.1:0").publish("door", Remote::<dyn Door>::new(Front)).start().await?;
    // begin: serve
    let (service, transport) = tarpc_bridge::server();
    let requests = BaseChannel::with_defaults(transport).execute(tarpc_bridge::caught(Greeter.serve()));
    tokio::spawn(requests.for_each(|request| async { drop(tokio::spawn(request)) }));
    here.publish_any("world", service)?;
    // end: serve

    // The other side serves `Clock`, and dials.
    let there = Node::builder().name("there").start().await?;
    let (service, transport) = tarpc_bridge::server();
    let requests = BaseChannel::with_defaults(transport).execute(tarpc_bridge::caught(Watch.serve()));
    tokio::spawn(requests.for_each(|request| async { drop(tokio::spawn(request)) }));
    there.publish_any("clock", service)?;
    let session = there.open(&here.addresses()[0]).await?;

    // begin: call
    let world = tarpc_bridge::client(session.lookup_any("world").await?);
    let world = WorldClient::new(client::Config::default(), world).spawn();
    let said = world.hello(context::current(), "ada".to_owned()).await?;
    // end: call
    assert_eq!(said, "hello ada");
    println!("there calls here: {said}");

    // Back over the same connection: nobody has dialled the other way.
    while here.sessions().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let clock = tarpc_bridge::client(here.sessions()[0].lookup_any("clock").await?);
    let clock = ClockClient::new(client::Config::default(), clock).spawn();
    let mut context = context::current();
    context.deadline = Instant::now() + Duration::from_secs(60);
    let left = clock.left(context).await?;
    assert!(left <= 60_000);
    println!("here calls there: the deadline came along");

    // And an object of netref's own beside them.
    let door: Remote<dyn Door> = there.connect(&format!("{}/door", here.addresses()[0])).await?;
    assert_eq!(door.knock().await?, "come in");
    println!("there knocks: come in");
    assert_eq!((here.sessions().len(), there.sessions().len()), (1, 1));
    println!("all of it on one connection");
    Ok(())
}
