//! The keys of a dataset under which there is a version, in the order of their bytes.

use super::bounds::Bounds;
use super::client::Bucket;
use super::template_of;
use super::walk::Walk;
use crate::error::ConnectorError;
use crate::names::{NameCount, NamePage};
use crate::selection::Selection;
use crate::value::{RecordKey, Value};

/// After the second part of every record key.
const LAST_PART: &str = "\u{10ffff}";

pub(super) async fn names(
    bucket: &Bucket,
    selection: &Selection,
    after: Option<&str>,
    names_max: u32,
) -> Result<NamePage, ConnectorError> {
    let template = template_of(&selection.address)?;
    let prefixes = Bounds::of_dataset(selection)?.prefixes(bucket).await?;
    let after = after.map(|key| [key, LAST_PART].map(|part| Value::Text(part.to_owned())).to_vec());
    let mut walk = Walk::start(bucket, &prefixes, None, after.map(RecordKey::of).as_ref())?;
    let names_max = usize::try_from(names_max.max(1)).unwrap_or(usize::MAX);
    let mut page = NamePage::default();
    while page.names.len() < names_max {
        let Some(group) = walk.advance().await? else {
            page.exhausted = true;
            break;
        };
        if !group.hides_nothing() && template.matches(group.key()).is_some() {
            page.names.push(NameCount { name: group.key().to_owned(), records: 1 });
        }
    }
    if walk.is_disordered() {
        return Err(ConnectorError::NotSupported {
            store: bucket.store.clone(),
            reason: "it does not list in the order of keys".to_owned(),
        });
    }
    Ok(page)
}
