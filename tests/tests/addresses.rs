//! Addresses as a user meets them: through `listen` and `connect` of a node, each mistake with an error of its own.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use netref::{Error, ErrorKind, Node, Remote, Result, remote};

/// After this long a test that hangs has failed.
const BOUND: Duration = Duration::from_secs(60);

async fn bounded<R>(body: impl Future<Output = R>) -> R {
    tokio::time::timeout(BOUND, body).await.expect("it hangs")
}

#[remote]
trait Door {
    async fn open(&self) -> Result<u64>;
}

struct Open;

impl Door for Open {
    async fn open(&self) -> Result<u64> {
        Ok(7)
    }
}

async fn listen(url: &str) -> Result<Node> {
    Node::builder().listen(url).publish("door", Remote::<dyn Door>::new(Open)).start().await
}

/// A node that only dials.
async fn dialler() -> Node {
    Node::builder().start().await.unwrap()
}

async fn opens(from: &Node, url: &str) -> Result<()> {
    let door: Remote<dyn Door> = from.connect(url).await?;
    assert_eq!(door.open().await?, 7);
    Ok(())
}

async fn refused_to_listen(url: &str) -> Error {
    listen(url).await.expect_err(url)
}

async fn refused_to_dial(url: &str) -> Error {
    dialler().await.connect::<dyn Door>(url).await.expect_err(url)
}

/// The port of a `tcp://` address.
fn port(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

/// Whether this machine has `[::1]`. Says so where it has not.
fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        eprintln!("skipped: this machine has no [::1]");
    }
    has
}

#[tokio::test]
async fn ipv6_in_brackets_is_listened_on_and_dialled() {
    if !has_ipv6() {
        return;
    }
    bounded(async {
        let node = listen("tcp://[::1]:0").await.unwrap();
        let address = node.addresses().remove(0);
        assert!(address.starts_with("tcp://[::1]:"), "{address}");
        opens(&dialler().await, &format!("{address}/door")).await.unwrap();
        let error = refused_to_dial(&format!("tcp://127.0.0.1:{}/door", port(&address))).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    })
    .await;
}

