//! Owns the list of interfaces whose references were met while the types of one method are worked out, which happens on one thread. A
//! reference tells its name alone to the structure; a description wants the interface behind it.

use std::cell::RefCell;

use crate::interface::InterfaceDescriptor;

/// Interfaces noted for one method. A method that mentions more has them named, and not all of them described.
const MENTIONED_MAX: usize = 64;

thread_local! {
    static MENTIONED: RefCell<Vec<&'static InterfaceDescriptor>> = const { RefCell::new(Vec::new()) };
}

/// The types of another method begin.
pub(super) fn begin() {
    MENTIONED.with_borrow_mut(Vec::clear);
}

/// A reference to this interface was met. netref's own interfaces mean nothing to a reader.
pub(crate) fn mention(interface: &'static InterfaceDescriptor) {
    if interface.name.starts_with("netref.") {
        return;
    }
    MENTIONED.with_borrow_mut(|known| {
        // Two instances of a generic trait have one name; whether two descriptors say the same is looked at later.
        if known.len() < MENTIONED_MAX && !known.iter().any(|other| std::ptr::eq(*other, interface)) {
            known.push(interface);
        }
    });
}

/// What was met since the beginning.
pub(super) fn end() -> Vec<&'static InterfaceDescriptor> {
    MENTIONED.take()
}
