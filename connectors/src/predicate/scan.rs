//! The first look at a predicate's text: its bounds, and the tokens that it may be made of.
//!
//! Runs in time proportional to the text, before anything recursive sees it.

use super::error::{Position, PredicateError, PredicateFault};
use super::{DEPTH_MAX, ITEMS_MAX, TEXT_BYTES_MAX};
use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

/// Standard SQL and nothing more: double quotes for names, single quotes for text in which a backslash
/// is a character like any other.
#[derive(Debug)]
pub(super) struct Subset;

impl Dialect for Subset {
    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"'
    }

    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphanumeric() || character == '_'
    }
}

/// Words that begin something outside the language, with what to call it.
const REFUSED: [(&str, &str); 14] = [
    ("SELECT", "a subquery"),
    ("WITH", "a subquery"),
    ("EXISTS", "a subquery"),
    ("CASE", "CASE"),
    ("CAST", "a cast"),
    ("TRY_CAST", "a cast"),
    ("CONVERT", "a cast"),
    ("INTERVAL", "an interval"),
    ("ARRAY", "an array"),
    ("LAMBDA", "a lambda"),
    ("COLLATE", "COLLATE"),
    ("OVER", "a window"),
    ("ILIKE", "ILIKE"),
    ("ANY", "ANY"),
];

/// The tokens of `text` if it is within bounds and has only allowed ones.
pub(super) fn scan(text: &str) -> Result<Vec<TokenWithSpan>, PredicateError> {
    let start = Position { line: 1, column: 1 };
    if text.len() > TEXT_BYTES_MAX {
        return Err(error(start, PredicateFault::TooLong { bytes_max: TEXT_BYTES_MAX }));
    }
    if let Some(before) = text.split('\0').next().filter(|before| before.len() < text.len()) {
        return Err(error(end_of(before), not_allowed("U+0000")));
    }
    let tokens = Tokenizer::new(&Subset, text).tokenize_with_location().map_err(|cause| {
        // The tokenizer's own words may quote the text.
        let fault = PredicateFault::Syntax { expected: "the end of a quoted text or name".to_owned() };
        error(position(cause.location), fault)
    })?;
    let (mut depth, mut items) = (0_usize, 0_usize);
    for token in &tokens {
        let at = position(token.span.start);
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma => items += 1,
            Token::Word(word) => {
                check_word(word).map_err(|fault| error(at, fault))?;
                items += usize::from(is_connective(word));
            }
            other => check_token(other).map_err(|fault| error(at, fault))?,
        }
        if depth > DEPTH_MAX {
            return Err(error(at, PredicateFault::TooDeep { depth_max: DEPTH_MAX }));
        }
        if items > ITEMS_MAX {
            return Err(error(at, PredicateFault::TooManyItems { items_max: ITEMS_MAX }));
        }
    }
    Ok(tokens)
}

fn is_connective(word: &Word) -> bool {
    word.quote_style.is_none() && ["AND", "OR"].iter().any(|name| word.value.eq_ignore_ascii_case(name))
}

fn check_word(word: &Word) -> Result<(), PredicateFault> {
    if word.quote_style.is_some() {
        return Ok(());
    }
    let refused = REFUSED.iter().find(|(name, _)| word.value.eq_ignore_ascii_case(name));
    refused.map_or(Ok(()), |(_, construct)| Err(not_allowed(construct)))
}

fn check_token(token: &Token) -> Result<(), PredicateFault> {
    let construct = match token {
        Token::EOF
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq
        | Token::Minus
        | Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => return Ok(()),
        Token::Whitespace(_) => "a comment",
        Token::SemiColon => "';'",
        Token::Placeholder(_) => "a placeholder",
        Token::Plus | Token::Mul | Token::Div | Token::Mod => "arithmetic",
        Token::StringConcat => "'||'",
        Token::DoubleColon => "a cast",
        Token::Period => "'.'",
        Token::DoubleEq => "'=='",
        Token::Backslash => "a backslash outside a literal",
        Token::LBracket | Token::RBracket => "a bracket",
        Token::HexStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DollarQuotedString(_) => "a literal with a prefix",
        _ => "this character or operator",
    };
    Err(not_allowed(construct))
}

pub(super) fn not_allowed(construct: &str) -> PredicateFault {
    PredicateFault::NotAllowed { construct: construct.to_owned() }
}

pub(super) fn error(position: Position, fault: PredicateFault) -> PredicateError {
    let hint = match &fault {
        PredicateFault::NotAllowed { construct } => hint_for(construct).map(ToOwned::to_owned),
        PredicateFault::TooLong { .. } | PredicateFault::TooManyItems { .. } => {
            Some("split the rule, or mark the records in a column".to_owned())
        }
        _ => None,
    };
    PredicateError { position, fault, hint }
}

fn hint_for(construct: &str) -> Option<&'static str> {
    Some(match construct {
        "'=='" => "write '='",
        "'.'" => "write the name of the field alone",
        "ILIKE" => "write lower(field) LIKE 'text in lower case'",
        "a literal with a prefix" | "a backslash outside a literal" => "write the literal in single quotes",
        "a placeholder" => "write the value itself",
        "a comment" => "put the comment in the YAML",
        "a subquery" => "compare with a list of values",
        "a cast" | "an interval" => "write DATE 'YYYY-MM-DD' or TIMESTAMP 'YYYY-MM-DDTHH:MM:SSZ'",
        _ => return None,
    })
}

pub(super) fn position(location: Location) -> Position {
    // Location 0 is the parser's "unknown".
    Position { line: location.line.max(1), column: location.column.max(1) }
}

/// The position just after `text`.
pub(super) fn end_of(text: &str) -> Position {
    let last_line = text.rsplit('\n').next().unwrap_or(text);
    Position {
        line: text.bytes().filter(|byte| *byte == b'\n').count() as u64 + 1,
        column: last_line.chars().count() as u64 + 1,
    }
}
