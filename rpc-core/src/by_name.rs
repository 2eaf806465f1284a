//! Owns what a caller may do that knows the name of a method and not its signature: a command line, a program in another language.
//! No fingerprints are compared then, and so its arguments have to say themselves what they are; it knows nothing of how they are decoded.

use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::Method;
use crate::interface::{InterfaceDescriptor, MethodDescriptor};

/// Stands for "I know only the name" where a caller tells the fingerprint of a method.
pub(crate) const FINGERPRINT: u64 = 0;

/// Whether a caller calls this method by its name alone.
pub(crate) fn is_meant(method: &Method) -> bool {
    method.fingerprint == FINGERPRINT
}

/// Finds a method by its name alone. Who does not know the code cannot know which interface declares an inherited method, so the interface
/// of the reference stands for its supertraits as well, as long as only one of them has such a method.
pub(crate) fn find(descriptor: &InterfaceDescriptor, method: &Method) -> Option<(u32, &'static MethodDescriptor)> {
    if let Some(found) = descriptor.find(&method.interface, &method.name) {
        return Some(found);
    }
    if !is_meant(method) || method.interface != descriptor.name {
        return None;
    }
    let mut declaring = Vec::new();
    declare(descriptor, &method.name, &mut declaring);
    match declaring[..] {
        [interface] => descriptor.find(interface, &method.name),
        _ => None,
    }
}

/// The interfaces among `descriptor` and its supertraits that declare a method of this name, each once.
fn declare(descriptor: &InterfaceDescriptor, name: &str, declaring: &mut Vec<&'static str>) {
    if descriptor.methods.iter().any(|method| method.name == name) && !declaring.contains(&descriptor.name) {
        declaring.push(descriptor.name);
    }
    for base in descriptor.bases {
        declare(base, name, declaring);
    }
}

/// Refuses arguments that nobody could tell from garbage: bytes without names or types, for a method whose signature was not compared.
pub(crate) fn check(fingerprint: u64, codec: Codec) -> Result<(), Error> {
    if fingerprint != FINGERPRINT || codec.is_self_describing() {
        return Ok(());
    }
    let text = format!(
        "the caller does not say which signature it has (fingerprint 0), which takes arguments that say themselves what they are: JSON, \
         codec 1, and not codec {}",
        codec.id()
    );
    Err(Error::new(ErrorKind::SchemaMismatch, Outcome::NotRun, text))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::handler::{Payload, RawCall, RawReply};
    use crate::{Error, ErrorKind, Method, Outcome, Remote, Result};

    #[netref_macros::remote(name = "test.Echo", crate = "crate")]
    trait Echo {
        async fn echo(&self, number: u8) -> Result<u8>;
    }

    struct Here;

    impl Echo for Here {
        async fn echo(&self, number: u8) -> Result<u8> {
            Ok(number)
        }
    }

    async fn refused(codec: u8, bytes: &'static [u8]) -> Error {
        let payload = Payload { codec, bytes: Bytes::from_static(bytes), ..Payload::default() };
        let echo = Remote::into_any(Remote::<dyn Echo>::new(Here));
        match echo.call_raw(RawCall::new(Method::by_name("test.Echo", "echo"), payload)).reply().await {
            RawReply::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn arguments_that_do_not_say_what_they_are_are_refused() {
        let error = refused(0, &[7]).await;
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{error}");
        assert!(error.text().contains("codec 1"), "{error}");
    }

    #[tokio::test]
    #[cfg(not(feature = "json"))]
    async fn a_call_in_json_is_refused_by_the_name_of_the_feature() {
        let error = refused(1, b"[7]").await;
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::NotRun), "{error}");
        assert!(error.text().contains("feature `json`"), "{error}");
    }
}
