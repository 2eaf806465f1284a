//! Owns the list of peers: for each, how it serves the echo and how its calls are made.
//! A serving process prints its address in one line when it is ready.

mod floor;
mod netref;
mod tarpc;

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use crate::{
    Result,
    args::{DriveArgs, Peer},
    measure::{self, Sample},
};

/// Serves `peer` until the process ends.
pub(crate) async fn serve(peer: Peer) -> Result<()> {
    match peer {
        Peer::Floor => floor::serve().await,
        Peer::Netref => netref::serve().await,
        Peer::Tarpc => tarpc::serve().await,
    }
}

/// Connects to a served peer and measures its calls.
pub(crate) async fn drive(args: DriveArgs) -> Result<Sample> {
    let DriveArgs { scenario, seconds, server_pid, .. } = args;
    match args.peer {
        Peer::Floor => {
            let client = floor::connect(&args.address).await?;
            measure::sample(client, scenario, seconds, server_pid).await
        }
        Peer::Netref => {
            let client = netref::connect(&args.address).await?;
            measure::sample(client, scenario, seconds, server_pid).await
        }
        Peer::Tarpc => {
            let client = tarpc::connect(&args.address).await?;
            measure::sample(client, scenario, seconds, server_pid).await
        }
    }
}

/// Tells the process that started us where we can be called.
pub(crate) fn announce(address: impl Display) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{address}")?;
    Ok(stdout.flush()?)
}
