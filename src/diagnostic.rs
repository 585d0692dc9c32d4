//! Diagnostics: what is wrong with a document, where, and what to do about it (floor 0).
//!
//! Checks collect every fault instead of stopping at the first. This module holds and prints them;
//! it does not know what a document means.

use crate::limits::{DIAGNOSTICS_MAX, EXCERPT_CHARACTERS_MAX};
use serde::Serialize;
use std::fmt;

/// How much a diagnostic weighs. Errors make a document unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One fault, with its place in the text. `line` and `column` count from 1; 0 means the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, kebab-case, such as `unknown-key`.
    pub code: &'static str,
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// The offending line of the document, without its line break; empty where there is none or
    /// where it could hold a secret.
    pub excerpt: String,
    pub hint: Option<String>,
}

/// The diagnostics of one check, in order of file and place, bounded in number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    /// How many more were found than are listed.
    omitted: usize,
    omitted_errors: usize,
}

impl Diagnostics {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, keeping the order of file, line and column. Over the bound it is only counted.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        if self.items.len() >= DIAGNOSTICS_MAX {
            self.omitted = self.omitted.saturating_add(1);
            if diagnostic.severity == Severity::Error {
                self.omitted_errors = self.omitted_errors.saturating_add(1);
            }
            return;
        }
        if diagnostic.excerpt.chars().count() > EXCERPT_CHARACTERS_MAX {
            diagnostic.excerpt = diagnostic.excerpt.chars().take(EXCERPT_CHARACTERS_MAX).collect();
            diagnostic.excerpt.push('…');
        }
        let at = self.items.partition_point(|other| place(other) <= place(&diagnostic));
        self.items.insert(at, diagnostic);
    }

    pub fn extend(&mut self, other: Self) {
        for diagnostic in other.items {
            self.push(diagnostic);
        }
        self.omitted = self.omitted.saturating_add(other.omitted);
        self.omitted_errors = self.omitted_errors.saturating_add(other.omitted_errors);
    }

    #[must_use]
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// How many were found beyond those in [`Self::items`].
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.omitted == 0
    }

    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error).saturating_add(self.omitted_errors)
    }

    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|item| item.severity == severity).count()
    }
}

fn place(diagnostic: &Diagnostic) -> (&str, usize, usize) {
    (&diagnostic.file, diagnostic.line, diagnostic.column)
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: error[code]: message`, the line with a caret, and the hint.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&printable(&self.file))?;
        if self.line > 0 {
            write!(formatter, ":{}:{}", self.line, self.column)?;
        }
        writeln!(formatter, ": {}[{}]: {}", self.severity.as_str(), self.code, printable(&self.message))?;
        if !self.excerpt.is_empty() {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            writeln!(formatter, " {number} | {}", printable(&self.excerpt))?;
            // Where the line was cut before the place, a caret would point at nothing.
            if (1..=self.excerpt.chars().count() + 1).contains(&self.column) {
                writeln!(formatter, " {margin} | {}^", " ".repeat(self.column - 1))?;
            }
        }
        if let Some(hint) = &self.hint {
            writeln!(formatter, "   hint: {}", printable(hint))?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            write!(formatter, "{item}")?;
        }
        if self.omitted > 0 {
            writeln!(formatter, "and {} more", self.omitted)?;
        }
        Ok(())
    }
}

/// A document must not be able to steer the reviewer's terminal: control characters and the marks
/// that reorder text are shown as a replacement, one for one, so that the caret stays in place.
fn printable(text: &str) -> String {
    text.chars().map(|character| if is_unsafe(character) { '\u{fffd}' } else { character }).collect()
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(file: &str, line: usize, severity: Severity) -> Diagnostic {
        Diagnostic {
            severity,
            code: "wrong-type",
            file: file.to_owned(),
            line,
            column: 3,
            message: "a list".to_owned(),
            excerpt: "a: [b]".to_owned(),
            hint: None,
        }
    }

    #[test]
    fn diagnostics_are_in_order_of_file_and_place_and_bounded_in_number() {
        let mut diagnostics = Diagnostics::new();
        for line in (1..=DIAGNOSTICS_MAX).rev() {
            diagnostics.push(fault("b", line, Severity::Warning));
        }
        diagnostics.push(fault("a", 1, Severity::Error));
        assert!(diagnostics.items().is_sorted_by_key(|item| item.line));
        assert_eq!((diagnostics.items().len(), diagnostics.omitted()), (DIAGNOSTICS_MAX, 1));
        // An error that is not listed still counts.
        assert!(diagnostics.has_errors());
        assert!(diagnostics.to_string().ends_with("and 1 more\n"));
        let mut both = Diagnostics::new();
        both.push(fault("a", 2, Severity::Note));
        both.extend(diagnostics);
        assert_eq!((both.errors(), both.omitted()), (1, 2));
        assert_eq!(both.items()[0].file, "a");
    }

    #[test]
    fn a_long_line_is_cut_and_has_no_caret_beyond_its_end() {
        let mut diagnostics = Diagnostics::new();
        let long = Diagnostic { excerpt: "é".repeat(1_000), column: 900, ..fault("a", 7, Severity::Error) };
        diagnostics.push(long);
        assert_eq!(diagnostics.items()[0].excerpt.chars().count(), EXCERPT_CHARACTERS_MAX + 1);
        assert!(!diagnostics.to_string().contains('^'));
    }

    #[test]
    fn a_fault_of_a_whole_file_has_no_place() {
        let whole = Diagnostic { excerpt: String::new(), column: 0, ..fault("a", 0, Severity::Error) };
        assert_eq!(whole.to_string(), "a: error[wrong-type]: a list\n");
    }
}
