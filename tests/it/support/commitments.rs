//! Which record stands on which certificate, from what is sealed beside the archive: every record that went
//! on exactly one, and nothing else on any.

use oubliette::certificate::CommitmentKey;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Records, as dataset and canonical key. The store is the first part of the dataset's name.
pub(crate) type Records = Vec<(String, String)>;

/// Faults told, at most.
const TOLD_MAX: usize = 5;

/// The commitments of one certificate, and the key that makes them.
fn sealed(directory: &Path, id: &str) -> (BTreeSet<[u8; 32]>, CommitmentKey) {
    let bytes = fs::read(directory.join(id).join("record-commitments.bin")).unwrap();
    let (commitments, rest) = bytes.as_chunks::<32>();
    assert!(rest.is_empty(), "a commitment of {id} is cut off");
    let seed = fs::read(directory.join(id).join("seed")).unwrap();
    (commitments.iter().copied().collect(), CommitmentKey::new(seed.try_into().unwrap()))
}

/// What is wrong with the certificates, given everything that went, in about the order in which it went.
pub(crate) fn faults(directory: &Path, ids: &[String], gone: &Records) -> Vec<String> {
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (dataset, key) in gone {
        left.entry(dataset).or_default().push(key);
    }
    let mut faults = Vec::new();
    for id in ids {
        let (mut stated, key) = sealed(directory, id);
        for (dataset, keys) in &mut left {
            let mut committer = key.committer(dataset.split('.').next().unwrap(), dataset);
            // Each is taken out by the first certificate that has it: a second one finds it no more.
            keys.retain(|key| stated.is_empty() || !stated.remove(&committer.commit(key)));
        }
        if !stated.is_empty() {
            let count = stated.len();
            faults.push(format!("{id} claims {count} records that did not go, or that stand on another"));
        }
    }
    for (dataset, keys) in left {
        faults.extend(keys.iter().map(|key| format!("{key} of {dataset} went and stands on no certificate")));
    }
    faults.truncate(TOLD_MAX);
    faults
}
