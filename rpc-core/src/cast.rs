//! Owns the questions that every object can be asked, whatever its interface is: whether it has another one, and what it can be called
//! with. The answers are the host's, and no method of the user's runs for them. Who may ask is not decided here; `CastTarget` is the one
//! place where a policy will. What a description says is the business of `introspect`.

use std::any::Any;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::__private::call_over;
use crate::any::{AnyRemote, import_of};
use crate::call::{Call, Called};
use crate::error::{Error, ErrorKind, Outcome};
use crate::inbound::{Inbound, Plain, Served};
use crate::interface::{Export, Interface, InterfaceDescriptor};
use crate::introspect::{self, Page};
use crate::object::cell::{Cell, ObjectMeta};
use crate::servant::{Hosted, Kind, Resolved, Servant};
use crate::session::{CallTarget, Import};

/// The interface that every export answers besides its own.
#[netref_macros::remote(name = "netref.Object", crate = "crate")]
pub(crate) trait CastTarget {
    /// The object under another interface, if whoever holds this reference may have it.
    #[idempotent]
    async fn cast(&self, interface: &str) -> Result<Option<AnyRemote>, Error>;

    /// What whoever holds this reference may call and cast it to, in pages: the items from number `from` on.
    #[idempotent]
    async fn describe(&self, from: u32) -> Result<Page, Error>;
}

/// Whether that is one of the questions above.
pub(crate) fn is_question(interface: &str, method: &str) -> bool {
    let descriptor = <dyn CastTarget as Interface>::DESCRIPTOR;
    interface == descriptor.name && descriptor.find(interface, method).is_some()
}

/// Answers for an object.
struct About(Arc<dyn Servant>);

impl CastTarget for About {
    async fn cast(&self, interface: &str) -> Result<Option<AnyRemote>, Error> {
        let Some(promise) = Arc::clone(&self.0).as_promise() else { return Ok(Arc::clone(&self.0).cast(interface)) };
        // What it is has the answer. Whoever asks waits for it, as for any call on a promise.
        match AnyRemote::promise(promise).cast_to(interface).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NoSuchInterface => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, from: u32) -> Result<Page, Error> {
        if let Some(promise) = Arc::clone(&self.0).as_promise() {
            return AnyRemote::promise(promise).resolved().await?.page(from).await;
        }
        match import_of(&self.0) {
            // There is only something around it here: its host knows.
            Some(import) => ask_page(&import, from).await,
            None => Ok(introspect::page(&*self.0, from)),
        }
    }
}

/// Who answers a call of a method of that interface on a servant: itself, or netref for it. A servant that is only passed on answers
/// itself, for the question is its host's to answer.
pub(crate) fn answering(servant: Arc<dyn Servant>, interface: &str) -> Arc<dyn Servant> {
    let descriptor = <dyn CastTarget as Interface>::DESCRIPTOR;
    if interface != descriptor.name || Arc::clone(&servant).as_import().is_some() {
        return servant;
    }
    let (number, line) = (servant.number(), servant.line());
    let about = <dyn CastTarget as Export<About>>::erase(Arc::new(Cell::new(About(servant), false)));
    Arc::new(Answers { about: Arc::new(Hosted::new::<dyn CastTarget>(about)), descriptor, number, line })
}

/// Stands in the line before the object that it answers for, so that order holds for the question too.
struct Answers {
    about: Arc<dyn Servant>,
    descriptor: &'static InterfaceDescriptor,
    number: u64,
    line: u64,
}

impl Servant for Answers {
    fn number(&self) -> u64 {
        self.number
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn kind(&self) -> Option<Kind> {
        self.about.kind()
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        None
    }

    fn interface(&self) -> &str {
        self.descriptor.name
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        Some(self.descriptor)
    }

    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        Arc::clone(&self.about).serve(method, inbound)
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn cast(self: Arc<Self>, _interface: &str) -> Option<AnyRemote> {
        None
    }
}

/// Asks the host of a peer's object for another interface of it.
pub(crate) async fn ask(import: &Arc<Import>, interface: &str) -> Result<Option<AnyRemote>, Error> {
    question::<_, Option<AnyRemote>>(import, 0, (interface,)).await
}

/// Asks the host of a peer's object for a page of its description.
pub(crate) async fn ask_page(import: &Arc<Import>, from: u32) -> Result<Page, Error> {
    question::<_, Page>(import, 1, (from,)).await
}

/// A call of one of the methods above, by its place among them.
fn question<A, T>(import: &Arc<Import>, method: usize, arguments: A) -> Call<T, Error>
where
    A: Serialize,
    T: Serialize + DeserializeOwned + Send + 'static,
{
    let descriptor = <dyn CastTarget as Interface>::DESCRIPTOR;
    let called = Called { interface: descriptor, method: &descriptor.methods[method] };
    let (session, target) = (Arc::clone(import.session()), CallTarget::Object(Arc::clone(import)));
    call_over::<_, Plain<T>, Error>(session, target, called, arguments)
}

/// The answer of a host that does not give the interface, in the words of this side: whether the object has it is not said.
pub(crate) fn refused(interface: &str) -> Error {
    let text = format!("the object does not offer the interface `{interface}` to whoever holds this reference");
    Error::new(ErrorKind::NoSuchInterface, Outcome::NotRun, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, Remote, Result};

    #[netref_macros::remote(name = "test.Play", crate = "crate")]
    trait Play {
        async fn play(&self) -> Result<()>;
    }

    #[netref_macros::remote(name = "test.Tune", crate = "crate")]
    trait Tune {
        async fn tune(&self) -> Result<()>;
    }

    struct Piano;
    impl Play for Piano {
        async fn play(&self) -> Result<()> {
            Ok(())
        }
    }
    impl Tune for Piano {
        async fn tune(&self) -> Result<()> {
            Ok(())
        }
    }

    /// A peer that does not know promises takes one for an object, and asks that.
    #[tokio::test]
    async fn promise_that_is_taken_for_an_object_answers_for_what_it_becomes() {
        let (give, given) = tokio::sync::oneshot::channel::<Remote<dyn Play>>();
        let promise = Remote::into_any(Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) }));
        let crate::any::Place::Promise(promise) = promise.place else { panic!("it is one") };
        let about = About(promise);
        let piano = Object::new(Piano).with_interface::<dyn Tune>().as_remote::<dyn Play>();
        let (found, (), page) = tokio::join!(
            about.cast("test.Tune"),
            async {
                tokio::task::yield_now().await;
                give.send(piano.clone()).unwrap_or_else(|_| panic!("somebody waits"));
            },
            about.describe(0),
        );
        assert_eq!(found.expect("it answers").map(|found| found.interface().to_owned()).as_deref(), Some("test.Tune"));
        assert!(page.is_ok());
        assert!(about.cast("test.Other").await.expect("it answers").is_none());
    }
}
