//! Signed webhooks: one message, POSTed to one address (floor 6).
//!
//! The form is that of Standard Webhooks (standardwebhooks.com): `webhook-id` is the same in every
//! attempt, so that a receiver counts a repeated message once; `webhook-timestamp` is the attempt's
//! own; `webhook-signature` is HMAC-SHA256 over id, timestamp and body. It speaks HTTPS, or plain HTTP
//! to this very machine, or where the settings say so; it follows no redirect, since the message would
//! go where nobody decided. It does not know what a message says, and remembers nothing: what must
//! outlive the process is kept by the caller, who sends it again under the same id.
//!
//! An address may hold a token, so no error names more of it than host and port.

mod address;
mod signing;

pub use signing::{SigningKey, signature};

pub(crate) use address::Address;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, StatusCode, redirect};
use std::error::Error as _;
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// A receiver should answer at once and work afterwards.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// More of an answer is not read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Where to, and how it is signed. Texts are resolved: they hold no reference any more.
pub struct WebhookTarget {
    pub url: Zeroizing<String>,
    /// `whsec_` and base64, or base64 alone, of 24 to 64 bytes. The first signs; so do the others, while
    /// a receiver changes from one to the next.
    pub secrets: Vec<Zeroizing<String>>,
    /// Certificates in PEM that are believed beside those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// Plain HTTP to other machines too. The signature holds, but anybody on the way reads along.
    pub allows_plain_http: bool,
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct WebhookMessage<'a> {
    /// The same in every attempt; visible ASCII without a point.
    pub id: &'a str,
    /// Such as `application/json`.
    pub content_type: &'a str,
    pub body: &'a [u8],
}

/// What the receiver answered: a status of 200 to 299.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    pub status: u16,
    /// The first 64 KiB of the answer's body.
    pub body: Vec<u8>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The settings are at fault.
    #[error("the webhook cannot be used: {reason}")]
    Unusable { reason: String },
    #[error("the message cannot be sent: {reason}")]
    BadMessage { reason: &'static str },
    /// No answer; whether the message arrived is unknown.
    #[error("{host} gave no answer: {reason}")]
    NoAnswer { host: String, reason: String },
    /// An answer that may be another one later.
    #[error("{host} answered {status}")]
    Busy {
        host: String,
        status: u16,
        /// How long the receiver asks to wait.
        wait: Option<Duration>,
    },
    /// An answer that stays as it is until somebody changes something.
    #[error("{host} refused the message with {status}")]
    Refused { host: String, status: u16 },
}

impl WebhookError {
    /// Whether the same message may arrive later, without anybody doing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Busy { .. })
    }

    /// How long the receiver asks to wait.
    #[must_use]
    pub fn asked_wait(&self) -> Option<Duration> {
        if let Self::Busy { wait, .. } = self { *wait } else { None }
    }
}

/// Sends to one address.
pub struct WebhookSender {
    client: Client,
    address: Address,
    keys: Vec<SigningKey>,
}

impl std::fmt::Debug for WebhookSender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WebhookSender").field("host", &self.address.host()).finish_non_exhaustive()
    }
}

impl WebhookSender {
    /// # Errors
    /// [`WebhookError::Unusable`] when address, secrets or certificates cannot be used.
    pub fn new(target: &WebhookTarget) -> Result<Self, WebhookError> {
        let address = Address::parse(&target.url, target.allows_plain_http)?;
        if target.secrets.is_empty() {
            return Err(unusable("it has no secret"));
        }
        let keys = target.secrets.iter().map(|secret| SigningKey::parse(secret)).collect::<Result<_, _>>()?;
        let client = client(&address, target.ca_pem.as_deref())?;
        Ok(Self { client, address, keys })
    }

    /// Host and port of the receiver: all that may be shown of its address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.host()
    }

    /// Sends once. `at` is the timestamp that is signed; receivers refuse one that is minutes off.
    ///
    /// # Errors
    /// [`WebhookError`]; with [`WebhookError::may_pass`] the same message is worth another attempt.
    pub async fn send_once(
        &self,
        message: &WebhookMessage<'_>,
        at: DateTime<Utc>,
    ) -> Result<WebhookAnswer, WebhookError> {
        check_id(message.id)?;
        let seconds = at.timestamp();
        let signatures: Vec<String> =
            self.keys.iter().map(|key| signature(key, message.id, seconds, message.body)).collect();
        let answer = self
            .client
            .post(self.address.url())
            .header(CONTENT_TYPE, message.content_type)
            .header("webhook-id", message.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signatures.join(" "))
            .body(message.body.to_vec())
            .send()
            .await
            .map_err(|error| self.no_answer(error))?;
        judged(self.host(), answer).await
    }

    fn no_answer(&self, error: reqwest::Error) -> WebhookError {
        WebhookError::NoAnswer { host: self.host().to_owned(), reason: said_by(error) }
    }
}

/// What speaks to one address.
pub(crate) fn client(address: &Address, ca_pem: Option<&[u8]>) -> Result<Client, WebhookError> {
    let mut builder = Client::builder()
        .user_agent(concat!("oubliette/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_WAIT)
        .timeout(ANSWER_WAIT);
    if address.is_loopback() {
        // A proxy of the environment would carry it to another machine.
        builder = builder.no_proxy();
    }
    if let Some(pem) = ca_pem {
        let certificates = Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| unusable("its file `ca` holds no certificate in PEM"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| unusable(&said_by(error)))
}

/// What an answer means, with the beginning of its body.
pub(super) async fn judged(host: &str, mut answer: Response) -> Result<WebhookAnswer, WebhookError> {
    let (host, status) = (host.to_owned(), answer.status());
    if !status.is_success() {
        let status_code = status.as_u16();
        return Err(if is_passing(status) {
            WebhookError::Busy { host, status: status_code, wait: asked_wait(&answer) }
        } else {
            WebhookError::Refused { host, status: status_code }
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| WebhookError::NoAnswer { host: host.clone(), reason: said_by(error) })?
    {
        body.extend_from_slice(&chunk);
        if body.len() >= ANSWER_BYTES_MAX {
            body.truncate(ANSWER_BYTES_MAX);
            break;
        }
    }
    Ok(WebhookAnswer { status: status.as_u16(), body })
}

fn unusable(reason: &str) -> WebhookError {
    WebhookError::Unusable { reason: reason.to_owned() }
}

fn check_id(id: &str) -> Result<(), WebhookError> {
    // A point in it would make what is signed ambiguous.
    let is_good = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
    if is_good { Ok(()) } else { Err(WebhookError::BadMessage { reason: "its id is no visible ASCII" }) }
}

/// Time-outs, conflicts, too early, too many, and every fault of the receiver's own.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 425 | 429) || status.is_server_error()
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); the form with a date is not read.
fn asked_wait(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The whole chain of an error, without the address.
pub(crate) fn said_by(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests;
