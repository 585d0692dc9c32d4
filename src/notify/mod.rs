//! Telling people outside what the program cannot settle by itself (floor 6).
//!
//! [`texts`] says a notice in French and English; [`WebhookSender`] and [`MailSender`] carry it. What must
//! arrive although a receiver is away is kept by the caller and sent again under the same id. Nothing here
//! decides what is worth telling, and no text holds a value of any record.

pub mod http;
pub mod mail;
pub mod retry;
#[cfg(test)]
mod testing;
pub mod texts;
pub mod webhook;

pub use mail::{MailError, MailSender, MailTarget, MailTransport};
pub use texts::Told;
pub use webhook::{WebhookAnswer, WebhookError, WebhookMessage, WebhookSender, WebhookTarget};
