//! Owns the text of JSON: where a value begins and ends, what a string and a number are (RFC 8259, to the letter). It knows no types,
//! and never goes into itself: whoever reads what is nested keeps count of the levels.

use std::borrow::Cow;

use super::super::CodecError;
use super::refused::{Refused, quoted};

/// A text, and how far it has been read.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
}

/// Characters of a number. The longest that stands for a double exactly has fewer than 1,100.
const NUMBER_MAX: usize = 1_100;

/// What a number is, before anybody asks for a type.
#[derive(Clone, Copy)]
pub(super) struct Number<'de> {
    pub(super) text: &'de str,
    /// Whether it has neither a fraction nor an exponent.
    pub(super) is_integer: bool,
}

impl Number<'_> {
    /// As a double. Larger ones than a double can be are refused, not made infinite.
    pub(super) fn to_f64(self) -> Result<f64, Refused> {
        self.finite(f64::is_finite)
    }

    pub(super) fn to_f32(self) -> Result<f32, Refused> {
        self.finite(f32::is_finite)
    }

    fn finite<F: std::str::FromStr + Copy>(self, is_finite: fn(F) -> bool) -> Result<F, Refused> {
        self.text.parse().ok().filter(|&value| is_finite(value)).ok_or_else(|| self.out_of_range(std::any::type_name::<F>()))
    }

    #[cold]
    pub(super) fn out_of_range(self, ty: &str) -> Refused {
        Refused::value(format!("the number {} is out of the range of {ty}", quoted(self.text)))
    }
}

impl<'de> Reader<'de> {
    pub(super) const fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A reader of a part of the text, whose errors count from the beginning of the whole.
    pub(super) fn part(&self, from: usize, to: usize) -> Self {
        Self { bytes: self.bytes.get(..to).unwrap_or_default(), at: from }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space, without taking it.
    pub(super) fn peek(&mut self) -> Result<u8, Refused> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(truncated())
    }

    /// Takes the next byte if it is this one.
    pub(super) fn takes(&mut self, byte: u8) -> Result<bool, Refused> {
        let is_next = self.peek()? == byte;
        self.at += usize::from(is_next);
        Ok(is_next)
    }

    /// Takes this byte, which has to be the next.
    pub(super) fn expect(&mut self, byte: u8, what: &str) -> Result<(), Refused> {
        if self.takes(byte)? { Ok(()) } else { Err(self.syntax(what)) }
    }

    /// What is wrong here.
    #[cold]
    pub(super) fn syntax(&self, what: &str) -> Refused {
        Refused::syntax(what, self.at)
    }

    /// That a value was expected and this is none.
    #[cold]
    pub(super) fn no_value(&self) -> Refused {
        self.syntax("a value is expected: null, true, false, a number, a string, an array or an object")
    }

    /// How much is left behind the value, white space apart.
    pub(super) fn left_over(&mut self) -> usize {
        match self.peek() {
            Ok(_) => self.bytes.len() - self.at,
            Err(_) => 0,
        }
    }

