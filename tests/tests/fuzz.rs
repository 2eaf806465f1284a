//! Every input that the fuzz targets keep, replayed with the compiler that everybody has: the seeds, and whatever was once found. It knows the
//! folders and the bodies; how inputs are found is told in `tests/fuzz/run`.

use std::cell::Cell;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Once;

use netref::internals::fuzz;

type Body = fn(&[u8]);

const TARGETS: &[(&str, Body)] = &[
    ("compressed", fuzz::compressed),
    ("frames", fuzz::frames),
    ("guard", fuzz::guard),
    ("handshake", fuzz::handshake),
    ("machine", fuzz::machine),
    ("session", fuzz::session),
    ("tables", fuzz::tables),
    ("urls", fuzz::urls),
];

/// All corpora together, so that they stay something to read and not something to download.
const CORPORA_BYTES_MAX: u64 = 200_000;

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target)
}

/// The inputs of a folder, in a fixed order.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Whether a body finds anything in an input. Under libFuzzer every panic ends the program, also one that a task or a session would catch;
/// so every panic counts here too. All of a body runs on one thread.
fn finds(body: Body, bytes: &[u8]) -> bool {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = take_hook();
        set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            former(info);
        }));
    });
    let before = PANICS.get();
    catch_unwind(|| body(bytes)).is_err() || PANICS.get() > before
}

fn replay(target: &str) {
    let body = TARGETS.iter().find(|(name, _)| *name == target).expect("a target").1;
    let mut broken = Vec::new();
    let mut count = 0;
    for file in ["corpus", "regressions"].iter().flat_map(|kind| inputs(&folder(kind, target))) {
        let bytes = std::fs::read(&file).unwrap();
        count += 1;
        if finds(body, &bytes) {
            broken.push(file);
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(count >= 5, "the corpus of {target} is gone");
}

#[test]
fn a_panic_that_a_task_catches_is_a_finding() {
    fn in_a_task(_: &[u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(async { tokio::spawn(async { panic!("on purpose") }).await }).is_err());
    }
    assert!(finds(in_a_task, &[]) && !finds(|_| (), &[]));
}

#[test]
fn compressed_bodies_pass_every_input_that_is_kept() {
    replay("compressed");
}

#[test]
fn frames_pass_every_input_that_is_kept() {
    replay("frames");
}

#[test]
fn values_pass_every_input_that_is_kept() {
    replay("guard");
}

#[test]
fn handshakes_pass_every_input_that_is_kept() {
    replay("handshake");
}

#[test]
fn sessions_pass_every_input_that_is_kept() {
    replay("session");
}

#[test]
fn machines_pass_every_input_that_is_kept() {
    replay("machine");
}

#[test]
fn tables_pass_every_input_that_is_kept() {
    replay("tables");
}

#[test]
fn addresses_pass_every_input_that_is_kept() {
    replay("urls");
}

#[test]
fn every_target_has_a_program_a_corpus_and_a_body() {
    let programs = inputs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/src/bin"));
    let programs: Vec<_> = programs.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
    let bodies: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(programs, bodies);
    let bytes: u64 = bodies.iter().flat_map(|target| inputs(&folder("corpus", target))).map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes < CORPORA_BYTES_MAX, "{bytes} bytes of corpora: `tests/fuzz/run minimise`");
}
