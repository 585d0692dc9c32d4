//! The known name that somebody probably meant, for hints in messages.

/// Names longer than this are not compared: a hint is not worth the time.
const CHARACTERS_MAX: usize = 64;

/// The candidate nearest to `name` by edit distance, ignoring ASCII case; the first of equals. `None`
/// if even the nearest is too far to be a slip of the keyboard (more than a third of the name).
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_ascii_lowercase().chars().take(CHARACTERS_MAX + 1).collect();
    if wanted.is_empty() || wanted.len() > CHARACTERS_MAX {
        return None;
    }
    let allowed = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.to_ascii_lowercase().chars().take(CHARACTERS_MAX + 1).collect();
        if letters.len().abs_diff(wanted.len()) > allowed {
            continue;
        }
        let distance = distance(&wanted, &letters);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements, and swaps of neighbours (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let at = |line: &[usize], position: usize| line.get(position).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (at(&last, column) + usize::from(a != b))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if swapped {
                cost = cost.min(at(&before_last, column - 1) + 1);
            }
            current.push(cost);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(nearest(name, ["country", "created_at", "id", "last_contact_at"]), expected);
    }

    #[test]
    fn a_slip_of_the_keyboard_finds_its_name() {
        check("contry", Some("country"));
        check("COUNTRY", Some("country"));
        check("cuontry", Some("country"));
        check("creatd_at", Some("created_at"));
        check("di", Some("id"));
    }

    #[test]
    fn what_is_far_from_everything_finds_nothing() {
        check("salary", None);
        check("", None);
        check(&"x".repeat(10_000), None);
    }
}
