//! Erased persons who were seen again, as warnings of `check`.
//!
//! Floor 7; pure. What they gave anew is theirs to give and no fault.

use crate::check::Places;
use crate::check::places::Spot;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::erasure::returned::Look;
use crate::plan::compile::name;

/// One warning for each dataset in which something came back, or may have. Those that cannot be read are
/// told by the check of the datasets.
#[must_use]
pub(super) fn check_returned(look: &Look, places: &Places) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for one in look.datasets.iter().filter(|one| one.came_back + one.in_doubt > 0) {
        let dataset = name(&one.dataset);
        let message = if one.came_back > 0 {
            format!("dataset {dataset} has {} records of erased persons again", one.came_back)
        } else {
            format!(
                "dataset {dataset} has {} records that name erased persons, and nothing says whether they came back",
                one.in_doubt
            )
        };
        let hint = "erase them again with `oubliette replay --since INSTANT`, the instant of the backup";
        let Spot { file, line, column } = places.dataset(&one.dataset);
        diagnostics.push(Diagnostic {
            severity: Severity::Warning,
            code: "erased-person-again",
            file,
            line,
            column,
            message,
            excerpt: String::new(),
            hint: Some(hint.to_owned()),
        });
    }
    diagnostics
}
