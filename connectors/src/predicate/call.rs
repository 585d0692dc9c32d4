//! Function calls: the short list, and `tag('x')` and `metadata('x')`, which are fields.

use super::Function;
use super::error::{Position, PredicateError};
use super::scan::{error, not_allowed};
use super::tree::{Term, TermKind};
use crate::nearest::nearest;
use crate::value::Value;
use sqlparser::ast::{
    Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart,
};

const NAMES: [&str; 7] = ["lower", "upper", "length", "trim", "coalesce", "tag", "metadata"];

pub(super) fn function(
    call: &Call,
    at: Position,
    term: impl Fn(&Expr) -> Result<Term, PredicateError>,
) -> Result<TermKind, PredicateError> {
    let name = match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if name.quote_style.is_none() => name.value.to_ascii_lowercase(),
        _ => return Err(error(at, not_allowed("a function with a quoted or compound name"))),
    };
    if !NAMES.contains(&name.as_str()) {
        return Err(unknown(&name, at));
    }
    let arguments = plain_arguments(call)
        .ok_or_else(|| error(at, not_allowed(&format!("this form of {name}()"))))?
        .into_iter()
        .map(term)
        .collect::<Result<Vec<_>, _>>()?;
    let function = match name.as_str() {
        "lower" => Function::Lower,
        "upper" => Function::Upper,
        "length" => Function::Length,
        "trim" => Function::Trim,
        "coalesce" => Function::Coalesce,
        _ => return attribute(&name, &arguments, at),
    };
    let fits = if function == Function::Coalesce { arguments.len() >= 2 } else { arguments.len() == 1 };
    if !fits {
        return Err(error(at, not_allowed(&format!("{name}() with {} arguments", arguments.len()))));
    }
    Ok(TermKind::Call(function, arguments))
}

fn unknown(name: &str, at: Position) -> PredicateError {
    let mut refused = error(at, not_allowed(&format!("the function {name}()")));
    refused.hint = Some(match nearest(name, NAMES) {
        Some(near) => format!("did you mean {near}()?"),
        None => format!("the functions are {}", NAMES.join(", ")),
    });
    refused
}

/// The arguments of a call that has nothing else: no DISTINCT, FILTER, OVER, names or wildcards.
fn plain_arguments(call: &Call) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let bare = !call.uses_odbc_syntax
        && matches!(call.parameters, FunctionArguments::None)
        && call.within_group.is_empty()
        && call.filter.is_none()
        && call.null_treatment.is_none()
        && call.over.is_none()
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty();
    if !bare {
        return None;
    }
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// `tag('x')` as the name of a field, with quotes doubled as in the text.
fn attribute(name: &str, arguments: &[Term], at: Position) -> Result<TermKind, PredicateError> {
    match arguments {
        [Term { kind: TermKind::Literal(Value::Text(key)), .. }] => {
            Ok(TermKind::Field(format!("{name}('{}')", key.replace('\'', "''"))))
        }
        _ => Err(error(at, not_allowed(&format!("{name}() without one quoted name")))),
    }
}
