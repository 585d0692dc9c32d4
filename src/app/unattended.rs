//! What the daemon needs of a project beyond the use cases that people call.
//!
//! Floor 7. Nothing here decides when something is done, or whether it may be.

use super::{App, AppError};
use crate::journal::{JournalStore as _, RunLease, RunRecord};
use crate::plan::Plan;
use crate::plan::digest;
use crate::plan::store::{PlanStore as _, StandingApproval};
use crate::schedule::store::ScheduleStore;
use crate::settings::files::DiskFiles;
use crate::settings::load::fingerprint;
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The right to act on the schedules of a ledger: of several daemons one has it.
const SCHEDULES: &str = "daemon";
/// Plans among which those are looked for that a person approved.
const PLANS_SEARCHED_MAX: u32 = 200;
/// After a longer silence a person looks at the clock, so time is not noted by itself. A little less than what
/// the planner takes for long.
const SILENCE_DAYS_MAX: i64 = 34;

/// A rule as the ledger names it: policy and rule.
pub type RuleName = (String, String);

impl App {
    /// The project with its documents read anew, and the same ledger.
    ///
    /// # Errors
    /// [`AppError::Documents`] with every fault; [`AppError::Argument`] when the ledger or its key is another
    /// one now, which takes a new start.
    pub fn reloaded(&self, settings_file: &Path) -> Result<Self, AppError> {
        let documents = Self::documents(settings_file, &self.environment)?;
        let settings = documents.settings;
        if settings.ledger != self.settings.ledger || settings.sealing_key != self.settings.sealing_key {
            return Err(AppError::Argument {
                reason: "the settings name another ledger or sealing key".to_owned(),
                hint: Some("stop the daemon and start it again".to_owned()),
            });
        }
        Ok(Self {
            settings,
            catalog: documents.catalog,
            warnings: documents.warnings,
            places: documents.places,
            environment: self.environment.clone(),
            ledger: Arc::clone(&self.ledger),
            sealing_key: self.sealing_key.clone(),
        })
    }

    /// Tells documents apart by their bytes.
    #[must_use]
    pub fn fingerprint(settings_file: &Path) -> String {
        fingerprint(&Self::document_paths(settings_file), &DiskFiles)
    }

    /// Takes the right to act on the schedules.
    ///
    /// # Errors
    /// [`crate::journal::JournalError::Busy`] while another process has it.
    pub async fn act_on_schedules(&self) -> Result<Box<dyn RunLease>, AppError> {
        Ok(self.ledger.acquire(SCHEDULES).await?)
    }

    #[must_use]
    pub fn schedule_store(&self) -> &dyn ScheduleStore {
        &*self.ledger
    }

    /// Runs that are not certified, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_runs(&self) -> Result<Vec<RunRecord>, AppError> {
        Ok(self.ledger.open_runs().await?)
    }

    /// Who drafted the plan of a run.
    ///
    /// # Errors
    /// When the plan cannot be read.
    pub async fn author_of(&self, run: &RunRecord) -> Result<String, AppError> {
        Ok(self.stored_plan(&run.plan_id).await?.0.author)
    }

    /// Plans by this author that a person approved and nobody has begun, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn approved_by_a_person(&self, author: &str) -> Result<Vec<Plan>, AppError> {
        let now = self.now();
        let mut plans = Vec::new();
        for entry in self.ledger.plans(PLANS_SEARCHED_MAX).await?.iter().rev() {
            if !entry.approved || entry.run_id.is_some() {
                continue;
            }
            // A plan of another program's format cannot be carried out by this one.
            let Ok((plan, _)) = self.stored_plan(&entry.plan_id).await else { continue };
            if plan.author == author && now < plan.expires_at {
                plans.push(plan);
            }
        }
        Ok(plans)
    }

    /// Whether keys, archive and ledger are there, as far as can be told without touching a store.
    ///
    /// # Errors
    /// The first that is not.
    pub async fn sound(&self) -> Result<(), AppError> {
        use crate::certificate::Signer as _;
        let keyid = self.signer()?.public_key().keyid();
        self.trust_root()?.refuse_signer(keyid, self.now())?;
        drop(self.archive().await?);
        drop(self.sealed()?);
        self.ledger.open_runs().await?;
        Ok(())
    }

    /// Refuses a clock that the ledger or a store contradicts.
    ///
    /// # Errors
    /// [`AppError::ClockBehind`], [`AppError::ClockDoubtful`].
    pub async fn trust_clock(&self) -> Result<(), AppError> {
        self.guard_clock().await
    }

    /// Whether some store has a clock of its own that shows the same time.
    ///
    /// # Errors
    /// When no store can be asked at all.
    pub async fn clock_is_confirmed(&self) -> Result<bool, AppError> {
        let now = self.now();
        for source in self.sources().await?.values() {
            if let Ok(Some(there)) = source.store_clock().await
                && (there - now).abs() <= self.clock_tolerance()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Remembers that the clock was found good, so that weeks without a run are no silence. After a long one
    /// it is not remembered: a person looks at the clock then.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn note_time_between_runs(&self) -> Result<(), AppError> {
        let now = self.now();
        let seen = self.ledger.last_seen().await?;
        if seen.is_none_or(|seen| now - seen <= Duration::days(SILENCE_DAYS_MAX)) {
            self.ledger.note_time(now).await?;
        }
        Ok(())
    }

    /// The digest of each effective rule.
    #[must_use]
    pub fn rule_digests(&self, as_of: DateTime<Utc>) -> BTreeMap<RuleName, String> {
        let targets = self.catalog.targets(as_of);
        targets
            .iter()
            .map(|target| {
                let name = (target.policy.name.clone(), target.rule.id.clone());
                (name, digest::of_rule(&self.catalog, target))
            })
            .collect()
    }

    /// The rules whose standing approvals say yes to something else than what the rule is now. Those that
    /// said yes to what the rule was in `before` are taken back: putting the rule back does not revive them.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn void_standing(&self, before: Option<&Self>) -> Result<Vec<RuleName>, AppError> {
        let now = self.now();
        let current = self.rule_digests(now);
        let earlier = before.map(|app| app.rule_digests(now)).unwrap_or_default();
        let name = |one: &StandingApproval| (one.policy.clone(), one.rule.clone());
        let standing = self.ledger.standing().await?;
        let is_good = |one: &StandingApproval| current.get(&name(one)) == Some(&one.rule_digest);
        let good: BTreeSet<RuleName> = standing.iter().filter(|one| is_good(one)).map(name).collect();
        let mut void = BTreeSet::new();
        for approval in standing.iter().filter(|one| !is_good(one)) {
            let rule = name(approval);
            if earlier.get(&rule) == Some(&approval.rule_digest) {
                self.ledger
                    .revoke_standing_of(&approval.policy, &approval.rule, &approval.rule_digest, now)
                    .await?;
            }
            if !good.contains(&rule) {
                void.insert(rule);
            }
        }
        Ok(void.into_iter().collect())
    }
}
