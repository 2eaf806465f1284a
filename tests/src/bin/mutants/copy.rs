//! Owns the copy of the sources in which rules are switched off. It lies in the build folder and is brought up to date file by file,
//! so that what has not changed is not built again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mutant::Mutant;

/// The copy, and the folder in which it is built.
pub(crate) struct Copy {
    pub(crate) sources: PathBuf,
    pub(crate) target: PathBuf,
}

impl Copy {
    /// Copies what git knows or would take up, into the folder of this number.
    pub(crate) fn of(root: &Path, number: usize) -> Result<Self, String> {
        let base = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
        let base = base.join("mutants").join(number.to_string());
        let copy = Self { sources: base.join("sources"), target: base.join("target") };
        let wanted = listed(root)?;
        for name in &wanted {
            copy.bring(root, name)?;
        }
        copy.forget_others(&wanted)?;
        Ok(copy)
    }

    fn bring(&self, root: &Path, name: &str) -> Result<(), String> {
        let (from, to) = (root.join(name), self.sources.join(name));
        // A file that git lists and that is gone is about to be removed.
        let Ok(bytes) = fs::read(&from) else { return Ok(()) };
        if fs::read(&to).is_ok_and(|known| known == bytes) {
            return Ok(());
        }
        write(&to, &bytes)
    }

    /// Removes what an earlier copy has and the sources no longer have.
    fn forget_others(&self, wanted: &BTreeSet<String>) -> Result<(), String> {
        let mut folders = vec![self.sources.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| at(&folder, &error))? {
                let path = entry.map_err(|error| at(&folder, &error))?.path();
                let name = path.strip_prefix(&self.sources).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if path.is_dir() {
                    folders.push(path);
                } else if !wanted.contains(&name) && name != "Cargo.lock" {
                    fs::remove_file(&path).map_err(|error| at(&path, &error))?;
                }
            }
        }
        Ok(())
    }

    /// Switches the rule off, until [`Applied::undo`].
    pub(crate) fn apply(&self, mutant: &Mutant) -> Result<Applied, String> {
        let mut applied = Applied(Vec::new());
        for edit in &mutant.edits {
            let path = self.sources.join(&edit.file);
            let before = fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
            match before.matches(&edit.old).count() {
                1 => {}
                count => {
                    applied.undo()?;
                    return Err(format!("its text stands {count} times in {}; it has to stand there once", edit.file));
                }
            }
            write(&path, before.replacen(&edit.old, &edit.new, 1).as_bytes())?;
            applied.0.push((path, before));
        }
        Ok(applied)
    }
}

/// Edits that are in the copy now.
#[must_use]
pub(crate) struct Applied(Vec<(PathBuf, String)>);

impl Applied {
    pub(crate) fn undo(self) -> Result<(), String> {
        // The last first: two edits may be of one file.
        self.0.iter().rev().try_for_each(|(path, before)| write(path, before.as_bytes()))
    }
}

fn listed(root: &Path) -> Result<BTreeSet<String>, String> {
    let mut git = Command::new("git");
    let output = git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root).output();
    let output = output.map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output
        .stdout
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    }
    fs::write(path, bytes).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
