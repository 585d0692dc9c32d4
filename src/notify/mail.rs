//! Mail over SMTP (floor 6).
//!
//! Encrypted with STARTTLS, which must succeed, or with TLS from the first byte; in clear to this very
//! machine only. It knows nothing of what a mail says. The id of a message makes its `Message-ID`, so
//! that a mail that was sent again can be recognized.

use chrono::{DateTime, Utc};
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// For a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// For the whole of a mail: a server that stalls must not hold the others up.
const MAIL_WAIT: Duration = Duration::from_secs(30);

/// How a mail gets to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTransport {
    StartTls,
    Tls,
    /// In clear. The settings allow it to this machine only.
    Plain,
}

/// Where to, and from whom. Texts are resolved: they hold no reference any more.
pub struct MailTarget {
    pub server: String,
    pub port: u16,
    pub transport: MailTransport,
    /// Name and password.
    pub login: Option<(Zeroizing<String>, Zeroizing<String>)>,
    pub from: String,
    pub to: Vec<String>,
    /// Certificates in PEM that are believed beside those of the system.
    pub ca_pem: Option<Vec<u8>>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MailError {
    /// The settings are at fault.
    #[error("mail cannot be sent: {reason}")]
    Unusable { reason: String },
    /// The server was not reached, or asks to come again.
    #[error("the mail server {server} gave no final answer: {reason}")]
    NoAnswer { server: String, reason: String },
    #[error("the mail server {server} refused: {reason}")]
    Refused { server: String, reason: String },
}

impl MailError {
    /// Whether the same mail may go later, without anybody doing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoAnswer { .. })
    }
}

/// Sends to one list of people.
pub struct MailSender {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for MailSender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MailSender").field("server", &self.server).finish_non_exhaustive()
    }
}

impl MailSender {
    /// # Errors
    /// [`MailError::Unusable`].
    pub fn new(target: &MailTarget) -> Result<Self, MailError> {
        let from = mailbox(&target.from)?;
        let to = target.to.iter().map(|address| mailbox(address)).collect::<Result<Vec<_>, _>>()?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&target.server)
            .port(target.port)
            .timeout(Some(CONNECT_WAIT))
            .tls(tls(target)?);
        if let Some((user, password)) = &target.login {
            builder = builder.credentials(Credentials::new(user.to_string(), password.to_string()));
        }
        let server = format!("{}:{}", target.server, target.port);
        Ok(Self { transport: builder.build(), server, from, to })
    }

    /// Name and port of the server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends one mail of plain text, dated `at`.
    ///
    /// # Errors
    /// [`MailError`]; with [`MailError::may_pass`] the same mail is worth another attempt.
    pub async fn send_once(
        &self,
        id: &str,
        subject: &str,
        text: &str,
        at: DateTime<Utc>,
    ) -> Result<(), MailError> {
        let host = self.from.email.domain();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(at.into())
            .message_id(Some(format!("<{id}@{host}>")))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let mail = builder.body(text.to_owned()).map_err(|error| unusable(&error.to_string()))?;
        let server = || self.server.clone();
        let sent = tokio::time::timeout(MAIL_WAIT, self.transport.send(mail)).await;
        let Ok(sent) = sent else {
            return Err(MailError::NoAnswer { server: server(), reason: "it took too long".to_owned() });
        };
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => {
                // Only the code: a server may repeat addresses in its text.
                let code = error.status().map_or_else(|| "its answer".to_owned(), |code| code.to_string());
                Err(MailError::Refused { server: server(), reason: code })
            }
            Err(error) if error.is_client() => Err(unusable(&error.to_string())),
            Err(error) => {
                let code = error.status().map(|code| code.to_string());
                let reason = code.unwrap_or_else(|| error.to_string());
                Err(MailError::NoAnswer { server: server(), reason })
            }
        }
    }
}

fn tls(target: &MailTarget) -> Result<Tls, MailError> {
    if target.transport == MailTransport::Plain {
        return Ok(Tls::None);
    }
    let mut builder = TlsParameters::builder(target.server.clone());
    if let Some(pem) = &target.ca_pem {
        let is_some = String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----");
        let certificates = Certificate::from_pem(pem).ok().filter(|_| is_some);
        let certificates =
            certificates.ok_or_else(|| unusable("its file `ca` holds no certificate in PEM"))?;
        builder = builder.add_root_certificate(certificates);
    }
    let parameters = builder.build().map_err(|error| unusable(&error.to_string()))?;
    Ok(if target.transport == MailTransport::Tls {
        Tls::Wrapper(parameters)
    } else {
        Tls::Required(parameters)
    })
}

fn mailbox(address: &str) -> Result<Mailbox, MailError> {
    address.parse().map_err(|_| unusable("one of its addresses is not valid"))
}

fn unusable(reason: &str) -> MailError {
    MailError::Unusable { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
