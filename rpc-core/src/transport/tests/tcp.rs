//! Links over TCP on loopback: dialling, listening, both families.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener as StdListener};

use super::*;

/// Whether this machine has IPv6; says so where a test has to do without.
fn has_ipv6() -> bool {
    let has = StdListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("skipped: this machine has no ::1");
    }
    has
}

/// A port that nobody listens on, or nobody did a moment ago.
fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn port_of(address: &Address) -> u16 {
    match address.place() {
        Place::Tcp { port, .. } => *port,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_link_over_ipv4_carries_bytes_both_ways() {
    let mut listener = listen("tcp://127.0.0.1:0/bank").await;
    assert_eq!(listener.local_address().name(), None);
    assert_ne!(port_of(&listener.local_address()), 0);
    let (dialled, accepted) = connect(&mut listener).await;
    let (PeerTransport::Tcp { local, remote }, PeerTransport::Tcp { local: there, remote: here }) = (&dialled.remote, &accepted.remote)
    else {
        panic!("{dialled:?} {accepted:?}")
    };
    assert_eq!((local, remote), (here, there));
    assert!(dialled.remote.is_this_machine() && accepted.remote.is_this_machine());
    check_link(dialled, accepted).await;
}

#[tokio::test]
async fn a_link_over_ipv6_carries_bytes_both_ways() {
    if !has_ipv6() {
        return;
    }
    let mut listener = listen("tcp://[::1]:0").await;
    let (dialled, accepted) = connect(&mut listener).await;
    check_link(dialled, accepted).await;
}

#[tokio::test]
async fn localhost_listens_on_both_families_with_one_port() {
    let mut listener = listen("tcp://localhost:0").await;
    let port = port_of(&listener.local_address());
    assert_eq!(listener.local_address().to_string(), format!("tcp://localhost:{port}"));
    let hosts: &[&str] = if has_ipv6() { &["127.0.0.1", "[::1]", "localhost"] } else { &["127.0.0.1", "localhost"] };
    for host in hosts {
        let target = address(&format!("tcp://{host}:{port}"));
        let (dialled, accepted) = soon(async { tokio::join!(dial(&target, false), listener.accept()) }).await;
        check_link(dialled.unwrap(), accepted).await;
    }
}

#[tokio::test]
async fn localhost_reaches_a_listener_of_the_other_family() {
    if !has_ipv6() {
        return;
    }
    let mut listener = listen("tcp://[::1]:0").await;
    let target = address(&format!("tcp://LocalHost:{}", port_of(&listener.local_address())));
    let (dialled, accepted) = soon(async { tokio::join!(dial(&target, false), listener.accept()) }).await;
    check_link(dialled.unwrap(), accepted).await;
}

#[tokio::test]
async fn a_busy_port_is_an_error_that_names_it() {
    let taken = listen("tcp://127.0.0.1:0").await;
    let url = taken.local_address().to_string();
    let error = not_bound(&url).await;
    assert_eq!(error, TransportError::Busy { address: url.clone() });
    assert!(error.to_string().contains(&url), "{error}");
    drop(taken);
    listen(&url).await;
}

#[tokio::test]
async fn an_unreachable_address_lists_everything_that_was_tried() {
    let port = free_port();
    let error = soon(refused(&format!("tcp://localhost:{port}/bank"))).await;
    let TransportError::Unreachable { tried, .. } = &error else { panic!("{error}") };
    let ips: Vec<IpAddr> = tried.iter().map(|attempt| attempt.address.ip()).collect();
    assert_eq!(ips, ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    let text = error.to_string();
    for part in ["127.0.0.1:", "[::1]:", "nobody listens there", "/bank", &port.to_string()] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_link_never_meets_itself() {
    // Linux hands out ports at random; the chance of a self-connection per attempt is too small to wait for, so only the outcome of
    // many attempts is checked: none may succeed while nobody listens.
    let port = free_port();
    for _ in 0..200 {
        assert!(matches!(refused(&format!("tcp://127.0.0.1:{port}")).await, TransportError::Unreachable { .. }));
    }
}

#[tokio::test]
async fn plaintext_off_this_machine_is_refused_before_anything_is_sent() {
    // 192.0.2.0/24 is set aside for documentation (RFC 5737): a packet there would be lost, and dialling would last until its bound.
    let started = std::time::Instant::now();
    for url in ["tcp://192.0.2.1:7070/bank", "tcp://[2001:db8::1]:7070", "tcp://0.0.0.0:7070", "tcp://[::ffff:192.0.2.1]:7070"] {
        for error in [refused(url).await, not_bound(url).await] {
            let TransportError::Plaintext { address, leads_to } = &error else { panic!("{url}: {error}") };
            assert_eq!((address.as_str(), leads_to.len()), (self::address(url).to_string().as_str(), 1));
            let text = error.to_string();
            assert!(text.contains("tls://") && text.contains("insecure_plaintext"), "{text}");
        }
    }
    for url in ["tcp://0.0.0.0:0", "tcp://[::]:0"] {
        assert!(matches!(not_bound(url).await, TransportError::Plaintext { .. }), "{url}");
    }
    assert!(started.elapsed() < CONNECT_MAX, "{:?}", started.elapsed());
}

#[tokio::test]
async fn plaintext_leaves_the_machine_when_it_is_allowed_to() {
    let mut listener = Listener::bind(&address("tcp://0.0.0.0:0"), true).await.unwrap();
    let target = address(&format!("tcp://127.0.0.1:{}", port_of(&listener.local_address())));
    let (dialled, accepted) = soon(async { tokio::join!(dial(&target, false), listener.accept()) }).await;
    check_link(dialled.unwrap(), accepted).await;
}

#[test]
fn of_a_name_that_leads_both_ways_only_this_machine_is_used() {
    use crate::transport::tcp::permitted;
    let targets: Vec<SocketAddr> = ["192.0.2.1:1", "127.0.0.5:1", "[::1]:1"].map(|text| text.parse().unwrap()).to_vec();
    let url = address("tcp://both.example:1");
    assert_eq!(permitted(&url, targets.clone(), false), Ok(targets[1..].to_vec()));
    assert_eq!(permitted(&url, targets.clone(), true), Ok(targets.clone()));
    let refused = permitted(&url, targets[..1].to_vec(), false);
    assert_eq!(refused, Err(TransportError::Plaintext { address: url.to_string(), leads_to: vec![targets[0].ip()] }));
}

#[tokio::test]
async fn a_host_without_an_address_is_named() {
    // RFC 6761 §6.4: no resolver may know a name under .invalid.
    let error = soon(refused("tcp://nowhere.invalid:1")).await;
    assert!(matches!(&error, TransportError::Unresolved { host, .. } if host == "nowhere.invalid"), "{error}");
}

#[tokio::test]
async fn port_zero_cannot_be_dialled() {
    let error = refused("tcp://127.0.0.1:0").await;
    assert!(matches!(error, TransportError::PortZero { .. }), "{error}");
}

#[tokio::test]
async fn an_address_of_another_machine_cannot_be_listened_on() {
    let error = Listener::bind(&address("tcp://192.0.2.1:0"), true).await.expect_err("bound");
    assert!(matches!(error, TransportError::Failed { .. }), "{error}");
}

#[tokio::test]
async fn nagle_is_off_at_both_ends() {
    use tokio::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let (dialled, accepted) = tokio::join!(TcpStream::connect(target), listener.accept());
    for stream in [dialled.unwrap(), accepted.unwrap().0] {
        let copy = stream.into_std().unwrap();
        let kept = copy.try_clone().unwrap();
        let remote = copy.peer_addr().unwrap();
        let link = crate::transport::tcp::link(TcpStream::from_std(copy).unwrap(), remote).unwrap();
        assert!(kept.nodelay().unwrap());
        drop(link);
    }
}

/// Runs this very test again in a process that may open few files, and there takes them all before a link is to be accepted.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_listener_survives_running_out_of_descriptors() {
    const INSIDE: &str = "NETREF_TRANSPORT_TEST_INSIDE";
    const NAME: &str = "transport::tests::tcp::a_listener_survives_running_out_of_descriptors";
    if std::env::var_os(INSIDE).is_none() {
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("ulimit -n 64 && exec \"$0\" --exact --test-threads=1 {NAME}")])
            .arg(std::env::current_exe().unwrap())
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
        return;
    }
    let mut listener = listen("tcp://127.0.0.1:0").await;
    let target = listener.local_address();
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    // One descriptor is left for the dialler and none for the accepted link.
    taken.pop();
    let dialled = dial(&target, false).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await;
    assert!(waiting.is_err(), "accepted without a descriptor");
    drop(taken);
    let accepted = soon(listener.accept()).await;
    check_link(dialled, accepted).await;
}
