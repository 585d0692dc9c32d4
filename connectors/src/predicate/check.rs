//! Type-checking a parsed predicate against the fields that are really there.

use super::error::{Position, PredicateError, PredicateFault, type_name};
use super::scan::{error, not_allowed};
use super::tree::{Node, Parsed, Term, TermKind};
use super::{Expression, Field, Function, Operand, Predicate, like, literal};
use crate::nearest::nearest;
use crate::value::{Value, ValueType};

type Types<'a> = dyn Fn(&str) -> Option<ValueType> + 'a;
/// An operand with its type; no type for NULL.
type Typed = (Operand, Option<ValueType>);

impl Parsed {
    /// Binds the names to fields and checks every type. `types` answers for a name exactly as the store
    /// spells it; `known` lists all names, for other spellings and for hints. All faults are returned,
    /// in the order of the text.
    pub fn check(&self, types: &Types<'_>, known: &[&str]) -> Result<Predicate, Vec<PredicateError>> {
        let mut checker = Checker { types, known, errors: Vec::new() };
        let expression = checker.node(self.root());
        checker.errors.sort_by_key(|error| error.position);
        match expression {
            Some(expression) if checker.errors.is_empty() => Ok(Predicate { expression }),
            _ => Err(checker.errors),
        }
    }
}

struct Checker<'a> {
    types: &'a Types<'a>,
    known: &'a [&'a str],
    errors: Vec<PredicateError>,
}

