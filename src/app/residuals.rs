//! What outlives a run: copies of erased values, each with its date and its control.
//!
//! Floor 7. Two kinds of source: what the settings declare of a store (backups, logs), and what the store
//! shows after the run (dead rows, binary log, archive, slots, followers, triggers). A date is that of the
//! declaration or of the server's own setting; where neither says one, the end is unknown, and the
//! certificate is partial.

use super::evidence as seen;
use super::{App, AppError};
use crate::data_map::{StoreKind, StoreTerms};
use crate::evidence::{Code, Residual, ResidualControl, ResidualStatus, TargetEvidence};
use crate::execution::RunEnd;
use crate::policy::Period;
use anyhow::Context as _;
use chrono::{DateTime, Duration, Utc};
use connectors::{DatasetAddress, Leak, LeakKind, LeakLook};
use std::collections::{BTreeMap, BTreeSet};

/// Codes of what a run did at its end that leave dead rows where they were.
const DEAD_ROWS: [&str; 3] = ["vacuum-left-to-server", "vacuum-not-permitted", "vacuum-held-back"];

impl App {
    /// What outlives the run in every store in which something was disposed of.
    pub(super) async fn residuals(
        &self,
        targets: &[TargetEvidence],
        end: &RunEnd,
        finished_at: DateTime<Utc>,
    ) -> Result<Vec<Residual>, AppError> {
        let touched: BTreeSet<(&Code, &Code)> = targets
            .iter()
            .filter(|target| target.counts.disposed() > 0)
            .map(|target| (&target.store, &target.dataset))
            .collect();
        let sources = self.sources().await?;
        let mut residuals = Vec::new();
        for (name, store) in &self.settings.stores {
            let location = seen::alias("store", store.terms.alias.as_deref().unwrap_or(name))?;
            if !touched.iter().any(|(store, _)| **store == location) {
                continue;
            }
            let steps = end.residue_steps.get(name).map(Vec::as_slice).unwrap_or_default();
            let tables = self.tables(name, &touched)?;
            let found = match sources.get(name) {
                Some(source) => source.leaks(&tables, LeakLook::After).await.ok(),
                None => None,
            };
            let remains = Remains { terms: &store.terms, location: &location, finished_at };
            residuals.extend(remains.of_store(steps, found.as_deref())?);
        }
        Ok(residuals)
    }

    /// The tables of a store in which something was disposed of.
    fn tables(&self, store: &str, touched: &BTreeSet<(&Code, &Code)>) -> anyhow::Result<Vec<DatasetAddress>> {
        let mut tables = Vec::new();
        for dataset in self.catalog.datasets().values() {
            let (alias, public) = seen::names(&self.catalog, &dataset.name)?;
            if dataset.store == store && dataset.is_table() && touched.contains(&(&alias, &public)) {
                tables.push(dataset.address());
            }
        }
        Ok(tables)
    }
}

/// What remains of a run in one store.
struct Remains<'a> {
    terms: &'a StoreTerms,
    /// Its public name.
    location: &'a Code,
    finished_at: DateTime<Utc>,
}

/// When a copy ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is declared not to exist.
    None,
    At(DateTime<Utc>),
    Unknown,
}

