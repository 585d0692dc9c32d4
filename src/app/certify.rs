//! The end of a run: read back, state, sign, archive, forget.
//!
//! Floor 7. Every step can be repeated after a crash. Once the statement is fixed in the ledger it is
//! never computed again: the same bytes are signed, and the signature is deterministic, so that one
//! run has one certificate however often its process dies.

use super::apply::Running;
use super::claims::{self, Claims, Early};
use super::evidence::{self as seen, Reading, Seen};
use super::{App, AppError};
use crate::archive::Publication;
use crate::certificate::{
    CertificateId, CommitmentKey, Identity, RecordSet, Relation, RelationKind, Statement, TrustRoot,
};
use crate::erasure::ground::RequestKind;
use crate::evidence::{
    Approval, ApprovalKind, Basis, Code, Controller, Evidence, Kind, PolicyReference, PublicText,
    RecordSetEvidence, RecordSetMode, Request, Residual, ResidualControl, ResidualStatus, TargetEvidence,
    Tool,
};
use crate::execution::{RunEnd, Tuning, patience};
use crate::hold::{HoldBook, HoldRegister as _};
use crate::journal::{JournalStore as _, RunRecord, RunState};
use crate::plan::RequestPlan;
use crate::plan::approval::ApprovalBasis;
use crate::plan::compile::ExecutableItem;
use crate::plan::keeping::KeepError;
use crate::plan::named::{Looking, without_kept};
use crate::policy::RetainFor;
use crate::spans;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::{LockedRecords, failpoint};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tracing::Instrument as _;

/// A run whose certificate is in the archive.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) statement: Statement,
    pub(super) directory: PathBuf,
}

impl App {
    /// Fixes the statement of a run whose batches are all settled.
    ///
    /// `early` is what was committed to while the run went on.
    pub(super) async fn state(
        &self,
        running: &Running<'_>,
        end: &RunEnd,
        early: Option<Early>,
    ) -> Result<RunRecord, AppError> {
        Box::pin(self.read_back(running, end, early)).instrument(spans::evidence()).await
    }

    async fn read_back(
        &self,
        running: &Running<'_>,
        end: &RunEnd,
        early: Option<Early>,
    ) -> Result<RunRecord, AppError> {
        let run = self.current_run(&running.run.run_id).await?;
        // A clock set back within the tolerance must not make a run end before it began.
        let finished_at = self.environment.clock.now().max(run.started_at);
        let id = run.certificate_id.parse()?;
        let commitments = self.seed(&id)?;
        let (work, out) = self.record_set_places(&id)?;
        let gathered = claims::gather(
            &*self.ledger,
            &self.catalog,
            &run.run_id,
            (&running.key, &commitments),
            (&work, &out),
            early,
        );
        // The stores answer while the commitments are computed.
        let book = self.ledger.book().await?;
        let request = running.approved.plan().request.as_ref();
        let readings = async {
            match request {
                Some(_) => Ok(Vec::new()),
                None => self.readings(running, &book).await,
            }
        };
        let (readings, gathered) = tokio::join!(readings, gathered);
        let (readings, (claims, set)) = (readings?, gathered?);
        let (shares, locks) = match request {
            Some(_) => {
                let (shares, locks) =
                    Box::pin(self.targets_of_request(running, end, &claims, finished_at)).await?;
                (Some(shares), locks)
            }
            None => (None, Vec::new()),
        };
        let (targets, locks) = match &shares {
            Some(shares) => (shares.targets.clone(), locks),
            None => self.targets(running, end, &claims, (readings, &book), finished_at)?,
        };
        let mut residuals = locked(&locks)?;
        residuals.extend(self.residuals(&targets, end, finished_at).await?);
        let mut evidence =
            evidence_of(self, running, &run, Gathered { targets, residuals, set, finished_at })?;
        if let (Some(planned), Some(shares)) = (request, &shares) {
            evidence.requests = shares.requests(planned, evidence.kind, &evidence.residuals)?;
            if running.items.is_some() {
                evidence.downstream = Box::pin(self.tell_recipients(running, shares, finished_at)).await?;
            }
        }
        let identity = self.identity(&run, finished_at)?;
        let mut continues = Vec::new();
        // Nothing of requests that are carried out together was certified before.
        if let Some(request) = request.filter(|request| request.members.is_empty()) {
            for id in self.certificates_of_request(&request.request_id).await? {
                let relation = RelationKind::Continues;
                continues.push(Relation { certificate_id: id.parse()?, relation });
            }
            for certificate_id in self.first_certificates(&request.replays).await? {
                continues.push(Relation { certificate_id, relation: RelationKind::Continues });
            }
        }
        let statement = Statement::new(evidence, identity, continues)?;
        let stated =
            RunRecord { state: RunState::Certifying, statement: Some(statement_text(&statement)?), ..run };
        failpoint::hit("before-statement");
        self.ledger.update_run(&stated).await?;
        failpoint::hit("after-statement");
        Ok(stated)
    }

