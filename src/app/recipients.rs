//! Telling recipients of an erasure (GDPR art. 19), and who was told.
//!
//! Floor 7. A notice is in the ledger before the certificate of the run is fixed, with the identities under which
//! the recipient knows the person, sealed until it is told: so a recipient that is away is told later, also when
//! the request has ended and everything else that named the person is destroyed. Each is tried once before the
//! certificate, which says who was told by then.

use super::apply::Running;
use super::evidence::alias;
use super::requests::argument;
use super::shares::Shares;
use super::{App, AppError};
use crate::erasure::found::Found;
use crate::erasure::recipient::{
    self, Notice, NoticeState, Quoting, Recipient, Role, Told, filled, filled_body, given_up_at,
    next_attempt, one_by_one,
};
use crate::erasure::request::Request;
use crate::evidence;
use crate::ledger::RequestEvent;
use crate::notify::http::{self, HttpRequest};
use crate::notify::{WebhookError, WebhookMessage, WebhookSender, WebhookTarget};
use crate::settings::{Channel, HttpTemplate, RecipientSettings, SecretText, WebhookSettings};
use crate::subject::Identity;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use zeroize::Zeroizing;

/// How one recipient stands to one request.
#[derive(Debug, Clone)]
pub struct RecipientStanding {
    pub notice: Notice,
    /// As the person reads it; the name in the settings where it is in them no more.
    pub name: String,
    pub role: Option<Role>,
    /// By whom it is told: `webhook`, `http` or `by_hand`.
    pub channel: &'static str,
}

/// What telling came to.
#[derive(Debug, Default)]
pub struct Telling {
    pub told: Vec<Notice>,
    /// Tried, and to be tried again.
    pub waiting: Vec<Notice>,
    /// For a person.
    pub refused: Vec<Notice>,
}

/// Which notices to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticesDue<'a> {
    /// Those whose time has come.
    ByNow,
    /// All that wait, and those of this request that were refused too.
    AllOf(&'a str),
    All,
}

impl App {
    /// Makes the notices of a run, tries each once, and says how recipients stand for the certificate.
    pub(super) async fn tell_recipients(
        &self,
        running: &Running<'_>,
        shares: &Shares,
        erased_at: DateTime<Utc>,
    ) -> Result<Vec<evidence::Recipient>, AppError> {
        if self.settings.recipients.is_empty() {
            return Ok(Vec::new());
        }
        let gathered = self.found_of(running.approved.plan()).await?;
        let certificate_id = running.run.certificate_id.as_str();
        let (mut new, mut request_ids) = (Vec::new(), Vec::new());
        for (place, member) in gathered.members.iter().enumerate() {
            let request = self.request(&member.request_id).await?;
            if request.is_replay() {
                continue;
            }
            let known = self.ledger.notices_of_request(&request.request_id).await?;
            // A run that is certified again after a crash has made its notices already.
            if !known.iter().any(|notice| notice.certificate_id == certificate_id) {
                let erased = shares.disposed_in(place).into_iter().map(str::to_owned).collect();
                new.extend(self.new_notices(
                    &request,
                    &member.found,
                    (&erased, certificate_id, erased_at),
                )?);
            }
            request_ids.push(request.request_id);
        }
        self.ledger.add_notices(&new).await?;
        for request_id in &request_ids {
            self.tell(NoticesDue::ByNow, Some(request_id)).await?;
        }
        self.downstream(&request_ids).await
    }

    /// How recipients of the data of requests stand, for a certificate: public aliases only.
    async fn downstream(&self, request_ids: &[String]) -> Result<Vec<evidence::Recipient>, AppError> {
        let mut by_alias: BTreeMap<String, Option<DateTime<Utc>>> = BTreeMap::new();
        let mut notices = Vec::new();
        for request_id in request_ids {
            notices.extend(self.ledger.notices_of_request(request_id).await?);
        }
        for notice in notices {
            let settings = self.settings.recipients.get(&notice.recipient);
            let name = settings.map_or(notice.recipient.as_str(), |one| one.recipient.alias.as_str());
            let told = notice.told_at;
            // Told of everything, or not yet.
            let known = by_alias.entry(name.to_owned()).or_insert(told);
            *known = match (*known, told) {
                (Some(one), Some(other)) => Some(one.max(other)),
                _ => None,
            };
        }
        let mut downstream = Vec::new();
        for (name, notified_at) in by_alias {
            downstream.push(evidence::Recipient {
                alias: alias("recipient", &name)?,
                notified_at,
                acknowledged_at: None,
            });
        }
        Ok(downstream)
    }

