//! Owns the words for what is wrong with an address. Each says what to write instead.

use std::fmt;

use super::address::{ADDRESS_BYTES_MAX, NAME_BYTES_MAX, SUN_PATH_MAX};

/// What is wrong with an address: one variant per rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is documented, and its fields quote the part of the address that the rule is about")]
pub enum AddressError {
    /// There is nothing.
    Empty,
    /// It is longer than 4,096 bytes.
    TooLong { bytes: usize },
    /// It has a space.
    Space { at: usize },
    /// It has a control character, such as a line break.
    ControlCharacter { at: usize },
    /// It has a character outside ASCII.
    NotAscii { at: usize, character: char },
    /// It does not begin with a scheme.
    MissingScheme { text: String },
    /// Its scheme is not followed by `//`.
    MissingSlashes { scheme: String, rest: String },
    /// Its scheme is none of ours.
    UnknownScheme { scheme: String },
    /// Its scheme belongs to the web.
    WebScheme { scheme: String },
    /// A percent sign is not followed by two hexadecimal digits.
    BadPercent { at: usize },
    /// A character may not stand where it stands in a URL.
    BadCharacter { at: usize, character: char },
    /// It has a user in front of the host.
    UserInfo,
    /// It has a query.
    Query { scheme: &'static str },
    /// It has a fragment where names follow a slash.
    Fragment { scheme: &'static str },
    /// It has no host.
    EmptyHost,
    /// Its host is neither an IP address nor a host name.
    BadHost { host: String },
    /// What stands in brackets is no IPv6 address.
    BadIpv6 { host: String },
    /// An IPv6 address stands without brackets.
    Ipv6WithoutBrackets { host: String },
    /// It has no port.
    MissingPort { host: String },
    /// Its port is not a number.
    BadPort { port: String },
    /// Its port is above 65535.
    PortOutOfRange { port: String },
    /// Its name is empty.
    EmptyName,
    /// Its name has a character that names do not have.
    BadName { name: String, character: char },
    /// Its name is longer than 128 bytes.
    NameTooLong { bytes: usize },
    /// A socket's path is not absolute.
    UnixRelative { path: String },
    /// A socket's path is missing.
    UnixEmptyPath,
    /// A socket's path ends with a slash.
    UnixDirectory { path: String },
    /// A socket's path is longer than the system's limit.
    UnixPathTooLong { bytes: usize },
    /// A socket's path is not text, which this platform needs it to be.
    UnixPathNotText,
    /// It asks for Linux's abstract namespace.
    AbstractName,
    /// A memory address has no space.
    MemoryWithoutSpace,
    /// A memory address has a port.
    MemoryPort { space: String },
    /// The name of a memory space has a character that such names do not have, or too many.
    BadSpace { space: String },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the address is empty; write one such as tcp://127.0.0.1:7070/name"),
            Self::TooLong { bytes } => write!(f, "the address has {bytes} bytes; at most {ADDRESS_BYTES_MAX} are allowed"),
            Self::Space { at } => write!(f, "the address has a space at byte {at}; write %20 in a path, and none elsewhere"),
            Self::ControlCharacter { at } => {
                write!(f, "the address has a control character (a line break, perhaps) at byte {at}; remove it")
            }
            Self::NotAscii { at, character } => write!(
                f,
                "the address has the character {character:?} at byte {at}, which is not ASCII; percent-encode it in a path, and write \
                 a host name in its xn-- form"
            ),
            Self::MissingScheme { text } if text.starts_with('/') => {
                write!(f, "the address does not begin with a scheme; write unix://{text} for a Unix socket")
            }
            Self::MissingScheme { text } => write!(f, "the address does not begin with a scheme; write tcp://{text} for TCP"),
            Self::MissingSlashes { scheme, rest } if scheme == "unix" => write!(f, "slashes are missing after unix:; write unix:///{rest}"),
            Self::MissingSlashes { scheme, rest } => write!(f, "slashes are missing after {scheme}:; write {scheme}://{rest}"),
            Self::UnknownScheme { scheme } => {
                write!(f, "the scheme {scheme}:// is unknown; use tcp://, tls://, quic://, unix:// or mem://")
            }
            Self::WebScheme { scheme } => {
                write!(
                    f,
                    "{scheme}:// is not spoken here: netref has a protocol of its own; write tcp:// (or tls:// for an encrypted link)"
                )
            }
            Self::BadPercent { at } => {
                write!(f, "the percent sign at byte {at} is not followed by two hexadecimal digits; write %25 for the sign itself")
            }
            Self::BadCharacter { at, character } => {
                write!(f, "the character {character:?} may not stand at byte {at} of the address; percent-encode it or leave it out")
            }
            Self::UserInfo => write!(f, "the address has a user in front of the host; leave out everything up to the @"),
            Self::Query { scheme } => write!(f, "a {scheme}:// address has no query; leave out the ? and what follows it"),
            Self::Fragment { scheme } => write!(f, "the name in a {scheme}:// address follows a slash, not a #; write …/name"),
            Self::EmptyHost => write!(f, "the host is missing; write one, such as 127.0.0.1:7070 or localhost:7070"),
            Self::BadHost { host } => {
                write!(f, "{host} is neither an IP address nor a host name; host names have letters, digits, - and dots")
            }
            Self::BadIpv6 { host } => write!(f, "{host} is not an IPv6 address in brackets; write it like [::1]"),
            Self::Ipv6WithoutBrackets { host } => {
                write!(f, "{host} has several colons; write an IPv6 address in brackets, like [::1]:7070")
            }
            Self::MissingPort { host } => write!(f, "the port is missing; write {host}:7070, or {host}:0 to listen on any free port"),
            Self::BadPort { port } => write!(f, "the port {port} is not a number; write one from 1 to 65535"),
            Self::PortOutOfRange { port } => write!(f, "the port {port} is above 65535; write one from 1 to 65535"),
            Self::EmptyName => write!(f, "the name is empty; write one, or leave out the sign in front of it"),
            Self::BadName { name, character } => write!(
                f,
                "the name {name:?} has the character {character:?}; names have ASCII letters, digits, underscores, dots, hyphens and slashes"
            ),
            Self::NameTooLong { bytes } => write!(f, "the name has {bytes} bytes; at most {NAME_BYTES_MAX} are allowed"),
            Self::UnixRelative { path } => {
                write!(f, "the path of a unix:// address is absolute; write unix:///{path} (three slashes), from the root")
            }
            Self::UnixEmptyPath => write!(f, "the path of the socket is missing; write one, such as unix:///run/name.sock"),
            Self::UnixDirectory { path } => {
                write!(f, "the path {} ends with a slash; write the path of the socket in that directory", path.escape_debug())
            }
            Self::UnixPathTooLong { bytes } => write!(
                f,
                "the path of the socket has {bytes} bytes and the system allows {SUN_PATH_MAX}; choose a shorter directory, such as one \
                 under /run or /tmp"
            ),
            Self::UnixPathNotText => write!(f, "the path of the socket is not UTF-8; choose another"),
            Self::AbstractName => {
                write!(
                    f,
                    "abstract socket names are not supported, since no mode protects them; write a path, such as unix:///run/name.sock"
                )
            }
            Self::MemoryWithoutSpace => write!(f, "the space is missing; write mem://space or mem://space/name"),
            Self::MemoryPort { space } => {
                write!(f, "mem://{space} has a port; memory spaces have none: leave out the colon and what follows it")
            }
            Self::BadSpace { space } => write!(
                f,
                "the space {space:?} is not 1 to {NAME_BYTES_MAX} ASCII letters, digits, underscores, dots and hyphens; choose another name"
            ),
        }
    }
}

impl std::error::Error for AddressError {}