    /// Signs and archives a stated run, then destroys what could still name a record.
    pub(super) async fn certify(&self, run: &RunRecord) -> Result<Certified, AppError> {
        self.sign_and_archive(run).instrument(spans::certify(&run.certificate_id)).await
    }

    async fn sign_and_archive(&self, run: &RunRecord) -> Result<Certified, AppError> {
        let text = run.statement.as_deref().context("the run has no statement")?;
        let statement = Statement::parse(text.as_bytes())?;
        let signer = self.signer()?;
        let envelope = statement.sign(&[&signer])?.to_bytes()?;
        let mut archive = self.archive().await?;
        let trust_root: TrustRoot = self.trust_root()?;
        let verified = trust_root.verify(&envelope)?;
        let html = (self.environment.render)(&verified);
        archive.publish(&Publication { envelope: &envelope, html: &html, policies: &[] }).await?;
        failpoint::hit("after-publish");
        self.keep_checkpoint(archive.checkpoint()).await?;
        let certified = RunRecord { state: RunState::Certified, ..run.clone() };
        self.ledger.update_run(&certified).await?;
        failpoint::hit("after-certified");
        self.ledger.destroy_sealed(&run.run_id).await?;
        let directory = self.folder_of_certificate(&statement);
        Ok(Certified { statement, directory })
    }

    /// Whom a run tells of its proven batches, so that their commitments are ready at its end.
    pub(super) fn early(&self, run: &RunRecord) -> Result<Early, AppError> {
        let id = run.certificate_id.parse()?;
        let (work, _) = self.record_set_places(&id)?;
        Ok(Early::begin(&self.catalog, &self.seed(&id)?, &work)?)
    }

    /// The work directory of the record set of a certificate, and its file.
    fn record_set_places(&self, id: &CertificateId) -> Result<(PathBuf, PathBuf), AppError> {
        let out = self.sealed()?.commitments_path(id);
        Ok((out.with_extension("work"), out))
    }

    /// The seed of the certificate's commitments: drawn once, and kept before anything stands on it.
    fn seed(&self, id: &CertificateId) -> Result<CommitmentKey, AppError> {
        let sealed = self.sealed()?;
        if let Some(key) = sealed.key(id)? {
            return Ok(key);
        }
        let mut seed = [0; 32];
        self.environment.ids.fill(&mut seed)?;
        let key = CommitmentKey::new(seed);
        sealed.keep_seed(id, &key)?;
        Ok(key)
    }

    /// Every dataset of the plan as it is now, in the order of its items.
    async fn readings(&self, running: &Running<'_>, book: &HoldBook) -> Result<Vec<Reading>, AppError> {
        let mut readings = Vec::new();
        for (place, _) in running.approved.plan().items.iter().enumerate() {
            readings.push(match running.items.and_then(|items| items.get(place)) {
                Some(executable) => self.reading(running, executable, book).await?,
                None => Reading::RunClosed,
            });
        }
        Ok(readings)
    }