    fn new_notices(
        &self,
        request: &Request,
        found: &Found,
        (erased, certificate_id, made_at): (&BTreeSet<String>, &str, DateTime<Utc>),
    ) -> Result<Vec<(Notice, BTreeSet<Identity>)>, AppError> {
        let mut notices = Vec::new();
        for settings in self.settings.recipients.values() {
            let recipient = &settings.recipient;
            if !recipient.is_concerned(&self.catalog, erased) {
                continue;
            }
            let identities = recipient.known_by(found.identities());
            for identities in one_by_one(&identities, &kinds_named(settings)) {
                let by_hand = matches!(settings.channel, Channel::ByHand);
                // Whom they cannot know by anything that is known here nobody can tell.
                let state = match (identities.is_empty(), by_hand) {
                    (true, _) => NoticeState::Refused,
                    (false, true) => NoticeState::ByHand,
                    (false, false) => NoticeState::Waiting,
                };
                let notice = Notice {
                    notice_id: self.environment.ids.new_id("notice")?,
                    request_id: request.request_id.clone(),
                    certificate_id: certificate_id.to_owned(),
                    recipient: recipient.id.clone(),
                    state,
                    made_at,
                    attempts: 0,
                    next_at: (state == NoticeState::Waiting).then_some(made_at),
                    told_at: None,
                    failure: None,
                };
                notices.push((notice, identities));
            }
        }
        Ok(notices)
    }

    /// Tries notices that wait. What could not be delivered is tried again later; two weeks after it was made, or
    /// when it was refused, a person is to look.
    ///
    /// # Errors
    /// When the ledger fails. A recipient that does not answer is no error.
    pub async fn notify_recipients(&self, due: NoticesDue<'_>) -> Result<Telling, AppError> {
        let of_request = match due {
            NoticesDue::AllOf(reference) => Some(self.request(reference).await?.request_id),
            NoticesDue::ByNow | NoticesDue::All => None,
        };
        self.tell(due, of_request.as_deref()).await
    }

    async fn tell(&self, due: NoticesDue<'_>, of_request: Option<&str>) -> Result<Telling, AppError> {
        let now = self.now();
        let mut telling = Telling::default();
        for mut notice in self.ledger.open_notices().await? {
            let is_asked = of_request.is_none_or(|request_id| notice.request_id == request_id);
            let is_due = match (notice.state, due) {
                (NoticeState::Waiting, NoticesDue::ByNow) => notice.next_at.is_none_or(|at| at <= now),
                (NoticeState::Waiting, _) | (NoticeState::Refused, NoticesDue::AllOf(_)) => true,
                _ => false,
            };
            if !is_asked || !is_due {
                continue;
            }
            self.tell_one(&mut notice).await?;
            match notice.state {
                NoticeState::Told => telling.told.push(notice),
                NoticeState::Waiting => telling.waiting.push(notice),
                _ => telling.refused.push(notice),
            }
        }
        Ok(telling)
    }

    /// One attempt, whose end is in the ledger before another is made.
    async fn tell_one(&self, notice: &mut Notice) -> Result<(), AppError> {
        let identities = self.ledger.notice_identities(&notice.notice_id).await?.unwrap_or_default();
        let sent = match self.settings.recipients.get(&notice.recipient) {
            Some(settings) if !identities.is_empty() => self.send(settings, notice, &identities).await?,
            Some(_) => Err(Undelivered::ForGood("identity_unknown")),
            None => Err(Undelivered::ForGood("recipient_unknown")),
        };
        let now = self.now();
        notice.attempts = notice.attempts.saturating_add(1);
        notice.next_at = None;
        match sent {
            Ok(()) => {
                notice.state = NoticeState::Told;
                notice.told_at = Some(now);
                notice.failure = None;
            }
            Err(Undelivered::ForGood(code)) => {
                notice.state = NoticeState::Refused;
                notice.failure = Some(code.to_owned());
            }
            Err(Undelivered::ForNow(code)) => {
                let is_late = given_up_at(notice.made_at).is_none_or(|until| until <= now);
                notice.state = if is_late { NoticeState::Refused } else { NoticeState::Waiting };
                notice.next_at = (!is_late).then(|| next_attempt(notice.attempts, now));
                notice.failure = Some(code.to_owned());
            }
        }
        self.ledger.update_notice(notice).await?;
        let event = match notice.state {
            NoticeState::Told => "recipient_told",
            NoticeState::Refused => "recipient_not_told",
            _ => return Ok(()),
        };
        let request = self.request(&notice.request_id).await?;
        let event = RequestEvent { at: now, event: event.to_owned(), note: None };
        Ok(self.ledger.update_request(&request, &event).await?)
    }

