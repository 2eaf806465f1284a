//! Owns the bodies of the fuzz targets: each takes any bytes and panics when a rule is broken, never otherwise.

#[cfg(feature = "lz4")]
mod compressed;
mod frames;
mod guard;
mod handshake;
mod machine;
mod session;
mod streams;
mod table_of_streams;
mod tables;
mod urls;
mod weight;

#[cfg(feature = "lz4")]
pub use compressed::compressed;
pub use frames::frames;
pub use guard::guard;
pub use handshake::handshake;
pub use machine::machine;
pub use session::session;
pub use tables::tables;
pub use urls::urls;

/// What a peer or a user is told is a text that can be shown: not empty, and without characters that would rule a terminal or a log.
fn check_text(text: &str) {
    assert!(text.len() > 5 && !text.contains(char::is_control), "no text for people: {text:?}");
}
