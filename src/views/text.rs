//! How numbers, sizes, shares, instants and periods are written for people (floor 8, pure).

use crate::policy::Language;
use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, Utc};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableComponent, Width, presets};
use std::collections::BTreeMap;
use std::fmt::{Arguments, Write as _};
use std::time::Duration;

/// Widest line of a table, in columns of a terminal.
pub const TABLE_COLUMNS_MAX: u16 = 100;

/// Groups digits by three with a narrow no-break space (ISO 80000-1).
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A size in decimal units, rounded down to one decimal, in one word for the wrapping of tables.
#[must_use]
pub fn size(bytes: u64, language: Language) -> String {
    let (names, comma) = match language {
        Language::Fr => (["o", "ko", "Mo", "Go", "To"], ','),
        Language::En => (["B", "kB", "MB", "GB", "TB"], '.'),
    };
    let mut unit = 1_u64;
    let mut name = names[0];
    for larger in names.iter().skip(1) {
        if bytes / unit < 1_000 {
            break;
        }
        unit = unit.saturating_mul(1_000);
        name = larger;
    }
    if unit == 1 {
        return format!("{bytes}\u{a0}{name}");
    }
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    format!("{}{comma}{}\u{a0}{name}", tenths / 10, tenths % 10)
}

/// `part` of `whole` in percent with one decimal; rounded up, so that a little is never shown as
/// nothing, and never to 100 unless it is the whole.
#[must_use]
pub fn share(part: u64, whole: u64, language: Language) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let permille = (u128::from(part) * 1_000).div_ceil(u128::from(whole));
    let permille = if part < whole { permille.min(999) } else { permille };
    let comma = if language == Language::Fr { ',' } else { '.' };
    format!("{}{comma}{}\u{a0}%", permille / 10, permille % 10)
}

/// A duration in seconds with one decimal, rounded down.
#[must_use]
pub fn seconds(duration: Duration, language: Language) -> String {
    let tenths = duration.as_millis() / 100;
    let comma = if language == Language::Fr { ',' } else { '.' };
    format!("{}{comma}{}", tenths / 10, tenths % 10)
}

/// An instant to the second, in UTC.
#[must_use]
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The civil date of an instant, in UTC.
#[must_use]
pub fn day(at: DateTime<Utc>) -> String {
    at.date_naive().to_string()
}

/// A day as people write it.
#[must_use]
pub fn date(day: NaiveDate, language: Language) -> String {
    const FRENCH: [&str; 12] = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ];
    const ENGLISH: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let names = if language == Language::Fr { FRENCH } else { ENGLISH };
    let month = names.get(day.month0() as usize).copied().unwrap_or_default();
    let first = if language == Language::Fr && day.day() == 1 { "er" } else { "" };
    format!("{}{first} {month} {}", day.day(), day.year())
}

/// An ISO 8601 period of dates in words; what is not one is shown as it is.
#[must_use]
pub fn period(iso: &str, language: Language) -> String {
    period_words(iso, language).unwrap_or_else(|| iso.to_owned())
}

fn period_words(iso: &str, language: Language) -> Option<String> {
    let mut words = Vec::new();
    let mut digits = String::new();
    let (dates, times) = iso.strip_prefix('P')?.split_once('T').unwrap_or((iso.get(1..)?, ""));
    for (section, is_time) in [(dates, false), (times, true)] {
        for character in section.chars() {
            if character.is_ascii_digit() {
                digits.push(character);
                continue;
            }
            let count: u64 = digits.parse().ok()?;
            digits.clear();
            words.push(format!("{count} {}", unit(character, is_time, count != 1, language)?));
        }
    }
    (digits.is_empty() && !words.is_empty()).then(|| words.join(" "))
}

fn unit(letter: char, is_time: bool, plural: bool, language: Language) -> Option<&'static str> {
    let [fr_one, fr_many, en_one, en_many] = match (letter, is_time) {
        ('Y', false) => ["an", "ans", "year", "years"],
        ('M', false) => ["mois", "mois", "month", "months"],
        ('W', false) => ["semaine", "semaines", "week", "weeks"],
        ('D', false) => ["jour", "jours", "day", "days"],
        ('H', true) => ["heure", "heures", "hour", "hours"],
        ('M', true) => ["minute", "minutes", "minute", "minutes"],
        ('S', true) => ["seconde", "secondes", "second", "seconds"],
        _ => return None,
    };
    Some(match (language, plural) {
        (Language::Fr, false) => fr_one,
        (Language::Fr, true) => fr_many,
        (Language::En, false) => en_one,
        (Language::En, true) => en_many,
    })
}

/// A legal basis for people: `eu-gdpr:A6-1-f` (W3C DPV) is *RGPD, art. 6, § 1, f)* or *GDPR, art.
/// 6(1)(f)*; any other code is shown as it is.
#[must_use]
pub fn legal_basis(code: &str, language: Language) -> String {
    gdpr_article(code, language).unwrap_or_else(|| code.to_owned())
}

