//! Between values and columns. Pure.
//!
//! Floor 6. Counts are unsigned in the program and signed in the database; instants are text of a fixed
//! width, so that their order is that of time.

use super::LedgerError;
use super::statement::Row;
use crate::journal::{BatchId, BatchRecord, BatchState, RunRecord, RunState, Sealed, Transition};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) fn signed(number: u64) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|_| LedgerError::failed("a number is too large"))
}

pub(super) fn unsigned(number: i64) -> Result<u64, LedgerError> {
    u64::try_from(number).map_err(|_| LedgerError::Damaged)
}

pub(super) fn small(number: i64) -> Result<u32, LedgerError> {
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
pub(super) fn run_of(row: &Row) -> Result<RunRecord, LedgerError> {
    Ok(RunRecord {
        run_id: row.text("run_id")?,
        plan_id: row.text("plan_id")?,
        plan_digest: row.text("plan_digest")?,
        certificate_id: row.text("certificate_id")?,
        state: run_state_of(&row.text("state")?)?,
        started_at: instant_of(&row.text("started_at")?)?,
        intent_index: row.optional_number("intent_index")?.map(unsigned).transpose()?,
        reconciled: row.mark("reconciled")?,
        statement: row.optional_text("statement")?,
        run_key_sealed: row.optional_bytes("run_key_sealed")?,
    })
}

/// A row of `batch` with its sealed keys as `intended` and `outcome`.
pub(super) fn batch_of(row: &Row) -> Result<BatchRecord, LedgerError> {
    Ok(BatchRecord {
        id: BatchId {
            run_id: row.text("run_id")?,
            item: small(row.number("item")?)?,
            part: small(row.number("part")?)?,
            batch: small(row.number("batch")?)?,
        },
        attempt: small(row.number("attempt")?)?,
        state: batch_state_of(&row.text("state")?)?,
        dataset: row.text("dataset")?,
        intended: row.optional_bytes("intended")?.map(Sealed),
        outcome: row.optional_bytes("outcome")?.map(Sealed),
        counts: from_json(&row.text("counts")?)?,
        kept: from_json(&row.text("kept")?)?,
        hold_revision: unsigned(row.number("hold_revision")?)?,
        at: instant_of(&row.text("at")?)?,
        reconciled: row.mark("reconciled")?,
    })
}
