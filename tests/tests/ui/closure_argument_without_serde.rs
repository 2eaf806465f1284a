// What a closure takes has to travel.

use netref::{Error, RemoteFn};

struct Order;

fn main() {
    let _take = RemoteFn::new(|_order: Order| async move { Ok::<u64, Error>(1) });
}
