//! The words of the certificate page, in French and English.
//!
//! Floor 8. The English and the French say the same; a change to one is a change to both. `verify`
//! compares pages byte for byte: the texts of a released schema version are never edited, a new
//! wording comes with a new schema version and its own set in [`of`].

use crate::certificate::statement::RelationKind;
use crate::evidence::{
    Action, ApprovalKind, Kind, Outcome, ResidualControl, ResidualKnowledge, VerificationMethod,
};
use crate::policy::Language;

mod version_1;
mod version_2;

/// The texts of the pages of a schema version, French first. Statements of an unknown version are
/// refused before they get here.
pub(super) fn of(schema_version: u32) -> [&'static Texts; 2] {
    match schema_version {
        1 => [&version_1::FRENCH, &version_1::ENGLISH],
        _ => [&version_2::FRENCH, &version_2::ENGLISH],
    }
}

/// One language.
pub(super) struct Texts {
    /// Code of the language in HTML and in titles.
    pub(super) lang: &'static str,
    pub(super) language: Language,
    pub(super) thousands: char,
    pub(super) title: &'static str,
    pub(super) outcome: fn(Outcome) -> (&'static str, &'static str),
    /// The outcome of a closure, of which version 1 knew none.
    pub(super) closure: fn(Outcome) -> (&'static str, &'static str),
    pub(super) certificate: &'static str,
    pub(super) relates_to: &'static str,
    pub(super) relation: fn(RelationKind) -> &'static str,
    pub(super) kind: &'static str,
    pub(super) kinds: fn(Kind) -> &'static str,
    pub(super) request: &'static str,
    /// Requests that were carried out together, of which version 1 knew none.
    pub(super) requests: &'static str,
    pub(super) requests_intro: &'static str,
    pub(super) outcome_word: &'static str,
    pub(super) received: &'static str,
    pub(super) due: &'static str,
    pub(super) controller: &'static str,
    pub(super) period: &'static str,
    pub(super) issued: &'static str,
    pub(super) approved: &'static str,
    pub(super) role: fn(&str) -> &str,
    pub(super) approval: fn(ApprovalKind) -> &'static str,
    pub(super) policy: &'static str,
    pub(super) version: &'static str,
    pub(super) plan: &'static str,
    pub(super) tool: &'static str,
    pub(super) done: &'static str,
    pub(super) reconciled: &'static str,
    pub(super) nothing: &'static str,
    pub(super) dataset: &'static str,
    pub(super) matched: &'static str,
    pub(super) purged: &'static str,
    pub(super) anonymized: &'static str,
    pub(super) pseudonymized: &'static str,
    pub(super) already_absent: &'static str,
    pub(super) excepted: &'static str,
    pub(super) failed: &'static str,
    pub(super) action: &'static str,
    pub(super) actions: fn(Action) -> &'static str,
    /// In the place of an action, where there was none.
    pub(super) only_looked_at: &'static str,
    pub(super) rule: &'static str,
    pub(super) rule_id: &'static str,
    pub(super) after: &'static str,
    pub(super) read_back: &'static str,
    pub(super) method: fn(VerificationMethod) -> &'static str,
    pub(super) checked: &'static str,
    pub(super) still_there: &'static str,
    pub(super) not_read_back: &'static str,
    pub(super) before_after: &'static str,
    pub(super) kept: &'static str,
    pub(super) nothing_kept: &'static str,
    pub(super) reason: fn(&str) -> &'static str,
    pub(super) hold: &'static str,
    pub(super) review: &'static str,
    pub(super) failure: fn(&str) -> &'static str,
    pub(super) went_wrong: &'static str,
    pub(super) unknown_number: &'static str,
    pub(super) remains: &'static str,
    pub(super) remains_intro: &'static str,
    pub(super) nothing_remains: &'static str,
    pub(super) gone: &'static str,
    pub(super) known: fn(ResidualKnowledge) -> &'static str,
    pub(super) until: &'static str,
    pub(super) no_end: &'static str,
    pub(super) control: fn(ResidualControl) -> &'static str,
    /// What a kind of remaining copy is; `None` where the code stands alone.
    pub(super) residual: fn(&str) -> Option<&'static str>,
    pub(super) told: &'static str,
    pub(super) notified: &'static str,
    pub(super) acknowledged: &'static str,
    pub(super) open: &'static str,
    pub(super) proves: &'static str,
    pub(super) proves_lines: &'static [&'static str],
    pub(super) does_not_prove: &'static str,
    pub(super) does_not_prove_lines: &'static [&'static str],
    pub(super) check: &'static str,
    pub(super) check_intro: &'static str,
    pub(super) check_log: &'static str,
    pub(super) key: &'static str,
    pub(super) file_digest: &'static str,
    pub(super) record_set: &'static str,
}
