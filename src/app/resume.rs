//! Runs that were interrupted: going on with one, or ending it.
//!
//! Floor 7. What was disposed of before the interruption must end on a certificate, whatever has
//! become of the plan since: if it can no longer be carried out (its rules, schemas or approvals are
//! not what they were), the run is closed: doubts are settled by looking, and what was seen is certified
//! as done in part.

use super::apply::{ApplyEnd, Running, certified_end};
use super::stores::Acting;
use super::{App, AppError};
use crate::archive::verify::CertificateSummary;
use crate::execution::{self, Control, NoWitness, ProgressSink, RunEnd};
use crate::journal::{
    BatchRecord, BatchState, JournalEntry, JournalStore as _, RunRecord, RunState, Transition,
};
use crate::plan::approval::{Approvals, observable};
use crate::plan::compile::ExecutableItem;
use crate::plan::store::PlanStore as _;
use crate::plan::world::Sources;
use crate::plan::{ApprovalRules, ApprovedPlan, Plan};
use std::collections::{BTreeMap, BTreeSet};

impl App {
    pub(super) async fn run_to_resume(&self, reference: Option<&str>) -> Result<RunRecord, AppError> {
        let mut open = self.ledger.open_runs().await?;
        if let Some(reference) = reference {
            let (plan, _) = self.stored_plan(reference).await?;
            open.retain(|run| run.plan_id == plan.plan_id);
        }
        match open.len() {
            0 => Err(AppError::NothingToResume),
            1 => Ok(open.remove(0)),
            _ => {
                Err(AppError::SeveralToResume { plan_ids: open.into_iter().map(|run| run.plan_id).collect() })
            }
        }
    }

    pub(super) async fn go_on(
        &self,
        run: RunRecord,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        let plan = self.plan_of(&run).await?;
        if let Some(end) = self.certify_stated(&run).await? {
            return Ok(end);
        }
        let not_as_begun =
            |reason: AppError| AppError::NotAsBegun { run_id: run.run_id.clone(), reason: Box::new(reason) };
        // The approval was checked when the run began, and is checked again as of then.
        let approved = self.approved(&plan, run.started_at).await.map_err(not_as_begun)?;
        let plan = self.prepare(approved).await.map_err(not_as_begun)?;
        self.carry_out(run, &plan, control, progress).await
    }