    fn targets(
        &self,
        running: &Running<'_>,
        end: &RunEnd,
        claims: &Claims,
        (readings, book): (Vec<Reading>, &HoldBook),
        at: DateTime<Utc>,
    ) -> Result<(Vec<TargetEvidence>, Vec<Locks>), AppError> {
        let plan = running.approved.plan();
        let (mut targets, mut locks) = (Vec::new(), Vec::new());
        for ((place, item), reading) in plan.items.iter().enumerate().zip(readings) {
            let executable = running.items.and_then(|items| items.get(place));
            let failure = end.failures.iter().find(|failure| failure.item == item.item);
            let seen = Seen {
                item,
                has_links: executable.is_some_and(|executable| !executable.links.is_empty()),
                reading,
                failure: failure.map(|failure| seen::error_code(&failure.error)),
                residue_steps: end.residue_steps.get(&item.store).cloned().unwrap_or_default(),
                at,
            };
            targets.extend(seen::targets(&seen, &self.catalog, claims, book)?);
            if let Reading::Survey(survey) = &seen.reading {
                let (store, _) = seen::names(&self.catalog, &item.dataset)?;
                locks.push(Locks { store, of: survey.locks.values().copied().collect() });
            }
        }
        for target in self.catalog.targets(plan.as_of) {
            let lost = plan.unreachable.iter().any(|lost| lost.dataset == target.dataset.name);
            let planned = plan.policies.iter().any(|policy| policy.policy == target.policy.name);
            if lost && planned && matches!(target.rule.retain_for, RetainFor::Period(_)) {
                targets.push(seen::unreached(&self.catalog, &target)?);
            }
        }
        Ok((targets, locks))
    }

    /// One more survey of an item's dataset, under the plan's own cutoff.
    async fn reading(
        &self,
        running: &Running<'_>,
        item: &ExecutableItem,
        book: &HoldBook,
    ) -> Result<Reading, AppError> {
        let selection = item.with_holds(book)?;
        let store = running.stores.get(&item.item.store);
        let store = store.with_context(|| format!("store '{}' is not open", item.item.store))?;
        // A store that is about to come back is worth a moment: what cannot be read makes the run partial.
        let attempts_max = Tuning::default().attempts_max;
        let survey = patience::retrying(attempts_max, || store.source.survey(&selection)).await;
        Ok(match survey {
            Ok(survey) => {
                let sources = self.sources().await?;
                let looking = Looking { sources: &sources, book };
                let source = store.source.as_ref();
                match without_kept(looking, source, &selection, &item.keepers, survey).await {
                    Ok(survey) => Reading::Survey(Box::new(survey)),
                    Err(KeepError::Store(error)) => Reading::Lost(error),
                    Err(KeepError::Hold(error)) => return Err(error.into()),
                }
            }
            Err(error) => Reading::Lost(error),
        })
    }

    /// The identity of the certificate, drawn once: the statement is fixed right after.
    fn identity(&self, run: &RunRecord, issued_at: DateTime<Utc>) -> anyhow::Result<Identity> {
        let mut nonce = [0; 16];
        self.environment.ids.fill(&mut nonce)?;
        Ok(Identity { certificate_id: run.certificate_id.parse()?, nonce, issued_at })
    }
}

/// What a store keeps under locks of its own, of one item.
pub(super) struct Locks {
    pub(super) store: Code,
    pub(super) of: Vec<LockedRecords>,
}

/// Versions under a lock are due and still there: until a day, or until somebody lifts the lock.
fn locked(locks: &[Locks]) -> anyhow::Result<Vec<Residual>> {
    let mut until: BTreeMap<&Code, Option<DateTime<Utc>>> = BTreeMap::new();
    let mut endless: BTreeSet<&Code> = BTreeSet::new();
    for locks in locks {
        for records in &locks.of {
            if records.until.is_some() {
                let latest = until.entry(&locks.store).or_default();
                *latest = (*latest).max(records.until);
            } else {
                endless.insert(&locks.store);
            }
        }
    }
    let dated = until.into_iter();
    let all = dated.chain(endless.into_iter().map(|store| (store, None)));
    all.map(|(store, expires_at)| {
        let is_dated = expires_at.is_some();
        Ok(Residual {
            kind: Code::new("object_version")?,
            location: store.clone(),
            expires_at,
            control: if is_dated { ResidualControl::ExpiresOnSchedule } else { ResidualControl::None },
            known: None,
            status: if is_dated { ResidualStatus::Expiring } else { ResidualStatus::Unknown },
        })
    })
    .collect()
}

