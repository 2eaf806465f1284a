//! Owns the words for a link that could not be had. Each says what was tried and what to do next.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::AddressError;

/// Why a link could not be opened, or an address not be listened on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportError {
    /// The address itself is wrong.
    Address(AddressError),
    /// This build does not have the transport that the address asks for.
    MissingFeature {
        /// The address.
        address: String,
        /// The feature of netref that brings the transport.
        feature: &'static str,
    },
    /// The address leaves this machine and the link would not be encrypted.
    Plaintext {
        /// The address.
        address: String,
        /// Where it leads.
        leads_to: Vec<IpAddr>,
    },
    /// The host has no address.
    Unresolved {
        /// The host.
        host: String,
        /// What the resolver said.
        cause: String,
    },
    /// No address of the host accepted a connection.
    Unreachable {
        /// The address.
        address: String,
        /// Every address that was tried, in order, and what became of it.
        tried: Vec<Tried>,
    },
    /// Port 0 stands for any free port, which only a listener can ask for.
    PortZero {
        /// The address.
        address: String,
    },
    /// Nobody listens there.
    NobodyListens {
        /// The address.
        address: String,
    },
    /// Somebody listens there already.
    Busy {
        /// The address.
        address: String,
    },
    /// Somebody listens there and did not take the link in time.
    NotAccepting {
        /// The address.
        address: String,
    },
    /// What stands at the path is not a socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The directory that is to hold the socket is not there.
    DirectoryMissing {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system does not permit it.
    Denied {
        /// The address.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// Anything else that the operating system refused.
    Failed {
        /// The address.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// This platform has no Unix sockets.
    UnixSocketsMissing,
}

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tried {
    /// The address that was tried.
    pub address: SocketAddr,
    /// Why it did not work.
    pub cause: String,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(f),
            Self::MissingFeature { address, feature } => {
                write!(
                    f,
                    "{address}: this version of netref cannot speak {feature} yet (it will be its feature `{feature}`); use tcp:// or unix://"
                )
            }
            Self::Plaintext { address, leads_to } => plaintext(f, address, leads_to),
            Self::Unresolved { host, cause } => {
                write!(f, "the host {host} has no address ({cause}); check the name, or write the IP address")
            }
            Self::Unreachable { address, tried } => {
                write!(f, "{address} cannot be reached")?;
                for (index, attempt) in tried.iter().enumerate() {
                    let lead = if index == 0 { ": " } else { "; " };
                    write!(f, "{lead}{} {}", attempt.address, attempt.cause)?;
                }
                write!(f, "; check that the node over there runs and listens on this address")
            }
            Self::PortZero { address } => {
                write!(f, "{address}: port 0 means any free port and is for listening only; dial the port that the listening node reports")
            }
            Self::NobodyListens { address } => write!(f, "nobody listens on {address}; start the node that does first"),
            Self::Busy { address } => {
                write!(f, "{address} is in use: another listener has it; stop that one, or choose another address")
            }
            Self::NotAccepting { address } => {
                write!(f, "{address} is listened on but the link was not taken in time; the node over there is overloaded or stuck")
            }
            Self::NotASocket { path } => {
                write!(f, "{} is there and is not a socket; it was left alone: remove it or choose another path", path.display())
            }
            Self::DirectoryMissing { path } => write!(f, "the directory {} is not there; create it first", path.display()),
            Self::Denied { address, cause } => {
                write!(f, "{address} is not permitted to this user ({cause}); check the owner and the mode, or choose another address")
            }
            Self::Failed { address, cause } => write!(f, "{address}: {cause}"),
            Self::UnixSocketsMissing => write!(f, "this platform has no Unix sockets; use tcp://127.0.0.1:port instead"),
        }
    }
}

fn plaintext(f: &mut fmt::Formatter<'_>, address: &str, leads_to: &[IpAddr]) -> fmt::Result {
    write!(f, "{address} leaves this machine")?;
    for (index, ip) in leads_to.iter().enumerate() {
        let lead = if index == 0 { " (" } else { ", " };
        write!(f, "{lead}{ip}")?;
    }
    let end = if leads_to.is_empty() { "" } else { ")" };
    write!(
        f,
        "{end} and tcp:// is not encrypted: stay on 127.0.0.1 or a unix:// socket, or allow it with insecure_plaintext(true); tls:// is \
         not in this version of netref"
    )
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AddressError> for TransportError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}
