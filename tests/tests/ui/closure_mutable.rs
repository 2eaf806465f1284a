// A closure may run several times at once.

use netref::{Error, RemoteFn};

fn main() {
    let mut count = 0;
    let _count = RemoteFn::new(move || {
        count += 1;
        async move { Ok::<u64, Error>(count) }
    });
}
