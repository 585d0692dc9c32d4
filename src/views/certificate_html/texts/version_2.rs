//! The words of schema version 2: the read-back says that records kept and failed are counted too.
//!
//! Once this version is released it is not edited any more.

use super::{Texts, version_1};

pub(super) const FRENCH: Texts = Texts {
    checked: "enregistrements examinés :",
    still_there: "concernés et encore présents (conservés ou en échec compris) :",
    reason: |code| match code {
        "undecidable.not_governable" => "ne peut être désigné, donc conservé",
        "undecidable.no_regular_file" => "lien ou fichier spécial, donc conservé",
        "undecidable.several_names" => "fichier à plusieurs noms, donc conservé",
        "undecidable.name_unreadable" => "nom illisible, donc conservé",
        _ => (version_1::FRENCH.reason)(code),
    },
    ..version_1::FRENCH
};

pub(super) const ENGLISH: Texts = Texts {
    checked: "records looked at:",
    still_there: "concerned and still there (those kept or failed included):",
    reason: |code| match code {
        "undecidable.not_governable" => "cannot be named, so kept",
        "undecidable.no_regular_file" => "a link or special file, so kept",
        "undecidable.several_names" => "a file with several names, so kept",
        "undecidable.name_unreadable" => "name cannot be read, so kept",
        _ => (version_1::ENGLISH.reason)(code),
    },
    ..version_1::ENGLISH
};