#[tokio::test]
async fn localhost_is_both_families() {
    bounded(async {
        let node = listen("tcp://localhost:0").await.unwrap();
        let port = port(&node.addresses()[0]);
        let mut urls = vec![format!("tcp://127.0.0.1:{port}/door"), format!("tcp://localhost:{port}/door")];
        if has_ipv6() {
            urls.push(format!("tcp://[::1]:{port}/door"));
        }
        for url in urls {
            opens(&dialler().await, &url).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn every_address_behind_a_name_is_tried() {
    if !has_ipv6() {
        return;
    }
    bounded(async {
        // localhost is two addresses; somebody listens on one of them only, whichever is tried first.
        for only in ["tcp://[::1]:0", "tcp://127.0.0.1:0"] {
            let node = listen(only).await.unwrap();
            let port = port(&node.addresses()[0]);
            opens(&dialler().await, &format!("tcp://localhost:{port}/door")).await.unwrap();
            node.shutdown(Duration::from_secs(1)).await;
            let error = refused_to_dial(&format!("tcp://localhost:{port}/door")).await;
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            for tried in [format!("127.0.0.1:{port}"), format!("[::1]:{port}"), "nobody listens there".to_owned()] {
                assert!(error.text().contains(&tried), "{error}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn port_0_is_reported_as_the_port_that_was_taken() {
    bounded(async {
        let builder = Node::builder().listen("tcp://127.0.0.1:0").listen("tcp://127.0.0.1:0").listen("tcp://localhost:0");
        let node = builder.publish("door", Remote::<dyn Door>::new(Open)).start().await.unwrap();
        let addresses = node.addresses();
        let ports: Vec<_> = addresses.iter().map(|address| port(address)).collect();
        assert!(!ports.contains(&0) && ports[0] != ports[1] && ports[1] != ports[2], "{addresses:?}");
        for address in &addresses {
            opens(&dialler().await, &format!("{address}/door")).await.unwrap();
        }
        let error = refused_to_dial("tcp://127.0.0.1:0/door").await;
        assert_eq!(error.kind(), ErrorKind::InvalidAddress);
        assert!(error.text().contains("port 0") && error.text().contains("listening only"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be_in_use_and_is_free_after_a_shutdown() {
    bounded(async {
        for url in ["tcp://127.0.0.1:0", "mem://taken"] {
            let first = listen(url).await.unwrap();
            let address = first.addresses().remove(0);
            let error = refused_to_listen(&address).await;
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert!(error.text().contains("is in use"), "{error}");
            first.shutdown(Duration::from_secs(1)).await;
            assert!(first.addresses().is_empty());
            let second = listen(&address).await.unwrap();
            opens(&dialler().await, &format!("{address}/door")).await.unwrap();
            second.shutdown(Duration::from_secs(1)).await;
        }
        let error = refused_to_dial("mem://nobody/door").await;
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.text().contains("nobody listens on mem://nobody"), "{error}");
    })
    .await;
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::UnixListener;

    /// The longest path that fits the system's address of a Unix socket.
    const PATH_MAX: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

    /// A directory of the test's own, removed at its end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("netref-addresses-{}-{name}", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn url(&self, file: &str) -> String {
            format!("unix://{}/{file}", self.0.display())
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_only_and_goes_with_its_node() {
        bounded(async {
            let directory = Directory::new("mode");
            let node = listen(&directory.url("s")).await.unwrap();
            let metadata = std::fs::symlink_metadata(directory.0.join("s")).unwrap();
            assert!(metadata.file_type().is_socket());
            assert_eq!(metadata.mode() & 0o777, 0o600);
            opens(&dialler().await, &format!("{}#door", directory.url("s"))).await.unwrap();
            node.shutdown(Duration::from_secs(1)).await;
            assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
        })
        .await;
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        bounded(async {
            let directory = Directory::new("stale");
            drop(UnixListener::bind(directory.0.join("s")).unwrap());
            let url = directory.url("s");
            let error = refused_to_dial(&format!("{url}#door")).await;
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert!(error.text().contains("nobody listens on"), "{error}");
            let node = listen(&url).await.unwrap();
            opens(&dialler().await, &format!("{url}#door")).await.unwrap();
            drop(node);
        })
        .await;
    }

    #[tokio::test]
    async fn a_busy_socket_is_left_to_its_owner() {
        bounded(async {
            let directory = Directory::new("busy");
            let url = directory.url("s");
            let owner = listen(&url).await.unwrap();
            let error = refused_to_listen(&url).await;
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert!(error.text().contains("is in use"), "{error}");
            opens(&dialler().await, &format!("{url}#door")).await.unwrap();
            drop(owner);

            // One that no node listens on is nobody's to take either.
            let foreign = UnixListener::bind(directory.0.join("f")).unwrap();
            let error = refused_to_listen(&directory.url("f")).await;
            assert!(error.text().contains("is in use"), "{error}");
            drop(foreign);
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_not_a_socket_is_left_alone() {
        bounded(async {
            let directory = Directory::new("file");
            std::fs::write(directory.0.join("s"), "precious").unwrap();
            let error = refused_to_listen(&directory.url("s")).await;
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert!(error.text().contains("is not a socket"), "{error}");
            assert_eq!(std::fs::read_to_string(directory.0.join("s")).unwrap(), "precious");

            let error = refused_to_listen(&directory.url("missing/s")).await;
            assert!(error.text().contains("is not there; create it first"), "{error}");
            let error = refused_to_dial(&format!("{}#door", directory.url("missing"))).await;
            assert!(error.text().contains("nobody listens on"), "{error}");
        })
        .await;
    }

    #[tokio::test]
    async fn a_path_may_be_as_long_as_the_system_allows_and_no_longer() {
        bounded(async {
            let directory = Directory::new("long");
            let room = PATH_MAX - directory.0.as_os_str().len() - 1;
            let longest = directory.url(&"s".repeat(room));
            let node = listen(&longest).await.unwrap();
            opens(&dialler().await, &format!("{longest}#door")).await.unwrap();
            drop(node);
            let too_long = directory.url(&"s".repeat(room + 1));
            for error in [refused_to_listen(&too_long).await, refused_to_dial(&format!("{too_long}#door")).await] {
                assert_eq!(error.kind(), ErrorKind::InvalidAddress);
                assert!(error.text().contains(&format!("{} bytes and the system allows {PATH_MAX}", PATH_MAX + 1)), "{error}");
            }
        })
        .await;
    }
}

/// Malformed addresses, each with words that no other one's error has.
const MALFORMED: [(&str, &str); 32] = [
    ("", "the address is empty"),
    ("tcp://127.0.0.1 :7070/door", "a space at byte 15"),
    ("tcp://127.0.0.1:7070/door\n", "a control character"),
    ("tcp://münchen:7070/door", "is not ASCII"),
    ("127.0.0.1:7070/door", "does not begin with a scheme; write tcp://"),
    ("/run/door.sock", "write unix:///run/door.sock"),
    ("://127.0.0.1:7070/gate", "does not begin with a scheme; write tcp://127.0.0.1:7070/gate"),
    ("tcp:127.0.0.1:7070/door", "slashes are missing after tcp:"),
    ("unix:/run/door.sock", "slashes are missing after unix:"),
    ("udp://127.0.0.1:7070/door", "the scheme udp:// is unknown"),
    ("https://127.0.0.1:7070/door", "https:// is not spoken here"),
    ("tcp://127.0.0.1:7070/do%or", "the percent sign at byte"),
    ("tcp://127.0.0.1:7070/<door>", "percent-encode it or leave it out"),
    ("tcp://ada@127.0.0.1:7070/door", "a user in front of the host"),
    ("tcp://127.0.0.1:7070/door?wide", "a tcp:// address has no query"),
    ("unix:///run/door.sock?wide", "a unix:// address has no query"),
    ("tcp://127.0.0.1:7070#door", "follows a slash, not a #"),
    ("tcp:///door", "the host is missing"),
    ("tcp://127.0.0.256:7070/door", "is neither an IP address nor a host name"),
    ("tcp://[::g]:7070/door", "is not an IPv6 address in brackets"),
    ("tcp://::1:7070/door", "has several colons"),
    ("tcp://127.0.0.1/door", "the port is missing"),
    ("tcp://127.0.0.1:http/door", "the port http is not a number"),
    ("tcp://127.0.0.1:65536/door", "the port 65536 is above 65535"),
    ("tcp://127.0.0.1:7070/a:b", "has the character ':'"),
    ("unix://run/door.sock", "the path of a unix:// address is absolute"),
    ("unix:///", "the path of the socket is missing"),
    ("unix:///run/", "ends with a slash"),
    ("unix://@door", "abstract socket names are not supported"),
    ("mem:///door", "the space is missing"),
    ("mem://space:7070/door", "memory spaces have none"),
    ("mem://sp~ce/door", "is not 1 to 128 ASCII letters"),
];

#[tokio::test]
async fn each_malformed_address_has_an_error_of_its_own() {
    bounded(async {
        let too_long = (format!("tcp://127.0.0.1:7070/{}", "a".repeat(5_000)), "at most 4096 are allowed");
        let long_name = (format!("tcp://127.0.0.1:7070/{}", "a".repeat(129)), "the name has 129 bytes");
        let malformed = MALFORMED.map(|(url, words)| (url.to_owned(), words)).into_iter().chain([too_long, long_name]);
        let mut told: HashMap<String, String> = HashMap::new();
        for (url, words) in malformed {
            let dialled = refused_to_dial(&url).await;
            let listened = refused_to_listen(&url).await;
            for error in [&dialled, &listened] {
                assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{url}: {error}");
                assert!(error.text().contains(words), "`{url}` gives: {error}");
            }
            assert_eq!(dialled.text(), listened.text(), "both ways tell the same");
            // The address is quoted in front; what is said of it differs for each.
            let quoted = format!("`{}`: ", url.escape_debug());
            let said = dialled.text().strip_prefix(&quoted).unwrap_or_else(|| panic!("{url} is not quoted: {dialled}")).to_owned();
            if let Some(other) = told.insert(said, url.clone()) {
                panic!("`{url}` and `{other}` are told the same: {dialled}");
            }
        }
        assert!(told.len() >= 20);
    })
    .await;
}

#[tokio::test]
async fn a_name_belongs_to_what_is_dialled_and_not_to_what_is_listened_on() {
    bounded(async {
        for url in ["tcp://127.0.0.1:0/door", "mem://named/door", "unix:///tmp/netref-named.sock#door"] {
            let error = refused_to_listen(url).await;
            assert_eq!(error.kind(), ErrorKind::InvalidAddress);
            assert!(error.text().contains("names are given to `publish`"), "{error}");
        }
        for url in ["tcp://127.0.0.1:7070", "tcp://127.0.0.1:7070/", "mem://named", "unix:///tmp/netref-named.sock"] {
            let error = refused_to_dial(url).await;
            assert_eq!(error.kind(), ErrorKind::InvalidAddress);
            assert!(error.text().contains("names no object"), "{error}");
        }
        let node = listen("tcp://127.0.0.1:0").await.unwrap();
        let address = node.addresses().remove(0);
        let error = refused_to_dial(&format!("{address}/window")).await;
        assert_eq!(error.kind(), ErrorKind::NoSuchName);
        assert!(error.text().contains("`window`; it has: `door`"), "{error}");
        let error = node.publish("a door", Remote::<dyn Door>::new(Open)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAddress);
        opens(&dialler().await, &format!("{address}/door")).await.unwrap();
    })
    .await;
}

/// An address that RFC 5737 keeps for documents: nothing may be sent to it.
const ELSEWHERE: &str = "tcp://192.0.2.1:7070";

#[tokio::test]
async fn plaintext_off_this_machine_is_refused_in_words() {
    bounded(async {
        let mut errors = Vec::new();
        for url in ["tcp://0.0.0.0:0", "tcp://[::]:0", ELSEWHERE, "tcp://[2001:db8::1]:7070"] {
            errors.push((url, refused_to_listen(url).await));
            if !url.ends_with(":0") {
                errors.push((url, refused_to_dial(&format!("{url}/door")).await));
            }
        }
        for (url, error) in errors {
            assert_eq!(error.kind(), ErrorKind::Denied, "{url}: {error}");
            for words in [url, "leaves this machine", "tls://", "insecure_plaintext(true)"] {
                assert!(error.text().contains(words), "{words}: {error}");
            }
        }
        // IPv4 in IPv6's clothes is this machine, or not, all the same.
        let error = refused_to_listen("tcp://[::ffff:192.0.2.1]:0").await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_insecure_flag_lets_plaintext_out() {
    bounded(async {
        let builder = Node::builder().insecure_plaintext(true).listen("tcp://0.0.0.0:0");
        let node = builder.publish("door", Remote::<dyn Door>::new(Open)).start().await.unwrap();
        let port = port(&node.addresses()[0]);
        opens(&dialler().await, &format!("tcp://127.0.0.1:{port}/door")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_encrypted_transport_that_was_not_built_in_is_named() {
    bounded(async {
        for (url, feature) in [("tls://127.0.0.1:7070", "`tls`"), ("quic://192.0.2.1:7070", "`quic`")] {
            for error in [refused_to_listen(url).await, refused_to_dial(&format!("{url}/door")).await] {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.text().contains(feature), "{error}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_recognised() {
    bounded(async {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let error = refused_to_dial(&format!("tcp://{address}/door")).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.text().contains("does not speak netref: it is an HTTP server"), "{error}");
    })
    .await;
}
