//! Several processes edit one text at the same time. The first one hosts the document and starts the editors. Each has a copy, types into
//! it without asking anybody, and tells the document, which tells the others. In the end all copies are the same.
//!
//! `cargo run --example shared_document`

use std::io::Read;
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{Error, ErrorKind, Node, Outcome, Remote, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, ChildStdin};
use tokio::sync::Barrier;

const EDITORS: [&str; 3] = ["ada", "bob", "eve"];
const TYPED: usize = 60;
const DELETED: usize = 15;

#[remote]
pub trait Document {
    /// From now on `copy` is told of every edit, and first of those that there were. Gives the editor's number.
    async fn open(&mut self, copy: Remote<dyn Replica>) -> Result<u32>;
    /// Tells everybody else. They know when this returns.
    async fn edit(&mut self, edit: Edit) -> Result<()>;
}

/// A copy of the text, in whatever process it is.
#[remote]
pub trait Replica {
    async fn apply(&self, edits: Vec<Edit>) -> Result<()>;
    async fn text(&self) -> Result<String>;
}

/// Where the editors wait for each other.
#[remote]
pub trait Meeting {
    async fn meet(&self) -> Result<()>;
}

// The text: characters that know their predecessor instead of their place, so that it does not matter in which order edits of several
// editors arrive, as long as those that build on each other arrive in order.

/// Names a character: a count that grows with every edit its author has seen, and the author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    count: u64,
    author: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Edit {
    Insert { name: Name, after: Option<Name>, sign: char },
    Delete { name: Name },
}

struct Sign {
    name: Name,
    sign: char,
    deleted: bool,
}

#[derive(Default)]
struct Text {
    signs: Vec<Sign>,
    count: u64,
}

impl Text {
    fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Insert { name, after, sign } => {
                self.count = self.count.max(name.count);
                let mut place = after.map_or(0, |after| self.place(after) + 1);
                // Of several that follow the same character the latest comes first, on every copy.
                while self.signs.get(place).is_some_and(|next| next.name > name) {
                    place += 1;
                }
                self.signs.insert(place, Sign { name, sign, deleted: false });
            }
            Edit::Delete { name } => {
                let place = self.place(name);
                self.signs[place].deleted = true;
            }
        }
    }

    fn place(&self, name: Name) -> usize {
        self.signs.iter().position(|sign| sign.name == name).expect("edits that build on each other arrive in order")
    }

    fn visible(&self) -> impl Iterator<Item = &Sign> {
        self.signs.iter().filter(|sign| !sign.deleted)
    }

    fn text(&self) -> String {
        self.visible().map(|sign| sign.sign).collect()
    }
}

/// The text as an object. The editor that types into it and the calls that bring the edits of others share it.
#[derive(Clone, Default)]
struct Copy {
    text: Arc<Mutex<Text>>,
}

impl Replica for Copy {
    async fn apply(&self, edits: Vec<Edit>) -> Result<()> {
        let mut text = self.text.lock().unwrap();
        edits.into_iter().for_each(|edit| text.apply(edit));
        Ok(())
    }
    async fn text(&self) -> Result<String> {
        Ok(self.text.lock().unwrap().text())
    }
}

// The first process.

/// What `&mut self` gives: one edit at a time, so every copy is told in the same order.
#[derive(Default)]
struct MyDocument {
    history: Vec<Edit>,
    copies: Arc<Mutex<Vec<Remote<dyn Replica>>>>,
}

impl MyDocument {
    async fn tell(&self, edits: &[Edit], author: Option<u32>) -> Result<()> {
        let copies = self.copies.lock().unwrap().clone();
        let others = copies.iter().zip(1..).filter(|(_, number)| Some(*number) != author);
        // All at once, and then waits for all.
        let calls: Vec<_> = others.map(|(copy, _)| copy.apply(edits.to_vec()).timeout(Duration::from_secs(10)).send()).collect();
        for call in calls {
            call.await?;
        }
        Ok(())
    }
}

impl Document for MyDocument {
    async fn open(&mut self, copy: Remote<dyn Replica>) -> Result<u32> {
        copy.apply(self.history.clone()).await?;
        let mut copies = self.copies.lock().unwrap();
        copies.push(copy);
        Ok(copies.len() as u32)
    }

    async fn edit(&mut self, edit: Edit) -> Result<()> {
        self.history.push(edit);
        let (Edit::Insert { name, .. } | Edit::Delete { name }) = edit;
        self.tell(&[edit], Some(name.author)).await
    }
}

struct MyMeeting(Arc<Barrier>);

impl Meeting for MyMeeting {
    async fn meet(&self) -> Result<()> {
        self.0.wait().await;
        Ok(())
    }
}

