//! Owns how a program makes and reads payloads in JSON without knowing the code of an interface. It knows nothing of what JSON looks
//! like: the codec does.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::any::AnyRemote;
use crate::codec::{self, Bounds, Codec, CodecError, MESSAGE_BYTES_MAX};
use crate::handler::Payload;
use crate::inbound::bounds;
use crate::limits::Limits;
use crate::transfer::{self, Incoming};

/// With the feature `json`.
impl Payload {
    /// Arguments in JSON, ready to be called with: an object of named fields, or an array of all arguments in order.
    ///
    /// References anywhere in `arguments` are laid into the table beside the payload.
    ///
    /// ```
    /// use netref::{AnyRemote, Method, Payload, RawCall, RawReply, Remote, Result, remote};
    /// use serde_json::json;
    ///
    /// #[remote]
    /// trait Greeter {
    ///     async fn greet(&self, name: &str, often: u32) -> Result<String>;
    /// }
    /// # struct Polite;
    /// # impl Greeter for Polite {
    /// #     async fn greet(&self, name: &str, often: u32) -> Result<String> { Ok(format!("Good day, {name}. ").repeat(often as usize)) }
    /// # }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let greeter: AnyRemote = Remote::into_any(Remote::<dyn Greeter>::new(Polite));
    /// // `greeter` is an `AnyRemote`: nothing is known of the trait here.
    /// let method = Method::by_name(greeter.interface().to_owned(), "greet");
    /// let arguments = Payload::json(&json!({ "name": "Ada", "often": 2 }))?;
    /// match greeter.call_raw(RawCall::new(method, arguments)).reply().await {
    ///     RawReply::Ok(value) => assert_eq!(value.to_json()?, json!("Good day, Ada. Good day, Ada. ")),
    ///     RawReply::AppError(error) => panic!("{}", error.to_json()?),
    ///     RawReply::Failed(error) => panic!("{error}"),
    /// }
    /// # Ok::<(), netref::CodecError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// What JSON cannot carry, which the page on the wire protocol lists, and a value that is too deep or too large.
    pub fn json<T: Serialize + ?Sized>(arguments: &T) -> Result<Self, CodecError> {
        let mut bytes = Vec::new();
        let (result, mut outgoing) = transfer::encoding(|| codec::encode(Codec::Json, arguments, &mut bytes, MESSAGE_BYTES_MAX));
        result?;
        let (references, segments) = (outgoing.take_references(), outgoing.take_segments());
        Ok(Self { codec: Codec::Json.id(), bytes: Bytes::from(bytes), segments, references, within: None, noted: None })
    }

    /// Arguments in JSON that name their references themselves: `{"$ref": 0}` is the first of `references`, and each is used once.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn json_with(arguments: &Value, references: Vec<AnyRemote>) -> Result<Self, CodecError> {
        Ok(Self { references, ..Self::json(arguments)? })
    }

    /// A result or an error that came back in JSON. A reference in it is `{"$ref": n}`, which means number `n` of
    /// [`references`](Self#structfield.references).
    ///
    /// # Errors
    ///
    /// The payload is in another codec, is no JSON, or is deeper or larger than the defaults of [`Limits`] allow.
    pub fn to_json(&self) -> Result<Value, CodecError> {
        self.check_json()?;
        codec::decode(Codec::Json, &self.bytes, &bounds(&Limits::default()))
    }

    /// The value that came back in JSON, with the references in it.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json), and a value that is no `T`.
    pub fn into_value<T: DeserializeOwned>(self) -> Result<T, CodecError> {
        let bounds = self.bounds();
        self.read(&bounds)
    }

    /// As [`into_value`](Self::into_value), under limits of one's own in place of those of the session that it came over.
    ///
    /// ```
    /// use netref::{Limits, Payload};
    ///
    /// let payload = Payload::json(&vec!["a text"; 1_000])?;
    /// let limits = Limits { decoded_bytes: 1_024, ..Limits::default() };
    /// assert!(payload.clone().into_value_within::<Vec<String>>(&limits).is_err());
    /// assert_eq!(payload.into_value::<Vec<String>>()?.len(), 1_000);
    /// # Ok::<(), netref::CodecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`into_value`](Self::into_value).
    pub fn into_value_within<T: DeserializeOwned>(self, limits: &Limits) -> Result<T, CodecError> {
        self.read(&bounds(limits))
    }

    /// The value that came back in JSON, within bounds.
    pub(crate) fn read<T: DeserializeOwned>(self, bounds: &Bounds) -> Result<T, CodecError> {
        self.check_json()?;
        let Self { bytes, segments, references, .. } = self;
        let references = references.into_iter().map(Some).collect();
        let segments = segments.into_iter().map(Some).collect();
        transfer::decoding(Incoming::new(references, segments), || codec::decode(Codec::Json, &bytes, bounds))
    }

    fn check_json(&self) -> Result<(), CodecError> {
        match Codec::from_id(self.codec)? {
            Codec::Json => Ok(()),
            Codec::Bincode => Err(CodecError::Value("the payload is in bincode and not in JSON: its caller asked in bincode".to_owned())),
        }
    }
}
