//! Telling people outside: notices into the outbox, and from there to their receivers.
//!
//! Floor 7. What was posted is durable and is delivered at least once; a receiver that is away is tried
//! again with growing waits, for days, also by another process after a restart. Texts say nothing of any
//! record. Without `notification` in the settings a notice goes to the log alone.

use super::{App, AppError};
use crate::ledger::{Delivery, NewNotice, OutboxState};
use crate::notice::{Announcement, NoticeSeverity};
use crate::notify::retry::{SHORT_DELAYS, wait_as_asked};
use crate::notify::{
    MailError, MailSender, MailTarget, MailTransport, Told, WebhookError, WebhookMessage, WebhookSender,
    texts,
};
use crate::policy::Language;
use crate::settings::{LeastNotice, MailSecurity, MailSettings, NotificationSettings, WebhookSettings};
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// The receiver of mail, in the outbox. Webhooks have their names after `webhook:`.
const MAIL: &str = "mail";
const WEBHOOK: &str = "webhook:";
/// Until then all that were claimed together are over, or their process died: each takes half a minute at
/// most.
const CLAIM_SECONDS: i64 = 180;
const CLAIMED_AT_ONCE: u32 = 5;
/// One round is bounded, so that a caller with other work comes back to it.
const CLAIMS_A_ROUND: u32 = 20;
/// After so long without success a receiver will not have it.
const GIVE_UP_DAYS: i64 = 3;
/// Notices that everybody has are kept so long.
const KEPT_DAYS: i64 = 90;

/// What one round of deliveries did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryRound {
    pub delivered: u64,
    /// To be tried again.
    pub put_off: u64,
    pub given_up: u64,
}

/// How a test notice went to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedReceiver {
    pub receiver: String,
    /// Host and port.
    pub host: String,
    pub outcome: Result<(), String>,
}

enum Sender {
    Webhook(WebhookSender),
    Mail(MailSender),
}

/// Why an attempt failed.
struct Failed {
    reason: String,
    may_pass: bool,
    /// How long the receiver asks to wait.
    asked_wait: Option<Duration>,
}

impl Failed {
    fn new(reason: String, may_pass: bool) -> Self {
        Self { reason, may_pass, asked_wait: None }
    }
}

impl From<WebhookError> for Failed {
    fn from(error: WebhookError) -> Self {
        Self { reason: error.to_string(), may_pass: error.may_pass(), asked_wait: error.asked_wait() }
    }
}

impl From<MailError> for Failed {
    fn from(error: MailError) -> Self {
        Self::new(error.to_string(), error.may_pass())
    }
}

impl App {
    /// Posts a notice to every receiver of the settings, unless it matters less than they ask for, or the
    /// same was posted within `quiet_for`. Whether it was posted; it is delivered by
    /// [`App::deliver_notices`].
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn post(&self, announcement: &Announcement) -> Result<bool, AppError> {
        let Some(settings) = &self.settings.notification else { return Ok(false) };
        if announcement.notice.severity() < least(settings.least) {
            return Ok(false);
        }
        let told = texts::tell(announcement, self.notice_language());
        let quiet_until = settings.quiet_for.after(told.at).context("`quiet_for` is beyond the calendar")?;
        let value = serde_json::to_string(&told).context("a notice cannot be written")?;
        let notice_id = self.environment.ids.new_id("notice")?;
        let new = NewNotice {
            notice_id: &notice_id,
            sameness: &told.sameness(),
            raised_at: told.at,
            value: &value,
            targets: &receivers(settings),
        };
        Ok(self.ledger.post_notice(&new, told.at - (quiet_until - told.at)).await?)
    }

    /// Brings what is due to its receivers, and removes what is long over.
    ///
    /// # Errors
    /// When the ledger cannot be written. A receiver that is away is no error.
    pub async fn deliver_notices(&self) -> Result<DeliveryRound, AppError> {
        let mut round = DeliveryRound::default();
        for _ in 0..CLAIMS_A_ROUND {
            let now = self.now();
            let until = now + TimeDelta::seconds(CLAIM_SECONDS);
            let claimed = self.ledger.claim_deliveries(now, until, CLAIMED_AT_ONCE).await?;
            if claimed.is_empty() {
                break;
            }
            for delivery in &claimed {
                self.deliver(delivery, &mut round).await?;
            }
            self.ledger.trim_notices(now - TimeDelta::days(KEPT_DAYS)).await?;
        }
        Ok(round)
    }

