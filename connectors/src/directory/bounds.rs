//! Which directories a walk enters and which keys it yields.

use super::template_of;
use crate::dataset::KeyTemplate;
use crate::error::ConnectorError;
use crate::objects::due_by_key;
use crate::selection::Selection;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// The bounds of one walk.
#[derive(Debug)]
pub(super) struct Bounds {
    template: KeyTemplate,
    /// How the start is composed of captures, and the last day that is due. Directories in which
    /// every start is later are not entered.
    due: Option<(String, NaiveDate)>,
}

impl Bounds {
    /// Everything of the dataset.
    pub(super) fn of_dataset(selection: &Selection) -> Result<Self, ConnectorError> {
        Ok(Self { template: template_of(&selection.address)?.clone(), due: None })
    }

    /// Whatever may be due. Only starts that are civil dates are foreseen from the path; instants
    /// are not, because where a day begins depends on the zone.
    pub(super) fn of_due(selection: &Selection) -> Result<Self, ConnectorError> {
        Ok(Self { template: template_of(&selection.address)?.clone(), due: due_by_key(selection) })
    }

    /// The captures of a key of the dataset; `None` for any other.
    pub(super) fn captures(&self, key: &str) -> Option<BTreeMap<String, String>> {
        self.template.matches(key)
    }

    /// Whether a key that the walk looks for can begin with this path, which ends with `/`.
    pub(super) fn may_enter(&self, directory: &str) -> bool {
        let prefix = self.template.literal_prefix();
        if !prefix.starts_with(directory) && !directory.starts_with(prefix) {
            return false;
        }
        // Without a composition nothing is known of the start, and only the shape of the key decides.
        let (composition, cutoff_on) =
            self.due.as_ref().map_or(("", NaiveDate::MAX), |(text, cutoff_on)| (text.as_str(), *cutoff_on));
        self.template.can_contain_due(directory, composition, cutoff_on)
    }
}
