// The types of a closure's arguments have to be said: nothing else says them.

use netref::{Error, RemoteFn};

fn main() {
    let _add = RemoteFn::new(|left, right| async move { Ok::<u64, Error>(left + right) });
}
