//! The examples are in `examples/`; this library is empty, and is here because a package needs a target of its own.