    async fn deliver(&self, delivery: &Delivery, round: &mut DeliveryRound) -> Result<(), AppError> {
        let Err(failed) = self.attempt(delivery).await else {
            round.delivered += 1;
            return Ok(self.ledger.delivered(delivery).await?);
        };
        let now = self.now();
        let is_late = now - delivery.raised_at > TimeDelta::days(GIVE_UP_DAYS);
        let reason = failed.reason.as_str();
        if failed.may_pass && !is_late {
            round.put_off += 1;
            tracing::warn!(receiver = delivery.target, reason, "a notice was not delivered yet");
            let wait = wait_as_asked(delivery.attempts, failed.asked_wait);
            let wait = TimeDelta::from_std(wait).context("a wait")?;
            return Ok(self.ledger.retry_delivery(delivery, now + wait, reason).await?);
        }
        round.given_up += 1;
        tracing::error!(receiver = delivery.target, reason, "a notice cannot be delivered");
        Ok(self.ledger.give_delivery_up(delivery, reason).await?)
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<(), Failed> {
        let told: Told = serde_json::from_str(&delivery.value)
            .map_err(|_| Failed::new("the notice is of another version".to_owned(), false))?;
        // A secret that cannot be read today may be there tomorrow.
        let sender = self
            .sender(&delivery.target)
            .map_err(|error| Failed::new(error.to_string(), !matches!(error, AppError::Argument { .. })))?;
        send_once(&sender, &delivery.notice_id, &told, self.now()).await
    }

    /// Sends a test notice to every receiver at once, past the outbox, and says how it went.
    ///
    /// # Errors
    /// When the settings name no receiver.
    pub async fn test_notification(&self) -> Result<Vec<TestedReceiver>, AppError> {
        let settings = self.settings.notification.as_ref().ok_or_else(|| AppError::Argument {
            reason: "the settings name nobody to notify".to_owned(),
            hint: Some("add `notification` with `webhooks` or `mail`".to_owned()),
        })?;
        let notice_id = self.environment.ids.new_id("notice")?;
        let told = texts::test(&self.settings.controller.name, self.now(), self.notice_language());
        let mut tested = Vec::new();
        for receiver in receivers(settings) {
            let (host, outcome) = match self.sender(&receiver) {
                Err(error) => (String::new(), Err(error.to_string())),
                Ok(sender) => (sender.host(), self.send_with_patience(&sender, &notice_id, &told).await),
            };
            tested.push(TestedReceiver { receiver, host, outcome });
        }
        Ok(tested)
    }

    async fn send_with_patience(&self, sender: &Sender, id: &str, told: &Told) -> Result<(), String> {
        for delay in SHORT_DELAYS {
            match send_once(sender, id, told, self.now()).await {
                Err(failed) if failed.may_pass => tokio::time::sleep(delay).await,
                outcome => return outcome.map_err(|failed| failed.reason),
            }
        }
        send_once(sender, id, told, self.now()).await.map_err(|failed| failed.reason)
    }

    /// What waits in the outbox, and what was given up.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn outbox_state(&self) -> Result<OutboxState, AppError> {
        Ok(self.ledger.outbox_state().await?)
    }

    fn notice_language(&self) -> Language {
        let own = self.settings.notification.as_ref().and_then(|settings| settings.language);
        own.unwrap_or(self.settings.language)
    }

    /// [`AppError::Argument`] when the settings name no such receiver any more.
    fn sender(&self, receiver: &str) -> Result<Sender, AppError> {
        let settings = self.settings.notification.as_ref();
        let webhook = receiver.strip_prefix(WEBHOOK);
        if let Some(webhook) = webhook.and_then(|name| settings?.webhooks.get(name)) {
            return self.webhook_sender(webhook).map(Sender::Webhook);
        }
        if let Some(mail) = settings.and_then(|settings| settings.mail.as_ref()).filter(|_| receiver == MAIL)
        {
            return self.mail_sender(mail).map(Sender::Mail);
        }
        let reason = format!("the settings name no receiver '{receiver}' any more");
        Err(AppError::Argument { reason, hint: None })
    }

    fn webhook_sender(&self, settings: &WebhookSettings) -> Result<WebhookSender, AppError> {
        Ok(WebhookSender::new(&self.webhook_target(settings)?).map_err(anyhow::Error::from)?)
    }

    fn mail_sender(&self, settings: &MailSettings) -> Result<MailSender, AppError> {
        let login = match &settings.login {
            None => None,
            Some((user, password)) => Some((self.resolved_secret(user)?, self.resolved_secret(password)?)),
        };
        let target = MailTarget {
            server: settings.server.clone(),
            port: settings.port,
            transport: match settings.security {
                MailSecurity::StartTls => MailTransport::StartTls,
                MailSecurity::Tls => MailTransport::Tls,
                MailSecurity::Plain => MailTransport::Plain,
            },
            login,
            from: settings.from.clone(),
            to: settings.to.clone(),
            ca_pem: self.authority(settings.ca.as_deref())?,
        };
        Ok(MailSender::new(&target).map_err(anyhow::Error::from)?)
    }
}

impl Sender {
    fn host(&self) -> String {
        match self {
            Self::Webhook(sender) => sender.host().to_owned(),
            Self::Mail(sender) => sender.server().to_owned(),
        }
    }
}

async fn send_once(sender: &Sender, id: &str, told: &Told, at: DateTime<Utc>) -> Result<(), Failed> {
    match sender {
        Sender::Webhook(sender) => {
            let body = told.body(id).to_string();
            let message = WebhookMessage { id, content_type: "application/json", body: body.as_bytes() };
            Ok(sender.send_once(&message, at).await.map(drop)?)
        }
        Sender::Mail(sender) => {
            // The id at its end: with it the mail is found in the ledger.
            let text = format!("{}\n{id}\n", told.text);
            Ok(sender.send_once(id, &told.subject, &text, at).await?)
        }
    }
}

fn least(least: LeastNotice) -> NoticeSeverity {
    match least {
        LeastNotice::Info => NoticeSeverity::Info,
        LeastNotice::Warning => NoticeSeverity::Warning,
        LeastNotice::Alarm => NoticeSeverity::Alarm,
    }
}

fn receivers(settings: &NotificationSettings) -> Vec<String> {
    let webhooks = settings.webhooks.keys().map(|name| format!("{WEBHOOK}{name}"));
    webhooks.chain(settings.mail.iter().map(|_| MAIL.to_owned())).collect()
}
