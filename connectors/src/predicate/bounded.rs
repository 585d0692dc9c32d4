//! Which values a field can hold wherever a predicate is true.
//!
//! For stores that find a record by its key at once and have to look at everything to find it otherwise. It
//! leaves nothing out: where the values cannot be told, it says so.

use super::{Comparison, Expression, Operand, Predicate};
use crate::value::Value;

impl Predicate {
    /// The values one of which the field holds wherever this is true, in no order and perhaps several times.
    /// `None` if it may hold others.
    #[must_use]
    pub fn values_of(&self, field: &str) -> Option<Vec<&Value>> {
        of(&self.expression, field)
    }
}

fn of<'p>(expression: &'p Expression, field: &str) -> Option<Vec<&'p Value>> {
    let is_it = |operand: &Operand| matches!(operand, Operand::Field(one) if one.name == field);
    match expression {
        Expression::InList { operand, list } if is_it(operand) => Some(list.iter().collect()),
        Expression::Compare(Comparison::Equal, left, Operand::Literal(value)) if is_it(left) => {
            Some(vec![value])
        }
        Expression::Compare(Comparison::Equal, Operand::Literal(value), right) if is_it(right) => {
            Some(vec![value])
        }
        // All of them are true: each bounds it.
        Expression::And(parts) => parts.iter().filter_map(|part| of(part, field)).min_by_key(Vec::len),
        Expression::Or(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(|part| of(part, field)).collect();
            all.map(|all| all.into_iter().flatten().collect())
        }
        Expression::Is { inner, value: true } => of(inner, field),
        // True for no record.
        Expression::Not(inner) if **inner == Expression::Always => Some(Vec::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::predicate::{Field, Predicate};
    use crate::value::{Value, ValueType};

    fn field(name: &str) -> Field {
        Field { name: name.to_owned(), value_type: ValueType::Text }
    }

    fn one_of(name: &str, texts: &[&str]) -> Predicate {
        Predicate::one_of(field(name), texts.iter().map(|text| Value::Text((*text).to_owned())))
    }

    fn parsed(text: &str) -> Predicate {
        let types = |_: &str| Some(ValueType::Text);
        crate::predicate::parse(text).unwrap().check(&types, &["key", "x"]).unwrap()
    }

    #[track_caller]
    fn check(predicate: &Predicate, expected: Option<&[&str]>) {
        let found = predicate.values_of("key").map(|values| {
            values
                .into_iter()
                .map(|value| if let Value::Text(text) = value { text.as_str() } else { "" })
                .collect()
        });
        assert_eq!(found, expected.map(<[&str]>::to_vec), "{predicate:?}");
    }

    #[test]
    fn a_list_bounds_its_field_and_whatever_is_said_beside_it_narrows() {
        check(&one_of("key", &["a", "b"]), Some(&["a", "b"]));
        check(&one_of("key", &[]), Some(&[]));
        let beside = Predicate::and([Predicate::is_null(field("x")), one_of("key", &["a", "b"])]);
        check(&beside, Some(&["a", "b"]));
        let narrower = Predicate::and([one_of("key", &["a", "b"]), one_of("key", &["a"])]);
        check(&narrower, Some(&["a"]));
        check(&Predicate::or([one_of("key", &["a"]), one_of("key", &["b"])]), Some(&["a", "b"]));
        check(&parsed("key = 'a' AND x = 'b'"), Some(&["a"]));
        check(&parsed("('a' = key) IS TRUE"), Some(&["a"]));
    }

    #[test]
    fn what_may_be_true_of_any_other_value_bounds_nothing() {
        check(&Predicate::always(), None);
        check(&one_of("x", &["a"]), None);
        check(&one_of("key", &["a"]).negate(), None);
        check(&one_of("key", &["a"]).is_not_true(), None);
        check(&Predicate::or([one_of("key", &["a"]), one_of("x", &["b"])]), None);
        check(&parsed("key <> 'a'"), None);
        check(&parsed("key LIKE 'a%'"), None);
        check(&parsed("lower(key) = 'a'"), None);
        check(&parsed("key = x"), None);
    }
}
