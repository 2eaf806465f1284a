//! Owns addresses: URLs that say where a node listens and, optionally, what is published there under which name.
//! It asks no resolver and opens nothing; `tls://` and `quic://` are understood here and refused where links are opened.
//!
//! | address | host or path | name |
//! | --- | --- | --- |
//! | `tcp://127.0.0.1:7070/bank` | `127.0.0.1`, port 7070 | `bank` |
//! | `unix:///run/bank.sock#bank` | `/run/bank.sock` | `bank` |
//! | `mem://tests/bank` | `tests` | `bank` |

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use fluent_uri::{ParseError, ParseErrorKind, Uri};

use super::AddressError;

/// The longest address.
pub(super) const ADDRESS_BYTES_MAX: usize = 4_096;

/// The longest name of a published object or a memory space.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// The longest path that fits the system's `sockaddr_un` with its closing zero: 108 bytes on Linux, 104 on the BSDs and macOS.
pub(super) const SUN_PATH_MAX: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// Where a node listens and, optionally, the name of an object it publishes.
///
/// ```
/// use netref::transport::Address;
///
/// let address: Address = "tcp://localhost:7070/bank".parse()?;
/// assert_eq!(address.name(), Some("bank"));
/// assert_eq!(address.without_name().to_string(), "tcp://localhost:7070");
/// # Ok::<(), netref::transport::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    place: Place,
    name: Option<String>,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// `tcp://host:port`
    Tcp {
        /// The host.
        host: Host,
        /// The port; 0 asks a listener for any free one.
        port: u16,
    },
    /// `tls://host:port`
    Tls {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
    },
    /// `quic://host:port`
    Quic {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
    },
    /// `unix:///path`
    Unix {
        /// The path, absolute.
        path: PathBuf,
    },
    /// `mem://space`
    Memory {
        /// The name of the space.
        space: String,
    },
}

/// A machine, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// A name for the resolver.
    Name(String),
}

impl Address {
    /// Understands a URL.
    ///
    /// # Errors
    ///
    /// An [`AddressError`] that names the broken rule and what to write instead.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = split_scheme(text)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "tcp" => network(text, "tcp", authority, |host, port| Place::Tcp { host, port }),
            "tls" => network(text, "tls", authority, |host, port| Place::Tls { host, port }),
            "quic" => network(text, "quic", authority, |host, port| Place::Quic { host, port }),
            "unix" => unix(text, authority),
            "mem" => memory(text, authority),
            "http" | "https" | "ws" | "wss" => Err(AddressError::WebScheme { scheme: scheme.to_owned() }),
            _ => Err(AddressError::UnknownScheme { scheme: scheme.to_owned() }),
        }
    }

    pub(super) const fn from_place(place: Place) -> Self {
        Self { place, name: None }
    }

    /// Where the address leads.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The name of the published object, if the address has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The scheme, in lower case.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.place {
            Place::Tcp { .. } => "tcp",
            Place::Tls { .. } => "tls",
            Place::Quic { .. } => "quic",
            Place::Unix { .. } => "unix",
            Place::Memory { .. } => "mem",
        }
    }

    /// The same place, without a name.
    #[must_use]
    pub fn without_name(&self) -> Self {
        Self { place: self.place.clone(), name: None }
    }

    /// The same place, with this name.
    ///
    /// # Errors
    ///
    /// When it is no name; see [`check_name`](Self::check_name).
    pub fn with_name(&self, name: &str) -> Result<Self, AddressError> {
        Self::check_name(name)?;
        Ok(Self { place: self.place.clone(), name: Some(name.to_owned()) })
    }

    /// Checks that an object can be published under this name: 1 to 128 ASCII letters, digits, `_`, `.`, `-` and `/`.
    ///
    /// # Errors
    ///
    /// An [`AddressError`] that names the broken rule.
    pub fn check_name(name: &str) -> Result<(), AddressError> {
        if name.is_empty() {
            return Err(AddressError::EmptyName);
        }
        if let Some(character) = name.chars().find(|&character| !is_name_character(character) && character != '/') {
            return Err(AddressError::BadName { name: name.to_owned(), character });
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(AddressError::NameTooLong { bytes: name.len() });
        }
        Ok(())
    }
}

const fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}

