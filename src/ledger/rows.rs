//! Between values and columns. Pure.
//!
//! Floor 6. Counts are unsigned in the program and signed in SQLite; instants are text of a fixed
//! width, so that their order is that of time.

use super::LedgerError;
use crate::journal::{BatchId, BatchRecord, BatchState, RunRecord, RunState, Sealed, Transition};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

pub(super) fn signed(number: u64) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|_| LedgerError::failed("a number is too large"))
}

pub(super) fn unsigned(number: i64) -> Result<u64, LedgerError> {
    u64::try_from(number).map_err(|_| LedgerError::Damaged)
}

fn small(number: i64) -> Result<u32, LedgerError> {
    u32::try_from(number).map_err(|_| LedgerError::Damaged)
}

pub(super) fn text_of(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

pub(super) fn instant_of(text: &str) -> Result<DateTime<Utc>, LedgerError> {
    DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc()).map_err(|_| LedgerError::Damaged)
}

pub(super) fn date_of(text: &str) -> Result<NaiveDate, LedgerError> {
    text.parse().map_err(|_| LedgerError::Damaged)
}

pub(super) fn json_of(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|_| LedgerError::failed("counts cannot be written"))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::Damaged)
}

pub(super) fn transition_name(transition: Transition) -> &'static str {
    match transition {
        Transition::Intend => "intend",
        Transition::Act => "act",
        Transition::Settle => "settle",
        Transition::Prove => "prove",
        Transition::Abandon => "abandon",
    }
}

pub(super) fn batch_state_name(state: BatchState) -> &'static str {
    match state {
        BatchState::Intended => "intended",
        BatchState::Acted => "acted",
        BatchState::Proven => "proven",
        BatchState::Abandoned => "abandoned",
    }
}

pub(super) fn batch_state_of(name: &str) -> Result<BatchState, LedgerError> {
    match name {
        "intended" => Ok(BatchState::Intended),
        "acted" => Ok(BatchState::Acted),
        "proven" => Ok(BatchState::Proven),
        "abandoned" => Ok(BatchState::Abandoned),
        _ => Err(LedgerError::Damaged),
    }
}

pub(super) fn run_state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Certifying => "certifying",
        RunState::Certified => "certified",
    }
}

pub(super) fn run_state_of(name: &str) -> Result<RunState, LedgerError> {
    match name {
        "running" => Ok(RunState::Running),
        "certifying" => Ok(RunState::Certifying),
        "certified" => Ok(RunState::Certified),
        _ => Err(LedgerError::Damaged),
    }
}

/// A row of `run` with all its columns.
pub(super) fn run_of(row: &SqliteRow) -> Result<RunRecord, LedgerError> {
    Ok(RunRecord {
        run_id: row.try_get("run_id")?,
        plan_id: row.try_get("plan_id")?,
        plan_digest: row.try_get("plan_digest")?,
        certificate_id: row.try_get("certificate_id")?,
        state: run_state_of(row.try_get("state")?)?,
        started_at: instant_of(row.try_get("started_at")?)?,
        intent_index: row.try_get::<Option<i64>, _>("intent_index")?.map(unsigned).transpose()?,
        reconciled: row.try_get("reconciled")?,
        statement: row.try_get("statement")?,
        run_key_sealed: row.try_get("run_key_sealed")?,
    })
}

/// A row of `batch` with its sealed keys as `intended` and `outcome`.
pub(super) fn batch_of(row: &SqliteRow) -> Result<BatchRecord, LedgerError> {
    Ok(BatchRecord {
        id: BatchId {
            run_id: row.try_get("run_id")?,
            item: small(row.try_get("item")?)?,
            part: small(row.try_get("part")?)?,
            batch: small(row.try_get("batch")?)?,
        },
        attempt: small(row.try_get("attempt")?)?,
        state: batch_state_of(row.try_get("state")?)?,
        dataset: row.try_get("dataset")?,
        intended: row.try_get::<Option<Vec<u8>>, _>("intended")?.map(Sealed),
        outcome: row.try_get::<Option<Vec<u8>>, _>("outcome")?.map(Sealed),
        counts: from_json(row.try_get("counts")?)?,
        kept: from_json(row.try_get("kept")?)?,
        hold_revision: unsigned(row.try_get("hold_revision")?)?,
        at: instant_of(row.try_get("at")?)?,
        reconciled: row.try_get("reconciled")?,
    })
}
