//! Owns Unix socket links: who is at the other end, and a socket file that appears finished, never disturbs another, and is cleaned up.
//!
//! A socket is bound under a passing name in the same directory, closed to other users, made to listen, and only then linked to its
//! path. So the path never leads to a socket that others may open or that refuses connections, and linking never replaces anything.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::timeout;

use super::address::SUN_PATH_MAX;
use super::listener::Source;
use super::{CONNECT_MAX, LinkStream, PeerTransport, TransportError};

/// Links that wait to be accepted, as tokio's own listeners ask for.
const BACKLOG: u32 = 1024;

/// How often a path is tried that others keep taking and leaving.
const TRIES: usize = 16;

/// Letters of a name that nobody else uses: 15 random ones of 32 are 75 bits.
const UNIQUE_LETTERS: usize = 16;

/// How often it is looked whether the lock of a directory is free.
const LOCK_LOOK: Duration = Duration::from_millis(1);

const OWNER_ONLY: u32 = 0o600;

pub(super) async fn dial(path: &Path) -> Result<LinkStream, TransportError> {
    match timeout(CONNECT_MAX, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => Ok(link(stream, path)),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => TransportError::NobodyListens { address: url(path) },
            io::ErrorKind::WouldBlock => TransportError::NotAccepting { address: url(path) },
            _ => failed(path, &error),
        }),
        Err(_) => Err(TransportError::NotAccepting { address: url(path) }),
    }
}

fn link(stream: UnixStream, path: &Path) -> LinkStream {
    let peer = stream.peer_cred().ok();
    let remote = PeerTransport::Unix {
        path: path.to_owned(),
        uid: peer.map(|peer| peer.uid()),
        gid: peer.map(|peer| peer.gid()),
        pid: peer.and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok()),
    };
    let (reader, writer) = stream.into_split();
    LinkStream::new(reader, writer, remote)
}

pub(super) async fn bind(path: &Path) -> Result<Box<dyn Source>, TransportError> {
    let directory = path.parent().unwrap_or_else(|| Path::new("/"));
    if !directory.is_dir() {
        return Err(TransportError::DirectoryMissing { path: directory.to_owned() });
    }
    let (listener, staged) = stage(path, directory).map_err(|error| failed(path, &error))?;
    let inode = fs::symlink_metadata(&staged.path).map(|metadata| Inode::of(&metadata)).map_err(|error| failed(path, &error))?;
    for _ in 0..TRIES {
        match publish(&staged.path, path) {
            Ok(()) => return Ok(Box::new(Accepting { listener, path: path.to_owned(), inode })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => clear_stale(path, directory).await?,
            Err(error) => return Err(failed(path, &error)),
        }
    }
    Err(TransportError::Busy { address: url(path) })
}

/// A listening socket under a passing name, open to its owner only.
fn stage(path: &Path, directory: &Path) -> io::Result<(UnixListener, Staged)> {
    let mut tries = 0;
    loop {
        let socket = UnixSocket::new_stream()?;
        // Linux gives the file the mode of the socket, so it never exists with another; elsewhere the call fails and does no harm.
        let _ = File::from(socket.as_fd().try_clone_to_owned()?).set_permissions(Permissions::from_mode(OWNER_ONLY));
        let passing = passing_path(path, directory)?;
        match socket.bind(&passing) {
            Ok(()) => {
                let staged = Staged { path: passing };
                // Nobody can connect before `listen`, so nobody connects before this.
                fs::set_permissions(&staged.path, Permissions::from_mode(OWNER_ONLY))?;
                return Ok((socket.listen(BACKLOG)?, staged));
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A socket file under its passing name, removed in any case.
struct Staged {
    path: PathBuf,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A name in the directory that is no longer than a socket's path may be, and not the path itself. Where there is room, nobody else
/// uses it; where there is not, binding finds out.
fn passing_path(path: &Path, directory: &Path) -> io::Result<PathBuf> {
    let taken = directory.join("x").as_os_str().len() - 1;
    let length = SUN_PATH_MAX.saturating_sub(taken).clamp(1, UNIQUE_LETTERS);
    loop {
        let passing = directory.join(random_name(length)?);
        if passing != path {
            return Ok(passing);
        }
    }
}

/// A hidden name where that leaves a letter to choose.
fn random_name(length: usize) -> io::Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [0; UNIQUE_LETTERS];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name: String = random[..length].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    if length > 1 {
        name.replace_range(..1, ".");
    }
    Ok(name)
}

/// Gives the staged socket its path, if nothing is there.
fn publish(staged: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(staged, path) {
        // Not every file system has hard links. Renaming would replace what appears at this very moment, so it comes second.
        Err(error) if has_no_hard_links(&error) => match fs::symlink_metadata(path) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => fs::rename(staged, path),
            Err(other) => Err(other),
        },
        result => result,
    }
}

fn has_no_hard_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
}

/// Removes a socket that nobody accepts on any more. Anything else at the path is an error and stays.
///
/// One at a time in a directory: of two that look at a stale socket the second would take aside what the first let appear there.
async fn clear_stale(path: &Path, directory: &Path) -> Result<(), TransportError> {
    let _alone = lock(directory).await;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(path, &error)),
    };
    if !found.file_type().is_socket() {
        return Err(TransportError::NotASocket { path: path.to_owned() });
    }
    match timeout(CONNECT_MAX, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => return Err(failed(path, &error)),
        // Connected, or too many wait to be: somebody listens.
        _ => return Err(TransportError::Busy { address: url(path) }),
    }
    remove(path, directory, Inode::of(&found)).map_err(|error| failed(path, &error))
}

/// Excludes others that clear a path in this directory, also those of other processes, while it is held. Without it where the directory
/// cannot be read or has no locks, and after a wait for somebody who does not let go: that only brings the race back.
async fn lock(directory: &Path) -> Option<Flock<File>> {
    let mut file = File::open(directory).ok()?;
    let locked = async {
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Some(lock),
                Err((again, nix::errno::Errno::EWOULDBLOCK | nix::errno::Errno::EINTR)) => file = again,
                Err(_) => return None,
            }
            tokio::time::sleep(LOCK_LOOK).await;
        }
    };
    timeout(CONNECT_MAX, locked).await.ok().flatten()
}

