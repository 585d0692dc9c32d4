//! How the program is seen from outside: whom it notifies, and where it answers (floor 6).
//!
//! The forms of `notification` and `http`, and what they mean.

use super::model::WebhookSettings;
use super::read::warn_of_plain_secret;
use super::recipients::webhook_of;
use super::secret::SecretText;
use crate::policy::read::{parsed, text, texts_of};
use crate::policy::scalars::PERIOD;
use crate::policy::{Language, Period};
use crate::yaml::form::{Form, Key, ScalarForm, Shape, TEXT};
use crate::yaml::{Node, Report};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where the HTTP interface listens unless told.
const USUAL_PORT: u16 = 9188;
/// Mail is submitted there, with STARTTLS or with TLS from the first byte (RFC 6409, RFC 8314).
const SUBMISSION_PORT: u16 = 587;
const SUBMISSIONS_PORT: u16 = 465;
/// The same thing is not told again within a day.
const QUIET_DAYS: u32 = 1;

/// Whom the program tells what it cannot settle by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationSettings {
    /// By name.
    pub webhooks: BTreeMap<String, WebhookSettings>,
    pub mail: Option<MailSettings>,
    /// The same thing is not told again within this time.
    pub quiet_for: Period,
    /// What matters less is not told.
    pub least: LeastNotice,
    /// `None`: that of the settings.
    pub language: Option<Language>,
}

/// From which weight on something is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeastNotice {
    Info,
    #[default]
    Warning,
    Alarm,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    pub server: String,
    pub port: u16,
    pub security: MailSecurity,
    /// Name and password at the server.
    pub login: Option<(SecretText, SecretText)>,
    pub from: String,
    pub to: Vec<String>,
    /// A file of certificates in PEM.
    pub ca: Option<PathBuf>,
}

/// How a mail gets to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// Encrypted after `STARTTLS`, and not at all without.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    /// In clear: to this very machine only.
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSettings {
    pub listen: SocketAddr,
}

const SECRET_FORM: Form = Form::Scalar(&super::document::SECRET);
const PATH_FORM: Form = Form::Scalar(&super::document::PATH);
const TEXT_FORM: Form = Form::Scalar(&TEXT);

static LISTEN: ScalarForm = ScalarForm {
    expected: "an address and a port such as 127.0.0.1:9188",
    code: "bad-address",
    pattern: None,
    check: |text| text.parse::<SocketAddr>().map(drop).map_err(|_| "this is no address and port".to_owned()),
};

static MAIL_ADDRESS: ScalarForm = ScalarForm {
    expected: "a mail address such as dpo@example.org",
    code: "bad-address",
    pattern: None,
    check: |text| match text.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace) => {
            Ok(())
        }
        _ => Err("this is no mail address".to_owned()),
    },
};

pub(super) static NOTIFICATION: Shape = Shape {
    name: "the notification",
    exactly_one: false,
    keys: &[
        Key::optional(
            "webhooks",
            Form::Entries(&Form::Map(&super::document::WEBHOOK)),
            "signed webhooks by name",
        ),
        Key::optional("mail", Form::Map(&MAIL), "mail over SMTP"),
        Key::optional(
            "quiet_for",
            Form::Scalar(&PERIOD),
            "the same thing is not told again within this time, P1D unless said",
        ),
        Key::optional(
            "least",
            Form::Words(&["info", "warning", "alarm"]),
            "what matters less is not told; warning unless said",
        ),
        Key::optional("language", Form::Words(&["fr", "en"]), "language of notices"),
    ],
};

static MAIL: Shape = Shape {
    name: "the mail",
    exactly_one: false,
    keys: &[
        Key::required("server", TEXT_FORM, "name of the mail server"),
        Key::optional("port", Form::Count { low: 1, high: 65535 }, "587 unless said, 465 with `tls`"),
        Key::optional(
            "security",
            Form::Words(&["starttls", "tls", "none"]),
            "starttls unless said; none to this very machine only",
        ),
        Key::optional("user", SECRET_FORM, "name at the server, with `password`"),
        Key::optional("password", SECRET_FORM, "password at the server"),
        Key::required("from", Form::Scalar(&MAIL_ADDRESS), "the sender"),
        Key::required(
            "to",
            Form::List(&Form::Scalar(&MAIL_ADDRESS)),
            "who is written to: roles, not persons",
        ),
        Key::optional(
            "ca",
            PATH_FORM,
            "file of certificates in PEM that are believed beside those of the system",
        ),
    ],
};

