//! Schedules: the cron text of the settings, checked (floor 1).
//!
//! Six fields: second, minute, hour, day of month, month, day of week. This file tells whether the text is
//! well formed; [`due`] computes when a schedule is due, [`store`] is the port that remembers what was
//! done about it. What a schedule does is the daemon's.

pub mod due;
pub mod store;

use std::fmt;
use thiserror::Error;

/// A well-formed cron text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
}

/// What is wrong with a cron text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CronError {
    #[error("a schedule has six fields (second minute hour day month weekday), this one has {count}")]
    Fields { count: usize },
    #[error("the {field} field goes from {low} to {high}, as *, 5, 1-5, */10 or a list of these")]
    Field { field: &'static str, low: u32, high: u32 },
    #[error("no month has the day of the month that is asked for")]
    NeverDue,
}

struct FieldRule {
    name: &'static str,
    low: u32,
    high: u32,
    words: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [FieldRule; 6] = [
    FieldRule { name: "second", low: 0, high: 59, words: &[] },
    FieldRule { name: "minute", low: 0, high: 59, words: &[] },
    FieldRule { name: "hour", low: 0, high: 23, words: &[] },
    FieldRule { name: "day of month", low: 1, high: 31, words: &[] },
    FieldRule { name: "month", low: 1, high: 12, words: &MONTHS },
    FieldRule { name: "day of week", low: 0, high: 7, words: &WEEKDAYS },
];

/// Days of the longest February, April and so on, by month.
const DAYS_OF_MONTH: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Checks a cron text.
    ///
    /// # Errors
    /// The first field that is wrong, or that no day ever matches.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(CronError::Fields { count: fields.len() });
        }
        let mut sets = Vec::with_capacity(FIELDS.len());
        for (field, rule) in fields.iter().zip(&FIELDS) {
            sets.push(rule.values(field).ok_or(CronError::Field {
                field: rule.name,
                low: rule.low,
                high: rule.high,
            })?);
        }
        if let [_, _, _, days, months, weekdays] = sets.as_slice() {
            let any_weekday = fields.last() == Some(&"*");
            let longest = months
                .iter()
                .filter_map(|month| DAYS_OF_MONTH.get(usize::try_from(month.checked_sub(1)?).ok()?).copied());
            let longest = longest.max().unwrap_or(0);
            // With a weekday, a schedule is due on either of the two.
            if any_weekday && !weekdays.is_empty() && days.iter().all(|day| *day > longest) {
                return Err(CronError::NeverDue);
            }
        }
        Ok(Self { text: fields.join(" ") })
    }

    /// The text, its fields separated by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FieldRule {
    /// The values a field stands for; `None` when it is malformed.
    fn values(&self, field: &str) -> Option<Vec<u32>> {
        let mut values = Vec::new();
        for item in field.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(number(step)?)),
                None => (item, None),
            };
            let (low, high) = match range.split_once('-') {
                _ if range == "*" => (self.low, self.high),
                Some((low, high)) => (self.value(low)?, self.value(high)?),
                None if step.is_some() => (self.value(range)?, self.high),
                None => (self.value(range)?, self.value(range)?),
            };
            let step = step.unwrap_or(1);
            if low > high || step == 0 || step > self.high {
                return None;
            }
            values.extend((low..=high).step_by(usize::try_from(step).ok()?));
        }
        Some(values)
    }

    fn value(&self, text: &str) -> Option<u32> {
        if let Some(position) = self.words.iter().position(|word| word.eq_ignore_ascii_case(text)) {
            return Some(self.low + u32::try_from(position).ok()?);
        }
        number(text).filter(|value| (self.low..=self.high).contains(value))
    }
}

fn number(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let outcome = Cron::parse(text).map_or_else(|error| error.to_string(), |cron| cron.to_string());
        assert_eq!(outcome, expected, "{text}");
    }

    #[test]
    fn well_formed_schedules_are_accepted() {
        check("0 30 2 * * *", "0 30 2 * * *");
        check("0  */10 8-18 * JAN-MAR mon,fri", "0 */10 8-18 * JAN-MAR mon,fri");
        check("0 0 0 29 2 *", "0 0 0 29 2 *");
        check("0 0 0 31 2 1", "0 0 0 31 2 1");
    }

    #[test]
    fn malformed_schedules_are_refused_with_the_field() {
        check(
            "30 2 * * *",
            "a schedule has six fields (second minute hour day month weekday), this one has 5",
        );
        check("0 60 2 * * *", "the minute field goes from 0 to 59, as *, 5, 1-5, */10 or a list of these");
        check("0 0 5-2 * * *", "the hour field goes from 0 to 23, as *, 5, 1-5, */10 or a list of these");
        check(
            "0 0 2 * * */0",
            "the day of week field goes from 0 to 7, as *, 5, 1-5, */10 or a list of these",
        );
        check("0 0 2 31 2,4 *", "no month has the day of the month that is asked for");
        check("", "a schedule has six fields (second minute hour day month weekday), this one has 0");
    }
}
