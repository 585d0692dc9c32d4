//! What of a store keeps or copies values that are erased, beyond the records themselves.
//!
//! A store tells what it is set up to do; nothing here judges it. What the reader may not see is told as
//! not seen, never left out. No sign holds a value of a record: signs are names and settings.

#[cfg(feature = "mysql")]
use crate::error::ConnectorError;
use serde::{Deserialize, Serialize};

/// One thing that keeps or copies erased values, or our statements with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    pub kind: LeakKind,
    /// `false`: the reader may not see whether there is any.
    pub seen: bool,
    /// By what it was seen, as the server spells it: `log_statement = mod`, names of slots, of triggers.
    /// For what was not seen, the right that is missing, or what else stands in the way.
    pub signs: Vec<String>,
    /// The dataset that it is about; `None` is the whole store.
    pub dataset: Option<String>,
    /// For how many seconds the server itself keeps what is written there; `None` if it does not say, or
    /// keeps it without end.
    pub kept_seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakKind {
    /// Statements are written to a log of the server together with the values bound to them: the keys
    /// of the records, and what holds look for.
    StatementLog,
    /// Statements are counted by their text, in which our values are placeholders.
    StatementStatistics,
    /// A log of changes with the rows before and after, which others may read (MySQL's binary log).
    BinaryLog,
    /// The write-ahead log is copied elsewhere as it is written.
    WalArchive,
    /// A replication slot keeps the write-ahead log until its reader has taken it.
    ReplicationSlot,
    /// Changes of the table are sent to subscribers.
    ChangeStream,
    /// Another server follows this one.
    Standby,
    /// A trigger writes elsewhere what a changed or deleted row held, or may do so.
    CopyingTrigger,
}

impl LeakKind {
    /// The word for it on certificates, where it is a residual copy; `None` for what keeps no value.
    #[must_use]
    pub fn residual(self) -> Option<&'static str> {
        Some(match self {
            Self::StatementLog => "statement_log",
            Self::StatementStatistics => return None,
            Self::BinaryLog => "binary_log",
            Self::WalArchive => "wal_archive",
            Self::ReplicationSlot => "replication_slot",
            Self::ChangeStream => "change_stream",
            Self::Standby => "replica",
            Self::CopyingTrigger => "trigger_copy",
        })
    }
}

/// When a store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeakLook {
    /// Before a run: what is set up.
    Before,
    /// After a run: what still holds values of it. Followers that have caught up with everything that
    /// was written until now are left out; they get a moment for it.
    After,
}

impl Leak {
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn seen(kind: LeakKind, signs: Vec<String>) -> Self {
        Self { kind, seen: true, signs, dataset: None, kept_seconds: None }
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn unseen(kind: LeakKind, missing: &str) -> Self {
        Self { seen: false, ..Self::seen(kind, vec![missing.to_owned()]) }
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn of(self, dataset: &str) -> Self {
        Self { dataset: Some(dataset.to_owned()), ..self }
    }
}

/// What was asked for, or that it was not seen if a right is missing.
///
/// # Errors
/// Any other fault of the store.
#[cfg(feature = "mysql")]
pub(crate) fn or_unseen(
    found: Result<Vec<Leak>, ConnectorError>,
    kind: LeakKind,
    missing: &str,
) -> Result<Vec<Leak>, ConnectorError> {
    match found {
        Err(ConnectorError::Denied { .. }) => Ok(vec![Leak::unseen(kind, missing)]),
        found => found,
    }
}

/// Whether the text of a trigger may carry a row somewhere else: it writes, and it reads the old row.
/// `has_old_rows`: it is given them as a table. A text that calls what cannot be read here is taken for one
/// that writes.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn may_copy(text: &str, has_old_rows: bool) -> bool {
    let text = text.to_ascii_lowercase();
    let words: std::collections::HashSet<&str> =
        text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').collect();
    let writes =
        ["insert", "replace", "merge", "copy", "execute", "call", "perform", "update", "pg_notify", "notify"];
    let writes = writes.iter().any(|word| words.contains(word)) || text.contains("dblink");
    writes && (words.contains("old") || has_old_rows)
}

#[cfg(all(test, feature = "postgres", feature = "mysql"))]
mod tests {
    #[test]
    fn a_trigger_copies_when_it_writes_what_the_old_row_held() {
        let may_copy = |text| super::may_copy(text, false);
        assert!(may_copy("BEGIN INSERT INTO audit SELECT OLD.*; RETURN OLD; END"));
        assert!(may_copy("INSERT INTO `log` VALUES (OLD.`email`)"));
        assert!(may_copy("BEGIN PERFORM pg_notify('gone', OLD.id::text); RETURN NULL; END"));
        assert!(!may_copy("BEGIN NEW.changed_at := now(); RETURN NEW; END"));
        assert!(!may_copy("BEGIN RETURN NULL; END"));
        assert!(!may_copy("BEGIN IF OLD.locked THEN RAISE EXCEPTION 'no'; END IF; RETURN OLD; END"));
        assert!(!may_copy("SET NEW.note = 'told inserted'"));
        assert!(super::may_copy("BEGIN INSERT INTO audit SELECT * FROM gone; RETURN NULL; END", true));
    }
}
