//! What a certified run means for its requests: each is brought forward, and what names persons who are done is
//! destroyed.
//!
//! Floor 7. It is looked at before every command about requests, and after every run, so that a process that died
//! in between leaves nothing behind. Every step can be repeated.

use super::requests::{GIVEN_ANEW, OUTSIDE, SHARED};
use super::{App, AppError};
use crate::certificate::Statement;
use crate::erasure::request::{Request, RunEnded};
use crate::evidence::{Exception, Outcome, RequestEvidence};
use crate::journal::{RunRecord, RunState};
use crate::ledger::RequestEvent;
use crate::plan::{KeptByDuty, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// What stays when a request is done: it waits for no day.
const ENDS_WITH: [&str; 3] = [SHARED, GIVEN_ANEW, OUTSIDE];

impl App {
    /// Brings every request forward whose run is certified: also one whose process died right after.
    pub(super) async fn settle_requests(&self) -> Result<(), AppError> {
        let mut looked_at: BTreeSet<String> = BTreeSet::new();
        for request in self.ledger.running_requests().await? {
            if looked_at.contains(&request.request_id) {
                continue;
            }
            let Some((plan_id, run)) = self.last_run(&request.request_id).await? else { continue };
            let requests = self.ledger.requests_running_by(&plan_id).await?;
            looked_at.extend(requests.iter().map(|request| request.request_id.clone()));
            if run.state == RunState::Certified {
                self.settle_run(&run, requests).await?;
            }
        }
        self.forget_old_places().await?;
        self.ledger.end_suppressions(self.now()).await?;
        // Also those whose process died between the two.
        Ok(self.ledger.forget_persons().await?)
    }

    async fn settle_run(&self, run: &RunRecord, mut requests: Vec<Request>) -> Result<(), AppError> {
        let Some(text) = &run.statement else { return Ok(()) };
        let statement = Statement::parse(text.as_bytes())?;
        self.keep_places(&run.plan_id, &requests, &statement).await?;
        let (plan, _) = self.stored_plan(&run.plan_id).await?;
        let kept = kept_by_request(&plan);
        let ended = EndedByRequest::of(&statement);
        let now = self.now();
        let mut events = Vec::with_capacity(requests.len());
        for request in &mut requests {
            request.end(ended.of_request(&request.request_id), now);
            // One without a date may end any day.
            let kept = kept.get(request.request_id.as_str()).copied().unwrap_or_default();
            let dates: Option<Vec<_>> = kept.iter().map(KeptByDuty::days).collect();
            request.next_on = dates.and_then(|dates| dates.into_iter().map(|(first, _)| first).min());
            events.push(RequestEvent { at: now, event: request.state.as_str().to_owned(), note: None });
        }
        let changed: Vec<_> = requests.iter().zip(&events).collect();
        self.ledger.update_requests(&changed).await?;
        for request in requests.iter().filter(|request| request.state.is_final()) {
            self.tell_replayed(request).await?;
        }
        Ok(())
    }

    /// Notes at the requests whose erasure was done again that it was.
    async fn tell_replayed(&self, replay: &Request) -> Result<(), AppError> {
        for request_id in &replay.replays {
            if let Some(request) = self.ledger.request(request_id).await? {
                let event = RequestEvent { at: self.now(), event: "erased_again".to_owned(), note: None };
                self.ledger.update_request(&request, &event).await?;
            }
        }
        Ok(())
    }
}

fn kept_by_request(plan: &Plan) -> BTreeMap<&str, &[KeptByDuty]> {
    let Some(planned) = &plan.request else { return BTreeMap::new() };
    if planned.members.is_empty() {
        return BTreeMap::from([(planned.request_id.as_str(), planned.kept.as_slice())]);
    }
    let members = planned.members.iter();
    members.map(|member| (member.request_id.as_str(), member.kept.as_slice())).collect()
}

/// How a run ended for each of its requests.
struct EndedByRequest<'a> {
    alone: RunEnded,
    among: BTreeMap<&'a str, RunEnded>,
}

impl<'a> EndedByRequest<'a> {
    fn of(statement: &'a Statement) -> Self {
        let predicate = &statement.predicate;
        let exceptions = predicate.evidence.targets.iter().flat_map(|target| &target.exceptions);
        let of_request = |request: &RequestEvidence| {
            ended(request.outcome, request.parts.iter().flat_map(|part| &part.exceptions))
        };
        let among = predicate.evidence.requests.iter();
        Self {
            alone: ended(predicate.outcome, exceptions),
            among: among.map(|request| (request.reference.as_str(), of_request(request))).collect(),
        }
    }

    fn of_request(&self, request_id: &str) -> RunEnded {
        self.among.get(request_id).copied().unwrap_or(self.alone)
    }
}

fn ended<'e>(outcome: Outcome, mut exceptions: impl Iterator<Item = &'e Exception>) -> RunEnded {
    match outcome {
        Outcome::Partial | Outcome::Failed => RunEnded::InPart,
        _ if exceptions.any(|one| !ENDS_WITH.contains(&one.code.as_str())) => RunEnded::SomeKept,
        _ => RunEnded::Whole,
    }
}
