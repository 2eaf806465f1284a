//! Owns what a file in `tests/mutants` says: the rule that is switched off, the edits that do it, and the tests that must notice.

use std::path::Path;

/// One rule switched off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The rule that does not hold in it.
    pub(crate) rule: String,
    /// What cargo is asked to run, in this order, until one fails.
    pub(crate) runs: Vec<String>,
    pub(crate) edits: Vec<Edit>,
}

/// A text that stands exactly once in a file, and what stands there instead.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) file: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Every mutant in a folder, by name.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Mutant>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut mutants = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|ending| ending == "mutant") {
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            mutants.push(parse(&name, &text).map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

/// Reads a mutant: `rule:`, one or more `run:`, then for each edit `file:` and the two texts between markers on lines of their own.
fn parse(name: &str, text: &str) -> Result<Mutant, String> {
    let mut mutant = Mutant { name: name.to_owned(), rule: String::new(), runs: Vec::new(), edits: Vec::new() };
    let mut file = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rule) = line.strip_prefix("rule: ") {
            rule.clone_into(&mut mutant.rule);
        } else if let Some(command) = line.strip_prefix("run: ") {
            mutant.runs.push(command.to_owned());
        } else if let Some(named) = line.strip_prefix("file: ") {
            file = named;
        } else if line == "<<<<<<<" {
            let old = until(&mut lines, "=======")?;
            let new = until(&mut lines, ">>>>>>>")?;
            mutant.edits.push(Edit { file: file.to_owned(), old, new });
        } else if !line.is_empty() {
            return Err(format!("a line that means nothing: {line:?}"));
        }
    }
    let is_whole = !mutant.rule.is_empty() && !mutant.runs.is_empty() && !mutant.edits.is_empty();
    if is_whole && mutant.edits.iter().all(|edit| !edit.file.is_empty() && edit.old != edit.new) {
        Ok(mutant)
    } else {
        Err("a mutant has a rule, a run, and edits that change a file".to_owned())
    }
}

fn until<'a>(lines: &mut impl Iterator<Item = &'a str>, marker: &str) -> Result<String, String> {
    let mut text = String::new();
    for line in lines {
        if line == marker {
            return Ok(text);
        }
        text.push_str(line);
        text.push('\n');
    }
    Err(format!("no line `{marker}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_read_and_an_incomplete_one_is_refused() {
        let text = "rule: one is one\nrun: test -p a\nfile: a.rs\n<<<<<<<\n1\n=======\n2\n>>>>>>>\n";
        let edit = Edit { file: "a.rs".into(), old: "1\n".into(), new: "2\n".into() };
        let whole = Mutant { name: "one".into(), rule: "one is one".into(), runs: vec!["test -p a".into()], edits: vec![edit] };
        assert_eq!(parse("one", text), Ok(whole));
        for missing in ["rule: one is one\n", "run: test -p a\n", "file: a.rs\n", "=======\n", ">>>>>>>\n"] {
            assert!(parse("one", &text.replace(missing, "")).is_err(), "without {missing:?}");
        }
    }

    /// Edits of one file may build upon each other.
    #[test]
    fn every_mutant_fits_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut astray = Vec::new();
        for mutant in read_all(&root.join("tests/mutants")).unwrap() {
            let mut sources = std::collections::HashMap::new();
            for edit in &mutant.edits {
                let source = sources.entry(&edit.file).or_insert_with(|| std::fs::read_to_string(root.join(&edit.file)).unwrap());
                let count = source.matches(&edit.old).count();
                if count != 1 {
                    astray.push(format!("a text of {} stands {count} times in {}", mutant.name, edit.file));
                }
                *source = source.replacen(&edit.old, &edit.new, 1);
            }
        }
        assert!(astray.is_empty(), "each has to stand there once: {astray:#?}");
    }
}
