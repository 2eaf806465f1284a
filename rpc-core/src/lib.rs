//! Remote objects: an object in another process is used like an object in this one.
//!
//! A trait with [`#[remote]`](macro@remote) on it is an interface. A [`Remote<dyn Trait>`](Remote) refers to an object that implements it, wherever
//! the object lives, and implements the trait itself. References travel in arguments and results, so either side can hand objects to the
//! other; when the last reference to an object is dropped, anywhere, so is the object.
//!
//! This page teaches netref from the first trait to the shutdown. At its end are the modules in the order in which a call meets them. How it
//! is built is told in `architecture.md`, which `cargo doc` shows as the module `architecture`; every byte on the wire is in [`wire`].
//!
//! # An interface
//!
//! Methods are `async`, take `&self` or `&mut self`, and return a `Result` whose error can be made from a [`netref::Error`], since a call can fail on the
//! way. [`netref::Result`] is the short form. Implementations are plain `impl`s with plain `async fn`s.
//!
//! ```
//! use netref::{Remote, Result, remote};
//!
//! /// Doc comments and the names of arguments are part of the interface.
//! #[remote]
//! pub trait Counter {
//!     async fn add(&mut self, amount: u64) -> Result<u64>;
//!     async fn total(&self) -> Result<u64>;
//!
//!     /// A default body is a method like any other: one call, run where the object is.
//!     async fn is_zero(&self) -> Result<bool> {
//!         Ok(self.total().await? == 0)
//!     }
//! }
//!
//! struct Plain(u64);
//!
//! impl Counter for Plain {
//!     async fn add(&mut self, amount: u64) -> Result<u64> {
//!         self.0 += amount;
//!         Ok(self.0)
//!     }
//!     async fn total(&self) -> Result<u64> {
//!         Ok(self.0)
//!     }
//! }
//!
//! /// Takes a local struct or a reference alike.
//! async fn twice<C: Counter>(counter: &mut C) -> Result<u64> {
//!     counter.add(1).await?;
//!     counter.add(1).await
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! assert_eq!(twice(&mut Plain(0)).await?, 2);
//!
//! let mut counter: Remote<dyn Counter> = Remote::new(Plain(5));
//! assert_eq!(twice(&mut counter).await?, 7);
//! assert!(!counter.is_zero().await?);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! `&self` methods of an object run side by side. A `&mut self` method has the object to itself, so the struct needs no lock.
//! Calls on one object start in the order in which they were sent. Arguments are values that serde can carry, or borrows of one: `&str`, `&[T]`, `&T`.
//! [`macro@remote`] has the rules and the options of methods.
//!
//! Traits may have type parameters, associated types and supertraits, and a reference to one trait becomes a reference to a supertrait of it by
//! [`Remote::upcast`].
//!
//! ```
//! use netref::{Remote, Result, remote};
//!
//! #[remote]
//! trait Store<K, V = String> {
//!     async fn get(&self, key: &K) -> Result<Option<V>>;
//! }
//! #[remote]
//! trait Shelf {
//!     type Item;
//!     async fn first(&self) -> Result<Option<Self::Item>>;
//! }
//! #[remote]
//! trait Library: Store<u32> + Shelf<Item = String> {
//!     async fn close(&mut self) -> Result<()>;
//! }
//!
//! # struct Books(Vec<String>);
//! # impl Store<u32> for Books {
//! #     async fn get(&self, key: &u32) -> Result<Option<String>> { Ok(self.0.get(*key as usize).cloned()) }
//! # }
//! # impl Shelf for Books {
//! #     type Item = String;
//! #     async fn first(&self) -> Result<Option<String>> { Ok(self.0.first().cloned()) }
//! # }
//! # impl Library for Books { async fn close(&mut self) -> Result<()> { Ok(()) } }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let library = Remote::<dyn Library>::new(Books(vec!["Emma".to_owned()]));
//! assert_eq!(library.get(&0).await?, library.first().await?);
//!
//! let shelf: Remote<dyn Shelf<Item = String>> = Remote::upcast(library);
//! assert_eq!(shelf.first().await?.as_deref(), Some("Emma"));
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Two nodes
//!
//! A [`Node`] is a process taking part. It listens on addresses, publishes objects under names, and connects to others. Addresses are URLs:
//! `tcp://127.0.0.1:7070/name`, `unix:///run/me.sock#name`, `mem://place/name`. Port 0 means any free one; [`Node::addresses`] tells which.
//!
//! ```
//! # use netref::{Node, Remote, Result, remote};
//! # #[remote] pub trait Counter { async fn add(&mut self, amount: u64) -> Result<u64>; }
//! # struct Plain(u64);
//! # impl Counter for Plain {
//! #     async fn add(&mut self, amount: u64) -> Result<u64> { self.0 += amount; Ok(self.0) }
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! // One process:
//! let counter = Remote::<dyn Counter>::new(Plain(0));
//! let node = Node::builder().listen("tcp://127.0.0.1:0").publish("counter", counter).start().await?;
//! let url = format!("{}/counter", node.addresses()[0]);
//!
//! // Another one (here the same, which makes no difference):
//! let mut counter: Remote<dyn Counter> = netref::connect(&url).await?;
//! assert_eq!(counter.add(2).await?, 2);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! [`connect`] uses a node of the process that publishes nothing; [`Node::connect`] one of your own. Two nodes have one session, however often they
//! connect. Plaintext stays on this machine: `tcp://` to or from another one is refused unless
//! [`insecure_plaintext`](NodeBuilder::insecure_plaintext) allows it. A session also runs over any pair of byte streams
//! ([`Node::connect_io`]) and over a child's standard input and output ([`Node::spawn_child`]).
//!
//! # References and callbacks
//!
//! A `Remote` in an argument or a result is a reference, not a copy, however deep inside a value it is. Whoever receives one can call it,
//! keep it, pass it on. There is no client and no server in this: the object may belong to either side.
//!
//! ```
//! use std::collections::HashMap;
//! use netref::{Node, Remote, Result, remote};
//!
//! #[remote]
//! trait Room {
//!     /// Hands an object of the caller's over, and gets one of the callee's.
//!     async fn enter(&mut self, name: &str, guest: Remote<dyn Guest>) -> Result<Remote<dyn Seat>>;
//!     async fn guests(&self) -> Result<HashMap<String, Remote<dyn Guest>>>;
//! }
//! #[remote]
//! trait Guest {
//!     async fn hear(&self, words: &str) -> Result<()>;
//! }
//! #[remote]
//! trait Seat {
//!     async fn say(&self, words: &str) -> Result<()>;
//! }
//!
//! # #[derive(Default)]
//! struct MyRoom { guests: HashMap<String, Remote<dyn Guest>> }
//! struct MySeat { guests: Vec<Remote<dyn Guest>> }
//!
//! impl Room for MyRoom {
//!     async fn enter(&mut self, name: &str, guest: Remote<dyn Guest>) -> Result<Remote<dyn Seat>> {
//!         guest.hear("welcome").await?; // calls back, in the middle of the call
//!         self.guests.insert(name.to_owned(), guest);
//!         Ok(Remote::new(MySeat { guests: self.guests.values().cloned().collect() }))
//!     }
//!     async fn guests(&self) -> Result<HashMap<String, Remote<dyn Guest>>> {
//!         Ok(self.guests.clone())
//!     }
//! }
//! impl Seat for MySeat {
//!     async fn say(&self, words: &str) -> Result<()> {
//!         for guest in &self.guests {
//!             guest.hear(words).await?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! struct Ada(tokio::sync::mpsc::UnboundedSender<String>);
//! impl Guest for Ada {
//!     async fn hear(&self, words: &str) -> Result<()> {
//!         let _ = self.0.send(words.to_owned());
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let node = Node::builder().listen("mem://tutorial-room").publish("room", Remote::<dyn Room>::new(MyRoom::default())).start().await?;
//! let mut room: Remote<dyn Room> = netref::connect("mem://tutorial-room/room").await?;
//! let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
//! let ada = Remote::<dyn Guest>::new(Ada(sender));
//!
//! let seat = room.enter("ada", ada.clone()).await?;
//! seat.say("anybody there?").await?;
//! assert_eq!(heard.recv().await.unwrap(), "welcome");
//! assert_eq!(heard.recv().await.unwrap(), "anybody there?");
//!
//! // A reference that comes home is the original again.
//! let back = &room.guests().await?["ada"];
//! assert!(Remote::is_local(back));
//! assert_eq!(Remote::key(back), Remote::key(&ada));
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! An object lives as long as anyone holds a reference to it. Dropping the last one drops the object over there, a moment later;
//! the end of a session drops all that it held. Two objects on two nodes that hold each other live until then, unless one of the holds is a
//! [`WeakRemote`]. An object that is to hand out references to itself is made with [`Remote::new_cyclic`], and holds itself weakly. Serializing a
//! reference outside a call is an error: it means nothing there.
//!
//! A `Remote` has only associated functions of its own, `Remote::key(&reference)` and so on, so that none hides a method of a trait.
//!
//! # Several interfaces
//!
//! A reference grants its own interface and the supertraits of that, no more. [`Object`] hosts one object under several: it decides who is
//! given which, and which of them whoever holds any may ask for with [`cast`](Remote::cast).
//!
//! ```
//! use netref::{ErrorKind, Node, Object, Remote, Result, remote};
//!
//! #[remote]
//! trait Lamp {
//!     async fn is_on(&self) -> Result<bool>;
//!     async fn switch(&mut self) -> Result<()>;
//! }
//! #[remote]
//! trait Dimmer {
//!     async fn dim(&mut self, percent: u8) -> Result<()>;
//! }
//! #[remote]
//! trait Service {
//!     async fn replace_bulb(&mut self) -> Result<()>;
//! }
//!
//! # #[derive(Default)]
//! struct Desk { on: bool, percent: u8 }
//! # impl Lamp for Desk {
//! #     async fn is_on(&self) -> Result<bool> { Ok(self.on) }
//! #     async fn switch(&mut self) -> Result<()> { self.on = !self.on; Ok(()) }
//! # }
//! # impl Dimmer for Desk { async fn dim(&mut self, percent: u8) -> Result<()> { self.percent = percent; self.on = percent > 0; Ok(()) } }
//! # impl Service for Desk { async fn replace_bulb(&mut self) -> Result<()> { Ok(()) } }
//! // impl Lamp for Desk, impl Dimmer for Desk, impl Service for Desk …
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let desk = Object::new(Desk::default()).with_interface::<dyn Dimmer>();
//! let node = Node::builder().listen("mem://tutorial-lamp").publish("lamp", desk.as_remote::<dyn Lamp>()).start().await?;
//! let caretaker = desk.as_remote::<dyn Service>(); // for whoever is given it
//!
//! let lamp: Remote<dyn Lamp> = netref::connect("mem://tutorial-lamp/lamp").await?;
//! let mut dimmer = Remote::cast::<dyn Dimmer>(&lamp).await?; // its host is asked
//! dimmer.dim(30).await?;
//! assert!(lamp.is_on().await?); // it is one object
//! assert_eq!(Remote::key(&lamp), Remote::key(&caretaker));
//! assert_eq!(Remote::cast::<dyn Service>(&lamp).await.unwrap_err().kind(), ErrorKind::NoSuchInterface);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Closures
//!
//! [`RemoteFn<(A, B), T, E>`](RemoteFn) is a closure by reference, where a trait with one method would be too much.
//!
//! ```
//! use netref::{Error, Remote, RemoteFn, Result, remote};
//!
//! #[remote]
//! trait Shelf {
//!     /// The books that `wanted` says yes to, each after `progress` was told.
//!     async fn find(&self, wanted: RemoteFn<(String,), bool>, progress: RemoteFn<(usize, usize), ()>) -> Result<Vec<String>>;
//! }
//! # struct Books;
//! # impl Shelf for Books {
//! #     async fn find(&self, wanted: RemoteFn<(String,), bool>, progress: RemoteFn<(usize, usize), ()>) -> Result<Vec<String>> {
//! #         let mut found = Vec::new();
//! #         for (number, book) in ["Emma", "Dune", "Ulysses"].into_iter().enumerate() {
//! #             progress.call(number + 1, 3).await?;
//! #             if wanted.call(book.to_owned()).await? { found.push(book.to_owned()); }
//! #         }
//! #         Ok(found)
//! #     }
//! # }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let shelf = Remote::<dyn Shelf>::new(Books);
//! let longest = 4;
//! let wanted = RemoteFn::new(move |title: String| async move { Ok(title.len() <= longest) });
//! let progress = RemoteFn::new(|done: usize, of: usize| async move {
//!     eprintln!("{done} of {of}");
//!     Ok(())
//! });
//! assert_eq!(shelf.find(wanted.clone(), progress).await?, ["Emma", "Dune"]);
//! assert!(!wanted.call("Ulysses".into()).await?); // it can be called here as well
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Ahead of a result
//!
//! A reference that a call will give can be used before it is there. [`Call::pipelined`] sends the call and gives a promise at once, which is a
//! `Remote` like any other: it is called, passed on, and called ahead again, and a whole chain takes one round trip.
//!
//! ```
//! use netref::{Pipeline, Remote, Result, remote};
//! use serde::{Deserialize, Serialize};
//!
//! #[remote]
//! pub trait Library {
//!     async fn desk(&self) -> Result<Remote<dyn Desk>>;
//! }
//!
//! #[remote]
//! pub trait Desk {
//!     async fn opened(&self) -> Result<Opened>;
//! }
//!
//! /// The derive makes `OpenedPromise` of it, which has a promise of `door`.
//! #[derive(Serialize, Deserialize, Pipeline)]
//! pub struct Opened {
//!     pub hour: u8,
//!     pub door: Remote<dyn Door>,
//! }
//!
//! #[remote]
//! pub trait Door {
//!     async fn knock(&self, times: u32) -> Result<u32>;
//! }
//! # struct Here;
//! # impl Library for Here { async fn desk(&self) -> Result<Remote<dyn Desk>> { Ok(Remote::new(Here)) } }
//! # impl Desk for Here { async fn opened(&self) -> Result<Opened> { Ok(Opened { hour: 8, door: Remote::new(Here) }) } }
//! # impl Door for Here { async fn knock(&self, times: u32) -> Result<u32> { Ok(times) } }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let library = Remote::<dyn Library>::new(Here);
//! let opened = library.desk().pipelined().opened().pipelined();
//! assert_eq!(opened.door.knock(2).await?, 2); // three calls, one wait
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! Calls on a promise start in the order in which they were made, and before those that are made on what it becomes, wherever that is. When the
//! first call fails, those on its promise fail in the same way and did not run. [`Remote::resolved`] waits until it is known what a promise is;
//! [`Remote::from_future`] makes one of any future.
//!
//! # Errors
//!
//! The error type of a method is the user's own. It arrives as it was returned; what goes wrong on the way is wrapped into it with `From`.
//!
//! ```
//! use netref::{ErrorKind, Outcome, Remote, remote};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! enum BankError {
//!     NotEnough { balance: u64 },
//!     Call(netref::Error),
//! }
//! impl From<netref::Error> for BankError {
//!     fn from(error: netref::Error) -> Self {
//!         Self::Call(error)
//!     }
//! }
//! impl std::fmt::Display for BankError {
//!     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         match self {
//!             Self::NotEnough { balance } => write!(f, "there are only {balance}"),
//!             Self::Call(error) => error.fmt(f),
//!         }
//!     }
//! }
//! impl std::error::Error for BankError {}
//!
//! #[remote]
//! trait Account {
//!     async fn withdraw(&self, amount: u64) -> Result<u64, BankError>;
//! }
//!
//! struct Poor;
//! impl Account for Poor {
//!     async fn withdraw(&self, amount: u64) -> Result<u64, BankError> {
//!         assert!(amount > 0, "nothing to withdraw");
//!         Err(BankError::NotEnough { balance: 3 })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let account = Remote::<dyn Account>::new(Poor);
//! assert!(matches!(account.withdraw(5).await, Err(BankError::NotEnough { balance: 3 })));
//!
//! // A panic is an error of the call, and of nothing else.
//! let Err(BankError::Call(error)) = account.withdraw(0).await else { panic!() };
//! assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::MayHaveRun));
//! # });
//! ```
//!
//! A [`netref::Error`] has a [`kind`](Error::kind), and says whose [`fault`](Error::fault) it was, what is dead ([`scope`](Error::scope)), and
//! whether the caller's own call ran ([`outcome`](Error::outcome)): [`NotRun`](Outcome::NotRun) may be repeated without a thought,
//! [`MayHaveRun`](Outcome::MayHaveRun) only if the method is idempotent, and [`Ran`](Outcome::Ran) would run twice. netref repeats nothing by
//! itself. An error that a handler had from a call of its own arrives as [`Nested`](ErrorKind::Nested), with the original as its
//! [`origin`](Error::origin).
//!
//! # Time, and giving up
//!
//! What a method returns on a `Remote` is a [`Call`]: a future that borrows nothing. There is no deadline unless somebody sets one.
//!
//! ```
//! # use netref::{ErrorKind, Remote, Result, remote};
//! use std::time::Duration;
//!
//! #[remote]
//! trait Sleeper {
//!     async fn sleep(&self, time: Duration) -> Result<()>;
//! }
//! # struct Deep;
//! # impl Sleeper for Deep {
//! #     async fn sleep(&self, time: Duration) -> Result<()> { tokio::time::sleep(time).await; Ok(()) }
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let sleeper = Remote::<dyn Sleeper>::new(Deep);
//! let late = sleeper.sleep(Duration::from_secs(60)).timeout(Duration::from_millis(10)).await;
//! assert_eq!(late.unwrap_err().kind(), ErrorKind::Deadline);
//!
//! let running = sleeper.sleep(Duration::from_millis(1)).send(); // is on its way while this task does other things
//! running.await?;
//!
//! sleeper.sleep(Duration::ZERO).oneway()?; // asks for no result
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! Dropping a call that was sent cancels it: its handler is dropped at its next `await`, unless its method is `#[remote(no_cancel)]`. Code without
//! a runtime uses [`Call::wait`]. A handler asks its [`Context`] who is calling, how much time is left and whether the caller has given up. The calls it makes inherit
//! the deadline, as do tasks started with [`netref::spawn`].
//!
//! ```
//! use netref::{Context, Remote, Result, remote};
//!
//! #[remote]
//! trait Door {
//!     async fn knock(&self) -> Result<String>;
//! }
//! struct Front;
//! impl Door for Front {
//!     async fn knock(&self) -> Result<String> {
//!         let context = Context::current();
//!         Ok(format!("{}, with {:?} left", context.peer(), context.remaining()))
//!     }
//! }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! assert_eq!(Remote::<dyn Door>::new(Front).knock().await?, "local, with None left");
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Without async
//!
//! Code without a runtime waits with [`Call::wait`], and has the module [`blocking`] to connect, to host and to wait for the end.
//!
//! ```
//! use netref::{Remote, Result, blocking, remote};
//! # #[remote] trait Clock { async fn ticks(&self) -> Result<u64>; }
//! # struct Stopped; impl Clock for Stopped { async fn ticks(&self) -> Result<u64> { Ok(12) } }
//!
//! fn main() -> Result<()> {
//!     let clock = Remote::<dyn Clock>::new(Stopped);
//!     let node = blocking::Node::builder().listen("mem://tutorial-blocking").publish("clock", clock).start()?;
//!     let clock: Remote<dyn Clock> = blocking::connect("mem://tutorial-blocking/clock")?;
//!     assert_eq!(clock.ticks().wait()?, 12);
//! #   drop(node);
//!     Ok(())
//! }
//! ```
//!
//! # The end
//!
//! [`Node::shutdown`] listens no more, tells every peer, lets what runs finish within the time, and ends the sessions. Dropping the last handle of a
//! node ends them at once. Either way every call that was open ends with an outcome. [`Remote::closed`] waits until an object cannot be reached any more.
//!
//! ```
//! # use netref::{ErrorKind, Node, Outcome, Remote, Result, remote};
//! # use std::time::Duration;
//! # #[remote] pub trait Echo { async fn echo(&self) -> Result<()>; }
//! # struct Here; impl Echo for Here { async fn echo(&self) -> Result<()> { Ok(()) } }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let node = Node::builder().listen("mem://tutorial-end").publish("echo", Remote::<dyn Echo>::new(Here)).start().await?;
//! let echo: Remote<dyn Echo> = netref::connect("mem://tutorial-end/echo").await?;
//! assert_eq!(node.shutdown(Duration::from_secs(5)).await, 0); // no session was cut short
//! Remote::closed(&echo).await;
//! assert_eq!(echo.echo().await.unwrap_err().outcome(), Outcome::NotRun);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Without a trait
//!
//! [`AnyRemote`] is a reference whose interface is not in its type. [`Remote::from_handler`] makes a reference of anything that takes calls as
//! bytes, and [`AnyRemote::call_raw`] makes such a call: what wraps references (relays, filters, recorders) is built on these two.
//!
//! With the feature `json` such a call needs no code of the other side's at all: [`Node::connect_any`] finds an object of any interface,
//! [`Method::by_name`] names a method whose signature is not known, and `Payload::json` carries the arguments as an object of named fields.
//! Nothing else changes: calls by trait stay in bincode, and a node answers a call in the codec in which it came. A node without the feature
//! refuses calls in JSON and names the feature. The page on the wire protocol ([`wire`]) has the format.
//!
//! # Around a call
//!
//! An [interceptor](around) sees the calls that pass it, on either side: around one reference ([`Remote::intercept`]), or around all that a node
//! serves or makes ([`NodeBuilder::intercept_incoming`], [`NodeBuilder::intercept_outgoing`]). There are ready ones for a log, for retries, for spans and
//! metrics, and for layers of tower's. A [`TraceContext`] goes along with each call and everything that it leads to.
//!
//! ```
//! use netref::around::{Logging, Next, Retry};
//! use netref::{Error, ErrorKind, Node, Outcome, RawCall, RawReturn, Remote, Result, remote};
//!
//! #[remote]
//! trait Shop {
//!     async fn buy(&self, what: &str) -> Result<String>;
//!     async fn close(&self) -> Result<()>;
//! }
//! # struct Corner;
//! # impl Shop for Corner {
//! #     async fn buy(&self, what: &str) -> Result<String> { Ok(format!("a {what}")) }
//! #     async fn close(&self) -> Result<()> { Ok(()) }
//! # }
//!
//! fn never_closes(call: RawCall, next: Next) -> RawReturn {
//!     if call.method.name == "close" {
//!         return RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, "it never closes"));
//!     }
//!     next.call(call)
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let corner = Remote::intercept(Remote::<dyn Shop>::new(Corner), never_closes);
//! let node = Node::builder().listen("mem://tutorial-around").publish("shop", corner).intercept_incoming(Logging::new()).start().await?;
//!
//! let shop: Remote<dyn Shop> = netref::connect("mem://tutorial-around/shop").await?;
//! let shop = Remote::intercept(shop, Retry::new(3));
//! assert_eq!(shop.buy("pear").await?, "a pear");
//! assert_eq!(shop.close().await.unwrap_err().kind(), ErrorKind::Denied);
//! # drop(node);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Changing an interface
//!
//! Two programs need not be built from the same version of an interface. A caller says what the types of a method are made of ahead of its
//! first call, and the callee compares that with its own. What both understand works; a call that would be misread is answered with
//! `SchemaMismatch`, which says where the two differ, and the other methods go on.
//!
//! | change | |
//! | --- | --- |
//! | a method is added, or one that nobody calls is removed | compatible |
//! | a variant is added at the end of an enum | compatible in results and errors, where a caller that is sent one it does not know gets a `Codec` error; in arguments as long as the callee has it: change callees first |
//! | a field is added, removed, moved, renamed or gets another type, even with `#[serde(default)]` | a mismatch: add a method, or take an enum with a variant for each form |
//! | a method or a type is renamed | another method or type; `#[remote(name = "…")]` and `#[serde(rename = "…")]` keep the old name |
//!
//! A type's structure is found by tracing its `Deserialize`. [`macro@Schema`] says it exactly, and is worth deriving for types that check their values;
//! [`InterfaceDescriptor::opaque`] lists the places of which nothing is known. [`schema`] has the rules.
//!
//! ```
//! use netref::{ErrorKind, Node, Remote, Result};
//!
//! mod old {
//!     #[derive(serde::Serialize, serde::Deserialize)]
//!     pub struct Order { pub price: u32 }
//!
//!     #[netref::remote(name = "shop.Shop")]
//!     pub trait Shop {
//!         async fn buy(&self, order: Order) -> netref::Result<u32>;
//!     }
//! }
//!
//! mod new {
//!     #[derive(serde::Serialize, serde::Deserialize, netref::Schema)]
//!     pub struct Order { pub price: u64 }
//!
//!     #[netref::remote(name = "shop.Shop")]
//!     pub trait Shop {
//!         async fn buy(&self, order: Order) -> netref::Result<u32>;
//!     }
//! }
//! # struct Corner;
//! # impl new::Shop for Corner { async fn buy(&self, order: new::Order) -> Result<u32> { Ok(order.price as u32) } }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let shop = Remote::<dyn new::Shop>::new(Corner);
//! # let node = Node::builder().listen("mem://tutorial-schema").publish("shop", shop).start().await?;
//!
//! let shop: Remote<dyn old::Shop> = netref::connect("mem://tutorial-schema/shop").await?;
//! let error = old::Shop::buy(&shop, old::Order { price: 5 }).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
//! assert!(error.text().starts_with("argument `order`.price: the caller has `u32`, the callee has `u64`"));
//! # drop(node);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # Interfaces that explain themselves
//!
//! Every object tells what it can be called with: [`AnyRemote::describe`] asks its host, and the [`Description`](introspect::Description) is shown as Rust
//! source. With the feature `json` a program without the trait calls methods by name, with values in JSON and references as handles; the module
//! `dynamic` has the tour.
//!
//! ```
//! # use netref::{Node, Remote, Result, remote};
//! #[remote(name = "home.Lamp")]
//! trait Lamp {
//!     /// From 0 to 100.
//!     async fn dim(&mut self, percent: u8) -> Result<()>;
//! }
//! # struct Desk;
//! # impl Lamp for Desk { async fn dim(&mut self, _: u8) -> Result<()> { Ok(()) } }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let lamp = Remote::<dyn Lamp>::new(Desk);
//! # let node = Node::builder().listen("mem://tutorial-describe").publish("lamp", lamp).start().await?;
//!
//! // Another program, without the trait:
//! let description = netref::connect_any("mem://tutorial-describe/lamp").await?.describe().await?;
//! assert!(description.to_string().contains("    /// From 0 to 100.\n    async fn dim(&mut self, percent: u8) -> Result<()>;\n"));
//! # drop(node);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # What is not there yet
//!
//! Streams, TLS, sessions that outlive their connection. The README has the whole list.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `metrics` | `around::Metrics`, which counts calls for the facade of that name |
//! | `tower` | `around::Tower` and `around::CallService`: layers around calls, and references as services |
//! | `testing` | the module `testing`: a relay for TCP that is slow, silent or broken when a test tells it to be |
//! | `json` | the JSON codec, for callers without the code: `Codec::Json`, `Payload::json` and what reads it again; `dynamic`, calls without a trait; JSON Schema of described types |
//! | `lz4` | `NodeBuilder::compression` and `Session::compression`: shorter messages between nodes that both ask for it |
//! | `tarpc` | `tarpc_bridge`: services of tarpc over netref sessions |
//!
//! None is on by default. A feature adds functions and never changes what is there without it.
//!
//! # The modules, in the order in which a call meets them
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`interface`](Interface), [`value`](Value), `promises`, `__private`, [`function`] | what the macro makes of a trait, what generated code calls, and the same for closures |
//! | [`remote`](Remote), [`any`](AnyRemote), [`weak`](WeakRemote), [`object_key`](ObjectKey) | references |
//! | [`call`](Call), [`pipeline`](Pipeline), [`context`](Context), [`blocking`], `background` | a call from its caller's side, what it inherits, and waiting without async |
//! | [`codec`](Codec), `json`, `transfer`, `bulk`, `pool`, `compression` | values to bytes, references and byte payloads beside them, and fewer bytes |
//! | [`session`](Session) | tables, bytes and objects meet: sending, reading, dispatching |
//! | [`schema`], [`introspect`] | what the types of a method are made of, whether two versions fit, and what an object says about itself |
//! | `dynamic`, `tarpc_bridge`, `near` | calls and objects without a trait, services of tarpc, and what was meant by a name that is not there |
//! | `proto`, [`wire`] | the protocol without I/O, and its bytes |
//! | [`transport`], [`node`](Node), [`peer`](Peer) | links, and who is at the other end |
//! | [`around`], [`trace`](TraceContext) | what stands around a call, and the trace that it belongs to |
//! | `inbound`, `servant`, `direct`, `by_name`, `cast`, [`handler`](Handler), [`object`](Object), `registry` | a call at its callee, and the object it is for |
//! | [`error`](Error), `panics`, [`limits`], [`id`], `random` | what all of them use |

