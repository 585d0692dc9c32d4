//! What must hold of evidence before anything is signed, and of a statement that is read.
//!
//! Floor 5, pure. It finds contradictions; whether what was seen is enough is the outcome's.

use super::{Evidence, Kind, Outcome, Residual, ResidualStatus, TargetEvidence, VerificationMethod};
use thiserror::Error;

/// The evidence contradicts itself; nothing may be signed. The message names the target by its
/// place in the list, the operator finds the counts in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    #[error("target {target}: matched is {matched}, but the parts add up to {sum}")]
    PartsDoNotAddUp { target: usize, matched: u64, sum: u128 },
    #[error("target {target}: {excepted} records excepted, but the reasons add up to {sum}")]
    ExceptionsDoNotAddUp { target: usize, excepted: u64, sum: u128 },
    #[error("target {target}: {failed} records failed, but the failures add up to {sum}")]
    FailuresDoNotAddUp { target: usize, failed: u64, sum: u128 },
    #[error("{disposed} records were disposed of, but {committed} are committed to")]
    RecordSetDiffers { disposed: u128, committed: u64 },
    #[error("a count is above 2^53 and would not survive JSON")]
    CountTooLarge,
    #[error("the run ends before it starts")]
    EndsBeforeStart,
    #[error("no approval is named")]
    NoApproval,
    #[error("copies that have ended stand on a closure alone, each with how that is known")]
    NoClosure,
    #[error("{what} has more than {most} entries")]
    TooMany { what: &'static str, most: usize },
    #[error("a request reference is needed for this kind of certificate, and for no other")]
    RequestMismatch,
    #[error(
        "the counts of request {reference} do not lead to its outcome, or are not of the targets in order"
    )]
    RequestDiffers { reference: String },
    #[error("target {target}: what was disposed of, kept or failed is not divided among the requests")]
    PartsOfRequestsDiffer { target: usize },
    #[error("target {target}: {kept} records were kept or failed, but the query found {remaining}")]
    ReadBackDiffers { target: usize, kept: u128, remaining: u64 },
}

/// Integers up to here are exact in every JSON reader (RFC 8259 section 6).
const COUNT_MAX: u64 = 1 << 53;
/// No list of a certificate is longer; keeps a certificate far below the archive's file limit.
pub const LIST_ENTRIES_MAX: usize = 1_000;

impl Evidence {
    /// Checks what must hold before anything is signed: per target
    /// `matched = purged + anonymized + pseudonymized + already_absent + excepted + failed`, the
    /// reasons add up, and the record set has one commitment for every record disposed of.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), EvidenceError> {
        self.check_lists()?;
        if self.finished_at < self.started_at {
            return Err(EvidenceError::EndsBeforeStart);
        }
        // A closure disposes of nothing.
        if self.approvals.is_empty() && self.kind != Kind::ResidualClosure {
            return Err(EvidenceError::NoApproval);
        }
        self.check_closure()?;
        let (is_alone, is_among) = (self.request.is_some(), !self.requests.is_empty());
        if !is_alone && !is_among && self.kind == Kind::ErasureRequest
            || (is_alone || is_among) && !self.kind.is_for_a_person()
            || is_alone && is_among
        {
            return Err(EvidenceError::RequestMismatch);
        }
        for (position, target) in self.targets.iter().enumerate() {
            target.check(position)?;
        }
        self.check_requests()?;
        let disposed: u128 = self.targets.iter().map(|target| u128::from(target.counts.disposed())).sum();
        if disposed != u128::from(self.record_set.count) {
            return Err(EvidenceError::RecordSetDiffers { disposed, committed: self.record_set.count });
        }
        if self.intent_log_index > COUNT_MAX || self.policies.iter().any(|policy| policy.version > COUNT_MAX)
        {
            return Err(EvidenceError::CountTooLarge);
        }
        Ok(())
    }

    /// Only a closure says how it is known that a copy has ended, and says nothing else.
    fn check_closure(&self) -> Result<(), EvidenceError> {
        let is_closure = self.kind == Kind::ResidualClosure;
        let names_none = self.residuals.iter().all(|residual| residual.status != ResidualStatus::Closed);
        if is_closure && (names_none || !self.targets.is_empty()) {
            return Err(EvidenceError::NoClosure);
        }
        let must_say = |residual: &Residual| is_closure && residual.status == ResidualStatus::Closed;
        if self.residuals.iter().any(|residual| residual.known.is_some() != must_say(residual)) {
            return Err(EvidenceError::NoClosure);
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), EvidenceError> {
        let lists = [
            ("policies", self.policies.len()),
            ("approvals", self.approvals.len()),
            ("targets", self.targets.len()),
            ("residuals", self.residuals.len()),
            ("downstream", self.downstream.len()),
        ];
        let of_targets = self.targets.iter().flat_map(|target| {
            [
                ("exceptions", target.exceptions.len()),
                ("failures", target.failures.len()),
                ("residue steps", target.residue_steps.len()),
                ("title", target.rule.title.len()),
            ]
        });
        match lists.into_iter().chain(of_targets).find(|(_, length)| *length > LIST_ENTRIES_MAX) {
            Some((what, _)) => Err(EvidenceError::TooMany { what, most: LIST_ENTRIES_MAX }),
            None => Ok(()),
        }
    }

    /// Checks that a query asked again found exactly what is counted as excepted or failed. Not so in
    /// statements of schema version 1, whose read-back left those out.
    ///
    /// # Errors
    /// The first target of which it is not true.
    pub fn check_read_back(&self) -> Result<(), EvidenceError> {
        for (position, target) in self.targets.iter().enumerate() {
            let asked =
                target.verification.as_ref().filter(|seen| seen.method == VerificationMethod::ReQuery);
            let kept = u128::from(target.counts.excepted) + u128::from(target.counts.failed);
            if let Some(seen) = asked.filter(|seen| u128::from(seen.remaining) != kept) {
                let remaining = seen.remaining;
                return Err(EvidenceError::ReadBackDiffers { target: position, kept, remaining });
            }
        }
        Ok(())
    }

    /// The outcome, read off the counts.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::derive(self.kind, &self.targets, &self.residuals)
    }
}

impl TargetEvidence {
    fn check(&self, target: usize) -> Result<(), EvidenceError> {
        let counts = self.counts;
        let exceptions = self.exceptions.iter().map(|exception| exception.count);
        let failures = self.failures.iter().map(|failure| failure.count);
        let verification = self.verification.iter().flat_map(|seen| [seen.checked, seen.remaining]);
        let around = self.records_before.into_iter().chain(self.records_after);
        let every = [counts.matched, self.rule.version].into_iter().chain(counts.parts());
        if every
            .chain(exceptions.clone())
            .chain(failures.clone())
            .chain(verification)
            .chain(around)
            .any(|count| count > COUNT_MAX)
        {
            return Err(EvidenceError::CountTooLarge);
        }
        let sum = sum(counts.parts().into_iter());
        if sum != u128::from(counts.matched) {
            return Err(EvidenceError::PartsDoNotAddUp { target, matched: counts.matched, sum });
        }
        let sum = self::sum(exceptions);
        if sum != u128::from(counts.excepted) {
            return Err(EvidenceError::ExceptionsDoNotAddUp { target, excepted: counts.excepted, sum });
        }
        let sum = self::sum(failures);
        if sum != u128::from(counts.failed) {
            return Err(EvidenceError::FailuresDoNotAddUp { target, failed: counts.failed, sum });
        }
        Ok(())
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u128 {
    counts.map(u128::from).sum()
}
