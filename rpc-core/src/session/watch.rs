//! Owns the watch over the threads that run handlers. It sees that a handler has taken a thread for itself, and then wakes another
//! thread of the same runtime.
//!
//! Of the threads of a runtime that have nothing to do, one waits for the sockets of all. When it is given something to run, no other
//! takes its place unless there is more to run; a handler that then blocks it leaves every socket of the runtime unattended, with all
//! the other threads asleep. Waking one of them is enough: it finds nothing to run, and waits for the sockets.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};

/// How often the watch looks. A handler that takes a thread for less than this is not noticed.
const TICK: Duration = Duration::from_millis(10);

/// After so many looks at nothing the watch sleeps until a handler runs.
const QUIET: u32 = 100;

/// A thread that runs handlers.
struct Post {
    /// Odd while it does.
    turns: AtomicU64,
    runtime: Handle,
}

/// The thread that watches, and whether it sleeps.
struct Watch {
    posts: Mutex<Vec<Weak<Post>>>,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

static WATCH: Watch = Watch { posts: Mutex::new(Vec::new()), asleep: AtomicBool::new(false), thread: OnceLock::new() };

thread_local! {
    /// `None` on a runtime with one thread, where there is no other to wake.
    static POST: OnceCell<Option<Arc<Post>>> = const { OnceCell::new() };
}

/// A stretch of time in which this thread may run handlers.
pub(super) struct Turn(bool);

/// Begins one. Inside another it is part of that.
pub(super) fn turn() -> Turn {
    let began = POST.try_with(|post| match post.get_or_init(enlist) {
        Some(post) if post.turns.load(Ordering::Relaxed).is_multiple_of(2) => {
            post.turns.fetch_add(1, Ordering::SeqCst);
            true
        }
        _ => false,
    });
    let began = began.unwrap_or_default();
    if began && WATCH.asleep.load(Ordering::SeqCst) && WATCH.asleep.swap(false, Ordering::SeqCst) {
        WATCH.thread.get().into_iter().for_each(Thread::unpark);
    }
    Turn(began)
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0 {
            let _ = POST.try_with(|post| {
                if let Some(Some(post)) = post.get() {
                    post.turns.fetch_add(1, Ordering::Release);
                }
            });
        }
    }
}

fn enlist() -> Option<Arc<Post>> {
    let runtime = Handle::try_current().ok().filter(|runtime| runtime.runtime_flavor() != RuntimeFlavor::CurrentThread)?;
    let post = Arc::new(Post { turns: AtomicU64::new(0), runtime });
    WATCH.posts.lock().push(Arc::downgrade(&post));
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        // Without the watch handlers that block are a nuisance, and nothing else is.
        let watch = thread::Builder::new().name("netref-watch".to_owned()).spawn(run);
        if let Ok(handle) = watch {
            let _ = WATCH.thread.set(handle.thread().clone());
        }
    });
    Some(post)
}

/// What the last look at a thread saw.
struct Seen {
    post: Weak<Post>,
    turn: u64,
    woken: bool,
}

fn run() {
    let mut seen: Vec<Seen> = Vec::new();
    let mut quiet = 0;
    loop {
        let busy = look(&mut seen);
        quiet = if busy { 0 } else { quiet + 1 };
        if quiet < QUIET {
            thread::sleep(TICK);
            continue;
        }
        quiet = 0;
        WATCH.asleep.store(true, Ordering::SeqCst);
        // A turn that began before it could see that its watch sleeps is seen here.
        if look(&mut seen) {
            WATCH.asleep.store(false, Ordering::SeqCst);
        }
        while WATCH.asleep.load(Ordering::SeqCst) {
            thread::park();
        }
    }
}

/// Looks at every thread, and wakes another for each that is still in the turn of the last look. True when any has moved or is busy.
fn look(seen: &mut Vec<Seen>) -> bool {
    let new = std::mem::take(&mut *WATCH.posts.lock());
    seen.extend(new.into_iter().map(|post| Seen { post, turn: 0, woken: false }));
    let mut busy = false;
    seen.retain_mut(|seen| {
        let Some(post) = seen.post.upgrade() else { return false };
        let turn = post.turns.load(Ordering::SeqCst);
        let is_busy = !turn.is_multiple_of(2);
        busy |= is_busy || turn != seen.turn;
        if turn != seen.turn {
            seen.turn = turn;
            seen.woken = false;
        } else if is_busy && !seen.woken {
            seen.woken = true;
            drop(post.runtime.spawn(std::future::ready(())));
        }
        true
    });
    busy
}
