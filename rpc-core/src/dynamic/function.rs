//! Owns a function as an object: its arguments become a [`Value`] whatever codec the caller speaks, and what it returns goes back in the
//! same. A caller who knows the trait speaks bincode, which does not say what values are; the structure of the types, which
//! such a caller sends ahead of its first call, does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::known::{Known, known};
use super::{Error, Value, typed_in, typed_out};
use crate::codec::{Bounds, Codec, CodecError};
use crate::context::Context;
use crate::error::{ErrorKind, Outcome};
use crate::handler::{Handler, Method, Payload, RawCall, RawReply, RawReturn};
use crate::introspect::InterfaceInfo;
use crate::schema::shape::{Root, Structure};

/// A call that a function serves in an object's place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The interface that declares the method.
    pub interface: String,
    /// The method.
    pub method: String,
    /// The arguments: a map by the names that the caller's signature has, or what a caller in JSON wrote; an array where the function stands
    /// for a closure (`netref.Function`).
    pub arguments: Value,
    /// Who calls, and how much time is left.
    pub context: Context,
}

type Running = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

pub(super) struct Function {
    described: Option<InterfaceInfo>,
    function: Box<dyn Fn(Call) -> Running + Send + Sync>,
}

impl Function {
    pub(super) fn new<F, R>(described: Option<InterfaceInfo>, function: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        Self { described, function: Box::new(move |call| Box::pin(function(call))) }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function(..)")
    }
}

impl Handler for Function {
    fn call(&self, call: RawCall) -> RawReturn {
        let RawCall { method, payload, context, .. } = call;
        let (arguments, language) = match read(&method, payload, &context.bounds()) {
            Ok(read) => read,
            Err(why) => return RawReturn::failed(unread(&method, &why)),
        };
        let Method { interface, name, .. } = method;
        let (interface, name) = (interface.into_owned(), name.into_owned());
        let named = format!("{interface}.{name}");
        let running = (self.function)(Call { interface, method: name, arguments, context });
        RawReturn::pending(async move { language.reply(&named, running.await).unwrap_or_else(|why| unwritten(named, &why)) })
    }

    fn describe(&self) -> Option<InterfaceInfo> {
        self.described.clone()
    }
}

/// What the caller speaks.
enum Language {
    Json,
    /// bincode, by the types that the caller told.
    Typed(Arc<Known>),
}

/// The interface of closures, whose arguments have no names: they are one tuple on their way, and an array here whoever calls.
const CLOSURE: &str = "netref.Function";

/// The arguments of a call, and how to answer it.
fn read(method: &Method, payload: Payload, bounds: &Bounds) -> Result<(Value, Language), CodecError> {
    match Codec::from_id(payload.codec)? {
        Codec::Json => Ok((payload.read(bounds)?, Language::Json)),
        Codec::Bincode => {
            let known = known(&method.structure).ok_or_else(|| {
                CodecError::Unsupported(
                    "the caller sends bincode and does not say what its types are made of (they may be too many), so they cannot be \
                     read without their trait"
                        .to_owned(),
                )
            })?;
            let arguments = if method.interface == CLOSURE {
                typed_in::closure_arguments(&known.structure, payload, bounds)?
            } else {
                typed_in::arguments(&known.structure, &parameters(&method.signature), payload, bounds)?
            };
            Ok((arguments, Language::Typed(known)))
        }
    }
}

impl Language {
    fn reply(&self, method: &str, result: Result<Value, Error>) -> Result<RawReply, CodecError> {
        Ok(match result {
            Ok(value) => RawReply::Ok(self.write(&value, |structure| &structure.value)?),
            Err(Error::Returned { error, .. }) => RawReply::AppError(self.write(&error, |structure| &structure.error)?),
            Err(Error::Refused(error)) => RawReply::Failed(error.with_method(method)),
            // The error of a call that the function made says nothing of the call that it serves, which ran.
            Err(Error::Call(error)) => RawReply::Failed(crate::Error::nested(error, &format!("`{method}`")).with_method(method)),
        })
    }

    fn write(&self, value: &Value, root: impl FnOnce(&Structure) -> &Root) -> Result<Payload, CodecError> {
        match self {
            Self::Json => Payload::json(value),
            Self::Typed(known) => typed_out::payload(known, root(&known.structure).id, value),
        }
    }
}

fn unread(method: &Method, why: &CodecError) -> crate::Error {
    let text = format!("the arguments cannot be decoded: {why}");
    crate::Error::new(ErrorKind::Codec, Outcome::NotRun, text).with_method(method.to_string())
}

fn unwritten(method: String, why: &CodecError) -> RawReply {
    let text = format!("what the function returned cannot be sent as the method's result: {why}");
    RawReply::Failed(crate::Error::new(ErrorKind::Codec, Outcome::Ran, text).with_method(method))
}

