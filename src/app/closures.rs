//! Copies that outlived a run, when their date has passed: a further certificate says which have ended.
//!
//! Floor 7. Nothing is disposed of here. A declared time that has passed ends a copy by declaration, and the
//! certificate says that nobody looked. Versions under a lock do not go by themselves when it ends: they
//! are due again, and the next run takes them on a certificate of its own. So they are closed only when the
//! same policies find nothing any more that is due, locked or held in that store; until then they stay open.
//! What has no date stays open.
//!
//! Every step can be repeated after a crash: the closure is fixed in the ledger with its identity, then
//! announced in the log, then stated; the statement follows from what is fixed.

use super::evidence as seen;
use super::{App, AppError, archived};
use crate::archive::Publication;
use crate::archive::verify::CertificateSummary;
use crate::certificate::{CertificateId, Identity, Relation, RelationKind, Statement};
use crate::digest::Digest32;
use crate::evidence::{
    Basis, Code, Controller, Evidence, Kind, PublicText, RecordSetEvidence, RecordSetMode, Residual,
    ResidualKnowledge, ResidualStatus, Tool,
};
use crate::journal::JournalStore as _;
use crate::ledger::ClosureRecord;
use crate::plan::Plan;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::failpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The copies of one certificate that no closure has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenResiduals {
    pub certificate_id: CertificateId,
    pub residuals: Vec<Residual>,
}

impl OpenResiduals {
    /// The next date, which may have passed; `None` if no copy has one.
    #[must_use]
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        self.residuals.iter().filter_map(|residual| residual.expires_at).min()
    }
}

/// One closure in the archive.
#[derive(Debug)]
pub struct ClosureEnd {
    pub closes: CertificateId,
    pub statement: Statement,
    pub directory: PathBuf,
}

/// What is announced in the log.
#[derive(Serialize)]
struct Announcement<'a> {
    closes_residuals_of: &'a str,
    closure_certificate: &'a str,
    residuals: &'a [Residual],
}

/// What is fixed before anything is published.
#[derive(Serialize, Deserialize)]
struct Draft {
    evidence: Evidence,
    nonce: [u8; 16],
    issued_at: DateTime<Utc>,
}

/// What is still open, by certificate, the oldest first.
#[must_use]
pub(super) fn open_of(certificates: &[CertificateSummary]) -> Vec<OpenResiduals> {
    let mut closed: BTreeMap<&CertificateId, Vec<&Residual>> = BTreeMap::new();
    for closure in certificates.iter().filter(|certificate| certificate.kind == Kind::ResidualClosure) {
        let ended = closure.residuals.iter().filter(|residual| residual.status == ResidualStatus::Closed);
        let ended: Vec<&Residual> = ended.collect();
        for relation in &closure.relates_to {
            closed.entry(&relation.certificate_id).or_default().extend(&ended);
        }
    }
    let of_runs = certificates.iter().filter(|certificate| certificate.kind != Kind::ResidualClosure);
    of_runs
        .map(|certificate| {
            let ended = closed.get(&certificate.id).map(Vec::as_slice).unwrap_or_default();
            let is_open = |residual: &&Residual| {
                residual.status != ResidualStatus::Closed
                    && !ended.iter().any(|closed| closed.is_same_copy(residual))
            };
            OpenResiduals {
                certificate_id: certificate.id.clone(),
                residuals: certificate.residuals.iter().filter(is_open).cloned().collect(),
            }
        })
        .filter(|open| !open.residuals.is_empty())
        .collect()
}

impl App {
    /// Looks again at the copies whose date has passed, and certifies which have ended. To be called as
    /// often as one likes: without anything new it writes nothing.
    ///
    /// # Errors
    /// When the clock is in doubt, or the ledger or the archive cannot be used.
    pub async fn close_residuals(&self) -> Result<Vec<ClosureEnd>, AppError> {
        let _lease = self.ledger.acquire("any").await?;
        self.guard_clock().await?;
        let mut ends = Vec::new();
        for fixed in self.ledger.open_closures().await? {
            ends.push(self.publish_closure(&fixed).await?);
        }
        let now = self.now();
        let certificates = self.certificates().await?;
        for open in open_of(&certificates) {
            let is_due = |residual: &Residual| residual.expires_at.is_some_and(|at| at <= now);
            if !open.residuals.iter().any(is_due) {
                continue;
            }
            let residuals = self.judged(&open, now).await?;
            if residuals.iter().any(|residual| residual.status == ResidualStatus::Closed) {
                let fixed = self.fix_closure(&open.certificate_id, residuals, now)?;
                self.ledger.begin_closure(&fixed).await?;
            }
        }
        for fixed in self.ledger.open_closures().await? {
            ends.push(self.publish_closure(&fixed).await?);
        }
        self.ledger.note_time(now).await?;
        Ok(ends)
    }

