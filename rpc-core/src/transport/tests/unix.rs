//! Links over Unix sockets: permissions, and what may lie at a path.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::address::SUN_PATH_MAX;
use super::*;

/// A directory of one test, removed with what is in it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("netref-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn url(&self, name: &str) -> String {
        Address::from_place(Place::Unix { path: self.path(name) }).to_string()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_link_over_a_socket_file_carries_bytes_both_ways_and_names_its_user() {
    let directory = Directory::new();
    let mut listener = listen(&format!("{}#bank", directory.url("a b.sock"))).await;
    assert_eq!(listener.local_address().to_string(), directory.url("a b.sock"));
    let (dialled, accepted) = connect(&mut listener).await;
    let owner = fs::metadata(&directory.0).unwrap().uid();
    for end in [&dialled, &accepted] {
        let PeerTransport::Unix { path, uid, pid, .. } = &end.remote else { panic!("{end:?}") };
        assert_eq!((path, *uid), (&directory.path("a b.sock"), Some(owner)));
        assert!(cfg!(not(target_os = "linux")) || *pid == Some(std::process::id()));
        assert!(end.remote.is_this_machine());
    }
    check_link(dialled, accepted).await;
}

#[tokio::test]
async fn a_socket_file_is_open_to_its_owner_only_and_leaves_nothing_beside_it() {
    let directory = Directory::new();
    let listener = listen(&directory.url("s")).await;
    assert_eq!(fs::metadata(directory.path("s")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(directory.names(), ["s"]);
    drop(listener);
    assert!(directory.names().is_empty());
}

/// Watches the path from the outside while a listener appears on it again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_file_is_never_seen_with_another_mode_or_refusing() {
    let directory = Directory::new();
    let path = directory.path("s");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (path, stop) = (path.clone(), stop.clone());
        move || {
            let mut seen = 0u32;
            while !stop.load(Ordering::Relaxed) {
                if let Ok(found) = fs::symlink_metadata(&path) {
                    assert_eq!(found.permissions().mode() & 0o777, 0o600);
                    seen += 1;
                }
            }
            seen
        }
    });
    for _ in 0..200 {
        drop(listen(&directory.url("s")).await);
    }
    let last = listen(&directory.url("s")).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    stop.store(true, Ordering::Relaxed);
    assert!(watcher.join().unwrap() > 0);
    drop(last);
}

#[tokio::test]
async fn a_stale_socket_file_is_replaced() {
    let directory = Directory::new();
    drop(StdListener::bind(directory.path("s")).unwrap());
    assert_eq!(directory.names(), ["s"], "std leaves the file behind");
    assert_eq!(refused(&directory.url("s")).await, TransportError::NobodyListens { address: directory.url("s") });
    let mut listener = listen(&directory.url("s")).await;
    assert_eq!(directory.names(), ["s"]);
    let (dialled, accepted) = connect(&mut listener).await;
    check_link(dialled, accepted).await;
}

#[tokio::test]
async fn a_busy_socket_is_an_error_that_names_it_and_goes_on_working() {
    let directory = Directory::new();
    let mut listener = listen(&directory.url("s")).await;
    let error = not_bound(&directory.url("s")).await;
    assert_eq!(error, TransportError::Busy { address: directory.url("s") });
    // The link with which the other looked whether somebody listens.
    let mut look = soon(listener.accept()).await;
    assert_eq!(look.reader.read(&mut [0; 1]).await.unwrap(), 0);
    let (dialled, accepted) = connect(&mut listener).await;
    check_link(dialled, accepted).await;
    assert_eq!(directory.names(), ["s"]);
}

#[tokio::test]
async fn a_file_in_the_way_is_an_error_and_is_left_alone() {
    let directory = Directory::new();
    fs::write(directory.path("file"), "precious").unwrap();
    fs::create_dir(directory.path("directory")).unwrap();
    let elsewhere = StdListener::bind(directory.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(directory.path("elsewhere"), directory.path("link")).unwrap();
    std::os::unix::fs::symlink(directory.path("nothing"), directory.path("dangling")).unwrap();
    let before = directory.names();
    for name in ["file", "directory", "link", "dangling"] {
        let error = not_bound(&directory.url(name)).await;
        assert_eq!(error, TransportError::NotASocket { path: directory.path(name) });
        assert!(error.to_string().contains("left alone"), "{error}");
    }
    assert_eq!(fs::read(directory.path("file")).unwrap(), b"precious");
    assert_eq!(directory.names(), before);
    drop(elsewhere);
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = Directory::new();
    let error = not_bound(&directory.url("missing/s")).await;
    assert_eq!(error, TransportError::DirectoryMissing { path: directory.path("missing") });
    assert!(matches!(refused(&directory.url("missing/s")).await, TransportError::NobodyListens { .. }));
}

#[tokio::test]
async fn a_directory_without_permission_is_named() {
    let directory = Directory::new();
    fs::create_dir(directory.path("closed")).unwrap();
    fs::set_permissions(directory.path("closed"), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(directory.path("closed/probe"), "").is_ok() {
        eprintln!("skipped: this user may write anywhere");
        return;
    }
    let error = not_bound(&directory.url("closed/s")).await;
    assert!(matches!(error, TransportError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn dropping_the_listener_removes_its_own_socket_only() {
    let directory = Directory::new();
    let first = listen(&directory.url("s")).await;
    fs::remove_file(directory.path("s")).unwrap();
    let mut second = listen(&directory.url("s")).await;
    drop(first);
    assert_eq!(directory.names(), ["s"], "the second listener's socket stays");
    let (dialled, accepted) = connect(&mut second).await;
    check_link(dialled, accepted).await;
}

#[tokio::test]
async fn the_longest_path_can_be_listened_on() {
    let directory = Directory::new();
    let root = directory.0.as_os_str().len();
    // A name of one letter in a directory that leaves room for no more, and a name that fills the room by itself.
    let deep = "d".repeat(SUN_PATH_MAX - root - "//s".len());
    fs::create_dir(directory.path(&deep)).unwrap();
    for name in [format!("{deep}/s"), "n".repeat(SUN_PATH_MAX - root - 1)] {
        assert_eq!(directory.path(&name).as_os_str().len(), SUN_PATH_MAX);
        let mut listener = listen(&directory.url(&name)).await;
        let (dialled, accepted) = connect(&mut listener).await;
        check_link(dialled, accepted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_race_for_a_stale_socket_one_wins_and_stays() {
    let directory = Directory::new();
    for _ in 0..20 {
        drop(StdListener::bind(directory.path("s")).unwrap());
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let target = address(&directory.url("s"));
            racers.spawn(async move { Listener::bind(&target, false).await });
        }
        let mut winners = Vec::new();
        while let Some(result) = soon(racers.join_next()).await {
            match result.unwrap() {
                Ok(listener) => winners.push(listener),
                Err(error) => assert!(matches!(error, TransportError::Busy { .. }), "{error}"),
            }
        }
        assert_eq!((winners.len(), directory.names()), (1, vec!["s".to_owned()]));
        assert!(dial(&address(&directory.url("s")), false).await.is_ok(), "the winner can be reached");
        drop(winners);
        assert!(directory.names().is_empty());
    }
}
