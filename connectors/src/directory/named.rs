//! Files whose keys the scope names: they are looked up, and the directory is not walked.

use super::KEY;
use crate::selection::Selection;
use crate::value::Value;
use std::collections::BTreeSet;

/// The keys among which all files in scope are, in byte order; `None` if the scope does not name them.
pub(super) fn keys(selection: &Selection) -> Option<BTreeSet<&str>> {
    let values = selection.scope.values_of(KEY)?;
    let texts = values.into_iter().filter_map(|value| match value {
        Value::Text(text) => Some(text.as_str()),
        // A key is a text: nothing else is ever equal to one.
        _ => None,
    });
    Some(texts.collect())
}
