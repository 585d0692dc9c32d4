//! Requests that are planned again by themselves: what waits may go by now, what failed may go better, and a plan
//! that nobody approved in time does nothing any more.
//!
//! Floor 7. Reads the stores only; a person approves every plan.

use super::{App, AppError, PlanStanding};
use crate::erasure::request::{Request, RequestState};
use crate::hold::HoldRegister as _;
use crate::plan::digest;
use crate::plan::file::parse_plan;
use crate::plan::staleness::known_stale_reasons;
use crate::plan::store::PlanStore as _;

impl App {
    /// Plans again every request of which something waits that may go by now; with what became of each.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn erase_due(
        &self,
        author: Option<&str>,
    ) -> Result<Vec<(String, Result<PlanStanding, AppError>)>, AppError> {
        self.settle_requests().await?;
        let now = self.now();
        let mut planned = Vec::new();
        for request in self.ledger.requests(false).await? {
            let is_due =
                if request.is_due_again(now) { Ok(true) } else { self.has_lost_its_plan(&request).await };
            let plan = match is_due {
                Ok(false) => continue,
                Ok(true) => self.erase_plan(&request.request_id, author.map(str::to_owned)).await,
                Err(error) => Err(error),
            };
            planned.push((request.request_id, plan));
        }
        Ok(planned)
    }

    /// Whether the newest plan of a request that was begun before can no longer be carried out, and the request would
    /// be planned again had it never been drafted. The first plan of a request is its staff's to draft.
    async fn has_lost_its_plan(&self, request: &Request) -> Result<bool, AppError> {
        if request.state != RequestState::Planned || !request.begun {
            return Ok(false);
        }
        let plans = self.ledger.plans_of_request(&request.request_id).await?;
        let Some(newest) = plans.last() else { return Ok(false) };
        let Some((bytes, _)) = self.ledger.plan(newest).await? else { return Ok(false) };
        let plan = parse_plan(&bytes)?;
        let now = self.now();
        let (catalog, revision) = (digest::of_catalog(&self.catalog), self.ledger.revision().await?);
        if known_stale_reasons(&plan, &catalog, revision, now).is_empty() {
            return Ok(false);
        }
        let events = self.ledger.request_events(&request.request_id).await?;
        let before = events.iter().rev().filter_map(|event| RequestState::parse(&event.event));
        let mut ended = before.filter(|state| matches!(state, RequestState::Partial | RequestState::Waiting));
        let before = ended.next().map(|state| Request { state, ..request.clone() });
        Ok(plan.due() > 0 || before.is_none_or(|before| before.is_due_again(now)))
    }
}
