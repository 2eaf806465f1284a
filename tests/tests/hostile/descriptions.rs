//! A peer that is asked what its object can be called with, and lies, or does not stop.

use netref::Limits;
use netref::id::ExportId;
use netref::wire::{Descriptor, Frame, Identity, Return, Status, Target};

use crate::peer::Raw;
use crate::script::{Got, body, call};
use crate::victim::{Scene, number_of};

/// Has the host ask for the description of an object, and answers each question with what `answer` gives for its number.
async fn ask(raw: &mut Raw, mut answer: impl FnMut(u32) -> Vec<u8>) -> (String, u32) {
    let id = raw.id();
    let mut asked = call(id, Target::Export(raw.target), number_of("describe"), &[0]);
    let identity = Identity::Own { number: 7, tag: 99 };
    asked.body.references =
        vec![Descriptor::Hosted { export: ExportId { index: id.index, generation: id.generation }, interface: 1, identity }];
    raw.send(&Frame::Call(asked)).await;
    let mut questions = 0;
    loop {
        match raw.next().await {
            Some(Got::Call { id: question, .. }) => {
                let page = answer(questions);
                questions += 1;
                raw.send(&Frame::Return(Return { id: question, status: Status::Ok, body: body(&page) })).await;
            }
            Some(Got::Return { id: returned, bytes, .. }) if returned == id => {
                return (String::from_utf8_lossy(&bytes).into_owned(), questions);
            }
            Some(_) => {}
            None => panic!("the session ended"),
        }
    }
}

/// An interface as an item of a page: of that name, without anything else.
fn interface(name: &str, docs: u16) -> Vec<u8> {
    let mut item = vec![0, name.len() as u8];
    item.extend_from_slice(name.as_bytes());
    put(&mut item, docs);
    item.resize(item.len() + usize::from(docs), b'a');
    item.extend_from_slice(&[0, 1, 0, 0]);
    item
}

/// A number as bincode has it.
fn put(bytes: &mut Vec<u8>, number: u16) {
    match u8::try_from(number) {
        Ok(small @ 0..=250) => bytes.push(small),
        _ => {
            bytes.push(251);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// A page of these items.
fn page(items: &[Vec<u8>], next: Option<u16>) -> Vec<u8> {
    let mut page = vec![items.len() as u8];
    items.iter().for_each(|item| page.extend_from_slice(item));
    match next {
        None => page.push(0),
        Some(next) => {
            page.push(1);
            put(&mut page, next);
        }
    }
    page
}

#[tokio::test]
async fn a_description_that_is_true_arrives() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let (shown, questions) = ask(&mut raw, |_| page(&[interface("peer.Thing", 300)], None)).await;
    assert!(shown.contains("pub trait Thing {}") && questions == 1, "{shown}");
}

#[tokio::test]
async fn a_description_that_lies_is_an_error_of_the_one_question() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    for (lie, words) in [
        (page(&[], None), "says nothing"),
        (page(&[], Some(300)), "do not follow each other"),
        (page(&[interface("peer.Thing", 0)], Some(300)), "do not follow each other"),
        (page(&[interface("peer.Thing", 0), interface("peer.Thing", 0)], None), "two interfaces of one name"),
        (page(&[interface("peer\u{1b}[2J", 0)], None), "a name in it is none"),
        (vec![200], "the result cannot be decoded"),
        (vec![253, 255, 255, 255, 255, 255, 255, 255, 255], "the result cannot be decoded"),
        (Vec::new(), "the result cannot be decoded"),
    ] {
        let (told, _) = ask(&mut raw, |_| lie.clone()).await;
        assert!(told.contains(words), "{told} is without {words}");
    }
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn a_description_without_end_is_given_up() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    for docs in [0, 60_000] {
        let (told, questions) = ask(&mut raw, |number| {
            // The next page is where the last one ended, so no rule is broken but that of how much there may be.
            let next = u16::try_from(number + 1).expect("it is given up before");
            let items = [interface(&format!("peer.Thing{number}"), docs)];
            page(&items, Some(next))
        })
        .await;
        assert!(told.contains("than any description may have"), "{told}");
        assert!(questions <= 300, "{questions} questions");
    }
    raw.lives().await;
    scene.unharmed().await;
}