/// The scheme and what follows `://`.
fn split_scheme(text: &str) -> Result<(&str, &str), AddressError> {
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if text.len() > ADDRESS_BYTES_MAX {
        return Err(AddressError::TooLong { bytes: text.len() });
    }
    for (at, character) in text.char_indices() {
        match character {
            ' ' => return Err(AddressError::Space { at }),
            _ if character.is_control() => return Err(AddressError::ControlCharacter { at }),
            _ if !character.is_ascii() => return Err(AddressError::NotAscii { at, character }),
            _ => {}
        }
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && !scheme.contains(['/', '?', '#'])
    {
        return if scheme.is_empty() { Err(AddressError::MissingScheme { text: rest.to_owned() }) } else { Ok((scheme, rest)) };
    }
    match text.split_once(':') {
        Some((scheme, rest)) if is_known_scheme(scheme) => {
            Err(AddressError::MissingSlashes { scheme: scheme.to_ascii_lowercase(), rest: rest.trim_start_matches('/').to_owned() })
        }
        _ => Err(AddressError::MissingScheme { text: text.to_owned() }),
    }
}

fn is_known_scheme(scheme: &str) -> bool {
    ["tcp", "tls", "quic", "unix", "mem"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

fn network(text: &str, scheme: &'static str, authority: &str, place: fn(Host, u16) -> Place) -> Result<Address, AddressError> {
    let (host, port) = split_port(authority)?;
    let host = parse_host(host)?;
    let uri = Uri::parse(text).map_err(|error| syntax(text, error))?;
    if uri.has_query() {
        return Err(AddressError::Query { scheme });
    }
    if uri.has_fragment() {
        return Err(AddressError::Fragment { scheme });
    }
    let name = path_name(uri.path().as_str(), || uri.path().decode().to_string_lossy().into_owned())?;
    Ok(Address { place: place(host, port), name })
}

/// The name that a path holds behind its slash.
fn path_name(path: &str, decoded: impl FnOnce() -> String) -> Result<Option<String>, AddressError> {
    if path.is_empty() || path == "/" {
        return Ok(None);
    }
    let decoded = decoded();
    let name = decoded.strip_prefix('/').unwrap_or(&decoded);
    Address::check_name(name)?;
    Ok(Some(name.to_owned()))
}

/// The host, with its brackets, and the port.
fn split_port(authority: &str) -> Result<(&str, u16), AddressError> {
    if authority.contains('@') {
        return Err(AddressError::UserInfo);
    }
    if authority.is_empty() {
        return Err(AddressError::EmptyHost);
    }
    let colon = if authority.starts_with('[') {
        let Some(close) = authority.find(']') else { return Err(AddressError::BadIpv6 { host: authority.to_owned() }) };
        (authority[close..].len() > 1).then_some(close + 1)
    } else if authority.matches(':').count() > 1 {
        return Err(AddressError::Ipv6WithoutBrackets { host: authority.to_owned() });
    } else {
        authority.find(':')
    };
    let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
    if host.is_empty() {
        return Err(AddressError::EmptyHost);
    }
    Ok((host, parse_port(host, port)?))
}

/// `port` still has its colon.
fn parse_port(host: &str, port: &str) -> Result<u16, AddressError> {
    let digits = match port.strip_prefix(':') {
        None if port.is_empty() => return Err(AddressError::MissingPort { host: host.to_owned() }),
        None => return Err(AddressError::BadPort { port: port.to_owned() }),
        Some("") => return Err(AddressError::MissingPort { host: host.to_owned() }),
        Some(digits) => digits,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::BadPort { port: digits.to_owned() });
    }
    digits.parse().map_err(|_| AddressError::PortOutOfRange { port: digits.to_owned() })
}

fn parse_host(host: &str) -> Result<Host, AddressError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let ip: Ipv6Addr = inner.parse().map_err(|_| AddressError::BadIpv6 { host: host.to_owned() })?;
        return Ok(Host::Ip(ip.into()));
    }
    if let Ok(ip) = host.parse() {
        return Ok(Host::Ip(ip));
    }
    // 253 bytes is the longest name DNS can carry (RFC 1035 §2.3.4). All digits and dots is an IPv4 address gone wrong.
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number || host.len() > 253 || !host.chars().all(is_name_character) {
        return Err(AddressError::BadHost { host: host.to_owned() });
    }
    Ok(Host::Name(host.to_owned()))
}

