//! Why a person may ask, and why something may stay: codes of the W3C Data Privacy Vocabulary.
//!
//! Floor 3; pure. The codes are those of the EU-GDPR extension of DPV 2.3. A ground is what the request
//! stands on (art. 17(1)); an exception is what a refusal of single records stands on (art. 17(3)).

use serde::{Deserialize, Serialize};

/// What the person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// Everything about the person, but for what an exception keeps.
    Erasure,
    /// What is held on their consent alone; other purposes have their own legal basis and stay.
    ConsentWithdrawal,
    /// What serves marketing (art. 21(2) and (3)).
    MarketingObjection,
}

/// Art. 17(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// (a) no longer necessary.
    NotNecessary,
    /// (b) consent withdrawn, and no other legal basis.
    ConsentWithdrawn,
    /// (c) objection under art. 21.
    Objection,
    /// (d) processed unlawfully.
    Unlawful,
    /// (e) a law demands the erasure.
    LegalErasure,
    /// (f) collected from a child (art. 8(1)).
    ChildData,
}

/// Art. 17(3): what keeps a record although the person asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionGround {
    /// (a)
    FreedomOfExpression,
    /// (b) a legal obligation.
    LegallyRequired,
    /// (b) a task in the public interest.
    PublicInterest,
    /// (b) official authority.
    OfficialAuthority,
    /// (c)
    PublicHealth,
    /// (d)
    Archiving,
    /// (e)
    LegalClaims,
}

impl RequestKind {
    pub const ALL: [Self; 3] = [Self::Erasure, Self::ConsentWithdrawal, Self::MarketingObjection];

    /// As the ledger and the JSON of the command line spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Erasure => "erasure",
            Self::ConsentWithdrawal => "consent_withdrawal",
            Self::MarketingObjection => "marketing_objection",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The ground on which a request of this kind stands when none is named.
    #[must_use]
    pub fn usual_ground(self) -> Ground {
        match self {
            Self::Erasure => Ground::NotNecessary,
            Self::ConsentWithdrawal => Ground::ConsentWithdrawn,
            Self::MarketingObjection => Ground::Objection,
        }
    }
}

impl Ground {
    pub const ALL: [Self; 6] = [
        Self::NotNecessary,
        Self::ConsentWithdrawn,
        Self::Objection,
        Self::Unlawful,
        Self::LegalErasure,
        Self::ChildData,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotNecessary => "not_necessary",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Objection => "objection",
            Self::Unlawful => "unlawful",
            Self::LegalErasure => "legal_erasure",
            Self::ChildData => "child_data",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.as_str() == text || ground.code() == text)
    }

    /// The DPV code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotNecessary => "eu-gdpr:JustificationA17NonNecessity",
            Self::ConsentWithdrawn => "eu-gdpr:JustificationA17NoLegalBasis",
            Self::Objection => "eu-gdpr:JustificationA17ObjectA21",
            Self::Unlawful => "eu-gdpr:JustificationA17UnlawfulProcessing",
            Self::LegalErasure => "eu-gdpr:JustificationA17LegalErasure",
            Self::ChildData => "eu-gdpr:JustificationA17ChildData",
        }
    }

    /// The article, for people.
    #[must_use]
    pub fn article(self) -> &'static str {
        match self {
            Self::NotNecessary => "17(1)(a)",
            Self::ConsentWithdrawn => "17(1)(b)",
            Self::Objection => "17(1)(c)",
            Self::Unlawful => "17(1)(d)",
            Self::LegalErasure => "17(1)(e)",
            Self::ChildData => "17(1)(f)",
        }
    }
}

impl ExceptionGround {
    pub const ALL: [Self; 7] = [
        Self::FreedomOfExpression,
        Self::LegallyRequired,
        Self::PublicInterest,
        Self::OfficialAuthority,
        Self::PublicHealth,
        Self::Archiving,
        Self::LegalClaims,
    ];

    /// The exception behind a code of a rule; `None` for a code that names none.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exception| exception.code() == code)
    }

    /// The DPV code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::FreedomOfExpression => "eu-gdpr:JustificationA17FreedomOfExpression",
            Self::LegallyRequired => "eu-gdpr:JustificationA17LegallyRequired",
            Self::PublicInterest => "eu-gdpr:JustificationA17PublicInterest",
            Self::OfficialAuthority => "eu-gdpr:JustificationA17OfficialAuthority",
            Self::PublicHealth => "eu-gdpr:JustificationA17PublicHealth",
            Self::Archiving => "eu-gdpr:JustificationA17Archiving",
            Self::LegalClaims => "eu-gdpr:JustificationA17LegalClaims",
        }
    }

    /// The article, for people.
    #[must_use]
    pub fn article(self) -> &'static str {
        match self {
            Self::FreedomOfExpression => "17(3)(a)",
            Self::LegallyRequired | Self::PublicInterest | Self::OfficialAuthority => "17(3)(b)",
            Self::PublicHealth => "17(3)(c)",
            Self::Archiving => "17(3)(d)",
            Self::LegalClaims => "17(3)(e)",
        }
    }
}

/// Under which a rule keeps its records until they are due although the person asked: what the rule says,
/// else a legal obligation that is its legal basis; `None` when nothing keeps them.
#[must_use]
pub fn exception_of<'a>(legal_basis: &str, declared: Option<&'a str>) -> Option<&'a str> {
    let is_obligation = matches!(legal_basis, "eu-gdpr:A6-1-c");
    declared.or(is_obligation.then_some("eu-gdpr:JustificationA17LegallyRequired"))
}

/// Whether a legal basis is the person's consent (art. 6(1)(a), 9(2)(a)).
#[must_use]
pub fn is_consent(legal_basis: &str) -> bool {
    legal_basis.starts_with("eu-gdpr:A6-1-a") || legal_basis.starts_with("eu-gdpr:A9-2-a")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_read_back_and_told_apart() {
        for ground in Ground::ALL {
            assert_eq!(Ground::parse(ground.as_str()), Some(ground));
            assert_eq!(Ground::parse(ground.code()), Some(ground));
        }
        for exception in ExceptionGround::ALL {
            assert_eq!(ExceptionGround::of_code(exception.code()), Some(exception));
        }
        let codes: BTreeSet<&str> = ExceptionGround::ALL.into_iter().map(ExceptionGround::code).collect();
        assert_eq!(codes.len(), ExceptionGround::ALL.len());
        assert_eq!(RequestKind::parse("erasure"), Some(RequestKind::Erasure));
        assert_eq!(RequestKind::parse("forget-me"), None);
    }

    #[test]
    fn a_legal_obligation_keeps_unless_the_rule_names_another_exception() {
        let legally = Some("eu-gdpr:JustificationA17LegallyRequired");
        assert_eq!(exception_of("eu-gdpr:A6-1-c", None), legally);
        assert_eq!(exception_of("eu-gdpr:A6-1-f", None), None);
        let claims = Some("eu-gdpr:JustificationA17LegalClaims");
        assert_eq!(exception_of("eu-gdpr:A6-1-f", claims), claims);
        assert!(is_consent("eu-gdpr:A6-1-a") && !is_consent("eu-gdpr:A6-1-b"));
    }
}
