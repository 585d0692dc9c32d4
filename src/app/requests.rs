//! Requests of persons: receive, verify, list, extend, refuse, cancel.
//!
//! Floor 7. Nothing here touches a store. What names the person goes sealed into the ledger and is destroyed
//! when the request has ended.

use super::together::PersonLine;
use super::{App, AppError, RecipientStanding, Titles};
use crate::certificate::Statement;
use crate::erasure::deadline::Law;
use crate::erasure::ground::{Ground, RequestKind};
use crate::erasure::request::{ExtensionReason, RefusalReason, Request};
use crate::evidence::TargetEvidence;
use crate::journal::{JournalStore as _, RunRecord, RunState};
use crate::ledger::RequestEvent;
use crate::subject::{Identity, IdentityKey};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use sha2::Sha256;
use std::collections::BTreeSet;

/// What a person asked.
#[derive(Debug, Clone)]
pub struct RequestReceipt {
    pub kind: RequestKind,
    pub ground: Option<Ground>,
    pub law: Law,
    pub country: String,
    /// `None`: now.
    pub received_at: Option<DateTime<Utc>>,
    /// `KIND=VALUE` each.
    pub identities: Vec<String>,
    /// How it came; kept sealed.
    pub note: Option<String>,
    pub about_child: bool,
    pub record_types: BTreeSet<String>,
}

/// A request that was received.
#[derive(Debug)]
pub struct RequestReceived {
    pub request: Request,
    /// It says nothing that an open request does not: this is that one.
    pub joined: bool,
    /// Other open requests that name one of its identities.
    pub overlaps: Vec<String>,
}

/// A request with what happened to it.
#[derive(Debug)]
pub struct RequestStory {
    pub request: Request,
    pub events: Vec<RequestEvent>,
    pub plan_ids: Vec<String>,
    pub certificate_ids: Vec<String>,
    pub days_left: Option<i64>,
    /// Of the newest certificate the targets of which something stays.
    pub kept: Vec<TargetEvidence>,
    pub titles: Titles,
}

/// What a letter of answer is made of.
#[derive(Debug)]
pub struct RequestAnswer {
    pub request: Request,
    /// Whole days left for the answer, if one is awaited.
    pub days_left: Option<i64>,
    /// Of every certificate of the request, oldest first.
    pub statements: Vec<Statement>,
    pub controller: String,
    pub contact: String,
    /// The private receipt can be handed over with the letter.
    pub has_receipt: bool,
    /// Who had received the data.
    pub recipients: Vec<RecipientStanding>,
    pub titles: Titles,
}

/// The reason of the exception for records that are other people's too.
pub const SHARED: &str = "shared_with_others";
/// The reason of the exception for what the person gave after they were erased.
pub const GIVEN_ANEW: &str = "given_anew";
/// The reason of the exception for the person's records that the request does not reach.
pub const OUTSIDE: &str = "outside_request";

impl App {
    /// Keeps a request. One that says nothing new is joined to the open one that says it already, which it
    /// does not change.
    ///
    /// # Errors
    /// When an identity cannot be read, or no dataset declares its kind.
    pub async fn request_receive(&self, receipt: RequestReceipt) -> Result<RequestReceived, AppError> {
        let person = PersonLine { line: 1, identities: receipt.identities.clone() };
        let received = self.requests_receive(receipt, &[person]).await?.pop();
        Ok(received.context("a request is received")?)
    }

    /// Records that somebody checked who the person is.
    ///
    /// # Errors
    /// When the request is not one that waits for it.
    pub async fn request_verify(&self, id: &str, by: &str, method: &str) -> Result<Request, AppError> {
        let now = self.now();
        let note = format!("{by}: {method}");
        self.change(id, "verified", Some(note), |request| request.verify(now)).await
    }

    /// Announces that the answer comes later.
    ///
    /// # Errors
    /// When it is too late for that, or was done already.
    pub async fn request_extend(&self, id: &str, reason: ExtensionReason) -> Result<Request, AppError> {
        let now = self.now();
        self.change(id, "extended", None, |request| request.extend(reason, now)).await
    }

    /// Refuses a whole request, and destroys what names the person.
    ///
    /// # Errors
    /// When something was begun.
    pub async fn request_refuse(
        &self,
        id: &str,
        reason: RefusalReason,
        note: Option<String>,
    ) -> Result<Request, AppError> {
        let now = self.now();
        let request = self.change(id, "refused", note, |request| request.refuse(reason, now)).await?;
        self.ledger.forget_persons().await?;
        Ok(request)
    }

    /// Takes a request back for the person, and destroys what names them.
    ///
    /// # Errors
    /// When something was begun.
    pub async fn request_cancel(&self, id: &str) -> Result<Request, AppError> {
        let now = self.now();
        let request = self.change(id, "cancelled", None, |request| request.cancel(now)).await?;
        self.ledger.forget_persons().await?;
        Ok(request)
    }

