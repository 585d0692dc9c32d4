//! One document file as text: decoding, lines for excerpts, and what must not be shown (floor 0).

use super::node::Place;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::limits::{DIAGNOSTICS_MAX, DOCUMENT_BYTES_MAX, EXCERPT_CHARACTERS_MAX, HINT_CANDIDATES_MAX};
use connectors::nearest::nearest;

/// Words of a line that may hold a credential, whatever key it stands under.
const SENSITIVE_WORDS: [&str; 5] = ["password", "passwd", "secret", "token", "api_key"];

/// Characters of a value shown in a message.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// The text of one file, decoded.
#[derive(Debug)]
pub struct Source {
    file: String,
    text: String,
    /// Where each line begins, so that no excerpt costs a walk through the file.
    line_starts: Vec<usize>,
    /// Lines whose content must not be printed: from `stores:`, `notification:` or `recipients:` to the
    /// next key of the top level.
    sensitive: Vec<bool>,
}

/// Where a check writes what it finds.
pub struct Report<'a> {
    pub source: &'a Source,
    pub diagnostics: &'a mut Diagnostics,
}

impl Source {
    /// Decodes a file. `None`, with a diagnostic, when it is no text that a document could be.
    pub fn decode(file: &str, bytes: &[u8], diagnostics: &mut Diagnostics) -> Option<Self> {
        let whole = |code, message: String, hint: &str| Diagnostic {
            severity: Severity::Error,
            code,
            file: file.to_owned(),
            line: 0,
            column: 0,
            message,
            excerpt: String::new(),
            hint: Some(hint.to_owned()),
        };
        if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
            let message = format!("the file is larger than {DOCUMENT_BYTES_MAX} bytes");
            diagnostics.push(whole("file-too-large", message, "split the documents over several files"));
            return None;
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            let message = "the file is UTF-16".to_owned();
            diagnostics.push(whole("not-utf8", message, "save the file as UTF-8"));
            return None;
        }
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let place = place_after(&String::from_utf8_lossy(valid));
                let mut fault =
                    whole("not-utf8", "a byte here is not UTF-8".to_owned(), "save the file as UTF-8");
                (fault.line, fault.column) = (place.line, place.column);
                diagnostics.push(fault);
                return None;
            }
        };
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let source = Self {
            file: file.to_owned(),
            text: text.to_owned(),
            line_starts: std::iter::once(0).chain(breaks).collect(),
            sensitive: sensitive_lines(text),
        };
        source.check_characters(diagnostics).then_some(source)
    }

    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the line may hold a credential.
    #[must_use]
    pub fn is_sensitive(&self, line: usize) -> bool {
        line.checked_sub(1).and_then(|index| self.sensitive.get(index)).copied().unwrap_or(false)
    }

    fn excerpt(&self, line: usize) -> String {
        if self.is_sensitive(line) {
            return String::new();
        }
        // One character more than the bound tells that the line was cut.
        self.line(line).chars().take(EXCERPT_CHARACTERS_MAX + 1).collect()
    }

    /// A line without its break; empty where there is none.
    fn line(&self, line: usize) -> &str {
        let Some(index) = line.checked_sub(1) else { return "" };
        let Some(start) = self.line_starts.get(index) else { return "" };
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        let text = self.text.get(*start..end).unwrap_or_default();
        text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
    }

    /// Where a place inside the text of a scalar is in the file: exact for plain and quoted scalars
    /// without escapes and for literal blocks, else near.
    #[must_use]
    pub fn place_within(&self, scalar: Place, inner: Place) -> Place {
        let header = self.line(scalar.line.saturating_sub(1)).trim_end_matches(['-', '+', ' ']);
        let line = scalar.line.saturating_add(inner.line).saturating_sub(1);
        // The place of a block scalar is its first line of content, below the `|`.
        if header.ends_with(['|', '>']) || inner.line > 1 {
            let text = self.line(line);
            let indentation = text.len() - text.trim_start_matches(' ').len();
            return Place { line, column: indentation.saturating_add(inner.column) };
        }
        let opening = self.line(line).chars().nth(scalar.column.saturating_sub(1));
        let quote = usize::from(matches!(opening, Some('"' | '\'')));
        Place { line, column: (scalar.column + quote).saturating_add(inner.column).saturating_sub(1) }
    }

    /// Control characters, lone carriage returns and tabs in the indentation: each has bitten.
    fn check_characters(&self, diagnostics: &mut Diagnostics) -> bool {
        let mut report = Report { source: self, diagnostics };
        let mut good = true;
        for (index, line) in self.text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
            let tab = line.get(..indentation).and_then(|blank| blank.find('\t'));
            if let (Some(at), true) = (tab, indentation < line.len()) {
                let place = Place { line: index + 1, column: at + 1 };
                let hint = Some("indent with spaces".to_owned());
                report.error("tab-indentation", place, "a tab in the indentation".to_owned(), hint);
                good = false;
            }
            let control = line.chars().position(|c| c.is_control() && c != '\t' || c == '\u{feff}');
            if let Some(at) = control {
                let place = Place { line: index + 1, column: at + 1 };
                let message = "a control character".to_owned();
                report.error(
                    "control-character",
                    place,
                    message,
                    Some("the file must be plain text".to_owned()),
                );
                good = false;
            }
        }
        good
    }
}

