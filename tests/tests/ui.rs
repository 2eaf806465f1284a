//! What `#[remote]` tells people who make a mistake, one golden for each rule, and the traits that it has to take without a word.
//!
//! The goldens hold the compiler's own words too, which change from one version to the next, so they are compared only under the
//! version they were written with. `TRYBUILD=overwrite cargo test -p netref-tests --test ui` writes them again; read the difference.

use std::process::Command;

/// The compiler that the goldens were written with.
const GOLDENS: &str = "rustc 1.95.";

#[test]
fn mistakes_are_told_where_they_were_made() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8_lossy(&version.stdout);
    if version.starts_with(GOLDENS) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        eprintln!("not compared: the goldens were written with {GOLDENS}x, this is {version}");
    }
}

#[test]
fn sound_traits_compile_without_a_warning() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}
