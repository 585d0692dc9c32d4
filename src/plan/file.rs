//! Plan files: a plan as canonical JSON, and back.
//!
//! Floor 3. A plan file may have been written by anyone: it is bounded in size and depth, unknown
//! keys and repeated keys are refused, its counts must add up, and the bytes must be exactly those
//! that this program would write, so that a digest over them is a digest over the plan.

use super::{PLAN_FORMAT_VERSION, Plan, digest};
use serde::Deserialize;
use std::io::Read;
use thiserror::Error;

/// Bytes of the largest plan file that is read. A plan of a thousand rules is far below.
pub const PLAN_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The largest whole number that every JSON reader keeps exactly (RFC 8259 §6, RFC 8785).
const EXACT_NUMBER_MAX: u64 = (1 << 53) - 1;

const MESSAGE_CHARACTERS_MAX: usize = 200;

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanFileError {
    #[error("the plan file cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("the plan file is larger than {PLAN_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the plan file is not valid at line {line}, column {column}: {message}")]
    Malformed { line: usize, column: usize, message: String },
    #[error("the plan file has format version {found}, and this program reads {PLAN_FORMAT_VERSION}")]
    OtherVersion { found: u64 },
    /// Somebody changed white space, the order of keys, or repeated a key.
    #[error(
        "the plan file is not in canonical form from byte {offset} on: it was changed after it was written"
    )]
    NotCanonical { offset: usize },
    #[error("the plan file contradicts itself at {place}: {reason}")]
    Inconsistent { place: String, reason: &'static str },
}

impl Plan {
    /// The plan as canonical JSON (RFC 8785): what is kept, and what is approved.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "only maps without text keys and non-finite numbers fail, and a plan has neither"
        )]
        serde_json_canonicalizer::to_vec(self).expect("a plan serialises")
    }

    /// SHA-256 of [`Plan::canonical`], lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        digest::of_bytes(&self.canonical())
    }
}

/// Reads a plan from a stream, at most [`PLAN_BYTES_MAX`] of it.
///
/// # Errors
/// [`PlanFileError`] says what is wrong and where.
pub fn read_plan(reader: impl Read) -> Result<Plan, PlanFileError> {
    let mut bytes = Vec::new();
    reader.take(PLAN_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
    parse_plan(&bytes)
}

/// Reads a plan from bytes. One line break at the end is allowed: editors add it.
///
/// # Errors
/// [`PlanFileError`] says what is wrong and where.
pub fn parse_plan(bytes: &[u8]) -> Result<Plan, PlanFileError> {
    if u64::try_from(bytes.len()).map_or(true, |length| length > PLAN_BYTES_MAX) {
        return Err(PlanFileError::TooLarge);
    }
    check_version(bytes)?;
    let plan: Plan = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    check_consistency(&plan)?;
    let written = plan.canonical();
    let given = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if written != given {
        let same = written.iter().zip(given).take_while(|(one, other)| one == other).count();
        return Err(PlanFileError::NotCanonical { offset: same });
    }
    Ok(plan)
}

/// The version decides how the rest is read, so it is looked at before the rest is.
fn check_version(bytes: &[u8]) -> Result<(), PlanFileError> {
    #[derive(Deserialize)]
    struct Versioned {
        format_version: u64,
    }
    let versioned: Versioned = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    if versioned.format_version != u64::from(PLAN_FORMAT_VERSION) {
        return Err(PlanFileError::OtherVersion { found: versioned.format_version });
    }
    Ok(())
}

/// The parser's message quotes the file, which may try to steer the terminal.
fn malformed(error: &serde_json::Error) -> PlanFileError {
    let message =
        error.to_string().chars().take(MESSAGE_CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    PlanFileError::Malformed { line: error.line(), column: error.column(), message }
}

fn check_consistency(plan: &Plan) -> Result<(), PlanFileError> {
    let wrong = |place: String, reason| Err(PlanFileError::Inconsistent { place, reason });
    if plan.expires_at <= plan.drafted_at {
        return wrong("expires_at".to_owned(), "it is not after drafted_at");
    }
    if plan.as_of > plan.drafted_at && !plan.simulated {
        return wrong("as_of".to_owned(), "it is after drafted_at, and the plan is not simulated");
    }
    for (position, item) in plan.items.iter().enumerate() {
        let place = |field: &str| format!("items[{position}].{field}");
        if usize::try_from(item.item) != Ok(position) {
            return wrong(place("item"), "it is not the position in the list");
        }
        if !item.counts.adds_up() {
            return wrong(place("counts"), "they do not add up");
        }
        if item.counts.total > EXACT_NUMBER_MAX || item.due_bytes > EXACT_NUMBER_MAX {
            return wrong(place("counts"), "a number is too large to be kept exactly");
        }
        if item.counts.held_by.values().any(|held| *held > item.counts.held) {
            return wrong(place("counts.held_by"), "a hold holds more records than are held");
        }
        if item.effects.iter().any(|effect| effect.records > EXACT_NUMBER_MAX) {
            return wrong(place("effects"), "a number is too large to be kept exactly");
        }
        if item.named.iter().any(|named| named.largest() > EXACT_NUMBER_MAX) {
            return wrong(place("named"), "a number is too large to be kept exactly");
        }
        if item.guards.share_max_percent > 100 {
            return wrong(place("guards.share_max_percent"), "it is more than 100");
        }
    }
    for (position, finding) in plan.findings.iter().enumerate() {
        let known = |item: u32| usize::try_from(item).is_ok_and(|item| item < plan.items.len());
        if finding.item.is_some_and(|item| !known(item)) {
            return wrong(format!("findings[{position}].item"), "there is no such item");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
