//! A chat in which everything is an object: the room, the members, to whom it speaks, and the seats, by which they speak. A member leaves by
//! letting go of its seat, and is missed when its process is gone.
//!
//! `cargo run --example chat`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{Error, Node, Remote, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

#[remote]
pub trait Room {
    /// Takes a seat: `member` hears what is said until the seat is dropped.
    async fn enter(&self, name: &str, member: Remote<dyn Member>) -> Result<Remote<dyn Seat>, ChatError>;
    async fn names(&self) -> Result<Vec<String>>;
}

#[remote]
pub trait Member {
    async fn hear(&self, from: &str, words: &str) -> Result<()>;
}

#[remote]
pub trait Seat {
    /// Says something to everybody else, and gives how many heard it.
    async fn say(&self, words: &str) -> Result<usize>;
    /// Says something to one member.
    async fn whisper(&self, to: &str, words: &str) -> Result<(), ChatError>;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum ChatError {
    NameTaken,
    NobodyOfThatName,
    Call(Error),
}

impl From<Error> for ChatError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl std::fmt::Display for ChatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NameTaken => f.write_str("somebody else has this name"),
            Self::NobodyOfThatName => f.write_str("nobody has this name"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChatError {}

// The room.

#[derive(Clone, Default)]
struct MyRoom {
    members: Arc<Mutex<BTreeMap<String, Remote<dyn Member>>>>,
}

impl MyRoom {
    fn others(&self, than: &str) -> Vec<Remote<dyn Member>> {
        let members = self.members.lock().unwrap();
        members.iter().filter(|(name, _)| *name != than).map(|(_, member)| member.clone()).collect()
    }

    /// Tells everybody but one. Whoever cannot be reached does not hear it, and is missed by the watch over his connection.
    async fn tell(&self, from: &str, words: &str) -> usize {
        let calls: Vec<_> =
            self.others(from).iter().map(|member| member.hear(from, words).timeout(Duration::from_secs(10)).send()).collect();
        let mut heard = 0;
        for call in calls {
            heard += usize::from(call.await.is_ok());
        }
        heard
    }

    /// A member is gone, one way or the other. Only the first to notice it says so.
    async fn leave(&self, name: &str, how: &str) {
        let member = self.members.lock().unwrap().remove(name);
        if member.is_some() {
            self.tell(name, how).await;
        }
    }
}

impl Room for MyRoom {
    async fn enter(&self, name: &str, member: Remote<dyn Member>) -> Result<Remote<dyn Seat>, ChatError> {
        {
            let mut members = self.members.lock().unwrap();
            if members.contains_key(name) {
                return Err(ChatError::NameTaken);
            }
            members.insert(name.to_owned(), member.clone());
        }
        // When the member's node is gone, so is the member, who had no chance to say so.
        let (room, gone) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            Remote::closed(&member).await;
            room.leave(&gone, "(lost the connection)").await;
        });
        self.tell(name, "(enters)").await;
        Ok(Remote::new(MySeat { name: name.to_owned(), room: self.clone() }))
    }

    async fn names(&self) -> Result<Vec<String>> {
        Ok(self.members.lock().unwrap().keys().cloned().collect())
    }
}

struct MySeat {
    name: String,
    room: MyRoom,
}

impl Seat for MySeat {
    async fn say(&self, words: &str) -> Result<usize> {
        Ok(self.room.tell(&self.name, words).await)
    }

    async fn whisper(&self, to: &str, words: &str) -> Result<(), ChatError> {
        let member = self.room.members.lock().unwrap().get(to).cloned();
        Ok(member.ok_or(ChatError::NobodyOfThatName)?.hear(&self.name, words).await?)
    }
}

/// Its holder has let go of it, or is gone. The watch in `enter` tells the two apart: it looks at the connection.
impl Drop for MySeat {
    fn drop(&mut self) {
        let (room, name) = (self.room.clone(), std::mem::take(&mut self.name));
        let member = room.members.lock().unwrap().get(&name).cloned();
        if member.is_some_and(|member| Remote::is_connected(&member)) {
            tokio::spawn(async move { room.leave(&name, "(leaves)").await });
        }
    }
}

// The members.

struct Ears(mpsc::UnboundedSender<String>);

impl Member for Ears {
    async fn hear(&self, from: &str, words: &str) -> Result<()> {
        let _ = self.0.send(format!("{from}: {words}"));
        Ok(())
    }
}

/// Somebody at a node of his own.
struct Person {
    name: &'static str,
    node: Node,
    room: Remote<dyn Room>,
    seat: Remote<dyn Seat>,
    heard: mpsc::UnboundedReceiver<String>,
}

impl Person {
    async fn enters(name: &'static str, url: &str) -> Result<Self, ChatError> {
        let node = Node::builder().name(name).start().await?;
        let room: Remote<dyn Room> = node.connect(url).await?;
        let (sender, heard) = mpsc::unbounded_channel();
        let seat = room.enter(name, Remote::new(Ears(sender))).await?;
        Ok(Self { name, node, room, seat, heard })
    }

    async fn hears(&mut self, what: &str) {
        let next = tokio::time::timeout(Duration::from_secs(10), self.heard.recv()).await;
        let next = next.expect("nothing was heard for ten seconds").expect("the ears are there");
        assert_eq!(next, what, "at {}", self.name);
        println!("{} hears {next}", self.name);
    }
}

#[tokio::main]
async fn main() -> Result<(), ChatError> {
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("room", Remote::<dyn Room>::new(MyRoom::default())).start().await?;
    let url = format!("{}/room", host.addresses()[0]);

    let mut ada = Person::enters("ada", &url).await?;
    let mut bob = Person::enters("bob", &url).await?;
    ada.hears("bob: (enters)").await;
    let mut eve = Person::enters("eve", &url).await?;
    ada.hears("eve: (enters)").await;
    bob.hears("eve: (enters)").await;
    assert_eq!(Person::enters("eve", &url).await.err(), Some(ChatError::NameTaken));

    assert_eq!(ada.seat.say("good evening").await?, 2);
    bob.hears("ada: good evening").await;
    eve.hears("ada: good evening").await;
    bob.seat.whisper("ada", "who is that?").await?;
    ada.hears("bob: who is that?").await;

    // Bob lets go of his seat, and keeps his node.
    drop(bob.seat);
    ada.hears("bob: (leaves)").await;
    eve.hears("bob: (leaves)").await;
    assert_eq!(ada.seat.whisper("bob", "wait").await, Err(ChatError::NobodyOfThatName));

    // Eve's node goes without a word, as when its process is killed.
    drop(eve.node);
    ada.hears("eve: (lost the connection)").await;

    assert_eq!(bob.room.names().await?, ["ada"]);
    assert_eq!(ada.seat.say("anybody there?").await?, 0);
    println!("ada is alone");
    ada.node.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
