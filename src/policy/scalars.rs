//! Forms of the scalars that the documents share: periods, dates, zones, shares, codes (floor 1).

use super::model::Share;
use super::period::Period;
use super::retention::FiscalYearEnd;
use crate::yaml::form::ScalarForm;
use chrono::NaiveDate;
use chrono_tz::Tz;

pub static PERIOD: ScalarForm = ScalarForm {
    expected: "an ISO 8601 period such as P3Y, P3Y6M, P2W, P30D or PT4H",
    code: "bad-period",
    pattern: Some(
        "^P(?:[0-9]+W|(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+S)?)?)$",
    ),
    check: |text| text.parse::<Period>().map(drop).map_err(|error| error.to_string()),
};

pub static RETAIN_FOR: ScalarForm = ScalarForm {
    expected: "an ISO 8601 period such as P3Y, or forever",
    code: "bad-period",
    pattern: Some("^(?:forever|P[0-9A-Z]+)$"),
    check: |text| if text == FOREVER { Ok(()) } else { (PERIOD.check)(text) },
};

/// The word for a period without end.
pub const FOREVER: &str = "forever";

pub static DATE: ScalarForm = ScalarForm {
    expected: "a date such as 2026-01-31",
    code: "bad-date",
    pattern: Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    check: |text| parse_date(text).map(drop).ok_or_else(|| "this is no day of the calendar".to_owned()),
};

pub static MONTH_DAY: ScalarForm = ScalarForm {
    expected: "a month and day such as \"12-31\"",
    code: "bad-date",
    pattern: Some("^[0-9]{2}-[0-9]{2}$"),
    check: |text| FiscalYearEnd::parse(text).map(drop).ok_or_else(|| "this is no day of a year".to_owned()),
};

pub static ZONE: ScalarForm = ScalarForm {
    expected: "a time zone of the IANA database such as Europe/Paris",
    code: "unknown-zone",
    pattern: Some("^[A-Za-z0-9_+/-]+$"),
    check: |text| text.parse::<Tz>().map(drop).map_err(|_| "no such time zone is known".to_owned()),
};

pub static SHARE: ScalarForm = ScalarForm {
    expected: "a share from 0% to 100% such as 20% or 2.5%",
    code: "bad-share",
    pattern: Some("^[0-9]{1,3}(?:\\.[0-9]{1,2})?%$"),
    check: |text| parse_share(text).map(drop).ok_or_else(|| "this is no share from 0% to 100%".to_owned()),
};

pub static CODE: ScalarForm = ScalarForm {
    expected: "a code with its vocabulary such as eu-gdpr:A6-1-f",
    code: "bad-code",
    pattern: Some("^[a-z0-9-]+:[A-Za-z0-9._-]+$"),
    check: |text| {
        if is_code(text) { Ok(()) } else { Err("a code names its vocabulary before a colon".to_owned()) }
    },
};

pub static JURISDICTION: ScalarForm = ScalarForm {
    expected: "a country or region such as FR, EU or US-CA",
    code: "bad-jurisdiction",
    pattern: Some("^[A-Z]{2,3}(?:-[A-Z0-9]{1,3})?$"),
    check: |text| {
        if is_jurisdiction(text) { Ok(()) } else { Err("a jurisdiction is written in capitals".to_owned()) }
    },
};

/// A text that may also be empty (in quotes).
pub static ANY_TEXT: ScalarForm =
    ScalarForm { expected: "a text", code: "wrong-type", pattern: None, check: |_| Ok(()) };

/// The transform that leaves nothing.
pub static NULL: ScalarForm = ScalarForm {
    expected: "\"null\" (in quotes)",
    code: "unknown-word",
    pattern: Some("^null$"),
    check: |text| {
        if text == "null" {
            Ok(())
        } else {
            Err("the only transform without parameters is \"null\"".to_owned())
        }
    },
};

/// `YYYY-MM-DD`, exactly.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (date.to_string() == text).then_some(date)
}

/// Up to two digits after the point.
pub fn parse_share(text: &str) -> Option<Share> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 3) || !digits(part, 2) {
        return None;
    }
    let hundredths = format!("{part:0<2}").parse::<u32>().ok()?;
    let basis_points = whole.parse::<u32>().ok()? * 100 + hundredths;
    (basis_points <= 10_000).then(|| Share::from_basis_points(basis_points))
}

fn is_code(text: &str) -> bool {
    let Some((vocabulary, code)) = text.split_once(':') else { return false };
    let word = |text: &str, also: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
    };
    text.len() <= 100 && word(vocabulary, b"-") && word(code, b"._-")
}

fn is_jurisdiction(text: &str) -> bool {
    let (country, region) = text.split_once('-').unwrap_or((text, "X"));
    (2..=3).contains(&country.len())
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=3).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_share(text: &str, expected: Option<u32>) {
        assert_eq!(parse_share(text).map(Share::basis_points), expected, "{text}");
    }

    #[test]
    fn shares_are_exact_to_hundredths_of_a_percent() {
        check_share("20%", Some(2_000));
        check_share("2.5%", Some(250));
        check_share("0.05%", Some(5));
        check_share("100%", Some(10_000));
        for text in ["100.01%", "-1%", "20", "1.234%", "%", ".5%", "5.%", "1e1%", "+5%"] {
            check_share(text, None);
        }
    }

    #[test]
    fn a_share_is_exceeded_by_more_than_itself() {
        let fifth = Share::from_basis_points(2_000);
        assert!(!fifth.is_exceeded(20, 100));
        assert!(fifth.is_exceeded(21, 100));
        assert!(!Share::from_basis_points(0).is_exceeded(0, 0));
        assert!(fifth.is_exceeded(1, 0));
        assert!(!Share::from_basis_points(10_000).is_exceeded(u64::MAX, u64::MAX));
    }

    #[test]
    fn codes_and_jurisdictions_have_their_form() {
        for text in ["eu-gdpr:A6-1-f", "dpv:Purge"] {
            assert!((CODE.check)(text).is_ok(), "{text}");
        }
        for text in ["", "eu-gdpr", ":A6", "eu gdpr:A6", "eu-gdpr:", "eu-gdpr:A6:1"] {
            assert!((CODE.check)(text).is_err(), "{text}");
        }
        for text in ["FR", "US-CA", "ANY", "EU"] {
            assert!((JURISDICTION.check)(text).is_ok(), "{text}");
        }
        for text in ["fr", "F", "US-", "FRANCE", "US-ca"] {
            assert!((JURISDICTION.check)(text).is_err(), "{text}");
        }
    }
}
