//! What keeps or copies erased values in the stores of a plan, as findings.
//!
//! Floor 3. The store says what it is set up to do; how grave that is is judged here, once for all. A
//! store with nothing due is not asked.

use super::compile::{finding, name};
use super::world::Sources;
use super::{FindingCode, FindingSeverity, PlanFinding, PlanItem};
use crate::catalog::Catalog;
use connectors::{DatasetAddress, Leak, LeakKind, LeakLook};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that keeps or copies erased values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanLeak {
    pub store: String,
    /// `None`: the whole store.
    pub dataset: Option<String>,
    pub kind: LeakKind,
    /// `false`: the reader may not see whether there is any.
    pub seen: bool,
    /// Settings and names as the server spells them, or, for what was not seen, the right that is missing; no value of a record.
    pub signs: Vec<String>,
    /// For how many seconds the server itself says that it keeps what is written there.
    pub kept_seconds: Option<u64>,
}

impl PlanLeak {
    fn of(store: &str, leak: Leak) -> Self {
        let Leak { kind, seen, signs, dataset, kept_seconds } = leak;
        Self { store: store.to_owned(), dataset, kind, seen, signs, kept_seconds }
    }

    /// The code under which a plan tells it.
    #[must_use]
    pub fn code(&self) -> FindingCode {
        if !self.seen {
            return FindingCode::LeakUnseen;
        }
        match self.kind {
            LeakKind::StatementLog => FindingCode::StatementsLogged,
            LeakKind::StatementStatistics => FindingCode::StatementsCounted,
            LeakKind::BinaryLog => FindingCode::RowsLogged,
            LeakKind::WalArchive => FindingCode::LogArchived,
            LeakKind::ReplicationSlot => FindingCode::SlotKeepsLog,
            LeakKind::ChangeStream => FindingCode::ChangesSent,
            LeakKind::Standby => FindingCode::ReplicaFollows,
            LeakKind::CopyingTrigger => FindingCode::TriggerCopies,
        }
    }

    /// A copy without an end that nobody counted on needs a person who knows of it: what a trigger writes
    /// down stays, and a log of every statement has every key.
    fn severity(&self) -> FindingSeverity {
        let every_statement = self.signs.iter().any(|sign| {
            sign.starts_with("log_statement = ")
                || sign.starts_with("general_log")
                || sign.starts_with("pgaudit")
        });
        match self.kind {
            LeakKind::CopyingTrigger if self.seen => FindingSeverity::NeedsApproval,
            LeakKind::StatementLog if every_statement => FindingSeverity::NeedsApproval,
            _ => FindingSeverity::Note,
        }
    }

    /// English; French is made of the parts by the views.
    #[must_use]
    pub fn finding(&self) -> PlanFinding {
        let place = match &self.dataset {
            Some(dataset) => format!("dataset {}", name(dataset)),
            None => format!("store {}", name(&self.store)),
        };
        let what = match (self.seen, self.kind) {
            (false, kind) => return self.told(&format!("{place}: {} was not seen: {{}}", thing(kind))),
            (true, LeakKind::StatementLog) => {
                "statements are logged with the values bound to them, among them keys of records"
            }
            (true, LeakKind::StatementStatistics) => {
                "statements are counted by their text, which holds no value of ours"
            }
            (true, LeakKind::BinaryLog) => match self.kept_seconds {
                Some(_) => "the binary log keeps changed rows for its time",
                None => "the binary log keeps changed rows and is set to no end",
            },
            (true, LeakKind::WalArchive) => "the write-ahead log, which holds erased values, is archived",
            (true, LeakKind::ReplicationSlot) => {
                "a replication slot keeps the write-ahead log until its reader has taken it"
            }
            (true, LeakKind::ChangeStream) => "changes of its rows are sent to subscribers",
            (true, LeakKind::Standby) => "another server follows this one and has a log of its own",
            (true, LeakKind::CopyingTrigger) => "a trigger may write elsewhere what an erased row held",
        };
        self.told(&format!("{place}: {what}: {{}}"))
    }

