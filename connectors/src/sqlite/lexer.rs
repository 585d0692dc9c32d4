//! Reads the little that the catalogue keeps as text only: which columns a CHECK constraint names,
//! and on what a trigger fires.
//!
//! It knows the tokens of SQLite (<https://www.sqlite.org/lang.html>), not its grammar. Where it cannot be
//! sure it says yes: a column counts as checked, a trigger as firing.

/// A token that matters here. Everything else is punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// An identifier or keyword; quotes removed. `quoted` ones are never keywords.
    Word {
        text: String,
        quoted: bool,
    },
    Open,
    Close,
    Dot,
    Other,
}

impl Token {
    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self, Self::Word { text, quoted: false } if text.eq_ignore_ascii_case(keyword))
    }
}

/// Lower-case words inside the CHECK constraints of a `CREATE TABLE` statement.
pub(super) fn checked_words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut after_check = false;
    // Depth of brackets since a CHECK began; 0 outside of one.
    let mut depth = 0_usize;
    for token in Tokens::new(sql) {
        match &token {
            Token::Open if after_check || depth > 0 => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Word { text, .. } if depth > 0 => words.push(text.to_ascii_lowercase()),
            _ => {}
        }
        after_check = token.is_keyword("check");
    }
    words
}

/// Whether a `CREATE TRIGGER` statement fires when rows are deleted or updated. An unreadable
/// statement does.
pub(super) fn fires_on_delete_or_update(sql: &str) -> bool {
    let mut tokens = Tokens::new(sql).skip_while(|token| !token.is_keyword("trigger")).skip(1).peekable();
    if tokens.peek().is_some_and(|token| token.is_keyword("if")) {
        // IF NOT EXISTS
        tokens.by_ref().take(3).for_each(drop);
    }
    // The name, which may be spelled like a keyword, perhaps with its schema.
    tokens.next();
    if tokens.peek() == Some(&Token::Dot) {
        tokens.by_ref().take(2).for_each(drop);
    }
    for token in tokens {
        if token.is_keyword("delete") || token.is_keyword("update") {
            return true;
        }
        if token.is_keyword("insert") {
            return false;
        }
    }
    true
}

struct Tokens<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(sql: &'a str) -> Self {
        Self { rest: sql.chars().peekable() }
    }

    /// Reads to the closing quote; a doubled quote stands for itself.
    fn quoted(&mut self, close: char) -> String {
        let mut text = String::new();
        while let Some(next) = self.rest.next() {
            if next == close {
                if close == ']' || self.rest.peek() != Some(&close) {
                    break;
                }
                self.rest.next();
            }
            text.push(next);
        }
        text
    }

    fn word(&mut self, first: char) -> String {
        let mut text = String::from(first);
        while let Some(next) = self.rest.next_if(|&next| is_word(next)) {
            text.push(next);
        }
        text
    }

    fn skip_block_comment(&mut self) {
        let mut previous = ' ';
        for next in self.rest.by_ref() {
            if previous == '*' && next == '/' {
                return;
            }
            previous = next;
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let first = self.rest.next()?;
            return Some(match first {
                '(' => Token::Open,
                ')' => Token::Close,
                '.' => Token::Dot,
                // SQLite takes a string for an identifier where it needs one.
                '"' | '`' | '\'' => Token::Word { text: self.quoted(first), quoted: true },
                '[' => Token::Word { text: self.quoted(']'), quoted: true },
                '-' if self.rest.next_if_eq(&'-').is_some() => {
                    while self.rest.next_if(|&next| next != '\n').is_some() {}
                    continue;
                }
                '/' if self.rest.next_if_eq(&'*').is_some() => {
                    self.skip_block_comment();
                    continue;
                }
                _ if first.is_whitespace() => continue,
                _ if is_word(first) => Token::Word { text: self.word(first), quoted: false },
                _ => Token::Other,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_words(sql: &str, expected: &[&str]) {
        assert_eq!(checked_words(sql), expected);
    }

    #[test]
    fn columns_of_check_constraints_are_found_however_they_are_quoted() {
        check_words("CREATE TABLE t(a, b CHECK(b > 0), c)", &["b", "0"]);
        check_words("CREATE TABLE t(a, CHECK (length(\"B c\") > (a)), d)", &["length", "b c", "a"]);
        check_words("CREATE TABLE t(a /* CHECK(a) */, b -- check(b)\n, c check([c]<>`d`))", &["c", "d"]);
        check_words("CREATE TABLE t(\"check\" (a), b)", &[]);
        check_words("CREATE TABLE t(a DEFAULT 'CHECK(b)')", &[]);
        check_words("CREATE TABLE t(a CHECK((", &[]);
    }

    #[track_caller]
    fn check_trigger(sql: &str, expected: bool) {
        assert_eq!(fires_on_delete_or_update(sql), expected, "{sql}");
    }

    #[test]
    fn a_trigger_fires_on_what_follows_its_name() {
        check_trigger("CREATE TRIGGER a AFTER DELETE ON t BEGIN SELECT 1; END", true);
        check_trigger("CREATE TRIGGER \"delete\" AFTER INSERT ON t BEGIN DELETE FROM u; END", false);
        check_trigger(
            "CREATE TEMP TRIGGER IF NOT EXISTS main.\"insert\" UPDATE OF x ON t BEGIN SELECT 1; END",
            true,
        );
        check_trigger("create trigger x/*delete*/before insert on t begin select 1; end", false);
        check_trigger("nonsense", true);
    }
}