/// What was gathered after the act.
struct Gathered {
    targets: Vec<TargetEvidence>,
    residuals: Vec<Residual>,
    set: RecordSet,
    finished_at: DateTime<Utc>,
}

fn evidence_of(
    app: &App,
    running: &Running<'_>,
    run: &RunRecord,
    gathered: Gathered,
) -> anyhow::Result<Evidence> {
    let Gathered { targets, residuals, set, finished_at } = gathered;
    let plan = running.approved.plan();
    let policies = plan
        .policies
        .iter()
        .map(|policy| {
            anyhow::Ok(PolicyReference {
                name: seen::alias("policy", &policy.policy)?,
                version: u64::from(policy.version),
                digest: policy.digest.parse()?,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let controller = &app.settings.controller;
    Ok(Evidence {
        run_id: Code::new(run.run_id.as_str())?,
        kind: plan.request.as_ref().map_or(Kind::RetentionExpiry, kind_of),
        controller: Controller {
            name: PublicText::new(controller.name.as_str())?,
            country: None,
            contact: Some(PublicText::new(controller.contact.as_str())?),
        },
        request: plan.request.as_ref().filter(|one| one.members.is_empty()).map(request_of).transpose()?,
        requests: Vec::new(),
        policies,
        plan_digest: running.public_digest,
        approvals: approvals(running)?,
        intent_log_index: run.intent_index.context("the run has no intent in the log")?,
        started_at: run.started_at,
        finished_at,
        tool: Tool { name: Code::new("oubliette")?, version: Code::new(env!("CARGO_PKG_VERSION"))? },
        basis: if run.reconciled { Basis::Reconciled } else { Basis::Observed },
        residuals,
        targets,
        downstream: Vec::new(),
        record_set: RecordSetEvidence { mode: RecordSetMode::PerRecord, count: set.count, root: set.root },
    })
}

fn kind_of(request: &RequestPlan) -> Kind {
    if !request.replays.is_empty() {
        return Kind::ReErasureAfterRestore;
    }
    match RequestKind::parse(&request.kind) {
        Some(RequestKind::ConsentWithdrawal) => Kind::ConsentWithdrawal,
        _ => Kind::ErasureRequest,
    }
}

fn request_of(request: &RequestPlan) -> anyhow::Result<Request> {
    Ok(Request {
        reference: Code::new(request.request_id.as_str())?,
        received_at: request.received_at,
        due_at: request.due_at,
        legal_basis: seen::alias("ground", &request.ground)?,
    })
}

fn approvals(running: &Running<'_>) -> anyhow::Result<Vec<Approval>> {
    let mut approvals: BTreeMap<DateTime<Utc>, Approval> = BTreeMap::new();
    let mut add = |kind, approved_at, signature: &Option<String>| -> anyhow::Result<()> {
        // Who it was stands in no certificate; that a key of theirs signed it does.
        let role = if signature.is_some() { "approver-signed" } else { "approver" };
        approvals.insert(approved_at, Approval { role: Code::new(role)?, kind, approved_at });
        Ok(())
    };
    match running.approved.basis() {
        ApprovalBasis::Person(approval) => {
            add(ApprovalKind::Plan, approval.approved_at, &approval.signature)?;
        }
        ApprovalBasis::Standing(standing) => {
            for approval in standing {
                add(ApprovalKind::Standing, approval.approved_at, &approval.signature)?;
            }
        }
    }
    Ok(approvals.into_values().collect())
}

/// The canonical text of a statement, as the ledger keeps it.
pub(super) fn statement_text(statement: &Statement) -> anyhow::Result<String> {
    Ok(String::from_utf8(serde_json_canonicalizer::to_vec(statement)?)?)
}
