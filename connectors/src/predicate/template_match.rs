//! Matching a key against the tokens of a template, and ruling out directories.
//!
//! Captures never span a slash, so a key is compared directory by directory. Between two free captures
//! stands a run of fixed length (text and digits); taking its first occurrence makes the capture before
//! it as short as can be and never loses a match, so nothing is ever tried twice: the time is that of
//! one search for each run.

use super::template::Token;
use super::template_parse::loose_tokens;
use chrono::NaiveDate;
use std::collections::BTreeMap;

type Captures = BTreeMap<String, String>;

/// A part of fixed length.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Byte(u8),
    Digits(String, usize),
}

/// One directory or the file name of a template: runs of fixed length with free captures between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Segment {
    /// The run at the beginning, then each free capture with the run after it.
    first: Vec<Atom>,
    free: Vec<(String, Vec<Atom>)>,
    /// The capture of everything left.
    rest: Option<String>,
}

pub(super) fn matches(segments: &[Segment], key: &str) -> Option<Captures> {
    let mut captures = Captures::new();
    let mut rest_of_key = Some(key);
    for segment in segments {
        let left = rest_of_key?;
        if segment.rest.is_some() {
            return segment.match_with_rest(left, &mut captures).map(|()| captures);
        }
        let (directory, after) = match left.split_once('/') {
            Some((directory, after)) => (directory, Some(after)),
            None => (left, None),
        };
        segment.match_whole(directory, &mut captures)?;
        rest_of_key = after;
    }
    rest_of_key.is_none().then_some(captures)
}

pub(super) fn can_contain_due(
    segments: &[Segment],
    prefix: &str,
    start_template: &str,
    cutoff_on: NaiveDate,
) -> bool {
    let Some((directories, _)) = prefix.rsplit_once('/') else { return true };
    let mut captures = Captures::new();
    for (position, directory) in directories.split('/').enumerate() {
        match segments.get(position) {
            // The key goes on below the last segment of a template without a rest: none can match.
            None => return false,
            Some(segment) if segment.rest.is_some() => break,
            // A file name of the template cannot be a directory.
            Some(_) if position + 1 == segments.len() => return false,
            Some(segment) => {
                if segment.match_whole(directory, &mut captures).is_none() {
                    return false;
                }
            }
        }
    }
    earliest_start(&captures, start_template).is_none_or(|earliest| earliest <= cutoff_on)
}

/// A day no later than any start composed from these captures; `None` if nothing is known.
fn earliest_start(captures: &Captures, start_template: &str) -> Option<NaiveDate> {
    let tokens = loose_tokens(start_template).ok()?;
    let is_dash = |token: Option<&Token>| matches!(token, Some(Token::Literal(text)) if text == "-");
    let named =
        |token: Option<&Token>, wanted: &str| matches!(token, Some(Token::Digits(name, _)) if name == wanted);
    let number = |name: &str| captures.get(name).and_then(|digits| digits.parse::<u32>().ok());
    if !named(tokens.first(), "year") {
        return None;
    }
    let year = i32::try_from(number("year")?).ok()?;
    // Anything but year, year-month or year-month-day is only known to be in that year at best, and a
    // stranger composition is not known at all.
    let (month, day) = match tokens.len() {
        1 => (None, None),
        3 if is_dash(tokens.get(1)) && named(tokens.get(2), "month") => (number("month"), None),
        5 if is_dash(tokens.get(1))
            && named(tokens.get(2), "month")
            && is_dash(tokens.get(3))
            && named(tokens.get(4), "day") =>
        {
            (number("month"), number("month").and_then(|_| number("day")))
        }
        _ => return None,
    };
    NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))
}