/// The names of a signature's parameters, as far as it can be read. It is a stranger's text.
fn parameters(signature: &str) -> Vec<String> {
    let Some((_, rest)) = signature.split_once('(') else { return Vec::new() };
    let (mut names, mut depth, mut name, mut in_name) = (Vec::new(), 0_u32, String::new(), true);
    let mut before = ' ';
    for letter in rest.chars() {
        match letter {
            ')' if depth == 0 => break,
            '(' | '[' | '<' | '{' => depth += 1,
            '>' if before == '-' => {}
            ')' | ']' | '>' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                in_name = true;
            }
            ':' if depth == 0 => in_name = false,
            _ if in_name => name.push(letter),
            _ => {}
        }
        before = letter;
    }
    names.push(name);
    let names = names.into_iter().map(|name| name.trim().trim_start_matches("r#").to_owned());
    names.filter(|name| !name.is_empty() && !name.ends_with("self")).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::schema::encoded;
    use crate::schema::shape::{Fields, Id, Plain, Shape, Variant};

    /// Calls a function with bytes, and a structure of types that a caller made up.
    async fn called(shapes: Vec<Shape>, bytes: &'static [u8]) -> RawReply {
        let root = |id: Id| Root { id, tokens: 0 };
        let structure = Structure { shapes, arguments: vec![root(0)], value: root(0), error: root(0) };
        let method = Method {
            structure: encoded::encode(&structure).into(),
            ..Method::new("test.Any", "any", 1, "async fn any(&self, it: T) -> R")
        };
        let payload = Payload { bytes: Bytes::from_static(bytes), ..Payload::default() };
        let echo = Function::new(None, |call: Call| async move { Ok(call.arguments["it"].clone()) });
        echo.call(RawCall::new(method, payload)).reply().await
    }

    /// A sequence of 60,000 elements, each of them one byte.
    static LONG: [u8; 60_003] = {
        let mut bytes = [0; 60_003];
        (bytes[0], bytes[1], bytes[2]) = (251, 0x60, 0xea);
        bytes
    };

    #[tokio::test]
    async fn types_that_a_caller_made_up_cost_no_more_than_any_value() {
        let itself = |id: Id| Shape::Tuple(vec![id, id]);
        for (shapes, bytes) in [
            (vec![Shape::Option(0)], &[1; 1_000][..]),
            (vec![Shape::Tuple(vec![0])], &[]),
            (vec![itself(0)], &[]),
            (vec![Shape::Struct("A".into(), Fields::Newtype(0))], &[]),
            (vec![Shape::Seq(0)], &[253, 255, 255, 255, 255, 255, 255, 255, 255]),
            // Without content, and 2^60 of it.
            ((0..60).map(|id| if id < 59 { itself(id + 1) } else { Shape::Plain(Plain::Unit) }).collect(), &[]),
            (vec![Shape::Enum("E".into(), Vec::new())], &[7]),
            (vec![Shape::opaque("")], &[7]),
            (vec![Shape::Plain(Plain::Bulk)], &[7]),
            (vec![Shape::Reference("".into())], &[7]),
            // A struct that takes no bytes, ten thousand times: a map with a name for each.
            (
                vec![Shape::Seq(1), Shape::Struct("A".into(), Fields::Named(vec![("a".repeat(200).into(), 2)])), Shape::Plain(Plain::Unit)],
                &[251, 0x10, 0x27],
            ),
            // Variants of one byte whose names take many.
            (
                vec![
                    Shape::Seq(1),
                    Shape::Enum("E".into(), vec![Variant { name: "V".repeat(255).into(), fields: Fields::Newtype(2) }]),
                    Shape::Plain(Plain::Unit),
                ],
                &LONG,
            ),
            (vec![Shape::Plain(Plain::U8)], &[]),
            (vec![Shape::Plain(Plain::U8)], &[1, 2]),
        ] {
            match called(shapes.clone(), bytes).await {
                RawReply::Failed(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::NotRun), "{error}"),
                other => panic!("{shapes:?}: {other:?}"),
            }
        }
        assert!(matches!(called(vec![Shape::Plain(Plain::U8)], &[7]).await, RawReply::Ok(value) if *value.bytes == [7]));
    }

    #[test]
    fn parameters_are_read_off_a_signature() {
        for (signature, names) in [
            ("async fn a(&self) -> Result<()>", &[][..]),
            ("async fn a(&mut self, owner: &str, r#type: Vec<(u8, u8)>) -> Result<()>", &["owner", "type"]),
            ("async fn a(&self, map: HashMap<String, Remote<dyn Fn(u8) -> u8>>, last: [u8; 4]) -> R", &["map", "last"]),
            ("async fn a<'a>(&'a self, one: &'a str) -> R", &["one"]),
            ("nonsense", &[]),
            ("((((", &[]),
            (")))(,,,:::", &[]),
        ] {
            assert_eq!(parameters(signature), names, "{signature}");
        }
    }
}