impl Remains<'_> {
    /// `found` is what the store itself shows; `None` when it could not be asked.
    fn of_store(&self, steps: &[&str], found: Option<&[Leak]>) -> anyhow::Result<Vec<Residual>> {
        // By kind: two signs of one kind are one residual, with the later end.
        let mut ends: BTreeMap<&'static str, End> = BTreeMap::new();
        let mut add = |kind: &'static str, end: End| {
            let known = ends.entry(kind).or_insert(end);
            *known = later(*known, end);
        };
        add("backup", self.after(self.terms.backups_kept)?);
        if steps.contains(&"wal-checkpoint-busy") {
            add("write_ahead_log", End::Unknown);
        }
        if steps.contains(&"s3-replica-not-reached") {
            add("replica", End::Unknown);
        }
        if DEAD_ROWS.iter().any(|code| steps.contains(code)) {
            add("dead_rows", End::Unknown);
        }
        if let Some(own) = own_log(self.terms.kind) {
            add(own, self.after(self.terms.logs_kept.or(self.terms.backups_kept))?);
        }
        match found {
            None => add("not_seen", End::Unknown),
            Some(leaks) => {
                for leak in leaks.iter().filter(|leak| leak.seen) {
                    let spared = leak.kind == LeakKind::StatementLog && is_spared(leak, steps);
                    if let Some(kind) = leak.kind.residual().filter(|_| !spared) {
                        add(kind, self.end_of(leak)?);
                    }
                }
            }
        }
        let residuals = ends.into_iter().filter(|(_, end)| *end != End::None);
        residuals.map(|(kind, end)| self.residual(kind, end)).collect()
    }

    /// What is seen cannot be declared away by silence: only a declared time for logs, or the server's own,
    /// gives it an end. What a trigger wrote into another table has none.
    fn end_of(&self, leak: &Leak) -> anyhow::Result<End> {
        match leak.kind {
            LeakKind::CopyingTrigger => return Ok(End::Unknown),
            LeakKind::WalArchive => {
                // The archive is what point-in-time recovery needs: as a rule it lives as long as backups.
                let kept = self.terms.logs_kept.or(self.terms.backups_kept.filter(|kept| !kept.is_zero()));
                return self.after(kept);
            }
            _ => {}
        }
        match (self.terms.logs_kept, leak.kept_seconds) {
            (Some(_), _) => self.after(self.terms.logs_kept),
            (None, Some(seconds)) => {
                let kept = i64::try_from(seconds).ok().and_then(Duration::try_seconds);
                let end = kept.and_then(|kept| self.finished_at.checked_add_signed(kept));
                Ok(end.map_or(End::Unknown, End::At))
            }
            (None, None) => Ok(End::Unknown),
        }
    }

    fn after(&self, kept: Option<Period>) -> anyhow::Result<End> {
        Ok(match kept {
            None => End::Unknown,
            Some(period) if period.is_zero() => End::None,
            Some(period) => {
                End::At(period.after(self.finished_at).context("a copy lives beyond the calendar")?)
            }
        })
    }

    fn residual(&self, kind: &str, end: End) -> anyhow::Result<Residual> {
        let (expires_at, status) = match end {
            End::At(at) => (Some(at), ResidualStatus::Expiring),
            End::None | End::Unknown => (None, ResidualStatus::Unknown),
        };
        // Backups are known to have an end, even where nobody has said when.
        let control = if expires_at.is_some() || kind == "backup" {
            ResidualControl::ExpiresOnSchedule
        } else {
            ResidualControl::None
        };
        let (kind, location) = (Code::new(kind)?, self.location.clone());
        Ok(Residual { kind, location, expires_at, control, status, known: None })
    }
}

/// Neither the writer's sessions, by their own word, nor the reader's have their values logged.
fn is_spared(leak: &Leak, steps: &[&str]) -> bool {
    let of_reader = leak.signs.iter().any(|sign| sign.starts_with("log_parameter_max_length"));
    steps.contains(&"statement-values-not-logged") && !of_reader
}

fn later(one: End, other: End) -> End {
    match (one, other) {
        (End::Unknown, _) | (_, End::Unknown) => End::Unknown,
        (End::None, end) | (end, End::None) => end,
        (End::At(one), End::At(other)) => End::At(one.max(other)),
    }
}

