//! Applying a plan: begin or resume a run, carry it out, certify it.
//!
//! Floor 7.

use super::certify::Certified;
use super::stores::Acting;
use super::{App, AppError, archived};
use crate::certificate::Signer as _;
use crate::certificate::Statement;
use crate::digest::Digest32;
use crate::erasure::returned::Look;
use crate::evidence::{Counts, Exception, Failure, Outcome};
use crate::execution::{
    self, Control, Executor, Interruption, ItemFailure, OpenStore, ProgressSink, RunEnd, Tuning, Witness,
};
use crate::ids::{IdSource, RandomnessError};
use crate::journal::{JournalStore as _, RunKey, RunRecord, RunState};
use crate::plan::compile::ExecutableItem;
use crate::plan::executable::ExecutablePlan;
use crate::plan::world::Sources;
use crate::plan::{ApprovedPlan, Plan};
use crate::spans;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::failpoint;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tracing::{Instrument as _, Span};

/// What `apply` is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyMode {
    /// Begins a run of a plan.
    Begin,
    /// Goes on with a run that was interrupted.
    Resume,
    /// Certifies what an interrupted run has done and ends it: nothing more is disposed of.
    Close,
}

/// How applying a plan ended.
#[derive(Debug)]
pub struct ApplyEnd {
    pub run_id: String,
    /// `None` when interrupted: there is no certificate yet.
    pub outcome: Option<Outcome>,
    pub interrupted: Option<Interruption>,
    pub failures: Vec<ItemFailure>,
    pub certificate_id: Option<String>,
    pub certificate_directory: Option<PathBuf>,
    pub totals: Vec<TargetTotals>,
    pub elapsed: Duration,
    /// After a retention run: what was seen of persons who were erased.
    pub returned: Option<Look>,
}

/// The counts of one target, as certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTotals {
    pub dataset: String,
    pub rule: String,
    pub counts: Counts,
    /// Why records were kept.
    pub exceptions: Vec<Exception>,
    /// Why records that should have gone did not.
    pub failures: Vec<Failure>,
}

/// A run under way, with everything it needs.
pub(super) struct Running<'a> {
    pub(super) run: RunRecord,
    pub(super) approved: &'a ApprovedPlan,
    /// `None` when the run is closed before its time.
    pub(super) items: Option<&'a [ExecutableItem]>,
    pub(super) key: RunKey,
    pub(super) stores: BTreeMap<String, OpenStore>,
    /// The digest of the plan as it is published: without samples and names of staff.
    pub(super) public_digest: Digest32,
}

impl App {
    /// Applies the plan, goes on with a run that was interrupted, or ends it.
    ///
    /// # Errors
    /// See [`AppError`]; nothing is disposed of unless the plan is approved and not stale.
    pub async fn apply(
        &self,
        reference: Option<&str>,
        mode: ApplyMode,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        let span = spans::run();
        let applying = self.apply_leased(reference, mode, control, progress);
        let ended = Box::pin(applying).instrument(span.clone()).await;
        note_end(&span, &ended);
        ended
    }

    async fn apply_leased(
        &self,
        reference: Option<&str>,
        mode: ApplyMode,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        let began = self.environment.clock.monotonic();
        let _lease = self.ledger.acquire("any").await?;
        self.guard_clock().await?;
        // A process killed right after certifying may have left sealed keys behind.
        for run in self.ledger.undestroyed_runs().await? {
            self.ledger.destroy_sealed(&run).await?;
        }
        let ended = self.apply_as(reference, mode, control, progress).await;
        let mut end = match ended {
            Ok(end) => end,
            Err(error) => {
                let is_open =
                    error.is_full() && self.ledger.open_runs().await.is_ok_and(|runs| !runs.is_empty());
                return Err(if is_open { AppError::FullInRun(Box::new(error)) } else { error });
            }
        };
        self.settle_requests().await?;
        end.returned = self.returned_after(&end).await?;
        self.ledger.note_time(self.environment.clock.now()).await?;
        end.elapsed = self.environment.clock.monotonic().saturating_sub(began);
        Ok(end)
    }

    /// Looks for erased persons after a retention run, unless only who asks wants to know.
    async fn returned_after(&self, end: &ApplyEnd) -> Result<Option<Look>, AppError> {
        if end.outcome.is_none() || !self.settings.suppression.at_runs {
            return Ok(None);
        }
        let run = self.current_run(&end.run_id).await?;
        let (plan, _) = self.stored_plan(&run.plan_id).await?;
        if plan.request.is_some() { Ok(None) } else { self.look_for_returned().await }
    }