    fn told(&self, template: &str) -> PlanFinding {
        finding(self.severity(), self.code(), template.replace("{}", &self.signs.join(", ")))
    }
}

/// What of this kind there may be, in words.
fn thing(kind: LeakKind) -> &'static str {
    match kind {
        LeakKind::StatementLog => "whether statements are logged",
        LeakKind::StatementStatistics => "whether statements are counted",
        LeakKind::BinaryLog => "whether there is a binary log",
        LeakKind::WalArchive => "whether the write-ahead log is archived",
        LeakKind::ReplicationSlot => "whether a replication slot keeps the log",
        LeakKind::ChangeStream => "whether changes are sent to subscribers",
        LeakKind::Standby => "whether another server follows",
        LeakKind::CopyingTrigger => "whether a trigger copies rows",
    }
}

/// Asks the stores of the items with records due, for the tables that change. One that cannot say is a
/// finding too.
pub async fn look(
    catalog: &Catalog,
    sources: &Sources,
    items: &[PlanItem],
) -> (Vec<PlanLeak>, Vec<PlanFinding>) {
    let (mut leaks, mut findings) = (Vec::new(), Vec::new());
    for (store, tables) in changed_tables(catalog, items) {
        let Some(source) = sources.get(store) else { continue };
        match source.leaks(&tables, LeakLook::Before).await {
            Ok(found) => leaks.extend(found.into_iter().map(|leak| PlanLeak::of(store, leak))),
            Err(error) => findings.push(finding(
                FindingSeverity::Note,
                FindingCode::LeakUnseen,
                format!("store {}: what keeps or copies erased values was not seen: {error}", name(store)),
            )),
        }
    }
    findings.extend(leaks.iter().map(PlanLeak::finding));
    (leaks, findings)
}

/// The tables in which something is due or goes along, by store.
fn changed_tables<'a>(catalog: &'a Catalog, items: &'a [PlanItem]) -> BTreeMap<&'a str, Vec<DatasetAddress>> {
    let mut tables: BTreeMap<&str, Vec<DatasetAddress>> = BTreeMap::new();
    let due = items.iter().filter(|item| item.counts.due > 0);
    let datasets = due.flat_map(|item| {
        let along = item.effects.iter().filter(|effect| effect.records > 0).map(|effect| &effect.dataset);
        std::iter::once(&item.dataset).chain(along)
    });
    for dataset in
        datasets.filter_map(|dataset| catalog.dataset(dataset)).filter(|dataset| dataset.is_table())
    {
        let of_store = tables.entry(&dataset.store).or_default();
        if !of_store.iter().any(|address| address.dataset == dataset.name) {
            of_store.push(dataset.address());
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak(kind: LeakKind, signs: &[&str]) -> PlanLeak {
        let signs = signs.iter().map(|sign| (*sign).to_owned()).collect();
        PlanLeak { store: "crm".to_owned(), dataset: None, kind, seen: true, signs, kept_seconds: None }
    }

    #[test]
    fn what_logs_every_value_needs_a_person_and_what_logs_few_is_noted() {
        let all = leak(LeakKind::StatementLog, &["log_statement = all"]).finding();
        assert_eq!((all.severity, all.code), (FindingSeverity::NeedsApproval, FindingCode::StatementsLogged));
        let slow = leak(LeakKind::StatementLog, &["log_min_duration_statement = 1000"]).finding();
        assert_eq!(slow.severity, FindingSeverity::Note);
        assert!(slow.message.ends_with(": log_min_duration_statement = 1000"), "{}", slow.message);
    }

    #[test]
    fn what_was_not_seen_is_told_as_not_seen() {
        let hidden = PlanLeak { seen: false, ..leak(LeakKind::Standby, &["PROCESS"]) };
        let told = hidden.finding();
        assert_eq!(told.code, FindingCode::LeakUnseen);
        assert_eq!(told.message, "store 'crm': whether another server follows was not seen: PROCESS");
    }
}
