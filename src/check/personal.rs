//! Names of columns that look as if they held personal data.
//!
//! Floor 0; pure. A dictionary of French and English words. It is a reminder for the writer of a data
//! map, not a finding: it sees names, never values.

/// How much a name looks like personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Also the name of many things that are no persons.
    Perhaps,
    Likely,
}

/// Words that stand alone or inside a name (`billing_address`, `adresseLivraison`).
const LIKELY: [&str; 46] = [
    "email",
    "mail",
    "courriel",
    "mel",
    "phone",
    "telephone",
    "tel",
    "mobile",
    "gsm",
    "fax",
    "prenom",
    "firstname",
    "lastname",
    "surname",
    "fullname",
    "forename",
    "givenname",
    "familyname",
    "maidenname",
    "username",
    "login",
    "pseudo",
    "adresse",
    "address",
    "street",
    "rue",
    "postcode",
    "postalcode",
    "codepostal",
    "zipcode",
    "naissance",
    "birth",
    "birthdate",
    "birthday",
    "dob",
    "iban",
    "rib",
    "nir",
    "ssn",
    "nino",
    "passport",
    "passeport",
    "signature",
    "civilite",
    "gender",
    "sexe",
];

const PERHAPS: [&str; 14] = [
    "name",
    "nom",
    "city",
    "ville",
    "zip",
    "bic",
    "photo",
    "avatar",
    "latitude",
    "longitude",
    "age",
    "ip",
    "useragent",
    "comment",
];

/// How a column looks by its name; `None` for most.
#[must_use]
pub fn look_of(column: &str) -> Option<Look> {
    let words = words_of(column);
    let pairs = words.windows(2).map(<[String]>::concat);
    let mut all = words.iter().cloned().chain(pairs);
    if all.any(|word| LIKELY.contains(&word.as_str())) {
        return Some(Look::Likely);
    }
    words.iter().any(|word| PERHAPS.contains(&word.as_str())).then_some(Look::Perhaps)
}

/// The words of a name in lower case without accents: `firstName`, `FIRST_NAME` and `first-name` are
/// two words.
fn words_of(column: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for character in column.chars().take(NAME_CHARACTERS_MAX) {
        if !character.is_alphabetic() || (character.is_uppercase() && after_lower) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if character.is_alphabetic() {
            word.extend(character.to_lowercase().map(plain));
        }
        after_lower = character.is_lowercase();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

const NAME_CHARACTERS_MAX: usize = 128;

fn plain(character: char) -> char {
    match character {
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'à' | 'â' | 'ä' => 'a',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(column: &str, expected: Option<Look>) {
        assert_eq!(look_of(column), expected, "{column}");
    }

    #[test]
    fn personal_looking_names_are_seen_in_french_and_english() {
        for column in [
            "email",
            "E_MAIL",
            "customerEmail",
            "Téléphone",
            "FirstName",
            "first_name",
            "PRENOM",
            "BillingAddress",
            "date_naissance",
            "BirthDate",
            "code_postal",
            "iban",
            "adresse2",
        ] {
            check(column, Some(Look::Likely));
        }
        for column in ["name", "Nom", "ip", "City"] {
            check(column, Some(Look::Perhaps));
        }
    }

    #[test]
    fn other_names_are_left_alone() {
        for column in ["id", "total", "created_at", "description", "shipped", "hotel", "Unit_Price", ""] {
            check(column, None);
        }
    }
}
