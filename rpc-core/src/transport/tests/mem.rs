//! Links within the process.

use super::*;

#[tokio::test]
async fn a_link_within_the_process_carries_bytes_both_ways() {
    let mut listener = listen("mem://mem-both-ways/bank").await;
    assert_eq!(listener.local_address().to_string(), "mem://mem-both-ways");
    let (dialled, accepted) = connect(&mut listener).await;
    assert_eq!(dialled.remote, PeerTransport::Memory { space: "mem-both-ways".to_owned() });
    check_link(dialled, accepted).await;
    let (dialled, accepted) = connect(&mut listener).await;
    check_link(accepted, dialled).await;
}

#[tokio::test]
async fn a_frame_fits_without_being_read() {
    let mut listener = listen("mem://mem-frame").await;
    let (mut dialled, _accepted) = connect(&mut listener).await;
    soon(dialled.writer.write_all(&[7; 64 * 1024])).await.unwrap();
}

#[tokio::test]
async fn an_unknown_space_is_an_error_and_so_is_a_busy_one() {
    assert_eq!(refused("mem://mem-unknown").await, TransportError::NobodyListens { address: "mem://mem-unknown".to_owned() });
    let _taken = listen("mem://mem-busy").await;
    assert_eq!(not_bound("mem://mem-busy").await, TransportError::Busy { address: "mem://mem-busy".to_owned() });
}

#[tokio::test]
async fn dropping_the_listener_frees_the_space() {
    for _ in 0..3 {
        drop(listen("mem://mem-freed").await);
        assert!(matches!(refused("mem://mem-freed").await, TransportError::NobodyListens { .. }));
    }
}

#[tokio::test]
async fn a_link_that_nobody_accepted_ends_with_the_listener() {
    let listener = listen("mem://mem-unaccepted").await;
    let mut link = dial(&listener.local_address(), false).await.unwrap();
    drop(listener);
    assert_eq!(soon(link.reader.read(&mut [0; 1])).await.unwrap(), 0);
}
