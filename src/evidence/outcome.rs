//! The outcome of a run, derived from what was seen. The table stands in the parent's doc.
//!
//! Floor 5, pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Action, Kind, Residual, ResidualControl, ResidualStatus, TargetEvidence, VerificationMethod};

/// How a run ended. There is no constructor but [`Outcome::derive`] (and reading a certificate,
/// where the derivation is repeated and compared).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Complete,
    CompleteResidualsPending,
    CompleteWithExceptions,
    NothingFound,
    Partial,
    Failed,
}

impl Outcome {
    /// Derives the outcome; see the table in [`crate::evidence`].
    #[must_use]
    pub fn derive(kind: Kind, targets: &[TargetEvidence], residuals: &[Residual]) -> Self {
        let any_failure =
            targets.iter().any(|target| target.counts.failed > 0 || !target.failures.is_empty());
        let all_idle = targets.iter().all(nothing_was_settled);
        if any_failure && all_idle {
            return Self::Failed;
        }
        let lacking = targets.iter().any(|target| !is_proven(target) || falls_short(kind, target));
        if any_failure || lacking || residuals.iter().any(is_uncontrolled) {
            return Self::Partial;
        }
        let is_closure = kind == Kind::ResidualClosure && !residuals.is_empty();
        if targets.iter().all(|target| target.counts.matched == 0) && !is_closure {
            return Self::NothingFound;
        }
        if targets.iter().any(|target| target.counts.excepted > 0) {
            return Self::CompleteWithExceptions;
        }
        if residuals.iter().any(|residual| residual.status != ResidualStatus::Closed) {
            return Self::CompleteResidualsPending;
        }
        Self::Complete
    }

    /// The word as it stands on the certificate.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::CompleteResidualsPending => "complete_residuals_pending",
            Self::CompleteWithExceptions => "complete_with_exceptions",
            Self::NothingFound => "nothing_found",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn nothing_was_settled(target: &TargetEvidence) -> bool {
    target.counts.disposed() == 0 && target.counts.already_absent == 0 && target.counts.excepted == 0
}

/// A claim (something is gone or changed) must have been read back in full, with nothing left but what
/// was kept on purpose.
fn is_proven(target: &TargetEvidence) -> bool {
    let claims = target.counts.disposed() > 0 || target.counts.already_absent > 0;
    match &target.verification {
        Some(seen) => {
            seen.remaining <= target.counts.excepted && (!claims || seen.method != VerificationMethod::Sample)
        }
        None => !claims,
    }
}

/// A pseudonym is still personal data: enough only where the rule asked for no more, never for a
/// person who asked for erasure.
fn falls_short(kind: Kind, target: &TargetEvidence) -> bool {
    target.counts.pseudonymized > 0 && (target.action != Action::Pseudonymize || kind.is_for_a_person())
}

fn is_uncontrolled(residual: &Residual) -> bool {
    match residual.status {
        ResidualStatus::Closed => false,
        ResidualStatus::Unknown => true,
        ResidualStatus::Expiring => {
            residual.expires_at.is_none() || residual.control == ResidualControl::None
        }
    }
}
