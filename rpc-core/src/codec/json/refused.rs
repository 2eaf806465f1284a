//! Owns why JSON was refused, on its way through serde: the reason, and where in the value it was.

use std::fmt;

use super::super::CodecError;

/// Why a value could not be written or read.
#[derive(Debug)]
pub(super) struct Refused(Box<Inner>);

#[derive(Debug)]
struct Inner {
    why: CodecError,
    /// The way to the part of the value that is at fault, as `.field[3]`. It grows at its front while the error travels outwards.
    path: String,
}

/// Characters of anything that a text came with and an error repeats.
const QUOTED_MAX: usize = 40;

/// Bytes of what a type has to say, which may repeat what came in.
const WORDS_MAX: usize = 1_000;

/// What came in, short enough for an error.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_MAX).is_some() {
        short.push('…');
    }
    short
}

impl Refused {
    #[cold]
    pub(super) fn new(why: CodecError) -> Self {
        Self(Box::new(Inner { why, path: String::new() }))
    }

    /// The text is no value of the type.
    #[cold]
    pub(super) fn value(text: impl Into<String>) -> Self {
        Self::new(CodecError::Value(text.into()))
    }

    /// The text is no JSON.
    #[cold]
    pub(super) fn syntax(what: impl fmt::Display, at: usize) -> Self {
        Self::value(format!("{what} at byte {at}"))
    }

    /// JSON has no form for it.
    #[cold]
    pub(super) fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(CodecError::Unsupported(format!("JSON cannot carry {what}")))
    }

    pub(super) fn why(&self) -> &CodecError {
        &self.0.why
    }

    /// The same, seen from outside the field that it happened in.
    #[cold]
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.0.path.insert_str(0, &format!(".{}", quoted(name)));
        self
    }

    /// The same, seen from outside the element that it happened in.
    #[cold]
    pub(super) fn in_element(mut self, index: usize) -> Self {
        self.0.path.insert_str(0, &format!("[{index}]"));
        self
    }

    /// In the words of the codec.
    pub(super) fn into_error(self) -> CodecError {
        let Inner { why, path } = *self.0;
        match why {
            CodecError::Value(text) if !path.is_empty() => CodecError::Value(format!("in `{}`: {text}", path.trim_start_matches('.'))),
            CodecError::Unsupported(text) if !path.is_empty() => {
                CodecError::Unsupported(format!("{text} (in `{}`)", path.trim_start_matches('.')))
            }
            why => why,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.why.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// What a type said, cut to a length.
#[cold]
fn words(text: &dyn fmt::Display) -> Refused {
    let mut text = text.to_string();
    if text.len() > WORDS_MAX {
        let end = (0..=WORDS_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    Refused::value(text)
}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(text: T) -> Self {
        words(&text)
    }
}

impl serde::ser::Error for Refused {
    fn custom<T: fmt::Display>(text: T) -> Self {
        words(&text)
    }
}