pub(super) static HTTP: Shape = Shape {
    name: "the HTTP interface",
    exactly_one: false,
    keys: &[Key::optional("listen", Form::Scalar(&LISTEN), "address and port, 127.0.0.1:9188 unless said")],
};

pub(super) fn http(node: Option<&Node>, report: &mut Report<'_>) -> Option<HttpSettings> {
    let node = node?;
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT));
    let listen: SocketAddr = parsed(node, "listen").unwrap_or(usual);
    if !listen.ip().is_loopback() {
        let place = node.get("listen").map_or(node.place, |value| value.place);
        let message = "the HTTP interface answers other machines, without asking who they are".to_owned();
        let hint = "it shows names of policies and counts: let only the monitoring reach it".to_owned();
        report.warning("open-http", place, message, Some(hint));
    }
    Some(HttpSettings { listen })
}

pub(super) fn notification(node: Option<&Node>, report: &mut Report<'_>) -> Option<NotificationSettings> {
    let node = node?;
    let webhooks = node.get("webhooks").map(Node::entries).unwrap_or_default();
    let webhooks = webhooks
        .iter()
        .filter_map(|(entry, node)| Some((entry.text.clone(), webhook(&entry.text, node, report)?)));
    let webhooks: BTreeMap<_, _> = webhooks.collect();
    let mail = node.get("mail").and_then(|node| mail(node, report));
    if webhooks.is_empty() && node.get("mail").is_none() {
        let message = "the notification names nobody to tell".to_owned();
        report.error("tells-nobody", node.place, message, Some("add `webhooks` or `mail`".to_owned()));
        return None;
    }
    Some(NotificationSettings {
        webhooks,
        mail,
        quiet_for: parsed(node, "quiet_for").unwrap_or_else(|| Period::days_of(QUIET_DAYS)),
        least: match text(node, "least").as_deref() {
            Some("info") => LeastNotice::Info,
            Some("alarm") => LeastNotice::Alarm,
            _ => LeastNotice::Warning,
        },
        language: text(node, "language").map(|word| if word == "fr" { Language::Fr } else { Language::En }),
    })
}

fn webhook(name: &str, node: &Node, report: &mut Report<'_>) -> Option<WebhookSettings> {
    let webhook = webhook_of(node)?;
    let whose = format!("webhook `{name}`");
    warn_of_plain_secret(&whose, "url", &webhook.url, node, report);
    for secret in &webhook.secrets {
        warn_of_plain("secret", &whose, secret, node, report);
    }
    Some(webhook)
}

fn mail(node: &Node, report: &mut Report<'_>) -> Option<MailSettings> {
    let security = match text(node, "security").as_deref() {
        Some("tls") => MailSecurity::Tls,
        Some("none") => MailSecurity::Plain,
        _ => MailSecurity::StartTls,
    };
    let server = text(node, "server")?;
    if security == MailSecurity::Plain && !is_this_machine(&server) {
        let place = node.get("security").map_or(node.place, |value| value.place);
        let message = "mail would leave this machine in clear".to_owned();
        report.error("not-encrypted", place, message, Some("write `security: starttls` or `tls`".to_owned()));
        return None;
    }
    let login = match (secret(node, "user"), secret(node, "password")) {
        (Some(user), Some(password)) => {
            warn_of_plain("password", "the mail", &password, node, report);
            Some((user, password))
        }
        (None, None) => None,
        _ => {
            let message = "`user` and `password` go together".to_owned();
            report.error("bad-credentials", node.place, message, None);
            return None;
        }
    };
    let to = texts_of(node, "to");
    if to.is_empty() {
        report.error("tells-nobody", node.place, "the mail is written to nobody".to_owned(), None);
        return None;
    }
    let usual = if security == MailSecurity::Tls { SUBMISSIONS_PORT } else { SUBMISSION_PORT };
    Some(MailSettings {
        server,
        port: parsed(node, "port").unwrap_or(usual),
        security,
        login,
        from: text(node, "from")?,
        to,
        ca: text(node, "ca").map(PathBuf::from),
    })
}

fn is_this_machine(server: &str) -> bool {
    server == "localhost" || server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn secret(node: &Node, key: &str) -> Option<SecretText> {
    SecretText::parse(node.get(key)?.text()?).ok()
}

fn warn_of_plain(key: &str, whose: &str, secret: &SecretText, node: &Node, report: &mut Report<'_>) {
    if !secret.has_reference() {
        let place = node.get(key).map_or(node.place, |value| value.place);
        let message = format!("{whose} has its {key} in plain text");
        report.warning("plain-secret", place, message, Some("write ${env:NAME} or ${file:PATH}".to_owned()));
    }
}
