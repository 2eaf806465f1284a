//! The `netref` command: it reads the arguments, runs what they name and sets the exit code. What it runs belongs to the library.

use clap::Parser;

/// The command of netref, remote objects for Rust.
///
/// This version answers --version and --help, and nothing else: there is no daemon to run and no object to call from the command
/// line yet. A program hosts objects itself, with the `netref` library: https://docs.rs/netref
#[derive(Debug, Parser)]
#[command(name = "netref", version = netref_server::version(), arg_required_else_help = true)]
struct Arguments {}

/// Wrong arguments, and none, end in the parser with exit code 2 and a message that names them.
fn main() {
    let Arguments {} = Arguments::parse();
}
