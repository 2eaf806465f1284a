//! Retries: only what is safe is called again, so often and so long as is allowed, and the outcome is that of all attempts.

use super::*;

/// Answers with these errors, one after the other, and counts how often it was asked.
#[derive(Clone)]
struct Fails {
    errors: Arc<Mutex<Vec<(ErrorKind, Outcome)>>>,
    asked: Arc<AtomicU64>,
}

impl Fails {
    fn with(errors: &[(ErrorKind, Outcome)]) -> Self {
        let errors = errors.iter().rev().copied().collect();
        Self { errors: Arc::new(Mutex::new(errors)), asked: Arc::default() }
    }

    fn shop(&self, retry: Retry) -> Remote<dyn Shop> {
        self.around(retry)
    }

    fn around(&self, interceptor: impl Interceptor) -> Remote<dyn Shop> {
        Remote::intercept(Remote::from_handler(Arc::new(self.clone())), interceptor)
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Handler for Fails {
    fn call(&self, call: RawCall) -> RawReturn {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.errors.lock().unwrap().pop() {
            Some((kind, outcome)) => RawReturn::failed(Error::new(kind, outcome, "it fails")),
            None => Remote::into_any(corner()).call_raw(call),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_safe_and_may_pass_is_repeated() {
    use ErrorKind::{Disconnected, NoSuchMethod, Overloaded, Panic};
    use Outcome::{MayHaveRun, NotRun, Ran};
    // The error, and whether a plain method and an idempotent one are called again.
    let cases = [
        ((Overloaded, NotRun), true, true),
        ((Overloaded, Ran), false, false),
        ((Disconnected, NotRun), true, true),
        ((Disconnected, MayHaveRun), false, true),
        ((Disconnected, Ran), false, false),
        ((NoSuchMethod, NotRun), false, false),
        ((Panic, MayHaveRun), false, false),
    ];
    for (error, plain, idempotent) in cases {
        let fails = Fails::with(&[error, error]);
        let bought = fails.shop(Retry::new(3)).buy("pear").await;
        assert_eq!((bought.is_ok(), fails.asked()), (plain, if plain { 3 } else { 1 }), "{error:?}, plain");
        let fails = Fails::with(&[error, error]);
        let looked = fails.shop(Retry::new(3)).look().await;
        assert_eq!((looked.is_ok(), fails.asked()), (idempotent, if idempotent { 3 } else { 1 }), "{error:?}, idempotent");
    }
    // The method's own error is a result.
    let fails = Fails::with(&[]);
    assert_eq!(fails.shop(Retry::new(3)).steal().await, Err(Caught::ByThePolice));
    assert_eq!(fails.asked(), 1);
    // What its user takes for passing; never more than is safe.
    let all = Retry::new(3).only(|_| true);
    let fails = Fails::with(&[(NoSuchMethod, NotRun), (Panic, MayHaveRun)]);
    assert_eq!(fails.shop(all).buy("pear").await.unwrap_err().kind(), Panic);
    assert_eq!(fails.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_wait_longer_each_time() {
    let overloaded = [(ErrorKind::Overloaded, Outcome::NotRun); 20];
    for attempts in [0, 1, 2, 6] {
        let fails = Fails::with(&overloaded);
        let begin = tokio::time::Instant::now();
        let retry = Retry::new(attempts).back_off(100 * MILLI, 400 * MILLI);
        assert_eq!(fails.shop(retry).buy("pear").await.unwrap_err().kind(), ErrorKind::Overloaded);
        assert_eq!(fails.asked(), u64::from(attempts.max(1)));
        // 100, 200, and then 400, each up to half less.
        let full = [0, 0, 100, 300, 700, 1_100, 1_500][attempts as usize] * MILLI;
        // A timer is late by a millisecond at most.
        let within = full / 2..=full + attempts * MILLI;
        assert!(within.contains(&begin.elapsed()), "{:?} for {attempts}", begin.elapsed());
    }
    // Times beyond all bounds are waited for like any other.
    let fails = Fails::with(&overloaded);
    let call = fails.shop(Retry::new(40).back_off(Duration::MAX, Duration::MAX)).buy("pear").send();
    tokio::time::sleep(PATIENCE).await;
    assert_eq!(fails.asked(), 1);
    drop(call);
}

/// The outcome is that of all attempts: the second one, on a reference that is dead by then, certainly did not run.
#[tokio::test]
async fn an_attempt_that_did_not_run_says_nothing_of_the_one_before() {
    use ErrorKind::{Disconnected, Overloaded};
    use Outcome::{MayHaveRun, NotRun};
    let cases = [
        (vec![(Disconnected, MayHaveRun), (Disconnected, NotRun)], MayHaveRun),
        (vec![(Overloaded, NotRun), (Disconnected, MayHaveRun), (Disconnected, NotRun)], MayHaveRun),
        (vec![(Overloaded, NotRun), (Disconnected, NotRun), (Overloaded, NotRun)], NotRun),
    ];
    for (errors, outcome) in cases {
        let fails = Fails::with(&errors);
        let retry = Retry::new(errors.len() as u32).back_off(MILLI, MILLI);
        assert_eq!(fails.shop(retry).look().await.unwrap_err().outcome(), outcome, "{errors:?}");
        let fails = Fails::with(&errors);
        let looked = fails.around(Tower::new(tower::retry::RetryLayer::new(Attempts(errors.len())))).look().await;
        assert_eq!(looked.unwrap_err().outcome(), outcome, "{errors:?} through a layer of tower's");
        assert_eq!(fails.asked(), errors.len() as u64);
    }
}

/// A policy of tower's: so many attempts, whatever the error is.
#[derive(Clone)]
struct Attempts(usize);

impl tower::retry::Policy<netref::around::PassedCall, RawReply, Error> for Attempts {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _call: &mut netref::around::PassedCall, result: &mut Result<RawReply>) -> Option<Self::Future> {
        self.0 -= 1;
        (result.is_err() && self.0 > 0).then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, call: &netref::around::PassedCall) -> Option<netref::around::PassedCall> {
        Some(call.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_and_nothing_is_waited_for_beyond_the_deadline() {
    let fails = Fails::with(&[(ErrorKind::Overloaded, Outcome::NotRun); 20]);
    let retry = Retry::new(100).back_off(4 * PATIENCE, 4 * PATIENCE);
    let begin = tokio::time::Instant::now();
    // The clock of deadlines is the real one, which hardly moves here: the pauses are too long for what is left of it.
    let error = fails.shop(retry).buy("pear").timeout(PATIENCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "the last error, and not a deadline that passed while it waited: {error}");
    assert_eq!((fails.asked(), begin.elapsed()), (1, Duration::ZERO));
}
