//! When a request must be answered.
//!
//! Floor 3; pure. The clock of a law is a row of a table; the calendar rolls the end of a period past
//! weekends and public holidays where the law says so (Regulation (EEC, Euratom) No 1182/71, art. 3). Of a
//! country whose holidays are not known here only weekends are rolled past, which is earlier and therefore
//! never late. Not legal advice: see the certainty of each row.

mod holidays;

pub use holidays::Country;

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The law whose clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// GDPR art. 12(3).
    EuGdpr,
    /// UK GDPR art. 12(3).
    UkGdpr,
    /// CCPA, 11 CCR 7021.
    UsCaCcpa,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LawClock {
    pub law: Law,
    pub answer: Span,
    /// Until when at the latest, counted from the receipt, if the extension is announced in time.
    pub extended: Span,
    /// The day of receipt is the first day of the period.
    pub counts_day_of_receipt: bool,
    /// A period that ends on a day off ends on the next working day.
    pub rolls: bool,
    /// Working days within which the receipt is confirmed, if the law wants that.
    pub confirm_within: Option<u32>,
    pub citation: &'static str,
}

/// A period of a law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Months(u32),
    Days(u32),
}

/// Every law whose clock is known.
pub const CLOCKS: [LawClock; 3] = [
    LawClock {
        law: Law::EuGdpr,
        answer: Span::Months(1),
        extended: Span::Months(3),
        counts_day_of_receipt: false,
        rolls: true,
        confirm_within: None,
        citation: "GDPR art. 12(3); Regulation 1182/71 art. 3",
    },
    LawClock {
        law: Law::UkGdpr,
        answer: Span::Months(1),
        extended: Span::Months(3),
        counts_day_of_receipt: false,
        rolls: true,
        confirm_within: None,
        citation: "UK GDPR art. 12(3)",
    },
    LawClock {
        law: Law::UsCaCcpa,
        answer: Span::Days(45),
        extended: Span::Days(90),
        counts_day_of_receipt: true,
        rolls: false,
        confirm_within: Some(10),
        citation: "11 CCR 7021",
    },
];

/// Why no deadline can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the deadline lies beyond the calendar")]
pub struct DeadlineError;

impl Law {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EuGdpr => "eu-gdpr",
            Self::UkGdpr => "uk-gdpr",
            Self::UsCaCcpa => "us-ca-ccpa",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        CLOCKS.iter().map(|clock| clock.law).find(|law| law.as_str() == text)
    }

    #[must_use]
    pub fn clock(self) -> LawClock {
        let [gdpr, uk, ccpa] = CLOCKS;
        match self {
            Self::EuGdpr => gdpr,
            Self::UkGdpr => uk,
            Self::UsCaCcpa => ccpa,
        }
    }
}

impl LawClock {
    /// The last day on which the answer is in time.
    ///
    /// # Errors
    /// [`DeadlineError`] at the end of the calendar.
    pub fn due_on(&self, received_on: NaiveDate, country: Country) -> Result<NaiveDate, DeadlineError> {
        self.end_of(self.answer, received_on, country)
    }

    /// The same after an extension.
    ///
    /// # Errors
    /// [`DeadlineError`] at the end of the calendar.
    pub fn extended_due_on(
        &self,
        received_on: NaiveDate,
        country: Country,
    ) -> Result<NaiveDate, DeadlineError> {
        self.end_of(self.extended, received_on, country)
    }

    /// The last day on which the receipt is confirmed in time; `None` if the law wants no confirmation.
    #[must_use]
    pub fn confirm_on(&self, received_on: NaiveDate, country: Country) -> Option<NaiveDate> {
        let mut left = self.confirm_within?;
        let mut day = received_on;
        while left > 0 {
            day = day.succ_opt()?;
            if country.is_working_day(day) {
                left -= 1;
            }
        }
        Some(day)
    }

    fn end_of(
        &self,
        span: Span,
        received_on: NaiveDate,
        country: Country,
    ) -> Result<NaiveDate, DeadlineError> {
        let nominal = match span {
            // The same date, or the last day of a shorter month.
            Span::Months(months) => received_on.checked_add_months(Months::new(months)),
            Span::Days(days) => received_on.checked_add_days(Days::new(u64::from(days))),
        };
        let nominal = nominal.ok_or(DeadlineError)?;
        let nominal = if self.counts_day_of_receipt { nominal.pred_opt() } else { Some(nominal) };
        let mut day = nominal.ok_or(DeadlineError)?;
        while self.rolls && !country.is_working_day(day) {
            day = day.succ_opt().ok_or(DeadlineError)?;
        }
        Ok(day)
    }
}

pub(super) fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

#[cfg(test)]
mod tests;