    /// Every request, or those that have not ended, oldest first.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn request_list(&self, ended_too: bool) -> Result<Vec<(Request, Option<i64>)>, AppError> {
        self.settle_requests().await?;
        let now = self.now();
        let requests = self.ledger.requests(ended_too).await?;
        Ok(requests.into_iter().map(|request| (request.clone(), request.days_left(now))).collect())
    }

    /// One request with its story.
    ///
    /// # Errors
    /// When there is none.
    pub async fn request_show(&self, id: &str) -> Result<RequestStory, AppError> {
        self.settle_requests().await?;
        let request = self.request(id).await?;
        let plan_ids = self.ledger.plans_of_request(&request.request_id).await?;
        let certificate_ids = self.certificates_of_request(&request.request_id).await?;
        let events = self.ledger.request_events(&request.request_id).await?;
        let days_left = request.days_left(self.now());
        let mut kept = match certificate_ids.last() {
            Some(newest) => {
                self.certificate(newest).await?.0.predicate.evidence.targets_for(&request.request_id)
            }
            None => Vec::new(),
        };
        kept.retain(|target| !target.exceptions.is_empty());
        let titles = self.record_titles()?;
        Ok(RequestStory { request, events, plan_ids, certificate_ids, days_left, kept, titles })
    }

    /// What there is to say to the person.
    ///
    /// # Errors
    /// When there is no such request, or a certificate cannot be read.
    pub async fn request_answer(&self, id: &str) -> Result<RequestAnswer, AppError> {
        self.settle_requests().await?;
        let request = self.request(id).await?;
        let mut statements = Vec::new();
        let certificates = self.certificates_of_request(&request.request_id).await?;
        for certificate_id in &certificates {
            statements.push(self.certificate(certificate_id).await?.0);
        }
        let has_receipt = self.has_receipt(&request.request_id, &certificates).await?;
        let controller = &self.settings.controller;
        let (controller, contact) = (controller.name.clone(), controller.contact.clone());
        let (_, recipients) = self.request_recipients(&request.request_id).await?;
        let titles = self.record_titles()?;
        let days_left = request.days_left(self.now());
        Ok(RequestAnswer {
            request,
            days_left,
            statements,
            controller,
            contact,
            has_receipt,
            recipients,
            titles,
        })
    }

    /// A request by its id, or by a beginning of it that no other has.
    pub(super) async fn request(&self, reference: &str) -> Result<Request, AppError> {
        if let Some(request) = self.ledger.request(reference).await? {
            return Ok(request);
        }
        let mut matching = self.ledger.requests(true).await?;
        matching.retain(|request| {
            !reference.is_empty()
                && (request.request_id.starts_with(reference)
                    || request.request_id.starts_with(&format!("request-{reference}")))
        });
        match matching.len() {
            1 => Ok(matching.remove(0)),
            _ => Err(argument(
                &format!("there is no request '{reference}', or more than one"),
                Some("`oubliette requests list` has them all"),
            )),
        }
    }

    /// Certificates of runs for the request, oldest first.
    pub(super) async fn certificates_of_request(&self, request_id: &str) -> Result<Vec<String>, AppError> {
        let mut certificates = Vec::new();
        for plan_id in self.ledger.plans_of_request(request_id).await? {
            let run = self.ledger.run_of_plan(&plan_id).await?;
            certificates
                .extend(run.filter(|run| run.state == RunState::Certified).map(|run| run.certificate_id));
        }
        Ok(certificates)
    }

    /// The newest plan of the request that was begun, with its run.
    pub(super) async fn last_run(&self, request_id: &str) -> Result<Option<(String, RunRecord)>, AppError> {
        for plan_id in self.ledger.plans_of_request(request_id).await?.into_iter().rev() {
            if let Some(run) = self.ledger.run_of_plan(&plan_id).await? {
                return Ok(Some((plan_id, run)));
            }
        }
        Ok(None)
    }

    async fn change(
        &self,
        id: &str,
        event: &str,
        note: Option<String>,
        change: impl FnOnce(&mut Request) -> Result<(), crate::erasure::request::RequestError>,
    ) -> Result<Request, AppError> {
        let mut request = self.request(id).await?;
        change(&mut request)?;
        let event = RequestEvent { at: self.now(), event: event.to_owned(), note };
        self.ledger.update_request(&request, &event).await?;
        Ok(request)
    }

    pub(super) fn identities(&self, texts: &[String]) -> Result<BTreeSet<Identity>, AppError> {
        if texts.is_empty() {
            return Err(argument(
                "a request names at least one identity",
                Some("say it with --identity KIND=VALUE, or write them into a file for --identities"),
            ));
        }
        let mut identities = BTreeSet::new();
        for text in texts {
            let identity = Identity::parse(text).map_err(|error| argument(&error.to_string(), None))?;
            self.known_kind(identity.kind())?;
            identities.insert(identity);
        }
        Ok(identities)
    }

    fn known_kind(&self, kind: &str) -> Result<(), AppError> {
        let all = self.catalog.datasets().values().flat_map(|dataset| dataset.subject.keys());
        let known: BTreeSet<&str> = all.map(String::as_str).collect();
        if known.contains(kind) {
            return Ok(());
        }
        let near = connectors::nearest::nearest(kind, known.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("known are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        };
        Err(argument(
            "no dataset of the data map declares this kind of identity under `subject`",
            Some(&hint),
        ))
    }

    pub(super) fn known_record_type(&self, record_type: &str) -> Result<(), AppError> {
        let known = self.catalog.datasets().values().any(|dataset| dataset.record_type == record_type);
        if known {
            return Ok(());
        }
        Err(argument(&format!("no dataset has records of type '{record_type}'"), None))
    }

    /// Derived from the sealing key, so that it is in no ledger and in no second file.
    pub(super) fn identity_key(&self) -> Result<IdentityKey, AppError> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, self.sealing_key.bytes())
            .expand(b"oubliette identity hashes v1", &mut key)
            .map_err(|_| anyhow::anyhow!("the key of identity hashes cannot be derived"))?;
        Ok(IdentityKey::new(key))
    }
}

pub(super) fn argument(reason: &str, hint: Option<&str>) -> AppError {
    AppError::Argument { reason: reason.to_owned(), hint: hint.map(str::to_owned) }
}
