//! From the text of a key template to its tokens.

use super::template::{CAPTURES_MAX, TEMPLATE_BYTES_MAX, TemplateError, Token};

/// The tokens of a whole key template, with all its rules checked.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, TemplateError> {
    if text.is_empty() {
        return Err(TemplateError::Empty);
    }
    let placed = scan(text)?;
    let mut names: Vec<&str> = Vec::new();
    let mut after_capture = false;
    for (index, (position, token)) in placed.iter().enumerate() {
        let position = *position;
        let (Token::Free(name) | Token::Digits(name, _) | Token::Rest(name)) = token else {
            after_capture = false;
            continue;
        };
        if after_capture {
            return Err(TemplateError::Adjacent { position, name: name.clone() });
        }
        if names.contains(&name.as_str()) {
            return Err(TemplateError::Duplicate { position, name: name.clone() });
        }
        if matches!(token, Token::Rest(_)) && index + 1 < placed.len() {
            return Err(TemplateError::RestNotLast { position, name: name.clone() });
        }
        names.push(name);
        after_capture = true;
    }
    if names.len() > CAPTURES_MAX {
        return Err(TemplateError::TooManyCaptures);
    }
    Ok(placed.into_iter().map(|(_, token)| token).collect())
}

/// The tokens of a text that is only filled in, never matched: captures may touch and repeat.
pub(super) fn loose_tokens(text: &str) -> Result<Vec<Token>, TemplateError> {
    Ok(scan(text)?.into_iter().map(|(_, token)| token).collect())
}

/// Tokens with the position, in characters from 1, where each begins.
fn scan(text: &str) -> Result<Vec<(usize, Token)>, TemplateError> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLong);
    }
    if text.contains('\0') {
        return Err(TemplateError::Nul);
    }
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut literal_at = 1;
    let mut characters = (1_usize..).zip(text.chars()).peekable();
    while let Some((position, character)) = characters.next() {
        let doubled = characters.next_if(|(_, next)| *next == character && matches!(next, '{' | '}'));
        if character == '{' && doubled.is_none() {
            let inside: String =
                characters.by_ref().map(|(_, inner)| inner).take_while(|inner| *inner != '}').collect();
            // `take_while` eats the closing brace, so its absence shows only in the text itself.
            let closed = text.chars().nth(position + inside.chars().count()) == Some('}');
            if !closed {
                return Err(TemplateError::Unclosed { position });
            }
            if !literal.is_empty() {
                tokens.push((literal_at, Token::Literal(std::mem::take(&mut literal))));
            }
            tokens.push((position, capture(&inside).ok_or(TemplateError::CaptureName { position })?));
            continue;
        }
        if character == '}' && doubled.is_none() {
            return Err(TemplateError::Unopened { position });
        }
        if literal.is_empty() {
            literal_at = position;
        }
        literal.push(character);
    }
    if !literal.is_empty() {
        tokens.push((literal_at, Token::Literal(literal)));
    }
    Ok(tokens)
}

fn capture(inside: &str) -> Option<Token> {
    let (name, rest) = inside.strip_suffix('*').map_or((inside, false), |name| (name, true));
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !begins || !name.chars().all(allowed) {
        return None;
    }
    let name = name.to_owned();
    Some(match (rest, digits_of(&name)) {
        (true, Some(_)) => return None,
        (true, None) => Token::Rest(name),
        (false, Some(width)) => Token::Digits(name, width),
        (false, None) => Token::Free(name),
    })
}

fn digits_of(name: &str) -> Option<usize> {
    match name {
        "year" => Some(4),
        "month" | "day" => Some(2),
        _ => None,
    }
}
