//! After a restore: erasing again what came back.
//!
//! Floor 7. Persons are found again by hashes alone; the identities that are needed to plan are those that
//! stand in the stores again. What is drafted is a plan like any other: approved, carried out, certified, and
//! its certificate continues those of the first erasures.

use super::requests::argument;
use super::{App, AppError, PlanStanding};
use crate::erasure::request::Request;
use crate::erasure::returned::Look;
use crate::erasure::suppression::{Suppressed, by_reach};
use crate::ledger::{NewRequestRow, RequestEvent};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// Persons whose erasure is done again by one plan.
const PERSONS_PER_PLAN: usize = 100;

/// Whose erasure to do again.
#[derive(Debug, Clone)]
pub enum ReplayScope {
    /// Of everybody who was erased since: the instant at which what was restored had been saved.
    Since(DateTime<Utc>),
    /// Of one request.
    Request(String),
}

/// What a replay came to.
#[derive(Debug)]
pub struct Replay {
    pub look: Look,
    /// One plan for at most a hundred persons.
    pub planned: Vec<PlanStanding>,
    /// Persons of whom something came back.
    pub persons: u64,
    /// Persons of whom only what they gave anew was seen, or may have been: nothing is planned.
    pub kept_persons: u64,
}

impl App {
    /// Finds erased persons again over all stores, and drafts plans. Reads only.
    ///
    /// # Errors
    /// When there is no such request, nothing is known of it any more, or the ledger fails.
    pub async fn replay(
        &self,
        scope: &ReplayScope,
        takes_new: bool,
        author: Option<&str>,
    ) -> Result<Replay, AppError> {
        self.settle_requests().await?;
        let persons = self.persons_to_replay(scope).await?;
        let (sight, book) = self.sight(persons).await?;
        let mut replay = Replay { look: sight.look, planned: Vec::new(), persons: 0, kept_persons: 0 };
        for places in by_reach(book.persons()).into_values() {
            let mut returned: Vec<(&Request, BTreeSet<_>)> = Vec::new();
            for place in places {
                let (Some(seen), Some(person)) = (sight.persons.get(&place), book.persons().get(place))
                else {
                    continue;
                };
                let identities: BTreeSet<_> =
                    seen.identities.iter().filter(|one| !sight.reused.contains(one)).cloned().collect();
                // What is in doubt stays where something was given anew.
                let is_back = seen.came_back > 0 || seen.in_doubt > 0 && seen.given_anew == 0 || takes_new;
                if is_back && !identities.is_empty() {
                    returned.push((&person.request, identities));
                    replay.persons += 1;
                } else {
                    replay.kept_persons += 1;
                }
            }
            for chunk in returned.chunks(PERSONS_PER_PLAN) {
                replay.planned.push(self.replay_plan(chunk, takes_new, author).await?);
            }
        }
        Ok(replay)
    }

    async fn persons_to_replay(&self, scope: &ReplayScope) -> Result<Vec<Suppressed>, AppError> {
        let mut persons = self.suppressed().await?;
        match scope {
            ReplayScope::Since(since) => persons.retain(|person| person.last_erased_at >= *since),
            ReplayScope::Request(reference) => {
                let request_id = self.request(reference).await?.request_id;
                persons.retain(|person| person.request.request_id == request_id);
                if persons.is_empty() {
                    return Err(argument(
                        "nothing is known of this request by which its person could be found again",
                        Some(
                            "it was not carried out, found nothing, goes on by itself, or its time in the \
                             ledger has ended (`suppression.kept_for`)",
                        ),
                    ));
                }
            }
        }
        Ok(persons)
    }

    async fn replay_plan(
        &self,
        persons: &[(&Request, BTreeSet<crate::subject::Identity>)],
        takes_new: bool,
        author: Option<&str>,
    ) -> Result<PlanStanding, AppError> {
        let now = self.now();
        let requests: Vec<&Request> = persons.iter().map(|(request, _)| *request).collect();
        let request = Request::replay(self.environment.ids.new_id("request")?, &requests, takes_new, now)?;
        let identities: BTreeSet<_> =
            persons.iter().flat_map(|(_, identities)| identities.iter().cloned()).collect();
        let event = RequestEvent { at: now, event: "replay".to_owned(), note: None };
        // No hashes: a new request of one of these persons is their own.
        let hashes = BTreeSet::new();
        let row = NewRequestRow { request: &request, identities: &identities, hashes: &hashes, event };
        self.ledger.insert_requests(&[row]).await?;
        self.erase_plan(&request.request_id, author.map(str::to_owned)).await
    }
}
