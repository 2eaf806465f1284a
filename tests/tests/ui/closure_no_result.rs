// A call can fail on the way, so a closure returns a `Result`.

use netref::RemoteFn;

fn main() {
    let _double = RemoteFn::<_, u64>::new(|number: u64| async move { 2 * number });
}