    async fn apply_as(
        &self,
        reference: Option<&str>,
        mode: ApplyMode,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        match mode {
            ApplyMode::Begin => self.begin(reference, control, progress).await,
            ApplyMode::Resume => {
                let run = self.run_to_resume(reference).await?;
                spans::run_is(&run.plan_id, &run.run_id);
                let _writers = self.recover_stores().await?;
                self.go_on(run, control, progress).await
            }
            ApplyMode::Close => {
                let run = self.run_to_resume(reference).await?;
                spans::run_is(&run.plan_id, &run.run_id);
                let _writers = self.recover_stores().await?;
                self.close(run, control, progress).await
            }
        }
    }

    async fn begin(
        &self,
        reference: Option<&str>,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        let (plan, digest) = self.stored_plan(reference.unwrap_or("latest")).await?;
        let run = self.ledger.run_of_plan(&plan.plan_id).await?;
        if let Some(error) = self.begun_or_blocked(run.as_ref()).await? {
            return Err(error);
        }
        let now = self.environment.clock.now();
        let approved = self.approved(&plan, now).await?;
        match &plan.request {
            Some(_) => self.refuse_stale_request(&plan).await?,
            None => self.refuse_stale(&approved, now).await?,
        }
        // Whatever can be refused is refused before there is a run, which only a certificate ends.
        self.request_may_begin(&plan).await?;
        let plan = self.prepare(approved).await?;
        self.ready_to_prove(plan.approved().plan()).await?;
        let run = self.new_run(plan.approved(), &digest, now)?;
        spans::run_is(&run.plan_id, &run.run_id);
        // Known from here on, so that a run is not resumed by a clock that was set back.
        self.ledger.note_time(now).await?;
        failpoint::hit("before-begin-run");
        self.ledger.begin_run(&run).await?;
        failpoint::hit("after-begin-run");
        self.carry_out(run, &plan, control, progress).await
    }

    /// Refuses when the certificate could not be signed or archived, before anything is touched. The
    /// policies are filed already, so that the certificate can be archived whatever becomes of them.
    async fn ready_to_prove(&self, plan: &Plan) -> Result<(), AppError> {
        let keyid = self.signer()?.public_key().keyid();
        self.trust_root()?.refuse_signer(keyid, self.now())?;
        Ok(self.archive().await?.file_policies(&archived::policies(&self.catalog, plan)).await?)
    }

    /// Compiles an approved plan; refuses when a schema is not that of the plan.
    pub(super) async fn prepare(&self, approved: ApprovedPlan) -> Result<ExecutablePlan, AppError> {
        if approved.plan().request.is_some() {
            return self.prepare_request(approved).await;
        }
        let world = self.world().await?;
        Ok(approved.prepare(&self.catalog, &world)?)
    }

    pub(super) async fn carry_out(
        &self,
        mut run: RunRecord,
        plan: &ExecutablePlan,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        if plan.approved().plan().request.is_some() {
            self.requests_begin(plan.approved().plan()).await?;
        }
        let public_digest = self.intend(&mut run, plan.approved().plan()).await?;
        let key = self.run_key(&run)?;
        let acting = Acting { run_id: &run.run_id, hash_key: *key.bytes(), helper: None };
        let stores = self.open_stores(&plan.stores(), acting).await?;
        let sources = self.sources().await?;
        let early = self.early(&run)?;
        let executor = self.executor(&stores, &sources, (control, progress), &early);
        let end = execution::execute(&executor, plan, &run, &key).await?;
        if end.interrupted.is_some() {
            return Ok(interrupted_end(&run, end));
        }
        let (approved, items) = (plan.approved(), Some(plan.items()));
        let running = Running { run, approved, items, key, stores, public_digest };
        let stated = self.state(&running, &end, Some(early)).await?;
        let certified = self.certify(&stated).await?;
        Ok(certified_end(&stated, end.failures, certified))
    }