fn gdpr_article(code: &str, language: Language) -> Option<String> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = code.strip_prefix("eu-gdpr:A")?.split('-');
    let article = parts.next().filter(is_number)?;
    let paragraph = parts.next().filter(is_number)?;
    let point = match parts.next() {
        Some(letter) if letter.len() == 1 => Some(letter),
        Some(_) => return None,
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    Some(match (language, point) {
        (Language::Fr, Some(point)) => format!("RGPD, art. {article}, § {paragraph}, {point})"),
        (Language::Fr, None) => format!("RGPD, art. {article}, § {paragraph}"),
        (Language::En, Some(point)) => format!("GDPR, art. {article}({paragraph})({point})"),
        (Language::En, None) => format!("GDPR, art. {article}({paragraph})"),
    })
}

/// The text of a language, of texts by the code of theirs.
#[must_use]
pub fn of_language(texts: &BTreeMap<String, String>, language: Language) -> Option<&str> {
    let code = match language {
        Language::Fr => "fr",
        Language::En => "en",
    };
    texts.get(code).map(String::as_str)
}

/// A text from elsewhere (a policy, a key) that must not steer the reader's terminal: control
/// characters and marks that reorder text become a replacement character.
#[must_use]
pub fn printable(text: &str) -> String {
    let is_unsafe = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|character| if is_unsafe(character) { '\u{fffd}' } else { character }).collect()
}

/// Parts of a sentence in a row, with the semicolon of the language.
#[must_use]
pub fn joined(parts: &[String], language: Language) -> String {
    parts.join(if language == Language::Fr { " ; " } else { "; " })
}

/// Masked keys worth showing: one that shows nothing at all helps nobody. `None` when none is left.
#[must_use]
pub fn samples<'a>(keys: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let telling: Vec<&str> =
        keys.into_iter().map(String::as_str).filter(|key| key.contains(char::is_alphanumeric)).collect();
    (!telling.is_empty()).then(|| printable(&telling.join(", ")))
}

/// Adds a line to a page.
pub fn add_line(page: &mut String, text: Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(page, "{text}");
}

/// An empty table without vertical lines, at most [`TABLE_COLUMNS_MAX`] wide.
#[must_use]
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .remove_style(TableComponent::HorizontalLines)
        .remove_style(TableComponent::MiddleIntersections)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(TABLE_COLUMNS_MAX)
        .force_no_tty()
        .set_header(header);
    for column in table.column_iter_mut() {
        // The preset leaves a blank between columns already.
        column.set_padding((0, 0));
    }
    table
}

/// Makes a column exactly this wide.
pub fn fix_width(table: &mut Table, column: usize, width: u16) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
}

/// Keeps a column at least this wide, so that names and dates are not broken.
pub fn widen(table: &mut Table, column: usize, width: u16) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
}

/// The lines of a table without blanks at their ends.
#[must_use]
pub fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: impl AsRef<str>, expected: &str) {
        assert_eq!(found.as_ref(), expected);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        check(number(0), "0");
        check(number(999), "999");
        check(number(1_000), "1\u{202f}000");
        check(number(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn sizes_take_the_largest_unit_that_fits() {
        check(size(999, Language::En), "999\u{a0}B");
        check(size(1_250, Language::Fr), "1,2\u{a0}ko");
        check(size(3_000_000, Language::En), "3.0\u{a0}MB");
        check(size(u64::MAX, Language::En), "18446744.0\u{a0}TB");
    }

    #[test]
    fn a_little_is_never_nothing_and_nearly_all_is_never_all() {
        check(share(1, 1_000_000, Language::En), "0.1\u{a0}%");
        check(share(999_999, 1_000_000, Language::En), "99.9\u{a0}%");
        check(share(5, 5, Language::Fr), "100,0\u{a0}%");
        check(share(0, 5, Language::Fr), "0,0\u{a0}%");
        check(share(0, 0, Language::En), "–");
    }

    #[test]
    fn periods_are_said_in_words() {
        check(period("P3Y", Language::Fr), "3 ans");
        check(period("P1Y6M", Language::En), "1 year 6 months");
        check(period("PT1M", Language::En), "1 minute");
        check(period("P0D", Language::En), "0 days");
    }

    #[test]
    fn what_is_no_period_is_shown_as_it_is() {
        for text in ["", "P", "P3", "3Y", "PXY", "forever", "Pé"] {
            check(period(text, Language::En), text);
        }
    }

    #[test]
    fn articles_of_the_gdpr_are_named_and_other_codes_are_shown_as_they_are() {
        check(legal_basis("eu-gdpr:A6-1-f", Language::Fr), "RGPD, art. 6, § 1, f)");
        check(legal_basis("eu-gdpr:A6-1-f", Language::En), "GDPR, art. 6(1)(f)");
        check(legal_basis("eu-gdpr:A9-2", Language::En), "GDPR, art. 9(2)");
        for code in
            ["eu-gdpr:A6", "eu-gdpr:A6-1-f-x", "eu-gdpr:A6-1-explicit", "eu-gdpr:A-1-f", "dpv:Consent", ""]
        {
            check(legal_basis(code, Language::Fr), code);
        }
    }

    #[test]
    fn days_are_written_as_people_do() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        check(date(day("2026-11-26"), Language::En), "26 November 2026");
        check(date(day("2026-11-26"), Language::Fr), "26 novembre 2026");
        check(date(day("2027-01-01"), Language::En), "1 January 2027");
        check(date(day("2027-08-01"), Language::Fr), "1er août 2027");
        check(date(day("2027-12-31"), Language::Fr), "31 décembre 2027");
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        check(printable("a\u{1b}[31mb\u{202e}"), "a\u{fffd}[31mb\u{fffd}");
    }
}
