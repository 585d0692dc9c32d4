//! One request: what was asked, by when it must be answered, and where it stands.
//!
//! Floor 3; pure. Every change goes through a method that checks whether the state allows it; the ledger
//! keeps what comes out. Identities are not in here: they rest sealed in the ledger, and a request is
//! about them only by its id.

mod state;

pub use state::RequestState;

use super::deadline::{Country, DeadlineError, Law};
use super::ground::{Ground, RequestKind};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use thiserror::Error;

/// A person's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Opaque; stands on certificates and letters.
    pub request_id: String,
    pub kind: RequestKind,
    pub ground: Ground,
    pub state: RequestState,
    pub law: Law,
    /// ISO 3166 code of the country whose holidays count.
    pub country: String,
    pub received_at: DateTime<Utc>,
    /// The civil date of the receipt in that country.
    pub received_on: NaiveDate,
    /// The last day for the answer, with the extension if there is one.
    pub due_on: NaiveDate,
    pub extension: Option<Extension>,
    pub verified_at: Option<DateTime<Utc>>,
    /// Marked by hand, or by the ground.
    pub about_child: bool,
    /// Only data of these record types; empty means all that the kind reaches.
    pub record_types: BTreeSet<String>,
    pub refusal: Option<Refusal>,
    /// Of what waits: the first day on which some of it may go; `None` when that is not known (a hold).
    pub next_on: Option<NaiveDate>,
    /// A run was begun at some time: something may have been touched.
    pub begun: bool,
    /// It waited for a duty or a hold to end: by then the person had an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_waited: bool,
    /// When it came to its end, whichever that was.
    pub ended_at: Option<DateTime<Utc>>,
    /// Nobody asked: after a restore the erasure of these requests is done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<String>,
    /// What the persons gave anew after their erasure goes too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_new: bool,
}

/// The answer comes later than the law's first period, which was announced in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    pub announced_at: DateTime<Utc>,
    pub reason: ExtensionReason,
    /// The deadline before.
    pub due_before_on: NaiveDate,
}

/// Art. 12(3): "taking into account the complexity and number of the requests".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionReason {
    Complexity,
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub refused_at: DateTime<Utc>,
    pub reason: RefusalReason,
}

/// Why a whole request is refused (single records are kept by exceptions instead).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Art. 12(6), 11(2).
    IdentityNotVerified,
    /// Art. 12(5).
    ManifestlyUnfounded,
    Excessive,
    /// No ground of art. 17(1) applies.
    NoGround,
}

