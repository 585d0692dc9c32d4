//! Telling people and machines outside: signed webhooks and mail (floor 6).
//!
//! Nothing here decides what is worth telling, or knows what a message says. What must arrive although a
//! receiver is away is kept by the caller and sent again under the same id.

pub mod http;
pub mod mail;
pub mod retry;
#[cfg(test)]
mod testing;
pub mod webhook;

pub use mail::{MailError, MailSender, MailTarget, MailTransport};
pub use webhook::{WebhookAnswer, WebhookError, WebhookMessage, WebhookSender, WebhookTarget};
