//! Owns what takes the place of locks, atomics, notifications and timers in the models, all of it made of loom's. Time is virtual: a
//! short sleep ends at once, a long one never.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::hash::Hash;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use loom::sync::MutexGuard;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32};
pub(crate) use loom::thread::spawn;

loom::lazy_static! {
    /// Touched by whatever drops a strong pointer, looks at a weak one or at a map: those of the standard library and of dashmap are
    /// unknown to loom, which would not try them in every order.
    static ref UNKNOWN: AtomicU32 = AtomicU32::new(0);
}

/// A step that loom would not see.
pub(crate) fn step() {
    UNKNOWN.fetch_add(1, Ordering::AcqRel);
}

pub(crate) fn upgrade<T>(weak: &Weak<T>) -> Option<Arc<T>> {
    step();
    weak.upgrade()
}

pub(crate) fn is_dead<T>(weak: &Weak<T>) -> bool {
    step();
    weak.strong_count() == 0
}

/// A map each of whose methods is one step. Whoever holds an entry of it takes no step meanwhile.
#[derive(Debug)]
pub(crate) struct DashMap<K: Eq + Hash, V>(dashmap::DashMap<K, V>);

impl<K: Eq + Hash, V> DashMap<K, V> {
    pub(crate) fn new() -> Self {
        Self(dashmap::DashMap::new())
    }
}

impl<K: Eq + Hash, V> Deref for DashMap<K, V> {
    type Target = dashmap::DashMap<K, V>;

    fn deref(&self) -> &Self::Target {
        step();
        &self.0
    }
}

/// Read by an exchange, which sees the last value: that all others are done with the counter is known to its `Arc`, and not to loom.
pub(crate) fn last_value(counter: &mut AtomicU32) -> u32 {
    counter.fetch_add(0, Ordering::AcqRel)
}

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }

    #[track_caller]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

macro_rules! modelled_thread_local {
    ($(#[$attr:meta])* static $name:ident: $type:ty = const { $init:expr };) => {
        loom::thread_local! { $(#[$attr])* static $name: $type = $init }
    };
}
pub(crate) use modelled_thread_local as thread_local;

/// As tokio's: a permit for one waiter, or a call to all that wait.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    state: Mutex<Notifications>,
}

#[derive(Debug, Default)]
struct Notifications {
    permit: bool,
    calls_to_all: u64,
    next: u64,
    waiting: VecDeque<(u64, Waker)>,
    granted: Vec<u64>,
}

impl Notifications {
    fn grant_one(&mut self) -> Option<Waker> {
        match self.waiting.pop_front() {
            Some((id, waker)) => {
                self.granted.push(id);
                Some(waker)
            }
            None => {
                self.permit = true;
                None
            }
        }
    }
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        let waker = self.state.lock().grant_one();
        waker.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn notify_waiters(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.calls_to_all += 1;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified { notify: self, began: self.state.lock().calls_to_all, id: None, is_done: false }
    }
}

pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    began: u64,
    id: Option<u64>,
    is_done: bool,
}

impl Notified<'_> {
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_done {
            return Poll::Ready(());
        }
        let mut state = self.notify.state.lock();
        let is_done = match self.id {
            _ if state.calls_to_all != self.began => true,
            Some(id) => state.granted.contains(&id),
            None => std::mem::take(&mut state.permit),
        };
        if is_done {
            state.granted.retain(|granted| Some(*granted) != self.id);
            state.waiting.retain(|(waiting, _)| Some(*waiting) != self.id);
        } else {
            let id = self.id.unwrap_or(state.next);
            state.next += u64::from(self.id.is_none());
            match state.waiting.iter_mut().find(|(waiting, _)| *waiting == id) {
                Some((_, waker)) => waker.clone_from(cx.waker()),
                None => state.waiting.push_back((id, cx.waker().clone())),
            }
            drop(state);
            self.id = Some(id);
            return Poll::Pending;
        }
        drop(state);
        self.is_done = true;
        Poll::Ready(())
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let (Some(id), false) = (self.id, self.is_done) else { return };
        let mut state = self.notify.state.lock();
        state.waiting.retain(|(waiting, _)| *waiting != id);
        let before = state.granted.len();
        state.granted.retain(|granted| *granted != id);
        // Woken and gone before it knew: the next one gets it.
        let next = if state.granted.len() < before { state.grant_one() } else { None };
        drop(state);
        next.into_iter().for_each(Waker::wake);
    }
}

/// Gives all others a turn.
pub(crate) async fn next_turn() {
    loom::thread::yield_now();
}

/// Sleeps that end in a model.
const SHORT: Duration = Duration::from_secs(1);

std::thread_local! {
    /// How much time has passed in this run of the model. All threads of a model are loom's, which run on one of the system's.
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

pub(crate) fn now() -> Instant {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    *BEGAN.get_or_init(Instant::now) + PASSED.get()
}

pub(crate) struct Sleep {
    until: Instant,
}

pub(crate) fn sleep_until(until: tokio::time::Instant) -> Sleep {
    Sleep { until: until.into_std() }
}

impl Sleep {
    pub(crate) fn deadline(&self) -> tokio::time::Instant {
        self.until.into()
    }

    pub(crate) fn is_elapsed(&self) -> bool {
        self.until <= now()
    }

    pub(crate) fn reset(self: Pin<&mut Self>, until: tokio::time::Instant) {
        *self.get_mut() = sleep_until(until);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        let left = self.until.saturating_duration_since(now());
        if left > SHORT {
            return Poll::Pending;
        }
        PASSED.set(PASSED.get() + left);
        Poll::Ready(())
    }
}

/// Wakes a thread that drives a future.
struct Unpark {
    is_woken: loom::sync::Mutex<bool>,
    woken: loom::sync::Condvar,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock().unwrap() = true;
        self.woken.notify_one();
    }
}

/// Drives a future on this thread. It is polled again only when it was woken: a wake-up that is lost is a deadlock, which loom reports.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { is_woken: loom::sync::Mutex::new(false), woken: loom::sync::Condvar::new() });
    let waker = Waker::from(Arc::clone(&unpark));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut is_woken = unpark.is_woken.lock().unwrap();
        while !*is_woken {
            is_woken = unpark.woken.wait(is_woken).unwrap();
        }
        *is_woken = false;
    }
}

/// As many preemptions as there can be.
pub(crate) const ALL: usize = 200;

/// Runs `model` in every order of its threads' steps that can make a difference and switches away from a thread that could go on at
/// most `preemptions` times. `LOOM_MAX_PREEMPTIONS` changes how often.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let orders = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(preemptions));
    let bound = builder.preemption_bound.unwrap();
    builder.max_branches = 5_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        PASSED.set(Duration::ZERO);
        model();
    });
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let bound = if bound == ALL { "any number of".to_owned() } else { format!("at most {bound}") };
    println!("{name}: {} orders with {bound} preemptions in {:.1?}", orders.load(Ordering::SeqCst), began.elapsed());
}
