//! Which prefixes of the bucket are listed for one selection.

use super::client::Bucket;
use super::listing::Range;
use super::template_of;
use crate::dataset::KeyTemplate;
use crate::error::ConnectorError;
use crate::objects::due_by_key;
use crate::selection::Selection;
use chrono::NaiveDate;
use futures_util::{StreamExt as _, TryStreamExt as _};

/// Directories beyond which no deeper level is told apart.
const PREFIXES_MAX: usize = 512;

/// What a walk looks for.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    template: &'a KeyTemplate,
    /// How the start is composed of captures, and the last day that is due.
    due: Option<(String, NaiveDate)>,
}

impl<'a> Bounds<'a> {
    /// Everything of the dataset.
    pub(super) fn of_dataset(selection: &'a Selection) -> Result<Self, ConnectorError> {
        Ok(Self { template: template_of(&selection.address)?, due: None })
    }

    /// Whatever may be due.
    pub(super) fn of_due(selection: &'a Selection) -> Result<Self, ConnectorError> {
        Ok(Self { template: template_of(&selection.address)?, due: due_by_key(selection) })
    }

    /// What every key begins with.
    pub(super) fn literal_prefix(&self) -> &'a str {
        self.template.literal_prefix()
    }

    fn may_hold(&self, directory: &str) -> bool {
        let (composition, cutoff_on) =
            self.due.as_ref().map_or(("", NaiveDate::MAX), |(text, cutoff_on)| (text.as_str(), *cutoff_on));
        self.template.can_contain_due(directory, composition, cutoff_on)
    }

    /// The prefixes to list, in order, none beginning another: together they hold every key looked for.
    pub(super) async fn prefixes(&self, bucket: &Bucket) -> Result<Vec<String>, ConnectorError> {
        let mut prefixes = vec![self.template.literal_prefix().to_owned()];
        let depth = |prefix: &str| prefix.bytes().filter(|byte| *byte == b'/').count();
        while let Some(first) = prefixes.first() {
            if depth(first) >= self.template.fixed_directories() {
                break;
            }
            let lists = prefixes.iter().map(|prefix| self.below(bucket, prefix));
            let found: Vec<Option<Vec<String>>> = futures_util::stream::iter(lists.collect::<Vec<_>>())
                .buffered(super::LANES)
                .try_collect()
                .await?;
            let Some(found) = found.into_iter().collect::<Option<Vec<_>>>() else { break };
            let mut deeper: Vec<String> = found.into_iter().flatten().collect();
            if deeper.len() > PREFIXES_MAX {
                break;
            }
            deeper.sort_unstable();
            deeper.dedup();
            prefixes = deeper;
        }
        Ok(prefixes)
    }

    /// The directories right below a prefix that may hold what is looked for; `None` if the store does not
    /// tell directories apart.
    async fn below(&self, bucket: &Bucket, prefix: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        let mut directories = Vec::new();
        let mut after = None;
        loop {
            let range = Range { prefix, after: after.as_ref(), by_directory: true, entries_max: 0 };
            let page = bucket.versions(range).await?;
            let is_deeper = |key: &str| key.strip_prefix(prefix).is_some_and(|rest| rest.contains('/'));
            if page.entries.iter().any(|entry| is_deeper(&entry.key)) {
                return Ok(None);
            }
            directories.extend(page.directories.into_iter().filter(|directory| {
                directory.starts_with(prefix) && directory.ends_with('/') && self.may_hold(directory)
            }));
            match page.next {
                None => return Ok(Some(directories)),
                next => after = next,
            }
        }
    }
}