/// Removes the file at the path if it is still the one that was looked at: it is taken aside first, since another process may put a
/// socket of its own there at any moment.
fn remove(path: &Path, directory: &Path, stale: Inode) -> io::Result<()> {
    // Nobody binds or connects to this name, so its length is free.
    let aside = directory.join(random_name(UNIQUE_LETTERS)?);
    match fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let aside = Staged { path: aside };
    if Inode::of(&fs::symlink_metadata(&aside.path)?) != stale {
        // Somebody else's, alive: back to its place, unless that was taken meanwhile.
        if let Err(error) = publish(&aside.path, path) {
            tracing::warn!(path = %path.display(), %error, "a socket that appeared while a stale one was removed lost its path");
        }
    }
    Ok(())
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

fn url(path: &Path) -> String {
    super::Address::from_place(super::Place::Unix { path: path.to_owned() }).to_string()
}

fn failed(path: &Path, error: &io::Error) -> TransportError {
    let address = url(path);
    match error.kind() {
        io::ErrorKind::PermissionDenied => TransportError::Denied { address, cause: error.to_string() },
        _ => TransportError::Failed { address, cause: error.to_string() },
    }
}

struct Accepting {
    listener: UnixListener,
    path: PathBuf,
    inode: Inode,
}

impl Source for Accepting {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<LinkStream>> {
        let (stream, _) = ready!(self.listener.poll_accept(cx))?;
        Poll::Ready(Ok(link(stream, &self.path)))
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| Inode::of(&found) == self.inode);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener as StdListener;

    #[test]
    fn a_socket_that_took_the_place_of_a_stale_one_is_put_back() {
        let directory = std::env::temp_dir().join(random_name(UNIQUE_LETTERS).unwrap());
        fs::create_dir(&directory).unwrap();
        let path = directory.join("s");
        let alive = StdListener::bind(&path).unwrap();
        let own = Inode::of(&fs::symlink_metadata(&path).unwrap());
        let stale = Inode { number: own.number + 1, ..own };
        remove(&path, &directory, stale).unwrap();
        assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
        remove(&path, &directory, own).unwrap();
        remove(&path, &directory, own).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        drop(alive);
        fs::remove_dir(&directory).unwrap();
    }

    #[test]
    fn a_passing_path_is_never_the_path_itself() {
        let directory = Path::new("/").join("d".repeat(SUN_PATH_MAX - "//s".len()));
        let path = directory.join("s");
        for _ in 0..500 {
            let passing = passing_path(&path, &directory).unwrap();
            assert!(passing != path && passing.as_os_str().len() == SUN_PATH_MAX);
        }
    }
}