    async fn send(
        &self,
        settings: &RecipientSettings,
        notice: &Notice,
        identities: &BTreeSet<Identity>,
    ) -> Result<Result<(), Undelivered>, AppError> {
        let request = self.request(&notice.request_id).await?;
        let told = Told {
            notice_id: &notice.notice_id,
            request_id: &notice.request_id,
            controller: &self.settings.controller.name,
            ground: request.ground.code(),
            erased_at: notice.made_at,
            identities,
        };
        let sent = match &settings.channel {
            Channel::ByHand => return Ok(Err(Undelivered::ForGood("by_hand"))),
            Channel::Webhook(webhook) => self.send_webhook(webhook, &told).await?,
            Channel::Http(template) => match self.request_of_template(template, &told)? {
                Some(request) => http::send_once(&request).await.map(drop),
                None => return Ok(Err(Undelivered::ForGood("identity_unknown"))),
            },
        };
        Ok(sent.map_err(|error| Undelivered::of(&error)))
    }

    async fn send_webhook(
        &self,
        webhook: &WebhookSettings,
        told: &Told<'_>,
    ) -> Result<Result<(), WebhookError>, AppError> {
        let target = self.webhook_target(webhook)?;
        let sender = match WebhookSender::new(&target) {
            Ok(sender) => sender,
            Err(error) => return Ok(Err(error)),
        };
        let body = Zeroizing::new(recipient::message(told).to_string());
        let message =
            WebhookMessage { id: told.notice_id, content_type: "application/json", body: body.as_bytes() };
        Ok(sender.send_once(&message, self.now()).await.map(drop))
    }

    pub(super) fn webhook_target(&self, webhook: &WebhookSettings) -> Result<WebhookTarget, AppError> {
        let secrets = webhook.secrets.iter().map(|secret| self.resolved_secret(secret));
        Ok(WebhookTarget {
            url: self.resolved_secret(&webhook.url)?,
            secrets: secrets.collect::<Result<_, _>>()?,
            ca_pem: self.authority(webhook.ca.as_deref())?,
            allows_plain_http: webhook.plain_http,
        })
    }

    pub(super) fn resolved_secret(&self, text: &SecretText) -> Result<Zeroizing<String>, AppError> {
        Ok(Zeroizing::new(self.resolved(text)?.expose().to_owned()))
    }

    /// `None`: the person has no identity of a kind that the template names.
    fn request_of_template(
        &self,
        template: &HttpTemplate,
        told: &Told<'_>,
    ) -> Result<Option<HttpRequest>, AppError> {
        let Some(url) = template.url.filled(&|plain| filled(plain, told, Quoting::Address)) else {
            return Ok(None);
        };
        let body = match &template.body {
            None => None,
            Some(body) => match filled_body(body, told) {
                None => return Ok(None),
                Some(body) => Some(Zeroizing::new(body.to_string().into_bytes())),
            },
        };
        let mut headers = BTreeMap::new();
        for (name, value) in &template.headers {
            headers.insert(name.clone(), self.resolved_secret(value)?);
        }
        Ok(Some(HttpRequest {
            method: template.method.clone(),
            url: self.resolved_secret(&url)?,
            headers,
            body,
            idempotency_key: told.notice_id.to_owned(),
            ca_pem: self.authority(template.ca.as_deref())?,
            allows_plain_http: template.plain_http,
        }))
    }

    pub(super) fn authority(&self, path: Option<&Path>) -> Result<Option<Vec<u8>>, AppError> {
        let read = |path: &Path| crate::keys::read_public(&self.settings.path(path));
        Ok(path.map(read).transpose().context("the certificates for a receiver")?)
    }

