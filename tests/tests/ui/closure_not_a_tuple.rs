// Arguments are a tuple, also when there is one.

use netref::RemoteFn;

fn main() {
    let _double: Option<RemoteFn<u64, u64>> = None;
}