    /// The open copies of a certificate, each as it is found now.
    async fn judged(&self, open: &OpenResiduals, now: DateTime<Utc>) -> Result<Vec<Residual>, AppError> {
        let mut judged = Vec::new();
        for residual in &open.residuals {
            let is_past = residual.expires_at.is_some_and(|at| at <= now);
            let (status, known) = match (is_past, residual.kind.as_str() == "object_version") {
                (false, _) => (residual.status, None),
                (true, false) => (ResidualStatus::Closed, Some(ResidualKnowledge::DeclaredEnd)),
                (true, true) if self.is_seen_gone(&open.certificate_id, &residual.location).await? => {
                    (ResidualStatus::Closed, Some(ResidualKnowledge::SeenGone))
                }
                // Free to go, and still there or not seen: no date ends it any more.
                (true, true) => (ResidualStatus::Unknown, None),
            };
            judged.push(Residual { status, known, ..residual.clone() });
        }
        Ok(judged)
    }

    /// Whether the policies of a certificate, unchanged, find nothing any more in a store that would have
    /// to go: what was due then would be due now.
    async fn is_seen_gone(&self, certificate: &CertificateId, store: &Code) -> Result<bool, AppError> {
        let (statement, _) = self.certificate(certificate.as_str()).await?;
        let plan = self.reading_plan().await?;
        let now: Vec<Digest32> =
            archived::policies(&self.catalog, &plan).iter().map(|policy| Digest32::of(policy)).collect();
        let then = &statement.predicate.evidence.policies;
        if !then.iter().all(|policy| now.contains(&policy.digest)) {
            return Ok(false);
        }
        self.nothing_is_left(&plan, store).map_err(AppError::from)
    }

    fn nothing_is_left(&self, plan: &Plan, store: &Code) -> anyhow::Result<bool> {
        let mut looked = false;
        for lost in &plan.unreachable {
            if seen::names(&self.catalog, &lost.dataset)?.0 == *store {
                return Ok(false);
            }
        }
        for item in &plan.items {
            if seen::names(&self.catalog, &item.dataset)?.0 != *store {
                continue;
            }
            looked = true;
            let counts = &item.counts;
            if counts.due
                + counts.held
                + counts.referenced
                + counts.locked_total()
                + counts.undecidable_total()
                > 0
            {
                return Ok(false);
            }
        }
        Ok(looked)
    }

    /// Everything that is published of a closure, with its identity.
    fn fix_closure(
        &self,
        closes: &CertificateId,
        residuals: Vec<Residual>,
        now: DateTime<Utc>,
    ) -> Result<ClosureRecord, AppError> {
        let certificate_id = super::apply::uuid(&*self.environment.ids)?;
        let mut nonce = [0; 16];
        self.environment.ids.fill(&mut nonce)?;
        let ended: Vec<&Residual> =
            residuals.iter().filter(|residual| residual.status == ResidualStatus::Closed).collect();
        let closure_id = Digest32::of(&canonical(&(closes.as_str(), ended))?).to_string();
        let announcement = canonical(&Announcement {
            closes_residuals_of: closes.as_str(),
            closure_certificate: &certificate_id,
            residuals: &residuals,
        })?;
        let controller = &self.settings.controller;
        let evidence = Evidence {
            run_id: Code::new(&self.environment.ids.new_id("closure")?).map_err(anyhow::Error::from)?,
            kind: Kind::ResidualClosure,
            controller: Controller {
                name: PublicText::new(controller.name.as_str()).map_err(anyhow::Error::from)?,
                country: None,
                contact: Some(PublicText::new(controller.contact.as_str()).map_err(anyhow::Error::from)?),
            },
            request: None,
            requests: Vec::new(),
            policies: Vec::new(),
            plan_digest: Digest32::of(&announcement),
            approvals: Vec::new(),
            // Known once it is announced.
            intent_log_index: 0,
            started_at: now,
            finished_at: now,
            tool: Tool {
                name: Code::new("oubliette").map_err(anyhow::Error::from)?,
                version: Code::new(env!("CARGO_PKG_VERSION")).map_err(anyhow::Error::from)?,
            },
            basis: Basis::Observed,
            targets: Vec::new(),
            residuals,
            downstream: Vec::new(),
            record_set: RecordSetEvidence {
                mode: RecordSetMode::PerRecord,
                count: 0,
                // The root of no leaf (RFC 6962 section 2.1).
                root: Digest32::of(b""),
            },
        };
        let draft = Draft { evidence, nonce, issued_at: now };
        Ok(ClosureRecord {
            closure_id,
            closes: closes.to_string(),
            certificate_id,
            announcement: String::from_utf8(announcement).context("canonical JSON is text")?,
            draft: serde_json::to_string(&draft).context("the draft has a form")?,
        })
    }

