//! The rules of the project that no compiler checks, read off the sources: who may import whom, what the protocol core may not touch,
//! that every file says what it owns and is short enough to be read, and that the texts quote code that is compiled. It knows files
//! and words, not types.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of `netref`, lowest first: each module of the table may import only what its row names, and itself. A module that is in
/// no row may import what it likes.
const FLOORS: &[(&str, Rule)] = &[
    ("id", Rule::Only(&["limits", "error"])),
    ("limits", Rule::Only(&["id", "error"])),
    ("error", Rule::Only(&["id", "limits"])),
    ("wire", Rule::Only(&["id", "limits", "error"])),
    ("proto", Rule::Only(&["id", "limits", "error", "wire"])),
    ("codec", Rule::Not(&["session", "proto"])),
    ("transport", Rule::Not(&["session", "proto"])),
];

/// What the modules without I/O never name: other tasks, locks, sockets and clocks. Time is an argument.
const PURE: &[&str] = &["wire", "proto"];
const IMPURE_WORDS: &[&str] =
    &["tokio", "async", "await", "Mutex", "RwLock", "Condvar", "parking_lot", "dashmap", "SystemTime", "elapsed", "println", "eprintln"];
const IMPURE_PATHS: &[&[&str]] =
    &[&["std", "net"], &["std", "thread"], &["std", "io"], &["std", "fs"], &["std", "env"], &["Instant", "now"], &["std", "process"]];

/// A file that grows beyond this is several files that nobody has divided yet. Most settle far below.
const LINES_MAX: usize = 700;

const TEST_MARKER: &[&str] = &["#", "[", "cfg", "(", "test", ")", "]"];

enum Rule {
    Only(&'static [&'static str]),
    Not(&'static [&'static str]),
}

