//! Many persons at once: receiving, verifying and planning their requests together.
//!
//! Floor 7. Each request stays what it is alone: with a deadline, counts, an outcome and papers of its own. Only those
//! are planned together of which nothing was begun yet and which reach the same records; every other is for
//! [`App::erase_plan`], and is named.

use super::requests::argument;
use super::{App, AppError, PlanStanding, RequestReceipt, RequestReceived};
use crate::erasure::ground::{Ground, RequestKind};
use crate::erasure::planner::{Asking, LeftOut};
use crate::erasure::request::{NewRequest, Request, RequestState};
use crate::ledger::{NewRequestRow, RequestEvent};
use crate::subject::Identity;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most persons of one file, and requests of one plan.
pub const PERSONS_MAX: usize = crate::evidence::REQUESTS_MAX;
/// Faulty lines that are told at once.
const FAULTS_MAX: usize = 20;

/// The identities of one person in a file.
#[derive(Debug, Clone)]
pub struct PersonLine {
    /// Counted from 1.
    pub line: usize,
    /// `KIND=VALUE` each.
    pub identities: Vec<String>,
}

/// What planning together came to.
#[derive(Debug, Default)]
pub struct PlannedTogether {
    /// One for each set of requests that reach the same records.
    pub planned: Vec<PlanStanding>,
    /// Requests that are for a plan of their own, or for the next time.
    pub left: Vec<(String, LeftAlone)>,
}

/// Why a request was not planned together with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftAlone {
    /// A run of it was begun before.
    Begun,
    /// There are more than one plan holds.
    TooMany,
    Planner(LeftOut),
}

impl LeftAlone {
    /// As the JSON of the command line spells it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::TooMany => "too_many",
            Self::Planner(LeftOut::Overlaps) => "overlaps",
            Self::Planner(LeftOut::Walk(_)) => "not_found_within_bounds",
        }
    }
}

impl App {
    /// Keeps the requests of many persons, on the same terms: all of them, or none if a line is wrong. A person whose
    /// open request says all of it already is joined to that, also within the file.
    ///
    /// # Errors
    /// When a line is wrong: the message names lines and no value.
    pub async fn requests_receive(
        &self,
        terms: RequestReceipt,
        persons: &[PersonLine],
    ) -> Result<Vec<RequestReceived>, AppError> {
        for record_type in &terms.record_types {
            self.known_record_type(record_type)?;
        }
        let now = self.now();
        let received_at = terms.received_at.unwrap_or(now);
        if received_at > now {
            return Err(argument("the request cannot be received after now", None));
        }
        let all = self.identities_of_lines(persons)?;
        let key = self.identity_key()?;
        let event = |event: &str| RequestEvent { at: now, event: event.to_owned(), note: terms.note.clone() };
        let (mut answers, mut joined) = (Vec::with_capacity(all.len()), Vec::new());
        let mut new: Vec<(Request, BTreeSet<Identity>, BTreeSet<String>)> = Vec::new();
        let mut named: HashMap<String, Vec<usize>> = HashMap::new();
        for identities in all {
            let hashes: BTreeSet<String> = identities.iter().map(|identity| key.hash(identity)).collect();
            let mut open = self.ledger.requests_naming(&hashes).await?;
            let before: BTreeSet<usize> =
                hashes.iter().filter_map(|hash| named.get(hash)).flatten().copied().collect();
            open.extend(before.into_iter().filter_map(|place| {
                new.get(place).map(|(request, _, hashes)| (request.clone(), hashes.clone()))
            }));
            let covering = open
                .iter()
                .find(|(request, own)| request.covers(own, terms.kind, &terms.record_types, &hashes));
            if let Some((request, _)) = covering {
                let mut request = request.clone();
                request.was_received(received_at)?;
                joined.push(request.clone());
                answers.push(RequestReceived { request, joined: true, overlaps: Vec::new() });
                continue;
            }
            let request = Request::receive(NewRequest {
                request_id: self.environment.ids.new_id("request")?,
                kind: terms.kind,
                ground: terms.ground,
                law: terms.law,
                country: terms.country.clone(),
                received_at,
                about_child: terms.about_child,
                record_types: terms.record_types.clone(),
            })?;
            let overlaps = open.into_iter().map(|(request, _)| request.request_id).collect();
            answers.push(RequestReceived { request: request.clone(), joined: false, overlaps });
            for hash in &hashes {
                named.entry(hash.clone()).or_default().push(new.len());
            }
            new.push((request, identities, hashes));
        }
        let rows: Vec<NewRequestRow<'_>> = new
            .iter()
            .map(|(request, identities, hashes)| NewRequestRow {
                request,
                identities,
                hashes,
                event: event("received"),
            })
            .collect();
        self.ledger.insert_requests(&rows).await?;
        let asked_again = event("asked_again");
        let joined: Vec<_> = joined.iter().map(|request| (request, &asked_again)).collect();
        self.ledger.update_requests(&joined).await?;
        Ok(answers)
    }