impl Report<'_> {
    pub fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: Place,
        message: String,
        hint: Option<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            severity,
            code,
            file: self.source.file.clone(),
            line: place.line,
            column: place.column,
            message,
            excerpt: self.source.excerpt(place.line),
            hint,
        });
    }

    pub fn error(&mut self, code: &'static str, place: Place, message: String, hint: Option<String>) {
        self.push(Severity::Error, code, place, message, hint);
    }

    pub fn warning(&mut self, code: &'static str, place: Place, message: String, hint: Option<String>) {
        self.push(Severity::Warning, code, place, message, hint);
    }

    /// A hint with the known name that was probably meant.
    #[must_use]
    pub fn did_you_mean<'a>(&self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
        // Beyond the bound nothing is shown, so nothing is worth the comparisons.
        if self.diagnostics.items().len() >= DIAGNOSTICS_MAX {
            return None;
        }
        let known = known.into_iter().take(HINT_CANDIDATES_MAX);
        nearest(word, known).map(|name| format!("did you mean `{name}`?"))
    }

    /// A value for a message, in backquotes; hidden where it may be a credential.
    #[must_use]
    pub fn shown(&self, text: &str, place: Place) -> String {
        if self.source.is_sensitive(place.line) || is_sensitive_text(text) {
            return "the value".to_owned();
        }
        shortened(text)
    }
}

/// A text in backquotes, cut where nobody would read on.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn place_after(text: &str) -> Place {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column }
}

/// Decided on the text and not on the tree, for it must hold in a file that does not parse.
fn sensitive_lines(text: &str) -> Vec<bool> {
    let mut within = false;
    let mut sensitive = Vec::new();
    for line in text.split('\n') {
        if opens_credentials(line) {
            within = true;
        } else if line.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            within = false;
        }
        sensitive.push(within || is_sensitive_text(line));
    }
    sensitive
}

/// Keys of the settings below which credentials stand.
const OPEN_CREDENTIALS: [&str; 3] = ["stores", "notification", "recipients"];

fn opens_credentials(line: &str) -> bool {
    OPEN_CREDENTIALS.iter().flat_map(|word| line.match_indices(word)).any(|(at, word)| {
        let rest = line.get(at + word.len()..).unwrap_or_default();
        rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':')
    })
}

fn is_sensitive_text(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("://") && lower.contains('@') || SENSITIVE_WORDS.iter().any(|word| lower.contains(word))
}