    /// `null`, `true` or `false`, of which the first letter is there.
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Refused> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(literal.as_bytes()) {
            self.at += literal.len();
            return Ok(());
        }
        Err(if literal.as_bytes().starts_with(rest) { truncated() } else { self.no_value() })
    }

    /// A number, of which the first character is there.
    pub(super) fn number(&mut self) -> Result<Number<'de>, Refused> {
        let start = self.at;
        self.skip_one(b"-");
        if !self.skip_one(b"0") && self.skip_digits() == 0 {
            return Err(self.broken_number());
        }
        let mut is_integer = true;
        if self.skip_one(b".") {
            is_integer = false;
            if self.skip_digits() == 0 {
                return Err(self.broken_number());
            }
        }
        if self.skip_one(b"eE") {
            is_integer = false;
            self.skip_one(b"+-");
            if self.skip_digits() == 0 {
                return Err(self.broken_number());
            }
        }
        if self.at - start > NUMBER_MAX {
            return Err(Refused::syntax(format_args!("a number has at most {NUMBER_MAX} characters, and there are more"), start));
        }
        if self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-')) {
            return Err(self.broken_number());
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).map_err(|_| self.broken_number())?;
        Ok(Number { text, is_integer })
    }

    fn skip_one(&mut self, of: &[u8]) -> bool {
        let is_next = self.bytes.get(self.at).is_some_and(|byte| of.contains(byte));
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    #[cold]
    fn broken_number(&self) -> Refused {
        if self.at >= self.bytes.len() { truncated() } else { self.syntax("no number looks like this") }
    }

    /// A string. It is lent from the text when it has no escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'de, str>, Refused> {
        self.expect(b'"', "a string is expected")?;
        let chunk = self.chunk()?;
        if self.skip_one(b"\"") {
            return Ok(Cow::Borrowed(chunk));
        }
        let mut text = chunk.to_owned();
        loop {
            text.push(self.escape()?);
            text.push_str(self.chunk()?);
            if self.skip_one(b"\"") {
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// The characters up to a quotation mark or a backslash.
    fn chunk(&mut self) -> Result<&'de str, Refused> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte < b' ' || matches!(byte, b'"' | b'\\')).ok_or_else(truncated)?;
        self.at += length;
        if rest[length] < b' ' {
            return Err(self.syntax("a control character in a string, which is written as an escape,"));
        }
        std::str::from_utf8(&rest[..length]).map_err(|error| Refused::value(format!("a string is not UTF-8: {error}, from byte {start}")))
    }

    fn escape(&mut self) -> Result<char, Refused> {
        self.at += 1;
        let letter = *self.bytes.get(self.at).ok_or_else(truncated)?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Refused::syntax("there is no such escape", self.at - 2)),
        })
    }

    /// The character behind `\u`: one unit of UTF-16, or the two halves of a pair.
    fn unicode(&mut self) -> Result<char, Refused> {
        let start = self.at - 2;
        let mut units = [self.unit()?, 0];
        let mut count = 1;
        if (0xd800..0xdc00).contains(&units[0]) && self.skip_one(b"\\") {
            if !self.skip_one(b"u") {
                return Err(Refused::syntax("half of a pair of UTF-16", start));
            }
            units[1] = self.unit()?;
            count = 2;
        }
        match char::decode_utf16(units[..count].iter().copied()).next() {
            Some(Ok(character)) => Ok(character),
            _ if self.at >= self.bytes.len() => Err(truncated()),
            _ => Err(Refused::syntax("half of a pair of UTF-16", start)),
        }
    }

    fn unit(&mut self) -> Result<u16, Refused> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or_else(truncated)?;
        let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit =
            text.and_then(|text| u16::from_str_radix(text, 16).ok()).ok_or_else(|| self.syntax("four hexadecimal digits are expected"))?;
        self.at += 4;
        Ok(unit)
    }

    /// Passes over a value, however deep, without going into it: it is read, and refused if need be, later.
    pub(super) fn skip(&mut self) -> Result<(), Refused> {
        let mut open = 0usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_string()?,
                b'[' | b'{' => {
                    open += 1;
                    self.at += 1;
                }
                b']' | b'}' if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                b',' | b':' if open > 0 => self.at += 1,
                b']' | b'}' | b',' | b':' => return Err(self.no_value()),
                _ => self.skip_word(),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    fn skip_word(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'[' | b']' | b'{' | b'}' | b',' | b':');
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    fn skip_string(&mut self) -> Result<(), Refused> {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(truncated)?;
            // Behind a backslash any byte is part of the string.
            self.at += length + if rest[length] == b'\\' { 2 } else { 1 };
            if rest[length] == b'"' {
                return Ok(());
            }
        }
    }
}

#[cold]
fn truncated() -> Refused {
    Refused::new(CodecError::Truncated)
}