extern crate self as netref;

#[doc(hidden)]
pub mod __private;
mod any;
pub mod around;
mod background;
pub mod blocking;
mod bulk;
mod by_name;
mod call;
mod cast;
mod codec;
mod compression;
mod context;
mod direct;
#[cfg(feature = "json")]
pub mod dynamic;
mod error;
pub mod function;
mod handler;
pub mod id;
mod inbound;
mod interface;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod introspect;
#[cfg(feature = "json")]
mod json;
pub mod limits;
mod near;
mod node;
mod object;
mod object_key;
mod panics;
mod peer;
mod pipeline;
mod pool;
mod promises;
mod proto;
mod random;
mod registry;
mod remote;
pub mod schema;
mod servant;
mod session;
pub mod stream;
mod sync;
#[cfg(feature = "tarpc")]
pub mod tarpc_bridge;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod transfer;
pub mod transport;
mod value;
mod weak;
pub mod wire;

/// How netref is built: the path of one call, who may import whom, and what is absent on purpose.
#[cfg(doc)]
#[doc = include_str!("architecture.md")]
pub mod architecture {}

pub use any::AnyRemote;
pub use call::Call;
pub use codec::{Codec, CodecError};
#[cfg(feature = "lz4")]
pub use compression::{Compression, CompressionStats, Saved};
pub use context::{Context, spawn};
pub use error::{Error, ErrorKind, Fault, Outcome, Result, Scope};
pub use function::RemoteFn;
pub use handler::{Handler, Method, Payload, RawCall, RawReply, RawReturn};
pub use interface::{Export, Interface, InterfaceDescriptor, MethodDescriptor, ParameterDescriptor, Supertrait};
pub use limits::Limits;
pub use netref_macros::{Pipeline, Schema, remote};
pub use node::{Node, NodeBuilder, NodeStats, connect, connect_any};
pub use object::Object;
pub use object_key::ObjectKey;
pub use peer::Peer;
pub use pipeline::Pipeline;
pub use remote::Remote;
pub use schema::Schema;
pub use session::{Session, SessionStats};
pub use trace::TraceContext;
pub use value::Value;
pub use weak::WeakRemote;
