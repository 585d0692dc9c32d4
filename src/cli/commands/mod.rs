//! One module a command: call a use case, hand the answer to its view (floor 8).

pub(super) mod apply;
pub(super) mod approve;
pub(super) mod certificates;
pub(super) mod check;
pub(super) mod daemon;
pub(super) mod demo;
pub(super) mod hold;
pub(super) mod init;
pub(super) mod looking;
pub(super) mod notify;
pub(super) mod plan;
mod recipients;
pub(super) mod replay;
pub(super) mod requests;
pub(super) mod shell;
pub(super) mod status;
mod together;
pub(super) mod verify;

use super::failure::Failure;
use super::output::Output;
use crate::app::{App, Environment};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use std::path::Path;

/// What every command on a project needs.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) config: &'a Path,
    pub(super) environment: &'a Environment,
}

impl Call<'_> {
    /// Opens the project. Where nobody said which language, the settings' is taken.
    async fn open(&self, output: &mut Output<'_>) -> Result<App, Failure> {
        if !self.config.is_file() {
            let message = format!("there is no settings file {}", self.config.display());
            let hint = "make a project with `oubliette init`, or name its settings with --config";
            return Err(Failure::usage(message).with_hint(hint));
        }
        let app = App::open(self.config, self.environment.clone()).await?;
        if !output.language_is_certain {
            output.language = app.settings().language;
        }
        Ok(app)
    }
}

/// An instant (RFC 3339), or a day, which is its first moment in UTC.
fn parse_instant(text: &str) -> Result<DateTime<Utc>, Failure> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.with_timezone(&Utc));
    }
    let day: NaiveDate = text.parse().map_err(|_| {
        let hint = "expected a day such as 2027-01-31, or an instant such as 2027-01-31T12:00:00Z";
        Failure::usage("the instant cannot be read").with_hint(hint)
    })?;
    Ok(day.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(parse_instant(text).ok().map(|at| at.to_rfc3339()).as_deref(), expected);
    }

    #[test]
    fn a_day_is_its_first_moment() {
        check("2027-01-31", Some("2027-01-31T00:00:00+00:00"));
        check("2027-01-31T12:00:00+02:00", Some("2027-01-31T10:00:00+00:00"));
        check("2027-02-30", None);
        check("tomorrow", None);
    }
}
