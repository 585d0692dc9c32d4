//! Counting what the request does not reach.
//!
//! Floor 3; reads only.

use super::{Drafting, reach_of};
use crate::erasure::compile::{Beyond, beyond};
use crate::erasure::walk::{Ground, Reader};
use crate::plan::BeyondReach;
use std::collections::BTreeMap;

impl Drafting<'_> {
    /// Adds the records of the group that is counted.
    pub(super) async fn count_beyond(&mut self) {
        if self.request.reaches_all() {
            return;
        }
        let ground = Ground { catalog: self.input.catalog, graph: self.graph, sources: self.input.sources };
        let mut reader = Reader::new(ground);
        for one in beyond(&self.around, self.graph, &self.found, reach_of(self.request)) {
            let records = reader.rows(one.dataset, one.scope.clone()).await.len() as u64;
            if records > 0 {
                self.add_beyond(one, records);
            }
        }
        self.lost.extend(reader.into_lost());
    }

    fn add_beyond(&mut self, one: Beyond<'_>, records: u64) {
        let rule = if one.rule.policy.is_empty() { String::new() } else { one.rule.rule };
        let title = if rule.is_empty() { BTreeMap::new() } else { one.rule.title };
        let is_same = |known: &&mut BeyondReach| {
            known.dataset == one.dataset && known.policy == one.rule.policy && known.rule == rule
        };
        match self.beyond.iter_mut().find(is_same) {
            Some(known) => known.records += records,
            None => self.beyond.push(BeyondReach {
                dataset: one.dataset.to_owned(),
                policy: one.rule.policy,
                rule,
                title,
                records,
            }),
        }
    }
}
