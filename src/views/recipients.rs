//! Recipients of personal data and how they stand: who was told of an erasure, when, and who was not (floor 8,
//! pure). The person is not named.

use super::JSON_FORMAT_VERSION;
use super::text::{add_line, date, instant, printable};
use super::words::recipients as words;
use crate::app::{RecipientStanding, Telling};
use crate::erasure::recipient::{Notice, NoticeState};
use crate::erasure::request::Request;
use crate::policy::Language;
use serde::Serialize;

/// One line a notice.
#[must_use]
pub fn human(request: &Request, standings: &[RecipientStanding], language: Language) -> String {
    if standings.is_empty() {
        return words::NONE.text(language).to_owned() + "\n";
    }
    let mut page = words::HEADING.fill(language, &[&request.request_id]) + "\n";
    for standing in standings {
        let role = words::role(standing.role).text(language);
        let how = how(&standing.notice, language);
        let line = words::LINE.fill(language, &[&printable(&standing.name), &role, &how]);
        add_line(&mut page, format_args!("  {line}"));
    }
    page
}

fn how(notice: &Notice, language: Language) -> String {
    let told = notice.told_at.map(instant).unwrap_or_default();
    match (notice.state, notice.next_at) {
        (NoticeState::Told, _) => words::TOLD.fill(language, &[&told]),
        (NoticeState::Waiting, Some(next)) if notice.attempts > 0 => {
            words::WAITING.fill(language, &[&notice.attempts, &instant(next)])
        }
        (NoticeState::Waiting, _) => words::WAITING_FIRST.text(language).to_owned(),
        (NoticeState::ByHand, _) => {
            words::BY_HAND.fill(language, &[&notice.request_id, &printable(&notice.recipient)])
        }
        (NoticeState::Refused, _) => {
            words::REFUSED.fill(language, &[&notice.failure.as_deref().unwrap_or("identity_unknown")])
        }
        (NoticeState::NotPossible, _) => words::NOT_POSSIBLE.text(language).to_owned(),
    }
}

/// The lines of the letter to the person: each recipient once.
#[must_use]
pub fn letter_lines(standings: &[RecipientStanding], language: Language) -> Vec<String> {
    let mut names: Vec<&str> = standings.iter().map(|standing| standing.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let line = |name: &str| {
        let own = || standings.iter().filter(|standing| standing.name == name);
        let open = own().find(|standing| !standing.notice.state.is_final());
        let newest = own().max_by_key(|standing| standing.notice.made_at);
        let standing = open.or(newest)?;
        let told = standing.notice.told_at.map(|at| date(at.date_naive(), language)).unwrap_or_default();
        let role = words::role(standing.role).text(language);
        let values: [&dyn std::fmt::Display; 3] = [&printable(name), &role, &told];
        Some(words::letter(standing.notice.state).fill(language, &values))
    };
    names.into_iter().filter_map(line).collect()
}

/// What telling came to, in one line.
#[must_use]
pub fn telling(telling: &Telling, language: Language) -> String {
    let counts = [telling.told.len(), telling.waiting.len(), telling.refused.len()];
    if counts == [0; 3] {
        return words::NOTHING_TO_TELL.text(language).to_owned() + "\n";
    }
    let [told, waiting, refused] = counts;
    words::NOTIFIED.fill(language, &[&told, &waiting, &refused]) + "\n"
}

/// The JSON form of one notice.
#[derive(Debug, Serialize)]
pub struct NoticeJson<'a> {
    notice_id: &'a str,
    request_id: &'a str,
    certificate_id: &'a str,
    recipient: &'a str,
    state: NoticeState,
    made_at: String,
    attempts: u32,
    next_at: Option<String>,
    told_at: Option<String>,
    failure: Option<&'a str>,
}

impl<'a> From<&'a Notice> for NoticeJson<'a> {
    fn from(notice: &'a Notice) -> Self {
        Self {
            notice_id: &notice.notice_id,
            request_id: &notice.request_id,
            certificate_id: &notice.certificate_id,
            recipient: &notice.recipient,
            state: notice.state,
            made_at: instant(notice.made_at),
            attempts: notice.attempts,
            next_at: notice.next_at.map(instant),
            told_at: notice.told_at.map(instant),
            failure: notice.failure.as_deref(),
        }
    }
}

/// The JSON form of `requests recipients`.
#[derive(Debug, Serialize)]
pub struct RecipientsJson<'a> {
    format_version: u32,
    request_id: &'a str,
    recipients: Vec<StandingJson<'a>>,
}

#[derive(Debug, Serialize)]
struct StandingJson<'a> {
    name: &'a str,
    role: Option<crate::erasure::recipient::Role>,
    channel: &'a str,
    #[serde(flatten)]
    notice: NoticeJson<'a>,
}

impl<'a> RecipientsJson<'a> {
    #[must_use]
    pub fn new(request: &'a Request, standings: &'a [RecipientStanding]) -> Self {
        let recipients = standings.iter().map(|standing| StandingJson {
            name: &standing.name,
            role: standing.role,
            channel: standing.channel,
            notice: NoticeJson::from(&standing.notice),
        });
        Self {
            format_version: JSON_FORMAT_VERSION,
            request_id: &request.request_id,
            recipients: recipients.collect(),
        }
    }
}

/// The JSON form of `requests notify`.
#[derive(Debug, Serialize)]
pub struct TellingJson<'a> {
    format_version: u32,
    told: Vec<NoticeJson<'a>>,
    waiting: Vec<NoticeJson<'a>>,
    refused: Vec<NoticeJson<'a>>,
}

impl<'a> TellingJson<'a> {
    #[must_use]
    pub fn new(telling: &'a Telling) -> Self {
        let all = |notices: &'a [Notice]| notices.iter().map(NoticeJson::from).collect();
        Self {
            format_version: JSON_FORMAT_VERSION,
            told: all(&telling.told),
            waiting: all(&telling.waiting),
            refused: all(&telling.refused),
        }
    }
}