    /// Ends a run: settles what is in doubt by looking, and certifies what was seen.
    pub(super) async fn close(
        &self,
        mut run: RunRecord,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<ApplyEnd, AppError> {
        let plan = self.plan_of(&run).await?;
        if let Some(end) = self.certify_stated(&run).await? {
            return Ok(end);
        }
        let approved = self.approved_at_begin(plan, &run).await?;
        // From here on no batch is intended, so that what is in doubt is all there is.
        self.dismiss_helpers(&run).await?;
        let items = self.items_in_doubt(approved.plan(), &run).await?;
        let public_digest = self.intend(&mut run, approved.plan()).await?;
        let key = self.run_key(&run)?;
        let acting = Acting { run_id: &run.run_id, hash_key: *key.bytes(), helper: None };
        let stores = self.open_stores(&stores_of(&items), acting).await?;
        // Nothing more is disposed of, so nobody is asked who keeps what.
        let sources = Sources::new();
        let executor = self.executor(&stores, &sources, (control, progress), &NoWitness);
        execution::settle(&executor, &items, &run, &key).await?;
        let running = Running { run, approved: &approved, items: None, key, stores, public_digest };
        let stated = self.state(&running, &RunEnd::default(), None).await?;
        let certified = self.certify(&stated).await?;
        Ok(certified_end(&stated, Vec::new(), certified))
    }

    pub(super) async fn plan_of(&self, run: &RunRecord) -> Result<Plan, AppError> {
        let (plan, digest) = self.stored_plan(&run.plan_id).await?;
        if digest == run.plan_digest {
            Ok(plan)
        } else {
            Err(AppError::PlanDamaged { plan_id: run.plan_id.clone() })
        }
    }

    /// Certifies a run whose statement is fixed, in the ledger or (when the ledger is an older copy
    /// than the archive) on the certificate that the archive has already.
    async fn certify_stated(&self, run: &RunRecord) -> Result<Option<ApplyEnd>, AppError> {
        let stated = match run.state {
            RunState::Certifying => Some(run.clone()),
            RunState::Running => self.archived_statement(run).await?,
            RunState::Certified => None,
        };
        let Some(stated) = stated else { return Ok(None) };
        let certified = self.certify(&stated).await?;
        Ok(Some(certified_end(&stated, Vec::new(), certified)))
    }

    async fn archived_statement(&self, run: &RunRecord) -> Result<Option<RunRecord>, AppError> {
        let is_ours = |found: &CertificateSummary| found.id.as_str() == run.certificate_id;
        if !self.certificates().await?.iter().any(is_ours) {
            return Ok(None);
        }
        let (statement, _) = self.certificate(&run.certificate_id).await?;
        self.dismiss_helpers(run).await?;
        for batch in self.ledger.open_batches(&run.run_id).await? {
            self.abandon(&batch).await?;
        }
        let text = super::certify::statement_text(&statement)?;
        let stated = RunRecord {
            state: RunState::Certifying,
            intent_index: Some(statement.predicate.evidence.intent_log_index),
            statement: Some(text),
            ..run.clone()
        };
        self.ledger.update_run(&stated).await?;
        Ok(Some(stated))
    }

    /// Nothing of the run is offered, and nobody who helped with it may write any more.
    async fn dismiss_helpers(&self, run: &RunRecord) -> Result<(), AppError> {
        if let Some(offers) = self.ledger.help() {
            offers.dismiss_all(&run.run_id).await?;
        }
        Ok(())
    }

    /// A batch that the archived certificate has already: nothing more is claimed of it.
    async fn abandon(&self, batch: &BatchRecord) -> Result<(), AppError> {
        debug_assert_eq!(batch.state, BatchState::Intended, "answer and proof are written together");
        let entry = JournalEntry {
            id: batch.id.clone(),
            attempt: batch.attempt,
            transition: Transition::Abandon,
            dataset: batch.dataset.clone(),
            sealed: None,
            counts: BTreeMap::new(),
            kept: BTreeMap::new(),
            hold_revision: batch.hold_revision,
            at: self.now(),
        };
        Ok(self.ledger.append(&entry).await?)
    }

    /// The plan with the approvals that it had when its run began, also if they were taken back since:
    /// the certificate says on what the run stood, and nothing more is done on them.
    async fn approved_at_begin(&self, plan: Plan, run: &RunRecord) -> Result<ApprovedPlan, AppError> {
        let of_plan = self.ledger.approvals(&plan.plan_id).await?;
        let standing = self.ledger.standing_at(run.started_at).await?;
        let approvals = Approvals { of_plan: &of_plan, standing: &standing };
        Ok(ApprovedPlan::new(plan, approvals, ApprovalRules::default(), run.started_at)?)
    }

    /// The items of which a batch is in doubt, compiled for looking.
    async fn items_in_doubt(&self, plan: &Plan, run: &RunRecord) -> Result<Vec<ExecutableItem>, AppError> {
        let open = self.ledger.open_batches(&run.run_id).await?;
        let doubtful: BTreeSet<u32> = open.iter().map(|batch| batch.id.item).collect();
        if doubtful.is_empty() {
            return Ok(Vec::new());
        }
        if plan.request.is_some() {
            let items = self.observable_request(plan).await?;
            return Ok(items.into_iter().filter(|item| doubtful.contains(&item.item.item)).collect());
        }
        let world = self.world().await?;
        let items = plan.items.iter().filter(|item| doubtful.contains(&item.item));
        Ok(items.map(|item| observable(item, &self.catalog, &world, plan)).collect::<Result<_, _>>()?)
    }
}

/// The stores that the items and the objects linked to them are in.
fn stores_of(items: &[ExecutableItem]) -> BTreeSet<&str> {
    let own = items.iter().map(|item| item.selection.address.store.as_str());
    let linked = items.iter().flat_map(|item| &item.links);
    own.chain(linked.map(|link| link.selection.address.store.as_str())).collect()
}