impl Checker<'_> {
    /// `None` when a fault was noted.
    fn node(&mut self, node: &Node) -> Option<Expression> {
        Some(match node {
            Node::And(parts) => Expression::And(self.nodes(parts)?),
            Node::Or(parts) => Expression::Or(self.nodes(parts)?),
            Node::Not(inner) => Expression::Not(Box::new(self.node(inner)?)),
            Node::Is { inner, value } => Expression::Is { inner: Box::new(self.node(inner)?), value: *value },
            Node::Compare(comparison, left, right) => {
                let [left, right] = self.compared(&[left, right])?.try_into().ok()?;
                Expression::Compare(*comparison, left, right)
            }
            Node::InList { tested, list } => self.in_list(tested, list)?,
            Node::Between { tested, low, high } => {
                let [operand, low, high] = self.compared(&[tested, low, high])?.try_into().ok()?;
                Expression::Between { operand, low, high }
            }
            Node::Like { tested, pattern } => self.like(tested, pattern)?,
            Node::IsNull(tested) => Expression::IsNull(self.term(tested)?.0),
            Node::Truth(tested) => {
                let (operand, found) = self.term(tested)?;
                self.want(ValueType::Bool, found, tested.at)?;
                Expression::Truth(operand)
            }
        })
    }

    /// All of them are checked even if the first is at fault.
    fn nodes(&mut self, nodes: &[Node]) -> Option<Vec<Expression>> {
        let checked: Vec<_> = nodes.iter().map(|node| self.node(node)).collect();
        checked.into_iter().collect()
    }

    fn in_list(&mut self, tested: &Term, list: &[Term]) -> Option<Expression> {
        let mut terms = vec![tested];
        terms.extend(list);
        let mut operands = self.compared(&terms)?.into_iter();
        let operand = operands.next()?;
        let mut values = Vec::with_capacity(list.len());
        for (item, term) in operands.zip(list) {
            match item {
                Operand::Literal(value) => values.push(value),
                _ => return self.fault(error(term.at, not_allowed("anything but a literal in a list"))),
            }
        }
        Some(Expression::InList { operand, list: values })
    }

    fn like(&mut self, tested: &Term, pattern: &Term) -> Option<Expression> {
        let (operand, found) = self.term(tested)?;
        self.want(ValueType::Text, found, tested.at)?;
        let TermKind::Literal(Value::Text(text)) = &pattern.kind else {
            return self.fault(error(pattern.at, not_allowed("a pattern that is no quoted text")));
        };
        if !like::is_whole(text) {
            let wanted = "a pattern: it ends in a lone backslash".to_owned();
            return self.fault(error(pattern.at, PredicateFault::BadLiteral { wanted }));
        }
        Some(Expression::Like { operand, pattern: text.clone() })
    }

    /// Operands of one comparison: of one type, no NULL among them.
    fn compared(&mut self, terms: &[&Term]) -> Option<Vec<Operand>> {
        for term in terms {
            if matches!(term.kind, TermKind::Literal(Value::Null)) {
                let mut refused = error(term.at, not_allowed("a comparison with NULL"));
                refused.hint = Some("it would never be true; write IS NULL or IS NOT NULL".to_owned());
                return self.fault(refused);
            }
        }
        self.unified(terms).map(|(operands, _)| operands)
    }

    /// Operands of one type. The first that is no literal sets it; text literals follow it where it is a
    /// date or an instant.
    fn unified(&mut self, terms: &[&Term]) -> Option<(Vec<Operand>, Option<ValueType>)> {
        let typed: Vec<Option<Typed>> = terms.iter().map(|term| self.term(term)).collect();
        let typed: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
        let is_literal = |operand: &Operand| matches!(operand, Operand::Literal(_));
        let leading = typed.iter().find(|(operand, found)| found.is_some() && !is_literal(operand));
        let leading = leading.or_else(|| typed.iter().find(|(_, found)| found.is_some()));
        let Some(mut common) = leading.and_then(|(_, found)| *found) else {
            return Some((typed.into_iter().map(|(operand, _)| operand).collect(), None));
        };
        let mut operands = Vec::with_capacity(typed.len());
        for ((operand, found), term) in typed.into_iter().zip(terms) {
            operands.push(self.follow(operand, found, &mut common, term.at)?);
        }
        Some((operands, Some(common)))
    }

    fn follow(
        &mut self,
        operand: Operand,
        found: Option<ValueType>,
        common: &mut ValueType,
        at: Position,
    ) -> Option<Operand> {
        let Some(found) = found else { return Some(operand) };
        match (*common, found, operand) {
            (ValueType::Unknown, ..) | (_, ValueType::Unknown, _) => {
                let fault = PredicateFault::WrongType {
                    wanted: "a value of known type".to_owned(),
                    found: type_name(ValueType::Unknown).to_owned(),
                };
                let mut refused = error(at, fault);
                refused.hint = Some("only IS NULL works on it; declare the type of the column".to_owned());
                self.fault(refused)
            }
            (wanted @ (ValueType::Date | ValueType::Instant), _, Operand::Literal(Value::Text(text))) => {
                match literal::of_type(&text, wanted, at) {
                    Ok(value) => Some(Operand::Literal(value)),
                    Err(refused) => self.fault(refused),
                }
            }
            (ValueType::Int | ValueType::Real, ValueType::Int | ValueType::Real, operand) => {
                if found == ValueType::Real {
                    *common = ValueType::Real;
                }
                Some(operand)
            }
            (wanted, found, operand) if wanted == found => Some(operand),
            (wanted, found, _) => {
                let fault = PredicateFault::Incomparable {
                    left: type_name(wanted).to_owned(),
                    right: type_name(found).to_owned(),
                };
                let mut refused = error(at, fault);
                refused.hint = literal_hint(wanted).map(ToOwned::to_owned);
                self.fault(refused)
            }
        }
    }

    fn term(&mut self, term: &Term) -> Option<Typed> {
        match &term.kind {
            TermKind::Field(name) => {
                let field = self.field(name, term.at)?;
                let value_type = field.value_type;
                Some((Operand::Field(field), Some(value_type)))
            }
            TermKind::Literal(value) => Some((Operand::Literal(value.clone()), value.value_type())),
            TermKind::Call(Function::Coalesce, arguments) => {
                let arguments: Vec<&Term> = arguments.iter().collect();
                let (operands, found) = self.unified(&arguments)?;
                Some((Operand::Call(Function::Coalesce, operands), found))
            }
            TermKind::Call(function, arguments) => {
                let mut operands = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let (operand, found) = self.term(argument)?;
                    self.want(ValueType::Text, found, argument.at)?;
                    operands.push(operand);
                }
                let result = if *function == Function::Length { ValueType::Int } else { ValueType::Text };
                Some((Operand::Call(*function, operands), Some(result)))
            }
        }
    }

    fn field(&mut self, name: &str, at: Position) -> Option<Field> {
        let make = |name: &str, value_type| Field { name: name.to_owned(), value_type };
        if let Some(value_type) = (self.types)(name) {
            return Some(make(name, value_type));
        }
        let mut spelled = self.known.iter().filter(|known| known.eq_ignore_ascii_case(name));
        let (first, second) = (spelled.next(), spelled.next());
        if second.is_some() {
            let mut refused = error(at, PredicateFault::AmbiguousField { name: name.to_owned() });
            refused.hint = Some("write it exactly as the store spells it".to_owned());
            return self.fault(refused);
        }
        if let Some(known) = first
            && let Some(value_type) = (self.types)(known)
        {
            return Some(make(known, value_type));
        }
        let mut refused = error(at, PredicateFault::UnknownField { name: name.to_owned() });
        refused.hint =
            nearest(name, self.known.iter().copied()).map(|near| format!("did you mean '{near}'?"));
        self.fault(refused)
    }

    fn want(&mut self, wanted: ValueType, found: Option<ValueType>, at: Position) -> Option<()> {
        if found == Some(wanted) {
            return Some(());
        }
        let found = found.map_or("NULL", type_name).to_owned();
        self.fault(error(at, PredicateFault::WrongType { wanted: type_name(wanted).to_owned(), found }))
    }

    fn fault<T>(&mut self, fault: PredicateError) -> Option<T> {
        self.errors.push(fault);
        None
    }
}

fn literal_hint(wanted: ValueType) -> Option<&'static str> {
    Some(match wanted {
        ValueType::Text => "write the literal in single quotes",
        ValueType::Bool => "write TRUE or FALSE",
        ValueType::Int | ValueType::Real => "write the number without quotes",
        ValueType::Date => "write DATE 'YYYY-MM-DD'",
        ValueType::Instant => "write TIMESTAMP 'YYYY-MM-DDTHH:MM:SSZ'",
        ValueType::Bytes | ValueType::Unknown => return None,
    })
}
