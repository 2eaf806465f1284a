//! Owns the object that every session can reach without being given a reference: the directory of published names.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};

use super::core::NodeCore;
use crate::__private::call_over;
use crate::any::AnyRemote;
use crate::call::{Call, Called};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Outcome};
use crate::inbound::Plain;
use crate::interface::Interface;
use crate::object::cell::Cell;
use crate::servant::{Hosted, Servant};
use crate::session::{CallTarget, SessionCore};

/// What can be asked of a node.
#[netref_macros::remote(name = "netref.Root", crate = "crate")]
pub(crate) trait Root {
    /// The reference that is published under `name`, if it grants `interface`; under any interface if that is empty.
    #[idempotent]
    async fn lookup(&self, name: &str, interface: &str) -> Result<Lookup, Error>;
}

/// What a lookup gives. Not finding something is an answer and not an error of the root's own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Lookup {
    Found(AnyRemote),
    /// The names that are published instead, for a peer on this machine.
    NoSuchName(Vec<String>),
    /// It is published under this interface.
    OtherInterface(String),
}

/// Names shown to somebody who asked for one that is not published.
const NAMES_SHOWN: usize = 8;

struct RootService {
    node: Weak<NodeCore>,
}

/// The root of a node.
pub(super) fn servant(node: Weak<NodeCore>) -> Arc<dyn Servant> {
    let cell = Arc::new(Cell::new(RootService { node }, false));
    Arc::new(Hosted::new::<dyn Root>(<dyn Root as crate::interface::Export<RootService>>::erase(cell)))
}

impl Root for RootService {
    async fn lookup(&self, name: &str, interface: &str) -> Result<Lookup, Error> {
        let Some(node) = self.node.upgrade() else { return Ok(Lookup::NoSuchName(Vec::new())) };
        let Some(found) = node.published.get(name).map(|entry| entry.value().clone()) else {
            let mut names = Vec::new();
            if Context::current().peer().is_on_this_machine() {
                names.extend(node.published.iter().take(NAMES_SHOWN).map(|entry| entry.key().clone()));
                names.sort();
            }
            return Ok(Lookup::NoSuchName(names));
        };
        if interface.is_empty() || grants(&found, interface) {
            return Ok(Lookup::Found(found));
        }
        // What whoever looks up could cast the reference to, it can be looked up as.
        let offered = found.cast_here(interface).map(Lookup::Found);
        Ok(offered.unwrap_or_else(|| Lookup::OtherInterface(found.interface().to_owned())))
    }
}

/// Whether a reference has an interface. One without a descriptor, such as a handler, is asked by the call itself.
fn grants(reference: &AnyRemote, interface: &str) -> bool {
    match &reference.place {
        crate::any::Place::Here(servant) => servant.descriptor().is_none_or(|descriptor| descriptor.extends(interface)),
        _ => true,
    }
}

/// Asks the peer of a session for a name.
pub(crate) async fn lookup(session: &Arc<SessionCore>, name: &str, interface: &'static str) -> Result<AnyRemote, Error> {
    let descriptor = <dyn Root as Interface>::DESCRIPTOR;
    let called = Called { interface: descriptor, method: &descriptor.methods[0] };
    let call: Call<Lookup, Error> = call_over::<_, Plain<Lookup>, Error>(Arc::clone(session), CallTarget::Root, called, (name, interface));
    match call.await? {
        Lookup::Found(reference) => Ok(reference),
        Lookup::NoSuchName(names) => {
            let text = match &names[..] {
                [] => format!("{} publishes nothing as `{name}`", session.peer()),
                names => format!("{} publishes nothing as `{name}`; it has: {}", session.peer(), listed(names)),
            };
            Err(Error::new(ErrorKind::NoSuchName, Outcome::NotRun, text))
        }
        Lookup::OtherInterface(published) => {
            let text = format!(
                "{} publishes `{name}` as `{}`, not as `{interface}` (an interface is named after its crate; if both sides compile their own copy, give it one name with `#[remote(name = \"…\")]`)",
                session.peer(),
                published.escape_debug()
            );
            Err(Error::new(ErrorKind::NoSuchMethod, Outcome::NotRun, text))
        }
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{}`", name.escape_debug())).collect::<Vec<_>>().join(", ")
}
