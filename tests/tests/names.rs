//! Names on the wire: traits and methods that are called otherwise in the source, over TCP.

use std::collections::HashMap;

use netref::{ErrorKind, Interface, Node, Outcome, Remote, Result, remote};

/// Hosts an object on one node and gives a reference to it on another, over TCP.
async fn over_tcp<T: ?Sized + Interface, U: ?Sized + Interface>(object: Remote<T>) -> (Node, Node, Remote<U>) {
    let here = Node::builder().listen("tcp://127.0.0.1:0").publish("it", object).start().await.unwrap();
    let there = Node::builder().start().await.unwrap();
    let it = there.connect(&format!("{}/it", here.addresses()[0])).await.unwrap();
    assert!(!Remote::is_local(&it));
    (here, there, it)
}

mod before {
    use super::*;

    #[remote(name = "phone.book")]
    pub trait PhoneBook {
        async fn find(&self, name: &str) -> Result<u32>;
        async fn add(&mut self, name: &str, number: u32) -> Result<()>;
        async fn size(&self) -> Result<u32>;
    }

    pub struct Paper(pub HashMap<String, u32>);

    impl PhoneBook for Paper {
        async fn find(&self, name: &str) -> Result<u32> {
            Ok(self.0.get(name).copied().unwrap_or_default())
        }
        async fn add(&mut self, name: &str, number: u32) -> Result<()> {
            self.0.insert(name.to_owned(), number);
            Ok(())
        }
        async fn size(&self) -> Result<u32> {
            Ok(self.0.len() as u32)
        }
    }
}

mod after {
    use super::*;

    /// The same interface under other names: the trait's, two methods', and one new method that has the old name of another.
    #[remote(name = "phone.book")]
    pub trait Directory {
        #[remote(name = "size")]
        async fn add(&self) -> Result<u32>;
        #[remote(name = "find")]
        async fn look_up(&self, who: &str) -> Result<u32>;
        #[remote(name = "add")]
        async fn enter(&mut self, who: &str, number: u32) -> Result<()>;
        #[remote(name = "by_number")]
        async fn find(&self, number: u32) -> Result<Option<String>>;
    }

    /// What was renamed is inherited under its name on the wire too.
    #[remote]
    pub trait Business: Directory {
        async fn open(&self) -> Result<bool>;
    }

    pub struct Disk(pub HashMap<String, u32>);

    impl Directory for Disk {
        async fn add(&self) -> Result<u32> {
            Ok(self.0.len() as u32)
        }
        async fn look_up(&self, who: &str) -> Result<u32> {
            Ok(self.0.get(who).copied().unwrap_or_default())
        }
        async fn enter(&mut self, who: &str, number: u32) -> Result<()> {
            self.0.insert(who.to_owned(), number);
            Ok(())
        }
        async fn find(&self, number: u32) -> Result<Option<String>> {
            Ok(self.0.iter().find(|(_, known)| **known == number).map(|(who, _)| who.clone()))
        }
    }

    impl Business for Disk {
        async fn open(&self) -> Result<bool> {
            Ok(true)
        }
    }
}

#[tokio::test]
async fn renamed_traits_and_methods_understand_their_old_names() {
    use after::Directory as _;
    use before::PhoneBook as _;
    // An old caller, and a new callee.
    let (_here, _there, mut old) = over_tcp::<dyn after::Directory, dyn before::PhoneBook>(Remote::new(after::Disk(HashMap::new()))).await;
    old.add("ada", 1815).await.unwrap();
    assert_eq!((old.find("ada").await.unwrap(), old.size().await.unwrap()), (1815, 1));
    // A new caller, and an old callee.
    let (_here, _there, mut new) =
        over_tcp::<dyn before::PhoneBook, dyn after::Directory>(Remote::new(before::Paper(HashMap::new()))).await;
    new.enter("eve", 7).await.unwrap();
    assert_eq!((new.look_up("eve").await.unwrap(), new.add().await.unwrap()), (7, 1));
    let error = new.find(7).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun));
    assert!(error.to_string().contains("phone.book.by_number"), "{error}");
    // The old trait where the new one is only a supertrait.
    let (_here, _there, old) =
        over_tcp::<dyn after::Business, dyn before::PhoneBook>(Remote::new(after::Disk(HashMap::from([("bob".to_owned(), 3)])))).await;
    assert_eq!(old.find("bob").await.unwrap(), 3);
}