    pub(super) fn executor<'a>(
        &'a self,
        stores: &'a BTreeMap<String, OpenStore>,
        sources: &'a Sources,
        (control, progress): (&'a Control, &'a dyn ProgressSink),
        witness: &'a dyn Witness,
    ) -> Executor<'a> {
        Executor {
            journal: &*self.ledger,
            holds: &*self.ledger,
            clock: &*self.environment.clock,
            ids: &*self.environment.ids,
            stores,
            sources,
            control,
            progress,
            witness,
            tuning: tuning(),
        }
    }

    /// Enters the intent into the archive's log before anything is touched: an archive that cannot be
    /// written stops the run here. Answers with the digest of the plan as it is published.
    pub(super) async fn intend(&self, run: &mut RunRecord, plan: &Plan) -> Result<Digest32, AppError> {
        let public_plan = archived::public_plan(plan, &run.plan_digest)?;
        let digest = Digest32::of(&public_plan);
        if run.intent_index.is_some() {
            return Ok(digest);
        }
        let mut archive = self.archive().await?;
        let index = archive.publish_intent(digest, &public_plan).await?;
        failpoint::hit("after-intent-published");
        self.keep_checkpoint(archive.checkpoint()).await?;
        run.intent_index = Some(index);
        self.ledger.update_run(run).await?;
        Ok(digest)
    }

    fn new_run(
        &self,
        approved: &ApprovedPlan,
        digest: &str,
        started_at: DateTime<Utc>,
    ) -> anyhow::Result<RunRecord> {
        let ids = &*self.environment.ids;
        let run_id = ids.new_id("run")?;
        let mut key = [0; crate::journal::seal::KEY_BYTES];
        ids.fill(&mut key)?;
        let mut nonce = [0; crate::journal::seal::NONCE_BYTES];
        ids.fill(&mut nonce)?;
        let sealed = self.sealing_key.seal(nonce, &run_key_place(&run_id), &key)?;
        Ok(RunRecord {
            certificate_id: uuid(ids)?,
            plan_id: approved.plan().plan_id.clone(),
            plan_digest: digest.to_owned(),
            state: RunState::Running,
            started_at,
            intent_index: None,
            reconciled: false,
            statement: None,
            run_key_sealed: Some(sealed.0),
            run_id,
        })
    }

    pub(super) fn run_key(&self, run: &RunRecord) -> anyhow::Result<RunKey> {
        let sealed = run.run_key_sealed.clone().context("the key of the run is destroyed")?;
        let plain = self
            .sealing_key
            .open(&run_key_place(&run.run_id), &crate::journal::Sealed(sealed))
            .context("the key of the run cannot be opened: is this the ledger's sealing key?")?;
        let bytes = plain.as_slice().try_into().context("the key of the run has the wrong length")?;
        Ok(RunKey::new(bytes))
    }

    pub(super) async fn current_run(&self, run_id: &str) -> Result<RunRecord, AppError> {
        let run = self.ledger.run(run_id).await?;
        Ok(run.with_context(|| format!("run '{run_id}' is not in the ledger"))?)
    }
}

fn note_end(span: &Span, ended: &Result<ApplyEnd, AppError>) {
    let Ok(end) = ended else { return spans::failed(span) };
    spans::word(span, spans::OUTCOME, end.outcome.map_or("interrupted", Outcome::as_str));
    if let Some(id) = &end.certificate_id {
        spans::word(span, spans::CERTIFICATE_ID, id);
    }
}

/// The usual tuning. A test with failpoints makes batches small, so that there are many to be killed in.
fn tuning() -> Tuning {
    let usual = Tuning::default();
    match failpoint::number("OUBLIETTE_BATCH_RECORDS") {
        Some(records) => Tuning { records_start: records, records_min: 1, records_max: records, ..usual },
        None => usual,
    }
}

fn run_key_place(run_id: &str) -> String {
    format!("{run_id}/key")
}

fn interrupted_end(run: &RunRecord, end: RunEnd) -> ApplyEnd {
    ApplyEnd {
        run_id: run.run_id.clone(),
        outcome: None,
        interrupted: end.interrupted,
        failures: end.failures,
        certificate_id: None,
        certificate_directory: None,
        totals: Vec::new(),
        elapsed: Duration::ZERO,
        returned: None,
    }
}

pub(super) fn certified_end(run: &RunRecord, failures: Vec<ItemFailure>, certified: Certified) -> ApplyEnd {
    ApplyEnd {
        run_id: run.run_id.clone(),
        outcome: Some(certified.statement.predicate.outcome),
        interrupted: None,
        failures,
        certificate_id: Some(run.certificate_id.clone()),
        certificate_directory: Some(certified.directory),
        totals: totals(&certified.statement),
        elapsed: Duration::ZERO,
        returned: None,
    }
}

fn totals(statement: &Statement) -> Vec<TargetTotals> {
    statement
        .predicate
        .evidence
        .targets
        .iter()
        .map(|target| TargetTotals {
            dataset: target.dataset.as_str().to_owned(),
            rule: target.rule.id.as_str().to_owned(),
            counts: target.counts,
            exceptions: target.exceptions.clone(),
            failures: target.failures.clone(),
        })
        .collect()
}

/// A random UUID (version 4, RFC 9562) in lower case.
pub(super) fn uuid(ids: &dyn IdSource) -> Result<String, RandomnessError> {
    let mut bytes = [0_u8; 16];
    ids.fill(&mut bytes)?;
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts =
        [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default().to_owned());
    Ok(parts.join("-"))
}