/// The directories of a template: worked out once, because every key of a listing is held against them.
pub(super) fn segments(tokens: &[Token]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut current = Segment::default();
    for token in tokens {
        match token {
            Token::Literal(text) => {
                for byte in text.bytes() {
                    if byte == b'/' {
                        segments.push(std::mem::take(&mut current));
                    } else {
                        current.last_run().push(Atom::Byte(byte));
                    }
                }
            }
            Token::Digits(name, width) => current.last_run().push(Atom::Digits(name.clone(), *width)),
            Token::Free(name) => current.free.push((name.clone(), Vec::new())),
            Token::Rest(name) => current.rest = Some(name.clone()),
        }
    }
    segments.push(current);
    segments
}

impl Segment {
    /// No capture of any length is in it.
    pub(super) fn is_fixed(&self) -> bool {
        self.free.is_empty() && self.rest.is_none()
    }

    fn last_run(&mut self) -> &mut Vec<Atom> {
        match self.free.last_mut() {
            Some((_, run)) => run,
            None => &mut self.first,
        }
    }

    /// The whole of `text`, which has no slash.
    fn match_whole(&self, text: &str, captures: &mut Captures) -> Option<()> {
        let mut left = strip_run(&self.first, text, captures)?;
        for (position, (name, run)) in self.free.iter().enumerate() {
            let is_last = position + 1 == self.free.len();
            let at = if is_last { left.len().checked_sub(length(run))? } else { find_run(run, left)? };
            left = take(name, run, at, left, captures)?;
        }
        left.is_empty().then_some(())
    }

    /// The beginning of `text` up to the capture of the rest, which takes what is left.
    fn match_with_rest(&self, text: &str, captures: &mut Captures) -> Option<()> {
        let mut left = strip_run(&self.first, text, captures)?;
        for (name, run) in &self.free {
            let directory = left.split_once('/').map_or(left, |(directory, _)| directory);
            let at = find_run(run, directory)?;
            left = take(name, run, at, left, captures)?;
        }
        if left.is_empty() {
            return None;
        }
        captures.insert(self.rest.clone()?, left.to_owned());
        Some(())
    }
}

/// Takes `at` bytes for the capture and the run after them; answers with what is left.
fn take<'a>(name: &str, run: &[Atom], at: usize, text: &'a str, captures: &mut Captures) -> Option<&'a str> {
    let (captured, after) = text.split_at_checked(at)?;
    if captured.is_empty() {
        return None;
    }
    let left = strip_run(run, after, captures)?;
    captures.insert(name.to_owned(), captured.to_owned());
    Some(left)
}

/// Where the run first occurs after at least one byte.
fn find_run(run: &[Atom], text: &str) -> Option<usize> {
    (1..=text.len().checked_sub(length(run))?)
        .find(|at| text.as_bytes().get(*at..).is_some_and(|bytes| run_is_at(run, bytes)))
}

fn run_is_at(run: &[Atom], mut bytes: &[u8]) -> bool {
    run.iter().all(|atom| match (atom, bytes) {
        (Atom::Byte(wanted), [byte, after @ ..]) if wanted == byte => {
            bytes = after;
            true
        }
        (Atom::Digits(_, width), _) => match bytes.split_at_checked(*width) {
            Some((digits, after)) if digits.iter().all(u8::is_ascii_digit) => {
                bytes = after;
                true
            }
            _ => false,
        },
        _ => false,
    })
}

/// The run at the beginning of `text`, with its captures; answers with what is left.
fn strip_run<'a>(run: &[Atom], text: &'a str, captures: &mut Captures) -> Option<&'a str> {
    if !run_is_at(run, text.as_bytes()) {
        return None;
    }
    let mut at = 0;
    for atom in run {
        let end = at + atom.length();
        if let Atom::Digits(name, _) = atom {
            captures.insert(name.clone(), text.get(at..end)?.to_owned());
        }
        at = end;
    }
    text.get(at..)
}

impl Atom {
    fn length(&self) -> usize {
        match self {
            Self::Byte(_) => 1,
            Self::Digits(_, width) => *width,
        }
    }
}

fn length(run: &[Atom]) -> usize {
    run.iter().map(Atom::length).sum()
}