async fn document() -> Result<()> {
    let copies = Arc::<Mutex<Vec<Remote<dyn Replica>>>>::default();
    let meeting = Arc::new(Barrier::new(EDITORS.len() + 1));
    let mut document = Remote::<dyn Document>::new(MyDocument { history: Vec::new(), copies: Arc::clone(&copies) });
    let node = Node::builder()
        .listen("tcp://127.0.0.1:0")
        .publish("document", document.clone())
        .publish("meeting", Remote::<dyn Meeting>::new(MyMeeting(Arc::clone(&meeting))))
        .start()
        .await?;
    let mut editors: Vec<_> = EDITORS.iter().map(|name| editor_process(name, &node.addresses()[0])).collect::<Result<_>>()?;

    let here = async {
        meeting.wait().await;
        println!("{} editors are open", EDITORS.len());
        meeting.wait().await;
        println!("each has typed {TYPED} characters and deleted {DELETED}");

        // A copy that is opened late is told what there was.
        let own = Copy::default();
        document.open(Remote::new(own.clone())).await?;
        let text = own.text().await?;
        let copies = copies.lock().unwrap().clone();
        for copy in &copies {
            assert_eq!(copy.text().await?, text, "a copy is another one");
        }
        assert_eq!(text.chars().count(), EDITORS.len() * (TYPED - DELETED));
        println!("{} copies in {} processes have the same {} characters", copies.len(), EDITORS.len() + 1, text.chars().count());
        eprintln!("{text}");
        meeting.wait().await;
        Ok(())
    };
    let there = async {
        for (editor, _hold) in &mut editors {
            let status = editor.wait().await.map_err(|error| failed(&format!("an editor was lost: {error}")))?;
            if !status.success() {
                return Err(failed(&format!("an editor failed: {status}")));
            }
        }
        Ok(())
    };
    let ended = tokio::time::timeout(Duration::from_secs(40), async { tokio::try_join!(here, there) }).await;
    ended.map_err(|_| failed("the editors are not done after 40 seconds"))??;
    node.shutdown(Duration::from_secs(1)).await;
    println!("done");
    Ok(())
}

/// The editor ends when its standard input does, so it does not outlive this process, however this one ends.
fn editor_process(name: &str, address: &str) -> Result<(Child, Option<ChildStdin>)> {
    let program = std::env::current_exe().map_err(|error| failed(&format!("this program cannot be found: {error}")))?;
    let mut editor = tokio::process::Command::new(program);
    editor.args(["editor", name, address]).stdin(Stdio::piped()).kill_on_drop(true);
    let mut child = editor.spawn().map_err(|error| failed(&format!("an editor cannot be started: {error}")))?;
    let hold = child.stdin.take(); // `wait` would close it
    Ok((child, hold))
}

// The other processes.

async fn editor(name: &str, address: &str) -> Result<()> {
    let mut document: Remote<dyn Document> = netref::connect(&format!("{address}/document")).await?;
    let meeting: Remote<dyn Meeting> = netref::connect(&format!("{address}/meeting")).await?;
    let copy = Copy::default();
    let author = document.open(Remote::new(copy.clone())).await?; // the others' edits come to `copy`, which lives here
    meeting.meet().await?; // all are open

    let mut told = Vec::new();
    for edit in edits(name, author, &copy.text) {
        told.push(document.edit(edit).send()); // in the order in which they are made, without waiting
        tokio::time::sleep(Duration::from_millis(1)).await; // and meanwhile the others type
    }
    for told in told {
        told.await?;
    }
    meeting.meet().await?; // all are done: every edit is in every copy
    meeting.meet().await // the copies are compared
}

/// Types: mostly behind the last character, now and then somewhere else, and every fourth time deletes a character of its own.
fn edits(name: &str, author: u32, text: &Mutex<Text>) -> impl Iterator<Item = Edit> {
    let signs: Vec<char> = name.chars().cycle().take(TYPED).collect();
    let mut last: Option<Name> = None;
    let insert = move |(number, sign): (usize, char)| {
        let mut text = text.lock().unwrap();
        if number % 10 == 9 {
            let jump = text.visible().nth(number * 7 % text.visible().count()).map(|sign| sign.name);
            last = jump.or(last);
        }
        let inserted = Name { count: text.count + 1, author };
        let mut edits = vec![Edit::Insert { name: inserted, after: last, sign }];
        text.apply(edits[0]);
        last = Some(inserted);
        if number % 4 == 3 {
            let own = text.visible().find(|sign| sign.name.author == author && sign.name != inserted).map(|sign| sign.name);
            edits.extend(own.map(|name| Edit::Delete { name }));
            edits[1..].iter().for_each(|edit| text.apply(*edit));
        }
        edits
    };
    signs.into_iter().enumerate().flat_map(insert)
}

/// Ends this process when its standard input ends. A thread and not a task: nothing has to wait for it.
fn end_with_stdin() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}

fn failed(text: &str) -> Error {
    Error::new(ErrorKind::Unreachable, Outcome::NotRun, text)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => document().await,
        ["editor", name, address] => {
            end_with_stdin();
            editor(name, address).await
        }
        _ => {
            eprintln!("it takes no arguments: it starts the editors itself");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
