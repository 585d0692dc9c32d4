//! The schedules as people see them: when they are due, and what became of the last time.
//!
//! Floor 7. Reads the settings and the ledger; no daemon need run.

use super::agenda::Entry;
use crate::app::{App, AppError};
use crate::schedule::store::ScheduleRecord;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleOverview {
    pub schedule: String,
    pub cron: String,
    pub time_zone: String,
    pub policies: Vec<String>,
    pub window: Option<String>,
    /// With its jitter.
    pub next_at: Option<DateTime<Utc>>,
    /// The same by the clock of the zone.
    pub next_local: Option<String>,
    /// `None` before a daemon saw the schedule for the first time.
    pub record: Option<ScheduleRecord>,
}

/// Every schedule of the settings, by name.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn overview(app: &App, now: DateTime<Utc>) -> Result<Vec<ScheduleOverview>, AppError> {
    let records = app.schedule_store().schedules().await?;
    let seen = |(name, schedule): (&String, &crate::settings::Schedule)| {
        let record = records.iter().find(|record| &record.schedule == name).cloned();
        let from = record.clone().unwrap_or_else(|| ScheduleRecord::new(name, now));
        let next_at = Entry::new(name, schedule).next_at(&from);
        let local = |at: DateTime<Utc>| {
            at.with_timezone(&schedule.time_zone).to_rfc3339_opts(SecondsFormat::Secs, false)
        };
        ScheduleOverview {
            schedule: name.clone(),
            cron: schedule.cron.to_string(),
            time_zone: schedule.time_zone.to_string(),
            policies: schedule.policies.clone(),
            window: schedule.window.map(|window| window.to_string()),
            next_local: next_at.map(local),
            next_at,
            record,
        }
    };
    Ok(app.settings().schedules.iter().map(seen).collect())
}
