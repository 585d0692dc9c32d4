//! Patterns of LIKE: `%` for any run, `_` for one code point, a backslash for what follows as it is.
//! Case-sensitive on every store.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Run,
    One,
    Exactly(char),
}

/// Whether the pattern is whole: it does not end in a lone backslash.
pub(crate) fn is_whole(pattern: &str) -> bool {
    let trailing = pattern.chars().rev().take_while(|character| *character == '\\').count();
    trailing % 2 == 0
}

/// A pattern that matches exactly this text.
pub(crate) fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let part = match character {
            '%' => Part::Run,
            '_' => Part::One,
            '\\' => Part::Exactly(characters.next().unwrap_or('\\')),
            other => Part::Exactly(other),
        };
        if part != Part::Run || parts.last() != Some(&Part::Run) {
            parts.push(part);
        }
    }
    parts
}

/// Whether the whole text matches. Goes back only to the last `%`: at worst text length times pattern
/// length, never exponential.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let parts = parts(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut part_at, mut text_at) = (0, 0);
    let mut last_run: Option<(usize, usize)> = None;
    while let Some(&character) = text.get(text_at) {
        match parts.get(part_at) {
            Some(Part::Run) => {
                last_run = Some((part_at + 1, text_at));
                part_at += 1;
            }
            Some(Part::One) => (part_at, text_at) = (part_at + 1, text_at + 1),
            Some(Part::Exactly(wanted)) if *wanted == character => {
                (part_at, text_at) = (part_at + 1, text_at + 1);
            }
            _ => {
                let Some((after_run, covered)) = last_run else { return false };
                last_run = Some((after_run, covered + 1));
                (part_at, text_at) = (after_run, covered + 1);
            }
        }
    }
    parts.get(part_at..).is_some_and(|rest| rest.iter().all(|part| *part == Part::Run))
}

/// The same pattern for SQLite's GLOB, which is case-sensitive and has no escape but brackets.
pub(crate) fn to_glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len() + 8);
    for part in parts(pattern) {
        match part {
            Part::Run => glob.push('*'),
            Part::One => glob.push('?'),
            Part::Exactly(special @ ('*' | '?' | '[')) => {
                glob.push('[');
                glob.push(special);
                glob.push(']');
            }
            Part::Exactly(character) => glob.push(character),
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
    }

    #[test]
    fn runs_and_single_characters_count_code_points() {
        check("a%", "abc", true);
        check("%c", "abc", true);
        check("a_c", "aéc", true);
        check("a_c", "ac", false);
        check("%", "", true);
        check("_", "", false);
        check("A%", "abc", false);
    }

    #[test]
    fn a_backslash_takes_the_next_character_as_it_is() {
        check("100\\%", "100%", true);
        check("100\\%", "1000", false);
        check("a\\\\b", "a\\b", true);
        check("[a]*?", "[a]*?", true);
        assert!(is_whole("a\\\\") && !is_whole("a\\"));
        assert_eq!(to_glob("[a%_\\%*"), "[[]a*?%[*]");
    }

    #[test]
    fn a_hostile_pattern_does_not_take_for_ever() {
        let pattern = "%a".repeat(500) + "b";
        check(&pattern, &"a".repeat(5_000), false);
    }
}