    /// The identities of each line. Faults are told by line, several at once, without a value.
    fn identities_of_lines(&self, persons: &[PersonLine]) -> Result<Vec<BTreeSet<Identity>>, AppError> {
        if let [only] = persons {
            return Ok(vec![self.identities(&only.identities)?]);
        }
        if persons.len() > PERSONS_MAX {
            return Err(argument(
                &format!("there are more than {PERSONS_MAX} persons"),
                Some("split the file"),
            ));
        }
        let (mut all, mut faults) = (Vec::with_capacity(persons.len()), Vec::new());
        for person in persons {
            match self.identities(&person.identities) {
                Ok(identities) => all.push(identities),
                Err(error) => faults.push(format!("line {}: {error}", person.line)),
            }
        }
        if faults.is_empty() {
            return Ok(all);
        }
        let more = faults.len().saturating_sub(FAULTS_MAX);
        faults.truncate(FAULTS_MAX);
        if more > 0 {
            faults.push(format!("and {more} lines more"));
        }
        Err(argument(
            &faults.join("; "),
            Some("nothing was kept: set these lines right and give the file again"),
        ))
    }

    /// Records that somebody checked who the persons of these requests are: all of them, or none.
    ///
    /// # Errors
    /// When there is no such request, or it is not one that waits for it.
    pub async fn requests_verify(
        &self,
        ids: &[String],
        by: &str,
        method: &str,
    ) -> Result<Vec<Request>, AppError> {
        let now = self.now();
        let open = self.ledger.requests(false).await?;
        let mut by_id: BTreeMap<String, Request> =
            open.into_iter().map(|request| (request.request_id.clone(), request)).collect();
        let mut verified = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut request) = by_id.remove(id) else {
                let reason = format!("there is no open request '{id}', or it is named twice");
                return Err(argument(&reason, Some("`oubliette requests list` has them all")));
            };
            request.verify(now)?;
            verified.push(request);
        }
        let event =
            RequestEvent { at: now, event: "verified".to_owned(), note: Some(format!("{by}: {method}")) };
        let changed: Vec<_> = verified.iter().map(|request| (request, &event)).collect();
        self.ledger.update_requests(&changed).await?;
        Ok(verified)
    }

    /// Finds the persons of all verified requests over all stores, and drafts one plan for those that reach the same
    /// records. Reads only.
    ///
    /// # Errors
    /// When the ledger fails, or what is found passes every bound.
    pub async fn erase_together(&self, author: Option<&str>) -> Result<PlannedTogether, AppError> {
        self.settle_requests().await?;
        let mut answer = PlannedTogether::default();
        let mut by_reach: BTreeMap<(RequestKind, Ground, BTreeSet<String>), Vec<Request>> = BTreeMap::new();
        for request in self.ledger.requests(false).await? {
            let is_ready = matches!(request.state, RequestState::Verified | RequestState::Planned);
            if request.begun
                && (is_ready || request.state == RequestState::Partial || request.is_due_again(self.now()))
            {
                answer.left.push((request.request_id, LeftAlone::Begun));
            } else if is_ready && !request.is_replay() {
                let reach = (request.kind, request.ground, request.record_types.clone());
                by_reach.entry(reach).or_default().push(request);
            }
        }
        for mut requests in by_reach.into_values() {
            let later = requests.split_off(requests.len().min(PERSONS_MAX));
            answer.left.extend(later.into_iter().map(|one| (one.request_id, LeftAlone::TooMany)));
            self.plan_together(requests, author, &mut answer).await?;
        }
        Ok(answer)
    }

    async fn plan_together(
        &self,
        requests: Vec<Request>,
        author: Option<&str>,
        answer: &mut PlannedTogether,
    ) -> Result<(), AppError> {
        let ids: Vec<&str> = requests.iter().map(|request| request.request_id.as_str()).collect();
        let mut identities = self.ledger.identities_of_requests(&ids).await?;
        let mut persons = Vec::with_capacity(requests.len());
        for request in &requests {
            let given = identities.remove(&request.request_id);
            let given = given.ok_or_else(|| argument("the identities of a request are destroyed", None))?;
            persons.push(Asking { request, given, before: None, renewal: None });
        }
        let drafted = self.drafted(persons, author.map(str::to_owned)).await?;
        let left = drafted.left.into_iter().map(|(id, why)| (id, LeftAlone::Planner(why)));
        answer.left.extend(left);
        let Some(plan) = drafted.plan else { return Ok(()) };
        let planned: BTreeSet<&str> =
            drafted.found.members.iter().map(|member| member.request_id.as_str()).collect();
        let requests = requests.into_iter().filter(|one| planned.contains(one.request_id.as_str())).collect();
        self.keep_plan(&plan, &drafted.found, requests).await?;
        answer.planned.push(self.standing(plan).await?);
        Ok(())
    }
}