/// What a request is made of.
#[derive(Debug, Clone)]
pub struct NewRequest {
    pub request_id: String,
    pub kind: RequestKind,
    pub ground: Option<Ground>,
    pub law: Law,
    pub country: String,
    pub received_at: DateTime<Utc>,
    pub about_child: bool,
    pub record_types: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    #[error("request '{request_id}' is {}: it cannot be {wanted} any more", state.as_str())]
    State { request_id: String, state: RequestState, wanted: &'static str },
    #[error("the identity behind request '{request_id}' is not verified")]
    NotVerified { request_id: String },
    #[error("request '{request_id}' was extended already")]
    ExtendedAlready { request_id: String },
    /// Art. 12(3): the extension is announced within the first month.
    #[error("the extension of request '{request_id}' had to be announced until {due_on}")]
    ExtendedTooLate { request_id: String, due_on: NaiveDate },
    #[error("there is nothing to do again")]
    NothingToReplay,
    #[error("a request that objects to marketing names the record types that serve it")]
    RecordTypesMissing,
    #[error(transparent)]
    Deadline(#[from] DeadlineError),
}

impl RefusalReason {
    pub const ALL: [Self; 4] =
        [Self::IdentityNotVerified, Self::ManifestlyUnfounded, Self::Excessive, Self::NoGround];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdentityNotVerified => "identity_not_verified",
            Self::ManifestlyUnfounded => "manifestly_unfounded",
            Self::Excessive => "excessive",
            Self::NoGround => "no_ground",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl Request {
    /// A request as it is received. Its clock runs from now on, also while the identity is checked.
    ///
    /// # Errors
    /// [`RequestError::RecordTypesMissing`], or a deadline beyond the calendar.
    pub fn receive(new: NewRequest) -> Result<Self, RequestError> {
        if new.kind == RequestKind::MarketingObjection && new.record_types.is_empty() {
            return Err(RequestError::RecordTypesMissing);
        }
        let country = Country::of_code(&new.country);
        let received_on = new.received_at.with_timezone(&country.time_zone()).date_naive();
        let ground = new.ground.unwrap_or(new.kind.usual_ground());
        Ok(Self {
            request_id: new.request_id,
            kind: new.kind,
            ground,
            state: RequestState::Received,
            law: new.law,
            country: new.country,
            received_at: new.received_at,
            received_on,
            due_on: new.law.clock().due_on(received_on, country)?,
            extension: None,
            verified_at: None,
            about_child: new.about_child || ground == Ground::ChildData,
            record_types: new.record_types,
            refusal: None,
            next_on: None,
            begun: false,
            has_waited: false,
            ended_at: None,
            replays: Vec::new(),
            takes_new: false,
        })
    }

    /// Does the erasure of these requests again, all of which reach the same records. Who they are about was
    /// verified then.
    ///
    /// # Errors
    /// A deadline beyond the calendar.
    pub fn replay(
        request_id: String,
        of: &[&Self],
        takes_new: bool,
        at: DateTime<Utc>,
    ) -> Result<Self, RequestError> {
        let first = of.first().ok_or(RequestError::NothingToReplay)?;
        let received = Self::receive(NewRequest {
            request_id,
            kind: first.kind,
            ground: Some(first.ground),
            law: first.law,
            country: first.country.clone(),
            received_at: at,
            about_child: of.iter().any(|one| one.about_child),
            record_types: first.record_types.clone(),
        })?;
        let replays = of.iter().map(|one| one.request_id.clone()).collect();
        Ok(Self { state: RequestState::Verified, verified_at: Some(at), replays, takes_new, ..received })
    }

    /// Somebody checked that the person is who they say.
    ///
    /// # Errors
    /// [`RequestError::State`] unless it was only received.
    pub fn verify(&mut self, at: DateTime<Utc>) -> Result<(), RequestError> {
        self.expect(self.state == RequestState::Received, "verified")?;
        self.state = RequestState::Verified;
        self.verified_at = Some(at);
        Ok(())
    }

    /// A plan was drafted, or drafted again.
    ///
    /// # Errors
    /// [`RequestError::NotVerified`], or [`RequestError::State`] while it runs and after its end.
    pub fn plan(&mut self) -> Result<(), RequestError> {
        self.may_be_planned()?;
        self.has_waited |= self.state == RequestState::Waiting;
        self.state = RequestState::Planned;
        Ok(())
    }

    /// Whether a plan may be drafted for it.
    ///
    /// # Errors
    /// As for [`Request::plan`].
    pub fn may_be_planned(&self) -> Result<(), RequestError> {
        if self.state == RequestState::Received || self.verified_at.is_none() {
            self.expect(!self.state.is_final(), "planned")?;
            return Err(RequestError::NotVerified { request_id: self.request_id.clone() });
        }
        let fits = matches!(
            self.state,
            RequestState::Verified | RequestState::Planned | RequestState::Partial | RequestState::Waiting
        );
        self.expect(fits, "planned")
    }

    /// Whether the person may be looked for, and shown what there is of them.
    ///
    /// # Errors
    /// [`RequestError::NotVerified`], or [`RequestError::State`] after its end.
    pub fn may_be_looked_for(&self) -> Result<(), RequestError> {
        self.expect(!self.state.is_final(), "looked for")?;
        if self.verified_at.is_none() {
            return Err(RequestError::NotVerified { request_id: self.request_id.clone() });
        }
        Ok(())
    }

    /// A run was begun.
    ///
    /// # Errors
    /// [`RequestError::State`] unless there is a plan; going on with the same run is allowed.
    pub fn begin(&mut self) -> Result<(), RequestError> {
        self.expect(matches!(self.state, RequestState::Planned | RequestState::Running), "carried out")?;
        self.state = RequestState::Running;
        self.begun = true;
        Ok(())
    }

    /// A run ended. Ending a finished request again changes nothing.
    pub fn end(&mut self, ended: RunEnded, at: DateTime<Utc>) {
        if self.state.is_final() {
            return;
        }
        self.state = match ended {
            RunEnded::Whole => RequestState::Done,
            // What is kept waits with the request whose erasure is done again.
            RunEnded::SomeKept if self.is_replay() => RequestState::Done,
            RunEnded::SomeKept => RequestState::Waiting,
            RunEnded::InPart => RequestState::Partial,
        };
        if self.state.is_final() {
            self.ended_at = Some(at);
        }
    }

    /// The answer will come later.
    ///
    /// # Errors
    /// [`RequestError::ExtendedAlready`], [`RequestError::ExtendedTooLate`], or no answer is awaited.
    pub fn extend(&mut self, reason: ExtensionReason, at: DateTime<Utc>) -> Result<(), RequestError> {
        self.expect(self.awaits_answer(), "extended")?;
        if self.extension.is_some() {
            return Err(RequestError::ExtendedAlready { request_id: self.request_id.clone() });
        }
        let country = Country::of_code(&self.country);
        if at.with_timezone(&country.time_zone()).date_naive() > self.due_on {
            return Err(RequestError::ExtendedTooLate {
                request_id: self.request_id.clone(),
                due_on: self.due_on,
            });
        }
        let extended = self.law.clock().extended_due_on(self.received_on, country)?;
        self.extension = Some(Extension { announced_at: at, reason, due_before_on: self.due_on });
        self.due_on = extended;
        Ok(())
    }

    /// The whole request is refused; nothing was touched.
    ///
    /// # Errors
    /// [`RequestError::State`] once something was begun.
    pub fn refuse(&mut self, reason: RefusalReason, at: DateTime<Utc>) -> Result<(), RequestError> {
        self.expect(self.is_untouched(), "refused")?;
        self.state = RequestState::Refused;
        self.refusal = Some(Refusal { refused_at: at, reason });
        self.ended_at = Some(at);
        Ok(())
    }

    /// The person took it back; nothing was touched.
    ///
    /// # Errors
    /// [`RequestError::State`] once something was begun.
    pub fn cancel(&mut self, at: DateTime<Utc>) -> Result<(), RequestError> {
        self.expect(self.is_untouched(), "cancelled")?;
        self.state = RequestState::Cancelled;
        self.ended_at = Some(at);
        Ok(())
    }

    /// Whether it does earlier erasures again, and nobody waits for an answer.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        !self.replays.is_empty()
    }

    /// Whether everything about the person is asked for.
    #[must_use]
    pub fn reaches_all(&self) -> bool {
        self.kind == RequestKind::Erasure && self.record_types.is_empty()
    }

    /// Whether what waits, or could not be done, is worth looking at again at `now`.
    #[must_use]
    pub fn is_due_again(&self, now: DateTime<Utc>) -> bool {
        let today = now.with_timezone(&Country::of_code(&self.country).time_zone()).date_naive();
        match self.state {
            RequestState::Partial => true,
            RequestState::Waiting => self.next_on.is_none_or(|next_on| next_on <= today),
            _ => false,
        }
    }

    /// Takes up that the same was asked for on an earlier day, from which the time for the answer runs; one that was
    /// extended stays as it was announced.
    ///
    /// # Errors
    /// A deadline beyond the calendar.
    pub fn was_received(&mut self, received_at: DateTime<Utc>) -> Result<(), RequestError> {
        if received_at >= self.received_at {
            return Ok(());
        }
        let country = Country::of_code(&self.country);
        self.received_on = received_at.with_timezone(&country.time_zone()).date_naive();
        self.received_at = received_at;
        if self.extension.is_none() {
            self.due_on = self.law.clock().due_on(self.received_on, country)?;
        }
        Ok(())
    }

    /// The person still waits for an answer.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.state.is_open() && !self.has_waited && !self.is_replay()
    }

    /// Whole days left for the answer at `now`; negative when it is late, `None` when none is awaited.
    #[must_use]
    pub fn days_left(&self, now: DateTime<Utc>) -> Option<i64> {
        let today = now.with_timezone(&Country::of_code(&self.country).time_zone()).date_naive();
        self.awaits_answer().then(|| (self.due_on - today).num_days())
    }

    /// The end of the last day, as an instant.
    #[must_use]
    pub fn due_at(&self) -> DateTime<Utc> {
        let zone = Country::of_code(&self.country).time_zone();
        let midnight = self.due_on.succ_opt().unwrap_or(self.due_on).and_time(chrono::NaiveTime::MIN);
        midnight.and_local_timezone(zone).latest().map_or(midnight.and_utc(), |at| at.to_utc())
    }

    /// Whether a new request over `theirs` says nothing that this one does not: it is then joined to this
    /// one and changes neither its identities, nor its state, nor its deadline. So a second request can
    /// never bring an identity into a verified one.
    #[must_use]
    pub fn covers(
        &self,
        own: &BTreeSet<String>,
        kind: RequestKind,
        record_types: &BTreeSet<String>,
        theirs: &BTreeSet<String>,
    ) -> bool {
        let same_reach = self.kind == kind && &self.record_types == record_types;
        let covers = same_reach || self.kind == RequestKind::Erasure && self.record_types.is_empty();
        self.awaits_answer() && covers && !theirs.is_empty() && theirs.is_subset(own)
    }

    fn is_untouched(&self) -> bool {
        self.state.is_before_a_run() && !self.begun
    }

    fn expect(&self, holds: bool, wanted: &'static str) -> Result<(), RequestError> {
        if holds {
            return Ok(());
        }
        Err(RequestError::State { request_id: self.request_id.clone(), state: self.state, wanted })
    }
}

/// How a run of a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnded {
    /// Nothing of the person is left but what belongs to others too.
    Whole,
    /// Something stays until a duty or a hold ends.
    SomeKept,
    /// Something could not be reached, failed, or was found again.
    InPart,
}

#[cfg(test)]
mod tests;
