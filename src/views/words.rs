//! The catalogue of everything people read on the command line, in French and English (floor 8).
//!
//! A message cannot lack a language: the macro demands both. Values go to numbered places (`{0}`),
//! because the two languages order their words differently; a test holds the places equal.

pub mod answer;
pub mod daemon;
pub mod explain;
pub mod looking;
pub mod outside;
pub mod plan;
pub mod recipients;
pub mod replay;
pub mod requests;
pub mod run;
pub mod start;
pub mod together;

use crate::policy::Language;
use std::fmt::Display;

/// One text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    pub fr: &'static str,
    pub en: &'static str,
}

impl Message {
    /// The text of a message without places.
    #[must_use]
    pub fn text(self, language: Language) -> &'static str {
        match language {
            Language::Fr => self.fr,
            Language::En => self.en,
        }
    }

    /// The text with `{0}`, `{1}`… replaced. A value that looks like a place is not replaced again.
    #[must_use]
    pub fn fill(self, language: Language, values: &[&dyn Display]) -> String {
        let mut filled = String::new();
        let mut rest = self.text(language);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let place = after.split_once('}').and_then(|(digits, tail)| {
                let value = values.get(digits.parse::<usize>().ok()?)?;
                Some((value, tail))
            });
            if let Some((value, tail)) = place {
                filled.push_str(&value.to_string());
                rest = tail;
            } else {
                filled.push('{');
                rest = after;
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// Declares messages: `NAME: "French", "English";`, and the list of them all.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident: $fr:literal, $en:literal;)+) => {
        $($(#[$doc])* pub const $name: $crate::views::words::Message =
            $crate::views::words::Message { fr: $fr, en: $en };)+

        /// Every message of this module by name, for the test of the catalogue.
        pub const ALL: &[(&str, $crate::views::words::Message)] = &[$((stringify!($name), $name),)+];
    };
}
pub(crate) use messages;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all() -> impl Iterator<Item = &'static (&'static str, Message)> {
        answer::ALL
            .iter()
            .chain(daemon::ALL)
            .chain(explain::ALL)
            .chain(looking::ALL)
            .chain(outside::ALL)
            .chain(plan::ALL)
            .chain(recipients::ALL)
            .chain(replay::ALL)
            .chain(requests::ALL)
            .chain(run::ALL)
            .chain(start::ALL)
            .chain(together::ALL)
    }

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(place, _)| place).collect()
    }

    #[test]
    fn every_message_says_something_in_both_languages() {
        assert!(all().count() > 100);
        for (name, message) in all() {
            assert!(!message.fr.trim().is_empty(), "{name} has no French");
            assert!(!message.en.trim().is_empty(), "{name} has no English");
        }
    }

    #[test]
    fn both_languages_have_the_same_places() {
        for (name, message) in all() {
            assert_eq!(places(message.fr), places(message.en), "{name}");
        }
    }

    #[test]
    fn places_are_numbered_without_gaps() {
        for (name, message) in all() {
            for (number, place) in places(message.en).iter().enumerate() {
                assert_eq!(*place, number.to_string(), "{name}");
            }
        }
    }

    #[test]
    fn a_value_goes_to_its_place_and_is_not_read_again() {
        let message = Message { fr: "{1} puis {0}", en: "{0} then {1}" };
        assert_eq!(message.fill(Language::En, &[&"{1}", &2]), "{1} then 2");
        assert_eq!(message.fill(Language::Fr, &[&"a", &"b"]), "b puis a");
    }

    #[test]
    fn a_place_without_value_stays_visible() {
        let message = Message { fr: "{0} {7} {", en: "{0} {7} {" };
        assert_eq!(message.fill(Language::En, &[&1]), "1 {7} {");
    }
}
