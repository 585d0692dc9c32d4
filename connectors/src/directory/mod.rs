//! A directory of files as an object store.
//!
//! A record is a regular file with exactly one name, beneath one root directory that is opened once.
//! Its key is its path relative to the root, `/` between components, UTF-8; it belongs to a dataset
//! if the whole key matches the dataset's template. Its attributes are `key`, `size`,
//! `last_modified` and the captures of the template; there are no tags and no metadata.
//!
//! **Kept and reported, never touched** (undecidable, not governable): symbolic links, which are
//! never followed; sockets, fifos and devices; mount points and what is beneath them (a subvolume
//! with a device number of its own counts as one); names that are not Unicode; files with several
//! hard links, since removing one name leaves the content under the others; paths deeper than 64
//! directories or longer than 16384 bytes.
//!
//! **What removal means here**: the name is gone and that survives a loss of power. Blocks are not
//! overwritten; a snapshot of the file system, a copy-on-write twin or a program that has the file
//! open still has the content. Directories left empty stay.
//!
//! Nothing here is atomic: a batch cut short is settled by looking. There is no clock of its own. On a
//! network file system a repeated request can show our own removal as "already absent".
//!
//! Reading order: `root`, `listing`, `walk`, `judge`, `due`, then `source` and `dispose`.

mod bounds;
mod dispose;
mod due;
mod durability;
mod judge;
mod key;
mod listing;
mod named;
mod names;
mod parent;
mod prospects;
mod removal;
mod root;
mod rows;
mod source;
mod survey;
mod walk;

#[cfg(test)]
mod tests;

pub use dispose::DirectoryDisposer;
pub use source::DirectorySource;

use crate::dataset::{DatasetAddress, KeyTemplate};
use crate::error::ConnectorError;
use crate::objects;
use crate::selection::{Selection, StartCondition};

/// Most files in one batch or page: what is held in memory of them stays in the megabytes.
const BATCH_RECORDS_MAX: u32 = 10_000;

const KEY: &str = "key";
const SIZE: &str = "size";
const LAST_MODIFIED: &str = "last_modified";

fn template_of(address: &DatasetAddress) -> Result<&KeyTemplate, ConnectorError> {
    objects::template_of(address, "a directory has files")
}

/// Refuses a selection with parts that only other stores know.
fn refuse_foreign_parts(selection: &Selection) -> Result<(), ConnectorError> {
    template_of(&selection.address)?;
    let foreign = if objects::purges(selection) {
        objects::foreign_part(selection)
    } else {
        Some("files are purged whole, not anonymized")
    };
    let Some(foreign) = foreign else { return Ok(()) };
    Err(ConnectorError::NotSupported { store: selection.address.store.clone(), reason: foreign.to_owned() })
}

/// Refuses to walk for linked files: all that the scope allows would seem due.
fn refuse_linked(selection: &Selection) -> Result<(), ConnectorError> {
    if selection.start != StartCondition::Linked {
        return Ok(());
    }
    Err(ConnectorError::NotSupported {
        store: selection.address.store.clone(),
        reason: "linked files are found by their keys only".to_owned(),
    })
}

/// Runs what blocks on the file system where it may block.
async fn blocking<T: Send + 'static>(
    store: &str,
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(ConnectorError::Failed {
            store: store.to_owned(),
            reason: "the work on the file system was broken off".to_owned(),
        })
    })
}