    /// Announces, states, signs and archives a fixed closure; again with the same bytes.
    async fn publish_closure(&self, fixed: &ClosureRecord) -> Result<ClosureEnd, AppError> {
        let Draft { mut evidence, nonce, issued_at } =
            serde_json::from_str(&fixed.draft).context("a closure in the ledger is damaged")?;
        let announcement = fixed.announcement.as_bytes();
        let mut archive = self.archive().await?;
        evidence.intent_log_index = archive.publish_intent(evidence.plan_digest, announcement).await?;
        failpoint::hit("after-closure-announced");
        let closes: CertificateId = fixed.closes.parse()?;
        let identity = Identity { certificate_id: fixed.certificate_id.parse()?, nonce, issued_at };
        let relation = Relation { certificate_id: closes.clone(), relation: RelationKind::ClosesResidual };
        let statement = Statement::new(evidence, identity, vec![relation])?;
        let signer = self.signer()?;
        let envelope = statement.sign(&[&signer])?.to_bytes()?;
        let html = (self.environment.render)(&self.trust_root()?.verify(&envelope)?);
        let publication = Publication { envelope: &envelope, html: &html, policies: &[] };
        archive.publish(&publication).await?;
        failpoint::hit("after-closure-published");
        self.keep_checkpoint(archive.checkpoint()).await?;
        self.ledger.end_closure(&fixed.closure_id).await?;
        let directory = self.folder_of_certificate(&statement);
        Ok(ClosureEnd { closes, statement, directory })
    }
}

fn canonical(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).context("it has no canonical form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Outcome, ResidualControl};

    fn residual(kind: &str, until: Option<&str>, status: ResidualStatus) -> Residual {
        Residual {
            kind: Code::new(kind).unwrap(),
            location: Code::new("crm").unwrap(),
            expires_at: until.map(|at| at.parse().unwrap()),
            control: ResidualControl::ExpiresOnSchedule,
            status,
            known: None,
        }
    }

    fn certificate(
        digit: u8,
        kind: Kind,
        closes: Option<u8>,
        residuals: Vec<Residual>,
    ) -> CertificateSummary {
        let id = |digit: u8| -> CertificateId {
            format!("00000000-0000-4000-8000-00000000000{digit}").parse().unwrap()
        };
        let relation = |digit| Relation { certificate_id: id(digit), relation: RelationKind::ClosesResidual };
        CertificateSummary {
            id: id(digit),
            path: String::new(),
            issued_at: DateTime::UNIX_EPOCH,
            outcome: Outcome::CompleteResidualsPending,
            records: 0,
            log_index: u64::from(digit),
            keyids: Vec::new(),
            kind,
            relates_to: closes.map(relation).into_iter().collect(),
            residuals,
        }
    }

    #[test]
    fn a_copy_is_open_until_a_closure_of_its_certificate_names_it() {
        let backup = residual("backup", Some("2026-06-01T00:00:00Z"), ResidualStatus::Expiring);
        let log = residual("binary_log", Some("2026-05-01T00:00:00Z"), ResidualStatus::Expiring);
        let one = certificate(1, Kind::RetentionExpiry, None, vec![backup.clone(), log.clone()]);
        let two = certificate(2, Kind::RetentionExpiry, None, vec![log.clone()]);
        let ended = Residual { status: ResidualStatus::Closed, ..log.clone() };
        let closure = certificate(3, Kind::ResidualClosure, Some(1), vec![ended, backup.clone()]);
        let open = open_of(&[one.clone(), two.clone(), closure]);
        let told: Vec<_> =
            open.iter().map(|open| (open.certificate_id.clone(), open.residuals.clone())).collect();
        assert_eq!(told, [(one.id, vec![backup]), (two.id, vec![log])]);
        assert_eq!(open[0].next_at(), Some("2026-06-01T00:00:00Z".parse().unwrap()));
    }
}
