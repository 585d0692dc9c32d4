//! The verification scan: what is beyond its time anywhere, whatever schedules and plans say.
//!
//! Floor 7. Reads only. It counts every dataset of every effective rule with a period, as a plan does, and
//! keeps what it saw in the ledger, also when nothing is beyond its time.

use super::{App, AppError, PlanRequest};
use crate::schedule::store::ScheduleStore as _;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Who drafts the plan that a scan is made of; it is kept nowhere.
const AUTHOR: &str = "scan";

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    pub at: DateTime<Utc>,
    pub catalog_digest: String,
    /// One for each rule at each dataset, also without anything overdue.
    pub rules: Vec<ScannedRule>,
    pub unreachable: Vec<UnreachedDataset>,
}

/// One rule at one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedRule {
    pub policy: String,
    pub rule: String,
    pub dataset: String,
    pub total: u64,
    pub due: u64,
    /// Due for longer than the rule's margin of execution.
    pub overdue: u64,
    pub held: u64,
    pub undecidable: u64,
    pub oldest_due_at: Option<DateTime<Utc>>,
}

/// A dataset of which nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreachedDataset {
    pub dataset: String,
    pub store: String,
    pub reason: String,
}

impl Scan {
    /// Records beyond their time, over everything.
    #[must_use]
    pub fn overdue(&self) -> u64 {
        self.rules.iter().fold(0, |sum, rule| sum.saturating_add(rule.overdue))
    }

    /// The oldest due time of all.
    #[must_use]
    pub fn oldest_due_at(&self) -> Option<DateTime<Utc>> {
        self.rules.iter().filter_map(|rule| rule.oldest_due_at).min()
    }
}

impl App {
    /// Looks at every dataset, and keeps what it saw.
    ///
    /// # Errors
    /// When the clock is not to be trusted, counts do not add up, or the ledger fails. A store that cannot be
    /// reached is no error: it is part of what was seen.
    pub async fn scan(&self) -> Result<Scan, AppError> {
        self.guard_clock().await?;
        let request = PlanRequest { author: Some(AUTHOR.to_owned()), ..PlanRequest::default() };
        let plan = self.draft(request).await?;
        let rules = plan.items.iter().map(|item| ScannedRule {
            policy: item.rule.policy.clone(),
            rule: item.rule.rule.clone(),
            dataset: item.dataset.clone(),
            total: item.counts.total,
            due: item.counts.due,
            overdue: item.counts.overdue,
            held: item.counts.held,
            undecidable: item.counts.undecidable_total(),
            oldest_due_at: item.oldest_due_at,
        });
        let unreachable = plan.unreachable.iter().map(|lost| UnreachedDataset {
            dataset: lost.dataset.clone(),
            store: lost.store.clone(),
            reason: lost.reason.clone(),
        });
        let scan = Scan {
            at: plan.drafted_at,
            catalog_digest: plan.catalog_digest.clone(),
            rules: rules.collect(),
            unreachable: unreachable.collect(),
        };
        let json = serde_json::to_string(&scan).context("a scan cannot be written")?;
        self.ledger.put_scan(scan.at, &json).await?;
        Ok(scan)
    }

    /// The last scan.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn last_scan(&self) -> Result<Option<Scan>, AppError> {
        let text = self.ledger.last_scan().await?;
        // One of another program's form is as good as none.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
