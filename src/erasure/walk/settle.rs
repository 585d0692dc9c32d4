//! Whose a reached row is, as far as it can be said by now.
//!
//! Floor 3. A row becomes the person's only when nothing speaks against it any more; what speaks against it
//! for good settles it as others' too.

use super::{Claim, FoundRow, Id, Row, Side, Standing, Walker, Why, end_of};
use crate::erasure::graph::Edge;
use crate::subject::Identity;
use connectors::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A reference of one row to a record that it is part of.
struct Owner {
    edge: usize,
    text: Vec<String>,
    values: Vec<Value>,
}

impl<'a> Walker<'a> {
    /// Settles every pending row of which it can be said; those that became the person's.
    pub(super) async fn settle(&mut self) -> Vec<Id<'a>> {
        let pending = self.with_claim(Claim::Pending);
        let mut own = Vec::new();
        // Judged all by what was known before, then settled all at once.
        let mut foreign = Vec::new();
        for id in pending {
            if self.names_another(&id) {
                foreign.push(id);
            } else if self.row(&id).is_some_and(|row| row.is_access) || self.belongs_to_nobody_else(&id).await
            {
                own.push(id);
            }
        }
        self.mark(&foreign, Standing::Shared(Why::AnotherIdentity));
        self.mark(&own, Standing::Own);
        own
    }

    /// Rows that only wait for one another (each part of the other) and for nobody else.
    pub(super) async fn settle_circles(&mut self) -> Vec<Id<'a>> {
        let mut circle: BTreeSet<Id<'a>> = self.with_claim(Claim::Pending).into_iter().collect();
        for id in self.with_claim(Claim::Tentative) {
            if !self.names_another(&id) {
                // Asked for what it learns: which of its owners exist.
                self.belongs_to_nobody_else(&id).await;
                circle.insert(id);
            }
        }
        loop {
            let inside = self.links_of(&circle);
            let outside: Vec<Id<'a>> = circle
                .iter()
                .filter(|id| {
                    let mut owners = self.owners(id).into_iter();
                    owners.any(|owner| {
                        let key = (owner.edge, owner.text);
                        self.exists.get(&key).copied().unwrap_or(true)
                            && !self.is_own(&key)
                            && !inside.contains(&key)
                    })
                })
                .cloned()
                .collect();
            if outside.is_empty() {
                let own: Vec<Id<'a>> = circle.into_iter().collect();
                self.mark(&own, Standing::Own);
                return own;
            }
            for id in outside {
                circle.remove(&id);
            }
        }
    }

    /// Records that the person's rows name, and that nobody else's do.
    pub(super) async fn settle_named(&mut self) -> Vec<Id<'a>> {
        let (mut own, mut foreign) = (Vec::new(), Vec::new());
        for id in self.with_claim(Claim::Named) {
            if self.names_another(&id) {
                foreign.push(id);
            } else if self.belongs_to_nobody_else(&id).await && self.is_named_by_own_only(&id).await {
                own.push(id);
            }
        }
        self.mark(&foreign, Standing::Shared(Why::AnotherIdentity));
        self.mark(&own, Standing::Own);
        own
    }

    pub(super) fn with_claim(&self, claim: Claim) -> Vec<Id<'a>> {
        let all = self.rows.iter().flat_map(|(name, rows)| rows.iter().map(move |row| (*name, row)));
        all.filter(|(_, (_, row))| row.claim == claim).map(|(name, (key, _))| (name, key.clone())).collect()
    }

    fn mark(&mut self, ids: &[Id<'a>], standing: Standing) {
        for (dataset, key) in ids {
            if let Some(row) = self.rows.get_mut(dataset).and_then(|rows| rows.get_mut(key)) {
                row.claim = Claim::Settled(standing);
            }
        }
    }

    fn row(&self, (dataset, key): &Id<'a>) -> Option<&Row> {
        self.rows.get(dataset)?.get(key)
    }

    /// An identifying column holds somebody else's identity: one of a kind of which the person's are known.
    fn names_another(&self, id: &Id<'a>) -> bool {
        self.row(id).is_some_and(|row| self.names_another_beside(id.0, &row.values, &BTreeSet::new()))
    }

    /// The same, if `more` were the person's too.
    fn names_another_beside(
        &self,
        dataset: &str,
        values: &BTreeMap<String, Value>,
        more: &BTreeSet<Identity>,
    ) -> bool {
        let theirs = || self.given.iter().chain(&self.derived).chain(more);
        let subjects = self.ground.graph.subjects(dataset, self.ground.catalog);
        subjects.into_iter().any(|(kind, column)| {
            let is_known_kind = theirs().any(|one| one.kind() == kind);
            let value = values.get(column).unwrap_or(&Value::Null);
            let is_theirs = match Identity::stored(kind, value) {
                Some(identity) if self.contested.contains(&identity) => return true,
                Some(identity) => theirs().any(|one| *one == identity),
                // What is blank names nobody; what cannot be read may name anybody, but for a national phone
                // number, say, that was found by one of its written forms.
                None => is_blank(value) || theirs().any(|one| one.kind() == kind && is_form_of(one, value)),
            };
            is_known_kind && !is_theirs
        })
    }

    /// Those of `fresh` that stand beside somebody else's identity in one of these rows.
    pub(super) fn contested_among(
        &self,
        fresh: &BTreeSet<Identity>,
        found: &[(&'a str, Vec<FoundRow>)],
    ) -> BTreeSet<Identity> {
        let mut contested = BTreeSet::new();
        for (dataset, rows) in found {
            let subjects = self.ground.graph.subjects(dataset, self.ground.catalog);
            for row in rows.iter().filter(|row| self.names_another_beside(dataset, &row.values, fresh)) {
                let named = subjects.iter().filter_map(|(kind, column)| {
                    let value = row.values.get(*column)?;
                    fresh.iter().find(|one| {
                        one.kind() == *kind
                            && (Identity::stored(kind, value).as_ref() == Some(*one)
                                || is_form_of(one, value))
                    })
                });
                contested.extend(named.cloned());
            }
        }
        contested
    }

    /// Rows that turn out to name somebody else are not the person's.
    pub(super) fn give_up(&mut self, own: &mut Vec<Id<'a>>) {
        let (foreign, left): (Vec<_>, Vec<_>) = own.drain(..).partition(|id| self.names_another(id));
        self.mark(&foreign, Standing::Shared(Why::AnotherIdentity));
        *own = left;
    }

    fn owners(&self, id: &Id<'a>) -> Vec<Owner> {
        let Some(row) = self.row(id) else { return Vec::new() };
        let edges = self.ground.graph.edges.iter().enumerate();
        edges
            .filter(|(_, edge)| edge.from == id.0 && edge.makes_part())
            .filter_map(|(number, edge)| {
                let (text, values) = end_of(edge, &row.values, |pair| &pair.0)?;
                Some(Owner { edge: number, text, values })
            })
            .collect()
    }

    fn is_own(&self, (edge, text): &(usize, Vec<String>)) -> bool {
        self.own_links.get(edge).is_some_and(|own| own.contains(text))
    }

    /// Every record that the row is part of is the person's, or does not exist.
    async fn belongs_to_nobody_else(&mut self, id: &Id<'a>) -> bool {
        let mut alone = true;
        for owner in self.owners(id) {
            let key = (owner.edge, owner.text);
            if self.is_own(&key) {
                continue;
            }
            let exists = if let Some(exists) = self.exists.get(&key) {
                *exists
            } else {
                let Some(edge) = self.ground.graph.edges.get(owner.edge) else { return false };
                let exists = self.is_there(edge, owner.values).await;
                self.exists.insert(key, exists);
                exists
            };
            // All are asked: a circle is settled by what is known of each.
            alone &= !exists;
        }
        alone
    }

    /// Whether the record exists that an edge leads to; a dataset out of reach may have it.
    async fn is_there(&mut self, edge: &'a Edge<'a>, values: Vec<Value>) -> bool {
        let found = self.rows_with(edge.to, edge, Side::To, &[values]).await;
        self.desk.is_lost(self.ground.graph, edge.to) || !found.is_empty()
    }

    async fn is_named_by_own_only(&mut self, id: &Id<'a>) -> bool {
        let graph = self.ground.graph;
        let values = self.row(id).map(|row| row.values.clone()).unwrap_or_default();
        for edge in graph
            .edges
            .iter()
            .filter(|edge| edge.to == id.0 && edge.keeps() && !edge.makes_part() && !edge.ends_with())
        {
            let Some((_, tuple)) = end_of(edge, &values, |pair| &pair.1) else { continue };
            let naming = self.rows_with(edge.from, edge, Side::From, &[tuple]).await;
            let is_own = |key: &String| {
                let row = self.rows.get(edge.from).and_then(|rows| rows.get(key));
                row.is_some_and(|row| row.claim == Claim::Settled(Standing::Own))
                    || self.granted.contains(&(edge.from, key.clone()))
            };
            if self.desk.is_lost(self.ground.graph, edge.from)
                || !naming.iter().all(|row| is_own(&row.key.canonical()))
            {
                return false;
            }
        }
        true
    }

    /// What rows of a set have in the named columns of the edges that make parts of them.
    fn links_of(&self, ids: &BTreeSet<Id<'a>>) -> BTreeSet<(usize, Vec<String>)> {
        let mut links = BTreeSet::new();
        for id in ids {
            let Some(row) = self.row(id) else { continue };
            let edges = self.ground.graph.edges.iter().enumerate();
            for (number, edge) in edges.filter(|(_, edge)| edge.to == id.0 && edge.makes_part()) {
                links.extend(end_of(edge, &row.values, |pair| &pair.1).map(|(text, _)| (number, text)));
            }
        }
        links
    }
}

/// Whether a value is one of the forms in which an identity is written.
fn is_form_of(identity: &Identity, value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    identity.search_forms().contains(&text.trim_matches(' ').to_ascii_lowercase())
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        _ => false,
    }
}
