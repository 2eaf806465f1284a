// A closure runs on any thread.

use std::rc::Rc;

use netref::{Error, RemoteFn};

fn main() {
    let text = Rc::new(String::from("here"));
    let _say = RemoteFn::new(move |_number: u64| {
        let text = text.len();
        async move { Ok::<_, Error>(text) }
    });
}
