//! Owns [`Error`]: how a call without a trait fails.

use std::fmt;

use super::Value;
use crate::error::{ErrorKind, Outcome, Scope};

/// How a call without a trait fails, and what a function that stands for an object may fail with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// netref ended the call: the text names the method and, where arguments are wrong, the parameter.
    ///
    /// A function that stands for an object and fails with it, by `?` on a call of its own, tells its caller so: the caller's call ran, and gets an
    /// error of kind [`Nested`](crate::ErrorKind::Nested) with this one as its origin.
    Call(crate::Error),
    /// The function that stands for the object did not take the call: see [`refused`](Self::refused).
    Refused(crate::Error),
    /// The method returned its own error, which is this value.
    Returned {
        /// The method, `interface.name`; empty while it is not known.
        method: String,
        /// The error.
        error: Value,
    },
}

impl Error {
    /// The method's own error, to be returned by a function that stands for an object.
    pub fn returned(error: impl Into<Value>) -> Self {
        Self::Returned { method: String::new(), error: error.into() }
    }

    /// That the call was not taken and nothing of it was done, to be returned by a function that stands for an object: its caller gets an error of this
    /// kind that says that the call did not run, and may make it again.
    pub fn refused(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self::Refused(crate::Error::new(kind, Outcome::NotRun, text).with_scope(Scope::Call))
    }

    /// The method's own error, if it is one.
    #[must_use]
    pub const fn value(&self) -> Option<&Value> {
        match self {
            Self::Returned { error, .. } => Some(error),
            Self::Call(_) | Self::Refused(_) => None,
        }
    }

    /// What netref says, if it ended the call.
    #[must_use]
    pub const fn call(&self) -> Option<&crate::Error> {
        match self {
            Self::Call(error) | Self::Refused(error) => Some(error),
            Self::Returned { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) | Self::Refused(error) => error.fmt(f),
            Self::Returned { method, error } if method.is_empty() => write!(f, "the method returned the error {error}"),
            Self::Returned { method, error } => write!(f, "`{method}` returned the error {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Call(error) | Self::Refused(error) => Some(error),
            Self::Returned { .. } => None,
        }
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::Call(error)
    }
}
