//! Values that would exhaust the stack or the memory of whoever decodes them.

use netref::wire::{Define, DefineMethod, Frame, Status, Target};
use netref::{ErrorKind, Limits, Outcome};

use crate::resident_mib;
use crate::script::{Got, call};
use crate::victim::{METHODS, Scene, number_of};

#[tokio::test]
async fn values_that_would_exhaust_memory_or_stack_are_answered_with_an_error() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let before = resident_mib();
    // A list that says it has 2^60 elements, 2^32 elements, and as many as fit no memory.
    for length in [1_u64 << 60, 1 << 32, u64::MAX] {
        let mut bomb = vec![253];
        bomb.extend(length.to_le_bytes());
        let id = raw.call_with("numbers", &bomb).await;
        raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        raw.lives().await;
    }
    // A value that is 1,000,000 deep, and one that is deeper than its end.
    for end in [0, 1] {
        let mut deep = vec![1; 1_000_000];
        deep.push(end);
        let id = raw.call_with("nest", &deep).await;
        raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        raw.lives().await;
    }
    // What is left over, what is missing, and a codec that nobody has.
    for arguments in [&[1, 2][..], &[][..], &[253, 1][..]] {
        let id = raw.call_with("echo", arguments).await;
        raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
    }
    let id = raw.id();
    let mut other = call(id, Target::Export(raw.target), number_of("echo"), &[1]);
    other.body.codec = 13;
    raw.send(&Frame::Call(other)).await;
    raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
    // A reference that is not in the table.
    let id = raw.call_with("take", &[1, 200]).await;
    raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
    raw.lives().await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
    scene.unharmed().await;
}

#[tokio::test]
async fn method_that_has_changed_is_answered_with_both_signatures() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let number = METHODS.len() as u32 + 1;
    let methods =
        vec![DefineMethod { number, name: "echo", fingerprint: 1, signature: "async fn echo(&self, text: String)", structure: &[] }];
    raw.send(&Frame::Define(Define { interface: 1, name: "", methods })).await;
    let id = raw.id();
    raw.send(&Frame::Call(call(id, Target::Export(raw.target), number, &[1]))).await;
    match raw.answer(id).await {
        (Status::SystemError, Got::Return { bytes, .. }) => {
            let text = String::from_utf8_lossy(&bytes);
            assert!(bytes[0] == ErrorKind::SchemaMismatch as u8 && text.contains("text: String") && text.contains("number: u64"), "{text}");
        }
        other => panic!("instead of an error: {other:?}"),
    }
    scene.unharmed().await;
}