fn unix(text: &str, authority: &str) -> Result<Address, AddressError> {
    if authority.starts_with('@') {
        return Err(AddressError::AbstractName);
    }
    if !authority.is_empty() {
        let path = text.split_once("://").map_or(text, |(_, rest)| rest);
        return Err(AddressError::UnixRelative { path: path.to_owned() });
    }
    let uri = Uri::parse(text).map_err(|error| syntax(text, error))?;
    if uri.has_query() {
        return Err(AddressError::Query { scheme: "unix" });
    }
    let path = unix_path(&uri.path().decode().to_bytes())?;
    let name = uri.fragment().map(|fragment| fragment.decode().to_string_lossy().into_owned());
    if let Some(name) = &name {
        Address::check_name(name)?;
    }
    Ok(Address { place: Place::Unix { path }, name })
}

fn unix_path(bytes: &[u8]) -> Result<PathBuf, AddressError> {
    if bytes.iter().all(|&byte| byte == b'/') {
        return Err(AddressError::UnixEmptyPath);
    }
    if bytes.contains(&0) {
        return Err(AddressError::AbstractName);
    }
    if bytes.ends_with(b"/") {
        return Err(AddressError::UnixDirectory { path: String::from_utf8_lossy(bytes).into_owned() });
    }
    if bytes.len() > SUN_PATH_MAX {
        return Err(AddressError::UnixPathTooLong { bytes: bytes.len() });
    }
    path_from_bytes(bytes)
}

#[cfg(unix)]
fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf, AddressError> {
    use std::os::unix::ffi::OsStrExt;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf, AddressError> {
    match std::str::from_utf8(bytes) {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(_) => Err(AddressError::UnixPathNotText),
    }
}

#[cfg(unix)]
fn path_bytes(path: &std::path::Path) -> std::borrow::Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().into()
}

#[cfg(not(unix))]
fn path_bytes(path: &std::path::Path) -> std::borrow::Cow<'_, [u8]> {
    path.to_string_lossy().into_owned().into_bytes().into()
}

fn memory(text: &str, authority: &str) -> Result<Address, AddressError> {
    if authority.is_empty() {
        return Err(AddressError::MemoryWithoutSpace);
    }
    if authority.contains(':') {
        return Err(AddressError::MemoryPort { space: authority.to_owned() });
    }
    if authority.len() > NAME_BYTES_MAX || !authority.chars().all(is_name_character) {
        return Err(AddressError::BadSpace { space: authority.to_owned() });
    }
    let uri = Uri::parse(text).map_err(|error| syntax(text, error))?;
    if uri.has_query() {
        return Err(AddressError::Query { scheme: "mem" });
    }
    if uri.has_fragment() {
        return Err(AddressError::Fragment { scheme: "mem" });
    }
    let name = path_name(uri.path().as_str(), || uri.path().decode().to_string_lossy().into_owned())?;
    Ok(Address { place: Place::Memory { space: authority.to_owned() }, name })
}

fn syntax(text: &str, error: ParseError) -> AddressError {
    let at = error.index();
    match error.kind() {
        ParseErrorKind::InvalidPctEncodedOctet => AddressError::BadPercent { at },
        ParseErrorKind::InvalidIpv6Addr => AddressError::BadIpv6 { host: text.get(at..).unwrap_or_default().to_owned() },
        ParseErrorKind::UnexpectedChar => {
            AddressError::BadCharacter { at, character: text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default() }
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme())?;
        match &self.place {
            Place::Tcp { host, port } | Place::Tls { host, port } | Place::Quic { host, port } => write!(f, "{host}:{port}")?,
            Place::Unix { path } => write_path(f, &path_bytes(path))?,
            Place::Memory { space } => write!(f, "{space}")?,
        }
        match (&self.name, &self.place) {
            (None, _) => Ok(()),
            (Some(name), Place::Unix { .. }) => write!(f, "#{name}"),
            (Some(name), _) => write!(f, "/{name}"),
        }
    }
}

/// Writes what RFC 3986 §3.3 allows in a path as it is and the rest percent-encoded.
fn write_path(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}
