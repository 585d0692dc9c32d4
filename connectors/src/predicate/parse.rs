//! From text to [`Parsed`]: `sqlparser`, then a walk that lets only known nodes through.

use super::error::{Position, PredicateError, PredicateFault};
use super::scan::{self, Subset, error, not_allowed, position};
use super::tree::{Node, Parsed, Term, TermKind};
use super::{Comparison, DEPTH_MAX};
use sqlparser::ast::{BinaryOperator, Expr, Spanned, UnaryOperator, ValueWithSpan};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// Parses the text of a predicate. The first fault is the answer.
pub fn parse(text: &str) -> Result<Parsed, PredicateError> {
    let tokens = scan::scan(text)?;
    let mut parser =
        Parser::new(&Subset).with_recursion_limit(4 * DEPTH_MAX).with_tokens_with_locations(tokens);
    let tree = parser.parse_expr().map_err(|cause| syntax_error(&cause, text))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let expected = "AND, OR or the end".to_owned();
        return Err(error(position(next.span.start), PredicateFault::Syntax { expected }));
    }
    Ok(Parsed::new(text, condition(&tree, 1)?))
}

/// The parser's own message quotes what it found, which may be personal data: only what it expected and
/// where is taken from it.
fn syntax_error(cause: &ParserError, text: &str) -> PredicateError {
    let message = match cause {
        ParserError::RecursionLimitExceeded => {
            let start = Position { line: 1, column: 1 };
            return error(start, PredicateFault::TooDeep { depth_max: DEPTH_MAX });
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let number = |label: &str| {
        let (_, after) = message.rsplit_once(label)?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok().filter(|number| *number > 0)
    };
    let at = number("Line: ").zip(number("Column: "));
    let at = at.map_or_else(|| scan::end_of(text), |(line, column)| Position { line, column });
    let expected = message
        .strip_prefix("Expected: ")
        .and_then(|rest| rest.split_once(", found: "))
        .map(|(expected, _)| expected)
        .filter(|expected| expected.len() <= 60 && !expected.contains('\''));
    error(at, PredicateFault::Syntax { expected: expected.unwrap_or("an expression").to_owned() })
}

/// A node that is true, false or unknown.
fn condition(expr: &Expr, depth: usize) -> Result<Node, PredicateError> {
    if depth > DEPTH_MAX {
        return Err(error(place(expr), PredicateFault::TooDeep { depth_max: DEPTH_MAX }));
    }
    let inner = |expr: &Expr| condition(expr, depth + 1);
    let value = |expr: &Expr| term(expr, depth + 1);
    let is = |expr: &Expr, truth| Ok(Node::Is { inner: Box::new(inner(expr)?), value: truth });
    match expr {
        Expr::Nested(nested) => inner(nested),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(Node::Not(Box::new(inner(expr)?))),
        Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
            let parts = flatten(expr, op).into_iter().map(inner).collect::<Result<_, _>>()?;
            Ok(if *op == BinaryOperator::And { Node::And(parts) } else { Node::Or(parts) })
        }
        Expr::BinaryOp { left, op, right } => {
            let comparison = comparison(op).ok_or_else(|| refuse(expr, &format!("the operator {op}")))?;
            Ok(Node::Compare(comparison, value(left)?, value(right)?))
        }
        Expr::InList { expr, list, negated } => {
            let list = list.iter().map(value).collect::<Result<_, _>>()?;
            Ok(Node::InList { tested: value(expr)?, list }.negated_if(*negated))
        }
        Expr::Between { expr, negated, low, high } => {
            let node = Node::Between { tested: value(expr)?, low: value(low)?, high: value(high)? };
            Ok(node.negated_if(*negated))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            let escape = escape_char.as_deref().map(|escape| (escape, string(escape)));
            if let Some((escape, text)) = escape
                && text != Some("\\")
            {
                return Err(refuse(escape, "an ESCAPE other than '\\'"));
            }
            Ok(Node::Like { tested: value(expr)?, pattern: value(pattern)? }.negated_if(*negated))
        }
        Expr::IsNull(expr) => Ok(Node::IsNull(value(expr)?)),
        Expr::IsNotNull(expr) => Ok(Node::IsNull(value(expr)?).negated_if(true)),
        Expr::IsTrue(expr) => is(expr, true),
        Expr::IsFalse(expr) => is(expr, false),
        Expr::IsNotTrue(expr) => Ok(is(expr, true)?.negated_if(true)),
        Expr::IsNotFalse(expr) => Ok(is(expr, false)?.negated_if(true)),
        other => Ok(Node::Truth(term(other, depth)?)),
    }
}

/// The parts of a chain of one operator. A chain is nested to the left as deep as it is long, so it is
/// walked in a loop.
fn flatten<'a>(mut expr: &'a Expr, chained: &BinaryOperator) -> Vec<&'a Expr> {
    let mut parts = Vec::new();
    while let Expr::BinaryOp { left, op, right } = expr
        && op == chained
    {
        parts.push(right.as_ref());
        expr = left;
    }
    parts.push(expr);
    parts.reverse();
    parts
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// A node that is a value.
fn term(expr: &Expr, depth: usize) -> Result<Term, PredicateError> {
    if depth > DEPTH_MAX {
        return Err(error(place(expr), PredicateFault::TooDeep { depth_max: DEPTH_MAX }));
    }
    let at = place(expr);
    let kind = match expr {
        Expr::Nested(nested) => return term(nested, depth + 1),
        Expr::Identifier(name) => TermKind::Field(name.value.clone()),
        Expr::Value(value) => TermKind::Literal(super::literal::plain(&value.value, false, at)?),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: negated } => match negated.as_ref() {
            Expr::Value(value) => TermKind::Literal(super::literal::plain(&value.value, true, at)?),
            _ => return Err(refuse(expr, "arithmetic")),
        },
        Expr::TypedString(typed) => TermKind::Literal(super::literal::typed(typed, at)?),
        Expr::Function(function) => super::call::function(function, at, |expr| term(expr, depth + 1))?,
        Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => {
            TermKind::Call(super::Function::Trim, vec![term(expr, depth + 1)?])
        }
        other => return Err(refuse(other, construct(other))),
    };
    Ok(Term { at, kind })
}

/// What to call a node that is not let through.
fn construct(expr: &Expr) -> &'static str {
    match expr {
        Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => "'.'",
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => "a subquery",
        Expr::Cast { .. } | Expr::Convert { .. } => "a cast",
        Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Overlay { .. }
        | Expr::Extract { .. } => "this function",
        Expr::Trim { .. } => "trim with other characters than spaces",
        Expr::Tuple(_) => "a row of values",
        Expr::UnaryOp { .. } => "this operator before a value",
        Expr::BinaryOp { .. } | Expr::IsNull(_) | Expr::InList { .. } | Expr::Between { .. } => {
            "a condition in the place of a value"
        }
        Expr::ILike { .. } => "ILIKE",
        _ => "this construct",
    }
}

fn refuse(expr: &Expr, construct: &str) -> PredicateError {
    error(place(expr), not_allowed(construct))
}

fn place(expr: &Expr) -> Position {
    position(expr.span().start)
}

fn string(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: sqlparser::ast::Value::SingleQuotedString(text), .. }) => {
            Some(text)
        }
        _ => None,
    }
}