#[test]
fn no_module_imports_a_higher_one() {
    let core = root().join("rpc-core/src");
    let modules = top_modules(&core);
    let exports = reexports(&words(&read(&core.join("lib.rs"))), &modules);
    let mut found = String::new();
    for (file, source) in core_sources(&core) {
        for wrong in floor_breaks(&file, &source, &modules, &exports) {
            writeln!(found, "rpc-core/src/{}: {wrong}", file.display()).unwrap();
        }
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn the_protocol_core_has_no_clock_no_lock_no_socket_and_no_task() {
    let mut found = String::new();
    for (file, source) in core_sources(&root().join("rpc-core/src")) {
        if PURE.contains(&module_of(&file).as_str()) {
            for wrong in impurities(&source) {
                writeln!(found, "rpc-core/src/{}: `{wrong}`", file.display()).unwrap();
            }
        }
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn every_file_opens_by_saying_what_it_owns() {
    let silent: Vec<_> = rust_files().into_iter().filter(|file| !read(file).starts_with("//!")).collect();
    assert!(silent.is_empty(), "these files do not open with `//!`: {silent:#?}");
}

#[test]
fn no_file_is_longer_than_one_reads() {
    let lengths = rust_files().into_iter().map(|file| (read(&file).lines().count(), file));
    let long: Vec<_> = lengths.filter(|(lines, _)| *lines > LINES_MAX).collect();
    assert!(long.is_empty(), "these files have more than {LINES_MAX} lines, and are to be divided: {long:#?}");
}

#[test]
fn nothing_is_left_to_do() {
    let mut found = Vec::new();
    for file in rust_files() {
        for pair in words(&read(&file)).windows(2) {
            if pair[1] == "!" && ["todo", "unimplemented", "dbg"].contains(&pair[0].as_str()) {
                found.push(format!("{}: {}!", file.display(), pair[0]));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_texts_quote_code_that_is_compiled() {
    for text in ["README.md", "rpc-core/README.md"] {
        let path = root().join(text);
        if path.exists() {
            for quote in quotes(&read(&path)).unwrap_or_else(|wrong| panic!("{text}: {wrong}")) {
                let (file, section) = quote.from.split_once('#').unwrap_or((&quote.from, ""));
                assert!(file.starts_with("examples/") && file.ends_with(".rs"), "{text} quotes {file}, which is no example");
                let source = read(&root().join(file));
                let original = if section.is_empty() { source_without_header(&source) } else { cut(&source, section) };
                let original = original.unwrap_or_else(|| panic!("{text} quotes {}, and there is no such section", quote.from));
                assert_eq!(quote.code, original, "\n{text} quotes {} as it is not", quote.from);
            }
        }
    }
}

#[test]
fn every_promise_has_a_command_that_checks_it() {
    let checks = read(&root().join("docs/checks.md"));
    for line in 1..=24 {
        let row = checks.lines().find(|row| row.starts_with(&format!("| {line} |")));
        let row = row.unwrap_or_else(|| panic!("docs/checks.md has no row for line {line}"));
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "line {line} is not `number | promise | command | today`: {row}");
        let command = cells[2].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_default();
        assert!(!command.is_empty() && !command.contains('`'), "line {line} has not one command, in backticks: {}", cells[2]);
        assert!(!cells[3].is_empty(), "line {line} does not say how things are today");
        let tests = command.split("--test ").skip(1).map(|rest| rest.split(' ').next().unwrap());
        let tests = tests.map(|test| [format!("tests/tests/{test}.rs"), format!("tests/tests/{test}/main.rs")]);
        let script = command.split(' ').next().filter(|word| word.contains('/')).map(|script| [script.to_owned(), script.to_owned()]);
        for places in tests.chain(script) {
            let there = places.iter().any(|place| root().join(place).exists());
            assert!(there || cells[3].contains("not written"), "line {line} names {}, which does not exist", places[0]);
        }
    }
}

#[test]
fn published_crates_carry_the_licences() {
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        for folder in ["rpc-core", "rpc-macros", "server"] {
            assert_eq!(read(&root().join(licence)), read(&root().join(folder).join(licence)), "{folder}/{licence}");
        }
    }
}

// The checks themselves, on sources that break them.

#[test]
fn an_import_of_a_higher_module_is_found_in_every_spelling() {
    let modules: Vec<_> = ["id", "wire", "proto", "session"].map(str::to_owned).to_vec();
    let exports = reexports(&words("pub use session::{Session, handle::Peer as Other}; pub use id::NodeId;"), &modules);
    let breaks = |file: &str, source: &str| floor_breaks(Path::new(file), source, &modules, &exports).len();
    for source in [
        "use crate::session::Handle;",
        "use crate::{id::CallId, session};",
        "use crate::{wire::{Frame, Call}, session::{self as s}};",
        "fn f() -> crate::session::Handle {}",
        "use super::super::session::Handle;",
        "use crate::Session;",
        "pub(in crate::session) fn f() {}",
        "use crate::Other;",
    ] {
        assert_eq!(breaks("proto/calls.rs", source), 1, "{source}");
    }
    assert_eq!(breaks("proto.rs", "use super::session;"), 1);
    assert_eq!(breaks("proto/mod.rs", "use super::session;"), 1);
    for source in [
        "use crate::wire::Frame; use crate::{NodeId, id::CallId}; use super::session;",
        "// use crate::session\n const S: &str = \"crate::session\"; const R: &str = r#\"crate::session\"#;",
        "#[cfg(test)] mod tests { use crate::session; fn f() { { } } }",
        "/// [`crate::session`]\nfn f<'a>(x: &'a u8, c: char) { let _ = ('\"', '\\'', 'a'); }",
    ] {
        assert_eq!(breaks("proto/calls.rs", source), 0, "{source}");
    }
    assert_eq!(breaks("session/mod.rs", "use crate::proto;"), 0);
}

#[test]
fn an_impure_word_is_found_outside_tests_and_comments() {
    for source in [
        "async fn f() {}",
        "use tokio::time;",
        "let now = std::time::Instant::now();",
        "let now = Instant :: now();",
        "x: parking_lot::Mutex<u8>",
        "use std::{time::Duration, net::TcpStream};",
        "start.elapsed()",
    ] {
        assert!(!impurities(source).is_empty(), "{source}");
    }
    for source in
        ["use std::time::Instant;", "// async\n", "#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }", "#[cfg(test)] use std::net;"]
    {
        assert!(impurities(source).is_empty(), "{source}");
    }
}

#[test]
fn a_file_that_only_tests_compile_is_left_out() {
    let modules = |file: &str| test_modules(Path::new(file), "#[cfg(test)]\nmod golden;\nmod frame; #[cfg(test)] mod inline { }");
    assert_eq!(modules("wire/mod.rs"), [Path::new("wire/golden")]);
    assert_eq!(modules("wire.rs"), [Path::new("wire/golden")]);
    assert_eq!(modules("lib.rs"), [Path::new("golden")]);
}

#[test]
fn a_quote_is_the_code_between_its_markers() {
    let text = "x\n<!-- begin: examples/a.rs#main -->\n```rust\nfn f() {\n    1\n}\n```\n<!-- end -->\n<!-- begin: output of a -->\n```\n1\n```\n<!-- end -->\n";
    let quotes = quotes(text).unwrap();
    assert_eq!(quotes.len(), 1);
    assert_eq!((quotes[0].from.as_str(), quotes[0].code.as_str()), ("examples/a.rs#main", "fn f() {\n    1\n}\n"));
    let source = "//! A.\n\nmod a {\n    // begin: main\n    fn f() {\n        1\n    }\n    // end: main\n}\n";
    assert_eq!(cut(source, "main").unwrap(), quotes[0].code);
    assert_eq!(cut(source, "other"), None);
    assert_eq!(source_without_header("//! A.\n//! B.\n\nfn f() {}\n").unwrap(), "fn f() {}\n");
    assert!(self::quotes("<!-- begin: examples/a.rs -->\n```rust\n").is_err());
}

// Files.

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All sources of the project, but for the macro's UI tests: those are what a user might type, right or wrong.
fn rust_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "ui" {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root(), &mut files);
    assert!(files.len() > 10, "the sources are not where they should be");
    files
}

/// The files of the core but those that only tests compile, named from its `src`.
fn core_sources(core: &Path) -> Vec<(PathBuf, String)> {
    let inside = rust_files().into_iter().filter_map(|file| file.strip_prefix(core).ok().map(Path::to_path_buf));
    let sources: Vec<_> = inside.map(|file| (file.clone(), read(&core.join(file)))).collect();
    let tests: Vec<_> = sources.iter().flat_map(|(file, source)| test_modules(file, source)).collect();
    sources.into_iter().filter(|(file, _)| !tests.iter().any(|test| file.with_extension("").starts_with(test))).collect()
}

/// The modules that a file declares for tests only, as paths without an extension.
fn test_modules(file: &Path, source: &str) -> Vec<PathBuf> {
    let words = words(source);
    let children = if file.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs") {
        file.parent().unwrap().to_path_buf()
    } else {
        file.with_extension("")
    };
    let declared = words.windows(TEST_MARKER.len() + 3).filter(|window| {
        let (marker, rest) = window.split_at(TEST_MARKER.len());
        marker == TEST_MARKER && rest[0] == "mod" && rest[2] == ";"
    });
    declared.map(|window| children.join(&window[TEST_MARKER.len() + 1])).collect()
}

fn top_modules(core: &Path) -> Vec<String> {
    let names = fs::read_dir(core).unwrap().map(|entry| entry.unwrap().path());
    let sources = names.filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "rs"));
    sources.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).filter(|name| name != "lib").collect()
}

/// The top module a file belongs to.
fn module_of(file: &Path) -> String {
    let first = file.iter().next().unwrap().to_string_lossy();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// How many `super` lead from the file's module to the crate's root.
fn depth_of(file: &Path) -> usize {
    let parts = file.iter().count();
    if file.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs") { parts - 1 } else { parts }
}

// Floors.

fn floor_breaks(file: &Path, source: &str, modules: &[String], exports: &[(String, String)]) -> Vec<String> {
    let own = module_of(file);
    let Some((_, rule)) = FLOORS.iter().find(|(module, _)| *module == own) else {
        return Vec::new();
    };
    let words = without_tests(words(source));
    let mut breaks = Vec::new();
    for path in paths_from_root(&words, depth_of(file)) {
        let exported = exports.iter().find(|(name, _)| *name == path).map(|(_, module)| module);
        let Some(target) = modules.iter().find(|module| **module == path).or(exported) else {
            continue;
        };
        let allowed = match rule {
            Rule::Only(these) => these.contains(&target.as_str()),
            Rule::Not(these) => !these.contains(&target.as_str()),
        };
        if *target != own && !allowed {
            breaks.push(format!("`{own}` may not import `{target}`"));
        }
    }
    breaks
}

/// The first name after the crate's root, of every path in the file that starts there.
fn paths_from_root(words: &[String], depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    for start in 0..words.len() {
        let inside_path = start > 0 && words[start - 1] == "::";
        if inside_path || !["crate", "super", "self"].contains(&words[start].as_str()) {
            continue;
        }
        for path in expand(words, start) {
            let ups = path.iter().take_while(|word| *word == "super").count();
            let below = match path[0].as_str() {
                "crate" => path.get(1),
                "super" if ups == depth => path.get(ups),
                _ => None,
            };
            names.extend(below.cloned());
        }
    }
    names
}

/// Which names the crate's root hands out, and the module each comes from.
fn reexports(words: &[String], modules: &[String]) -> Vec<(String, String)> {
    let mut exports = Vec::new();
    for at in 0..words.len() {
        if words[at] == "use" {
            for path in expand(words, at + 1) {
                let path: Vec<_> = path.into_iter().skip_while(|word| word == "crate" || word == "self").collect();
                if path.len() > 1 && modules.contains(&path[0]) {
                    exports.push((path.last().unwrap().clone(), path[0].clone()));
                }
            }
        }
    }
    exports
}

/// The paths of the tree that starts at `start`: `a::{b, c::d as e}` is `a b` and `a c e`.
fn expand(words: &[String], start: usize) -> Vec<Vec<String>> {
    fn tree(words: &[String], mut at: usize, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
        while let Some(word) = words.get(at) {
            if word == "{" {
                at += 1;
                while words.get(at).is_some_and(|word| word != "}") {
                    at = tree(words, at, path.clone(), paths);
                    at += usize::from(words.get(at).is_some_and(|word| word == ","));
                }
                return at + 1;
            }
            path.push(word.clone());
            at += 1;
            if words.get(at).is_none_or(|word| word != "::") {
                break;
            }
            at += 1;
        }
        if words.get(at).is_some_and(|word| word == "as") {
            path.pop();
            path.extend(words.get(at + 1).cloned());
            at += 2;
        }
        paths.push(path);
        at
    }
    let mut paths = Vec::new();
    tree(words, start, Vec::new(), &mut paths);
    paths
}

// Purity.

fn impurities(source: &str) -> Vec<String> {
    let words = without_tests(words(source));
    let mut found: Vec<String> = words.iter().filter(|word| IMPURE_WORDS.contains(&word.as_str())).cloned().collect();
    for start in 0..words.len() {
        let starts_here = IMPURE_PATHS.iter().filter(|path| path[0] == words[start]);
        for path in starts_here {
            let used =
                expand(&words, start).into_iter().any(|used| used.iter().zip(path.iter()).filter(|(a, b)| a == b).count() == path.len());
            if used {
                found.push(path.join("::"));
            }
        }
    }
    found
}

// Words.

/// The words of a Rust source: names, `::` and single signs, without comments, text and characters.
fn words(source: &str) -> Vec<String> {
    let signs: Vec<char> = source.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        let rest = &signs[at..];
        match rest {
            ['/', '/', ..] => at += rest.iter().take_while(|sign| **sign != '\n').count(),
            ['/', '*', ..] => at += comment(rest),
            ['"', ..] => at += text(rest, 1),
            ['b' | 'c', '"', ..] => at += text(rest, 2),
            ['r', '"' | '#', ..] if raw_text(rest, 1).is_some() => at += raw_text(rest, 1).unwrap(),
            ['b' | 'c', 'r', '"' | '#', ..] if raw_text(rest, 2).is_some() => at += raw_text(rest, 2).unwrap(),
            ['\'', '\\', _, tail @ ..] => at += 4 + tail.iter().take_while(|sign| **sign != '\'').count(),
            ['\'', _, '\'', ..] => at += 3,
            [':', ':', ..] => {
                words.push("::".to_owned());
                at += 2;
            }
            [sign, ..] if sign.is_alphanumeric() || *sign == '_' => {
                let word: String = rest.iter().take_while(|sign| sign.is_alphanumeric() || **sign == '_').collect();
                at += word.chars().count();
                words.push(word);
            }
            [sign, ..] => {
                if !sign.is_whitespace() {
                    words.push(sign.to_string());
                }
                at += 1;
            }
            [] => unreachable!("the loop ends with the source"),
        }
    }
    words
}

fn comment(signs: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < signs.len() {
        match signs[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn text(signs: &[char], mut at: usize) -> usize {
    while at < signs.len() && signs[at] != '"' {
        at += if signs[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of the raw text whose `#` start at `at`, or none: `r#type` is a name.
fn raw_text(signs: &[char], at: usize) -> Option<usize> {
    let hashes = signs[at..].iter().take_while(|sign| **sign == '#').count();
    if signs.get(at + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = at + hashes + 1;
    let length = signs[body..].windows(end.len()).position(|window| window == end);
    Some(length.map_or(signs.len(), |length| body + length + end.len()))
}

/// The words without the items that only tests compile.
fn without_tests(words: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if words[at..].iter().take(TEST_MARKER.len()).eq(TEST_MARKER.iter()) {
            at += TEST_MARKER.len() + item(&words[at + TEST_MARKER.len()..]);
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

/// The length of an item: to its `;`, or to the `}` of its first block.
fn item(words: &[String]) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}

// Quotes.

struct Quote {
    from: String,
    code: String,
}

/// The code blocks between `<!-- begin: FILE#SECTION -->` and `<!-- end -->`. Blocks that begin with `output of` are run, not quoted.
fn quotes(text: &str) -> Result<Vec<Quote>, String> {
    let mut quotes = Vec::new();
    for part in text.split("<!-- begin: ").skip(1) {
        let (from, rest) = part.split_once(" -->").ok_or("a marker does not end")?;
        let (block, _) = rest.split_once("<!-- end -->").ok_or_else(|| format!("`begin: {from}` has no end"))?;
        if from.starts_with("output of ") {
            continue;
        }
        let code = block.trim().strip_prefix("```rust\n").and_then(|code| code.strip_suffix("```"));
        let code = code.ok_or_else(|| format!("`begin: {from}` holds something other than one block of rust"))?;
        quotes.push(Quote { from: from.to_owned(), code: code.to_owned() });
    }
    Ok(quotes)
}

/// What stands between `// begin: SECTION` and `// end: SECTION`, moved to the left margin.
fn cut(source: &str, section: &str) -> Option<String> {
    let (begin, end) = (format!("// begin: {section}"), format!("// end: {section}"));
    let lines: Vec<_> = source.lines().collect();
    let first = lines.iter().position(|line| line.trim() == begin)? + 1;
    let last = first + lines[first..].iter().position(|line| line.trim() == end)?;
    let indent =
        lines[first..last].iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    Some(lines[first..last].iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect())
}

#[allow(clippy::unnecessary_wraps)] // the same shape as `cut`
fn source_without_header(source: &str) -> Option<String> {
    Some(source.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).map(|line| format!("{line}\n")).collect())
}
