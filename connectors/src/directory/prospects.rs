//! What would become of files that are named from elsewhere, without touching any.
//!
//! The same look and the same judgement as before a removal; only what the removal itself would meet
//! (rights, an open file) is not foreseen.

use super::judge::Judge;
use super::parent::{Parent, Seen};
use super::removal::refusal;
use super::root::Root;
use crate::error::ConnectorError;
use crate::port::Prospect;
use crate::selection::{Class, DoubtReason, Selection};

pub(super) fn prospects(
    root: &Root,
    selection: &Selection,
    names: &[String],
) -> Result<Vec<Prospect>, ConnectorError> {
    let judge = Judge::new(selection)?;
    let mut parent = Parent::default();
    names.iter().map(|name| one(root, &judge, &mut parent, name)).collect()
}

fn one(root: &Root, judge: &Judge<'_>, parent: &mut Parent, name: &str) -> Result<Prospect, ConnectorError> {
    let Some(captures) = judge.captures(name) else { return Ok(Prospect::CannotGo) };
    match parent.look(root, name) {
        Ok(Seen::Absent) => Ok(Prospect::Absent),
        Ok(Seen::Foreign) => Ok(Prospect::CannotGo),
        Ok(Seen::Entry(status)) => Ok(match judge.class(name, captures, &status) {
            Class::Due => Prospect::Going,
            Class::Held => Prospect::Held,
            // Whatever rules say of it, it cannot be governed.
            Class::Undecidable(DoubtReason::Conflict) if status.is_governable() => Prospect::Claimed,
            _ => Prospect::CannotGo,
        }),
        Err(errno) => refusal(root, errno).map(|_| Prospect::CannotGo),
    }
}