    /// Who was told of what the request erased, when, and who was not.
    ///
    /// # Errors
    /// When there is no such request.
    pub async fn request_recipients(
        &self,
        reference: &str,
    ) -> Result<(Request, Vec<RecipientStanding>), AppError> {
        let request = self.request(reference).await?;
        let notices = self.ledger.notices_of_request(&request.request_id).await?;
        let standing = |notice: Notice| {
            let settings = self.settings.recipients.get(&notice.recipient);
            let channel = match settings.map(|settings| &settings.channel) {
                Some(Channel::Webhook(_)) => "webhook",
                Some(Channel::Http(_)) => "http",
                Some(Channel::ByHand) | None => "by_hand",
            };
            let recipient: Option<&Recipient> = settings.map(|settings| &settings.recipient);
            RecipientStanding {
                name: recipient.map_or_else(|| notice.recipient.clone(), |one| one.name.clone()),
                role: recipient.map(|one| one.role),
                channel,
                notice,
            }
        };
        Ok((request, notices.into_iter().map(standing).collect()))
    }

    /// Identities under which a recipient is to be told by hand. Personal data: for who tells them.
    ///
    /// # Errors
    /// When there is no such notice that waits.
    pub async fn notice_to_tell(
        &self,
        reference: &str,
        recipient: &str,
    ) -> Result<BTreeSet<Identity>, AppError> {
        let mut identities = BTreeSet::new();
        for notice in self.open_notices(reference, recipient).await? {
            identities.extend(self.ledger.notice_identities(&notice.notice_id).await?.unwrap_or_default());
        }
        Ok(identities)
    }

    /// Records that a person has told a recipient, or that it is not possible.
    ///
    /// # Errors
    /// When there is no notice to the recipient that waits.
    pub async fn recipient_told(
        &self,
        reference: &str,
        recipient: &str,
        (by, why_not): (&str, Option<&str>),
    ) -> Result<Vec<Notice>, AppError> {
        let now = self.now();
        let mut notices = self.open_notices(reference, recipient).await?;
        for notice in &mut notices {
            notice.next_at = None;
            if why_not.is_some() {
                notice.state = NoticeState::NotPossible;
            } else {
                notice.state = NoticeState::Told;
                notice.told_at = Some(now);
                notice.failure = None;
            }
            self.ledger.update_notice(notice).await?;
        }
        let request = self.request(reference).await?;
        let (event, note) = match why_not {
            Some(why) => ("recipient_not_possible", format!("{by}: {recipient}: {why}")),
            None => ("recipient_told", format!("{by}: {recipient}")),
        };
        let event = RequestEvent { at: now, event: event.to_owned(), note: Some(note) };
        self.ledger.update_request(&request, &event).await?;
        Ok(notices)
    }

    async fn open_notices(&self, reference: &str, recipient: &str) -> Result<Vec<Notice>, AppError> {
        let request = self.request(reference).await?;
        let mut notices = self.ledger.notices_of_request(&request.request_id).await?;
        notices.retain(|notice| notice.recipient == recipient && !notice.state.is_final());
        if notices.is_empty() {
            return Err(argument(
                "no notice of this request to this recipient waits",
                Some("`oubliette requests recipients REQUEST` has them all"),
            ));
        }
        Ok(notices)
    }
}

/// Kinds of identities that the template names by themselves.
fn kinds_named(settings: &RecipientSettings) -> BTreeSet<String> {
    match &settings.channel {
        Channel::Http(template) => template.kinds.clone(),
        Channel::Webhook(_) | Channel::ByHand => BTreeSet::new(),
    }
}

/// Why a notice did not arrive, as a code: what a host says in words may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undelivered {
    ForNow(&'static str),
    ForGood(&'static str),
}

impl Undelivered {
    fn of(error: &WebhookError) -> Self {
        match error {
            WebhookError::NoAnswer { .. } => Self::ForNow("no_answer"),
            WebhookError::Busy { .. } => Self::ForNow("busy"),
            WebhookError::Refused { status: 300..=399, .. } => Self::ForGood("redirected"),
            WebhookError::Refused { status: 410, .. } => Self::ForGood("gone"),
            WebhookError::Refused { .. } => Self::ForGood("refused"),
            _ => Self::ForGood("not_sendable"),
        }
    }
}
