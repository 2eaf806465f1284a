//! Owns the fuzz target of URLs: what an address makes of any text.

use super::check_text;
use crate::transport::{Address, AddressError};

/// Any bytes as an address: it is understood, and then shown in a form that is understood as the same; or refused in words.
///
/// # Panics
///
/// When one of these does not hold.
pub fn urls(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = Address::check_name(&text) {
        check_error(&error);
    }
    match Address::parse(&text) {
        Ok(address) => check_address(&address),
        Err(error) => check_error(&error),
    }
}

fn check_address(address: &Address) {
    let shown = address.to_string();
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "shown in other than ASCII: {shown:?}");
    assert!(shown.starts_with(address.scheme()), "{shown:?}");
    assert_eq!(Address::parse(&shown).as_ref(), Ok(address), "shown as another address: {shown:?}");
    let place = address.without_name();
    assert_eq!((place.place(), place.name()), (address.place(), None));
    assert_eq!(Address::parse(&place.to_string()).as_ref(), Ok(&place));
    if let Some(name) = address.name() {
        assert_eq!(Address::check_name(name), Ok(()));
        assert_eq!(place.with_name(name).as_ref(), Ok(address));
    }
}

fn check_error(error: &AddressError) {
    check_text(&error.to_string());
}