/// The log by which a server recovers: it holds what was changed until it is written over. It is a working
/// file of the server and no copy that somebody keeps, so that it counts for as long as is declared.
fn own_log(kind: StoreKind) -> Option<&'static str> {
    match kind {
        StoreKind::Postgres => Some("write_ahead_log"),
        StoreKind::Mysql => Some("undo_log"),
        StoreKind::Sqlite | StoreKind::Directory | StoreKind::S3 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn leak(kind: LeakKind, kept_seconds: Option<u64>) -> Leak {
        Leak { kind, seen: true, signs: Vec::new(), dataset: None, kept_seconds }
    }

    /// Each residual as `kind end`.
    fn told(kind: StoreKind, kept: [Option<&str>; 2], steps: &[&str], found: Option<&[Leak]>) -> Vec<String> {
        let [backups_kept, logs_kept] = kept.map(|kept| kept.map(|kept| kept.parse().unwrap()));
        let terms = StoreTerms {
            kind,
            alias: None,
            backups_kept,
            logs_kept,
            drops_partitions: false,
            bypass_governance: false,
            location: String::new(),
        };
        let location = Code::new("crm").unwrap();
        let remains = Remains { terms: &terms, location: &location, finished_at: at("2026-05-01T00:00:00Z") };
        let tell = |residual: Residual| {
            let end = residual.expires_at.map_or("unknown".to_owned(), |at| at.date_naive().to_string());
            format!("{} {end}", residual.kind)
        };
        remains.of_store(steps, found).unwrap().into_iter().map(tell).collect()
    }

    #[test]
    fn nothing_remains_where_nothing_is_kept_and_the_server_shows_nothing() {
        for kind in [StoreKind::Postgres, StoreKind::Mysql, StoreKind::Sqlite, StoreKind::Directory] {
            assert_eq!(told(kind, [Some("P0D"), None], &["vacuum-analyze"], Some(&[])), [""; 0]);
        }
    }

    #[test]
    fn logs_live_as_long_as_backups_unless_said() {
        let both = ["backup 2026-06-05", "write_ahead_log 2026-06-05"];
        assert_eq!(told(StoreKind::Postgres, [Some("P35D"), None], &[], Some(&[])), both);
        let own = ["backup 2026-06-05", "write_ahead_log 2026-05-08"];
        assert_eq!(told(StoreKind::Postgres, [Some("P35D"), Some("P7D")], &[], Some(&[])), own);
        let unknown = ["backup unknown", "undo_log unknown"];
        assert_eq!(told(StoreKind::Mysql, [None, None], &[], Some(&[])), unknown);
        assert_eq!(told(StoreKind::Sqlite, [None, None], &[], Some(&[])), ["backup unknown"]);
    }

    #[test]
    fn a_binary_log_ends_when_the_server_says_or_the_settings_or_never() {
        let log = |seconds| [leak(LeakKind::BinaryLog, seconds)];
        let none = [Some("P0D"), None];
        assert_eq!(told(StoreKind::Mysql, none, &[], Some(&log(Some(864_000)))), ["binary_log 2026-05-11"]);
        assert_eq!(told(StoreKind::Mysql, none, &[], Some(&log(None))), ["binary_log unknown"]);
        let said = [Some("P0D"), Some("P3D")];
        let both = ["binary_log 2026-05-04", "undo_log 2026-05-04"];
        assert_eq!(told(StoreKind::Mysql, said, &[], Some(&log(None))), both);
    }

    #[test]
    fn what_is_seen_is_not_declared_away_by_having_no_backups() {
        let found = [leak(LeakKind::WalArchive, None), leak(LeakKind::ReplicationSlot, None)];
        let none = ["replication_slot unknown", "wal_archive unknown"];
        assert_eq!(told(StoreKind::Postgres, [Some("P0D"), None], &[], Some(&found)), none);
        let dated = ["backup 2026-06-05", "wal_archive 2026-06-05", "write_ahead_log 2026-06-05"];
        assert_eq!(told(StoreKind::Postgres, [Some("P35D"), None], &[], Some(&found[..1])), dated);
    }

    #[test]
    fn what_a_trigger_copied_has_no_end_and_what_was_not_logged_is_none() {
        let copied = [leak(LeakKind::CopyingTrigger, None), leak(LeakKind::StatementStatistics, None)];
        let said = [Some("P0D"), Some("P0D")];
        assert_eq!(told(StoreKind::Postgres, said, &[], Some(&copied)), ["trigger_copy unknown"]);
        let logged = [leak(LeakKind::StatementLog, None)];
        let none = [Some("P0D"), None];
        assert_eq!(told(StoreKind::Postgres, none, &[], Some(&logged)), ["statement_log unknown"]);
        assert_eq!(told(StoreKind::Postgres, none, &["statement-values-not-logged"], Some(&logged)), [""; 0]);
    }

    #[test]
    fn a_store_that_cannot_be_asked_leaves_the_end_unknown() {
        assert_eq!(told(StoreKind::Postgres, [Some("P0D"), None], &[], None), ["not_seen unknown"]);
        let unseen = [Leak { seen: false, ..leak(LeakKind::Standby, None) }];
        assert_eq!(told(StoreKind::Mysql, [Some("P0D"), None], &[], Some(&unseen)), [""; 0]);
        let dead = ["dead_rows unknown"];
        assert_eq!(told(StoreKind::Postgres, [Some("P0D"), None], &["vacuum-held-back"], Some(&[])), dead);
    }
}
