//! Owns the guess at what somebody meant who wrote a name that is not there. One of the names may be a peer's, so the work is bounded by
//! their lengths and their number.

/// Longer names are not compared: the guess is for slips of the hand.
const LENGTH_MAX: usize = 48;

/// Names that are looked at.
const NAMES_MAX: usize = 512;

/// Names that are listed where no guess is near.
const LISTED_MAX: usize = 8;

/// The name that takes the fewest changes to become `name`, if they are few.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LENGTH_MAX {
        return None;
    }
    let most = (name.chars().count() / 3).max(1);
    let far = names.into_iter().take(NAMES_MAX).map(|other| (changes(name, other), other));
    far.filter(|(changes, other)| *changes <= most && *changes < other.chars().count())
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, other)| other)
}

/// The first of some names, after `what`.
pub(crate) fn listed(what: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return format!("{what} none");
    }
    let shown: Vec<_> = names.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > LISTED_MAX { format!(" and {} more", names.len() - LISTED_MAX) } else { String::new() };
    format!("{what} {}{more}", shown.join(", "))
}

/// How many letters have to be put in, left out, changed, or swapped with their neighbour. Case and the kind of word break count for nothing.
fn changes(one: &str, other: &str) -> usize {
    if other.len() > LENGTH_MAX {
        return usize::MAX;
    }
    let (one, other) = (letters(one), letters(other));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, theirs) in other.iter().enumerate() {
            let mut least = (last[column] + usize::from(letter != theirs)).min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && one[row - 1] == *theirs && *letter == other[column - 1] {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(0)
}

fn letters(name: &str) -> Vec<char> {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["deposit", "withdraw", "balance", "open_account", "on"];

    #[test]
    fn slips_of_the_hand_are_guessed() {
        for (written, meant) in [
            ("depost", "deposit"),
            ("dpeosit", "deposit"),
            ("Withdraw", "withdraw"),
            ("openAccount", "open_account"),
            ("ballance", "balance"),
        ] {
            assert_eq!(nearest(written, NAMES), Some(meant), "{written}");
        }
    }

    #[test]
    fn other_words_are_not_guessed() {
        for written in ["transfer", "x", "", "accountant", &"deposit".repeat(1_000)] {
            assert_eq!(nearest(written, NAMES), None, "{written}");
        }
        assert_eq!(nearest("deposit", [&*"deposit".repeat(1_000)]), None);
    }

    #[test]
    fn a_list_of_names_is_short() {
        assert_eq!(listed("it has", &NAMES[..2]), "it has `deposit`, `withdraw`");
        assert_eq!(listed("it has", &[]), "it has none");
        assert!(listed("it has", &["a"; 20]).ends_with("`a` and 12 more"));
    }
}
