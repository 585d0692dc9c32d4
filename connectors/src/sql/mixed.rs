//! `coalesce` over whole numbers and numbers with a fraction, without a common type.
//!
//! A server gives such a call the type of a float, in which large whole numbers are no longer exact. Here a
//! comparison with it becomes one comparison for each argument:
//! `coalesce(a, b) < c` is `(a IS NOT NULL AND a < c) OR (a IS NULL AND b < c)`, also for NULL.

use crate::predicate::{Comparison, Expression, Function, Operand};
use crate::value::ValueType;

/// The same expression without a comparison over such a call.
pub(super) fn split(node: &Expression) -> Expression {
    match node {
        Expression::And(parts) => Expression::And(parts.iter().map(split).collect()),
        Expression::Or(parts) => Expression::Or(parts.iter().map(split).collect()),
        Expression::Not(inner) => Expression::Not(Box::new(split(inner))),
        Expression::Is { inner, value } => Expression::Is { inner: Box::new(split(inner)), value: *value },
        Expression::Compare(comparison, left, right) => compare(*comparison, left, right),
        Expression::Between { operand, low, high } if [operand, low, high].into_iter().any(is_mixed) => {
            Expression::And(vec![
                compare(Comparison::GreaterOrEqual, operand, low),
                compare(Comparison::LessOrEqual, operand, high),
            ])
        }
        Expression::InList { operand, list } => {
            each(operand, &|operand| Expression::InList { operand: operand.clone(), list: list.clone() })
        }
        other => other.clone(),
    }
}

fn compare(comparison: Comparison, left: &Operand, right: &Operand) -> Expression {
    each(left, &|left| each(right, &|right| Expression::Compare(comparison, left.clone(), right.clone())))
}

/// What `make` makes of the first argument that is not NULL; of the operand itself if it is not mixed.
fn each(operand: &Operand, make: &dyn Fn(&Operand) -> Expression) -> Expression {
    let Operand::Call(Function::Coalesce, arguments) = operand else { return make(operand) };
    if !is_mixed(operand) {
        return make(operand);
    }
    let mut before = Vec::new();
    let mut cases = Vec::new();
    for argument in arguments {
        let is_null = Expression::IsNull(argument.clone());
        let mut case = before.clone();
        case.push(Expression::Not(Box::new(is_null.clone())));
        case.push(each(argument, make));
        cases.push(Expression::And(case));
        before.push(is_null);
    }
    // All are NULL: unknown, as the comparison with the last of them is.
    if let Some(last) = arguments.last() {
        before.push(each(last, make));
        cases.push(Expression::And(before));
    }
    Expression::Or(cases)
}

fn is_mixed(operand: &Operand) -> bool {
    let mut types = Vec::new();
    number_types(operand, &mut types);
    types.contains(&ValueType::Int) && types.contains(&ValueType::Real)
}

fn number_types(operand: &Operand, types: &mut Vec<ValueType>) {
    match operand {
        Operand::Field(field) => types.push(field.value_type),
        Operand::Literal(value) => types.extend(value.value_type()),
        Operand::Call(Function::Coalesce, arguments) => {
            for argument in arguments {
                number_types(argument, types);
            }
        }
        Operand::Call(Function::Length, _) => types.push(ValueType::Int),
        Operand::Call(..) => types.push(ValueType::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicate::{self, Field};
    use crate::value::Value;

    /// Over every mix of NULLs, whole numbers and floats both forms answer alike.
    #[test]
    fn a_split_comparison_answers_as_the_whole_one() {
        let types = |name: &str| match name {
            "i" => Some(ValueType::Int),
            "r" | "s" => Some(ValueType::Real),
            _ => None,
        };
        let values = [
            Value::Null,
            Value::Int(9_007_199_254_740_993),
            Value::Int(0),
            Value::Real(9_007_199_254_740_992.0),
            Value::Real(0.5),
        ];
        for text in [
            "coalesce(i, r) = 9007199254740993",
            "coalesce(r, i) < s",
            "coalesce(i, r) BETWEEN s AND 9007199254740993",
            "i BETWEEN 0 AND coalesce(i, r)",
            "coalesce(i, coalesce(r, 1)) IN (0, 0.5, 9007199254740993)",
            "NOT (coalesce(i, r) >= coalesce(s, 0))",
        ] {
            let parsed = predicate::parse(text).unwrap();
            let whole = parsed.check(&types, &["i", "r", "s"]).unwrap();
            let divided = predicate::Predicate::from_expression(split(whole.expression()));
            for i in &values[..3] {
                for r in [&values[0], &values[3], &values[4]] {
                    for s in [&values[0], &values[3], &values[4]] {
                        let lookup = |field: &Field| match field.name.as_str() {
                            "i" => i.clone(),
                            "r" => r.clone(),
                            _ => s.clone(),
                        };
                        assert_eq!(divided.evaluate(&lookup), whole.evaluate(&lookup), "{text}");
                    }
                }
            }
        }
    }
}
