//! Owns [`Relay`]: a listener that passes every connection on to one TCP address.

use std::fmt;
use std::io;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::direction::Direction;
use super::line::{Lanes, Task};
use crate::error::{Error, ErrorKind, Outcome};
use crate::transport::{Address, Place};

/// A relay for TCP: it listens on a port of this machine and passes every connection on to one address, under the
/// [`Conditions`](super::Conditions) of its two directions.
///
/// Dropping it closes its port and all its connections. The module's [documentation](super) has an example.
pub struct Relay {
    address: String,
    lanes: Lanes,
    _task: Task,
}

/// How many connections one relay carries at a time: more wait to be accepted. It bounds what all of them together can hold.
const CONNECTIONS_MAX: usize = 256;

impl Relay {
    /// A relay that leads to `target`, such as one of [`Node::addresses`](crate::Node::addresses): `tcp://127.0.0.1:7070`. What is random is drawn from
    /// `seed`. The target need not listen yet: it is dialled for each connection, and one that cannot be had is closed again.
    ///
    /// # Errors
    ///
    /// `InvalidAddress` when `target` is not a TCP address, `Unreachable` when no port can be listened on.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn to(target: &str, seed: u64) -> Result<Self, Error> {
        let target = parse(target)?;
        let unreachable = |error| Error::new(ErrorKind::Unreachable, Outcome::NotRun, format!("the relay cannot listen: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unreachable)?;
        let address = format!("tcp://{}", listener.local_addr().map_err(unreachable)?);
        let lanes = Lanes::new();
        let task = Task(tokio::spawn(accept(listener, target, lanes.clone(), Dice::new(seed))));
        Ok(Self { address, lanes, _task: task })
    }

    /// Where it listens: `tcp://127.0.0.1:port`, ready to be dialled once `/name` is added.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From whoever dialled to the target.
    pub fn onward(&self) -> &Direction {
        &self.lanes.onward
    }

    /// From the target to whoever dialled.
    pub fn back(&self) -> &Direction {
        &self.lanes.back
    }

    /// Ends every connection there is: what is under way is lost, and both ends see it. Later connections are carried again.
    pub fn cut(&self) {
        self.lanes.cut();
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, lanes, _task } = self;
        f.debug_struct("Relay").field("address", address).field("onward", &lanes.onward).field("back", &lanes.back).finish()
    }
}

/// The target as the operating system takes it.
fn parse(target: &str) -> Result<(String, u16), Error> {
    let misfit = |why: String| {
        let text = format!("a relay leads to an address such as `tcp://127.0.0.1:7070`, not to `{}`: {why}", target.escape_debug());
        Error::new(ErrorKind::InvalidAddress, Outcome::NotRun, text)
    };
    let address = Address::parse(target).map_err(|error| misfit(error.to_string()))?;
    match address.place() {
        Place::Tcp { host, port } => Ok((host.to_string().trim_matches(['[', ']']).to_owned(), *port)),
        _ => Err(misfit("it is not TCP".to_owned())),
    }
}

/// Accepts without end. The connections are its own, so they end with it.
async fn accept(listener: TcpListener, (host, port): (String, u16), lanes: Lanes, dice: Dice) {
    let mut connections = JoinSet::new();
    for number in 0_u64.. {
        while connections.try_join_next().is_some() {}
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((left, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others have to be closed first.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let host = host.clone();
        let dialling = async move { TcpStream::connect((host.as_str(), port)).await };
        // It is there from here on, so a cut ends it while its other half is being dialled too.
        connections.spawn(carried(left, dialling, lanes.clone(), lanes.cuts(), dice.fork(number)));
    }
}

/// Carries a connection, once its other half is there.
async fn carried(
    left: TcpStream,
    dialling: impl Future<Output = io::Result<TcpStream>>,
    lanes: Lanes,
    mut cuts: watch::Receiver<u64>,
    dice: Dice,
) {
    let right = tokio::select! {
        biased;
        _ = cuts.changed() => return,
        right = dialling => right,
    };
    // Small pieces go at once: waiting for more of them would be a delay that nobody asked for.
    if let Ok(right) = right
        && left.set_nodelay(true).is_ok()
        && right.set_nodelay(true).is_ok()
    {
        lanes.carry(left, right, &dice, cuts).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_connection_whose_other_half_is_being_dialled_is_cut_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut here = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        let (left, _) = listener.accept().await.expect("accepted");
        let lanes = Lanes::new();
        let carried = tokio::spawn(carried(left, std::future::pending(), lanes.clone(), lanes.cuts(), Dice::new(1)));
        tokio::task::yield_now().await;
        lanes.cut();
        assert_eq!(here.read(&mut [0]).await.expect("the end"), 0);
        carried.await.expect("it is over");
    }
}
