//! Requests of several persons on one certificate: what of each target is whose.
//!
//! Floor 5, pure. A request has counts and an outcome of its own, derived from its parts of the targets as the outcome
//! of the whole is from the targets. What was disposed of is divided among the requests without a rest, so that every
//! record stands on the certificate once, and for one person.

use super::{
    Action, Code, Counts, Evidence, EvidenceError, Exception, Failure, Kind, Outcome, Residual,
    TargetEvidence, Verification,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Most requests of one certificate.
pub const REQUESTS_MAX: usize = 10_000;

/// One of several requests that were carried out together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestEvidence {
    pub reference: Code,
    pub received_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub legal_basis: Code,
    /// Derived from the parts, and derived again by every reader.
    pub outcome: Outcome,
    /// Only targets with something of the person, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<RequestPart>,
}

/// What of one target is for one request. Counts that are zero are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestPart {
    /// Place in the list of targets, from 0.
    pub target: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub purged: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub anonymized: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pseudonymized: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub already_absent: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RequestPart {
    /// Counts records that were disposed of.
    pub fn dispose(&mut self, action: Action, records: u64) {
        match action {
            Action::Purge => self.purged += records,
            Action::Anonymize => self.anonymized += records,
            Action::Pseudonymize => self.pseudonymized += records,
        }
    }

    /// Whether there is anything to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts() == Counts::default() && self.failures.is_empty()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = Counts {
            matched: 0,
            purged: self.purged,
            anonymized: self.anonymized,
            pseudonymized: self.pseudonymized,
            already_absent: self.already_absent,
            excepted: saturating(self.exceptions.iter().map(|exception| exception.count)),
            failed: saturating(self.failures.iter().map(|failure| failure.count)),
        };
        Counts { matched: saturating(counts.parts().into_iter()), ..counts }
    }

    /// The target as far as it is for this request.
    fn of(&self, target: &TargetEvidence) -> TargetEvidence {
        let counts = self.counts();
        let remaining = counts.excepted.saturating_add(counts.failed);
        TargetEvidence {
            counts,
            // Each of the person's records was looked at.
            verification: target.verification.as_ref().map(|seen| Verification {
                checked: counts.matched,
                remaining,
                ..seen.clone()
            }),
            exceptions: self.exceptions.clone(),
            failures: self.failures.clone(),
            records_before: None,
            records_after: None,
            ..target.clone()
        }
    }
}

fn saturating(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

impl RequestEvidence {
    /// The targets as far as they are for this request.
    #[must_use]
    pub fn targets(&self, all: &[TargetEvidence]) -> Vec<TargetEvidence> {
        let target = |part: &RequestPart| all.get(usize::try_from(part.target).ok()?);
        self.parts.iter().filter_map(|part| Some(part.of(target(part)?))).collect()
    }

    /// Its counts over all targets.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.parts.iter().map(RequestPart::counts).fold(Counts::default(), Counts::plus)
    }

    /// Its outcome, read off its own counts. Copies that outlive the run concern who had something in their store.
    #[must_use]
    pub fn derived(&self, kind: Kind, all: &[TargetEvidence], residuals: &[Residual]) -> Outcome {
        let targets = self.targets(all);
        Outcome::derive(kind, &targets, &residuals_of(&targets, residuals))
    }
}

/// Copies in the stores in which something of these was disposed of.
fn residuals_of(targets: &[TargetEvidence], residuals: &[Residual]) -> Vec<Residual> {
    let concerns = |residual: &&Residual| {
        targets.iter().any(|target| target.store == residual.location && target.counts.disposed() > 0)
    };
    residuals.iter().filter(concerns).cloned().collect()
}

impl Evidence {
    /// Whether the certificate is for this request, alone or among others.
    #[must_use]
    pub fn is_for(&self, reference: &str) -> bool {
        let alone = self.request.as_ref().is_some_and(|request| request.reference.as_str() == reference);
        alone || self.request_among(reference).is_some()
    }

    /// The request among several.
    #[must_use]
    pub fn request_among(&self, reference: &str) -> Option<&RequestEvidence> {
        self.requests.iter().find(|request| request.reference.as_str() == reference)
    }

    /// The targets as far as they are for a request; all of them on a certificate of its own.
    #[must_use]
    pub fn targets_for(&self, reference: &str) -> Vec<TargetEvidence> {
        match self.request_among(reference) {
            Some(request) => request.targets(&self.targets),
            None => self.targets.clone(),
        }
    }

    /// The copies that outlive the run, as far as they are for a request.
    #[must_use]
    pub fn residuals_for(&self, reference: &str) -> Vec<Residual> {
        match self.request_among(reference) {
            Some(request) => residuals_of(&request.targets(&self.targets), &self.residuals),
            None => self.residuals.clone(),
        }
    }

    /// What must hold of several requests: what was disposed of is divided without a rest, what was kept or failed is
    /// told to somebody, and each outcome is the one that its counts lead to.
    pub(super) fn check_requests(&self) -> Result<(), EvidenceError> {
        if self.requests.len() > REQUESTS_MAX {
            return Err(EvidenceError::TooMany { what: "requests", most: REQUESTS_MAX });
        }
        if self.requests.is_empty() {
            return Ok(());
        }
        let mut sums = vec![[0_u128; 6]; self.targets.len()];
        for request in &self.requests {
            let reference = || request.reference.as_str().to_owned();
            let mut before = None;
            for part in &request.parts {
                let sum = usize::try_from(part.target).ok().and_then(|target| sums.get_mut(target));
                let Some(sum) = sum.filter(|_| before.is_none_or(|before| before < part.target)) else {
                    return Err(EvidenceError::RequestDiffers { reference: reference() });
                };
                before = Some(part.target);
                for (sum, count) in sum.iter_mut().zip(part.counts().parts()) {
                    *sum += u128::from(count);
                }
            }
            if request.outcome != request.derived(self.kind, &self.targets, &self.residuals) {
                return Err(EvidenceError::RequestDiffers { reference: reference() });
            }
        }
        for (target, sums) in sums.iter().enumerate() {
            let whole = self.targets.get(target).map(|target| target.counts.parts()).unwrap_or_default();
            let pairs = || sums.iter().zip(whole.map(u128::from));
            // What is several persons' is told to each of them.
            let is_divided = pairs().take(3).all(|(sum, whole)| *sum == whole)
                && pairs().skip(4).all(|(sum, whole)| *sum >= whole);
            if !is_divided {
                return Err(EvidenceError::PartsOfRequestsDiffer { target });
            }
        }
        Ok(())
    }
}
