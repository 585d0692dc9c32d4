//! Words of the letter that answers a person (floor 8). Plain words: who reads it is no lawyer.

use super::{Message, messages};
use crate::erasure::request::{ExtensionReason, RefusalReason};

messages! {
    TITLE: "Réponse à votre demande", "Answer to your request";
    REFERENCE: "Référence : {0}. Reçue le {1}.", "Reference: {0}. Received on {1}.";
    FROM: "De : {0}", "From: {0}";
    ERASED: "Ce que nous avons effacé", "What we have erased";
    ERASED_LINE: "{0} : {1} enregistrement(s) effacé(s)", "{0}: {1} record(s) erased";
    ANONYMIZED_LINE: "{0} : {1} enregistrement(s) rendu(s) anonyme(s)", "{0}: {1} record(s) made anonymous";
    BESIDE_LINE: "{0} : dans {1} enregistrement(s), tout ce que la loi ne nous oblige pas à garder",
        "{0}: in {1} record(s), everything that the law does not make us keep";
    NOTHING: "Nous vous avons cherché partout où les informations que vous avez données peuvent identifier quelqu'un, et n'avons rien trouvé.",
        "We looked for you wherever what you gave us can identify somebody, and found nothing.";
    NOTHING_YET: "Rien n'a encore été effacé.", "Nothing has been erased yet.";
    KEPT: "Ce que nous gardons, et pourquoi", "What we keep, and why";
    KEPT_UNTIL: "{0} : {1} enregistrement(s), {2}, jusqu'au {3}", "{0}: {1} record(s), {2}, until {3}";
    KEPT_BETWEEN: "{0} : {1} enregistrement(s), {2}, les premiers jusqu'au {3}, les derniers jusqu'au {4}",
        "{0}: {1} record(s), {2}, the first until {3}, the last until {4}";
    KEPT_OPEN: "{0} : {1} enregistrement(s), {2}", "{0}: {1} record(s), {2}";
    KEPT_USE: "Nous ne nous en servons pour rien d'autre, et les effaçons ensuite.",
        "We use them for nothing else, and erase them then.";
    OUTSIDE: "Ce que votre demande ne vise pas, et que nous gardons", "What your request does not reach, and we keep";
    OUTSIDE_LINE: "{0} : {1} enregistrement(s)", "{0}: {1} record(s)";
    UNDONE: "Ce qui n'a pas encore pu être fait", "What could not be done yet";
    UNDONE_LINE: "{0} : {1}", "{0}: {1}";
    UNDONE_LATER: "Nous recommençons, et vous écrivons de nouveau.", "We try again, and write to you again.";
    COPIES: "Ce qui reste dans nos sauvegardes", "What remains in our backups";
    COPY_UNTIL: "Une copie peut subsister dans les sauvegardes ({0}) jusqu'au {1}.",
        "A copy may remain in backups ({0}) until {1}.";
    COPY_OPEN: "Une copie peut subsister ({0}) ; nous ne pouvons pas encore dire jusqu'à quand.",
        "A copy may remain ({0}); we cannot say yet until when.";
    PROOF: "La preuve", "The proof";
    PROOF_LINE: "Attestation signée {0}. Elle ne contient pas vos données.",
        "Signed certificate {0}. It holds none of your data.";
    PROOF_RECEIPT: "Un récépissé, que vous seul recevez, montre lesquels de vos enregistrements y figurent ; chacun peut le vérifier.",
        "A receipt, which only you are given, shows which of your records stand on it; anybody can check it.";
    REFUSED: "Nous ne pouvons pas donner suite à votre demande : {0}.", "We cannot do what you ask: {0}.";
    REFUSED_IDENTITY: "nous n'avons pas pu vérifier votre identité (RGPD, art. 12(6))",
        "we could not verify who you are (GDPR art. 12(6))";
    REFUSED_UNFOUNDED: "elle est manifestement infondée (RGPD, art. 12(5))",
        "it is manifestly unfounded (GDPR art. 12(5))";
    REFUSED_EXCESSIVE: "elle est excessive (RGPD, art. 12(5))", "it is excessive (GDPR art. 12(5))";
    REFUSED_GROUND: "aucun des motifs d'effacement ne s'applique (RGPD, art. 17(1))",
        "none of the grounds for erasure applies (GDPR art. 17(1))";
    CANCELLED: "Vous avez retiré votre demande. Rien n'a été fait.",
        "You took your request back. Nothing was done.";
    EXTENDED: "Votre demande prend plus de temps que prévu, {2}. Nous vous répondons au plus tard le {0}, au lieu du {1} (RGPD, art. 12(3)).",
        "Your request needs more time than usual, {2}. We answer on {0} at the latest, instead of {1} (GDPR art. 12(3)).";
    EXTENDED_COMPLEXITY: "parce qu'elle est complexe", "because it is complex";
    EXTENDED_NUMBER: "en raison du nombre des demandes reçues", "because of the number of requests received";
    PENDING: "Nous vous répondons au plus tard le {0}.", "We answer on {0} at the latest.";
    LATE: "Nous aurions dû vous répondre au plus tard le {0}. Nous vous répondons dès que nous le pouvons.",
        "We should have answered on {0} at the latest. We answer as soon as we can.";
    RIGHTS: "Si vous n'êtes pas d'accord", "If you do not agree";
    RIGHTS_CONTACT: "Écrivez-nous : {0}.", "Write to us: {0}.";
    RIGHTS_AUTHORITY: "Vous pouvez saisir l'autorité de protection des données de votre pays (en France, la CNIL, www.cnil.fr) ou le juge.",
        "You can complain to the data protection authority of your country (in France the CNIL, www.cnil.fr) or go to court.";
}

#[must_use]
pub fn extension(reason: ExtensionReason) -> Message {
    match reason {
        ExtensionReason::Complexity => EXTENDED_COMPLEXITY,
        ExtensionReason::Number => EXTENDED_NUMBER,
    }
}

#[must_use]
pub fn refusal(reason: RefusalReason) -> Message {
    match reason {
        RefusalReason::IdentityNotVerified => REFUSED_IDENTITY,
        RefusalReason::ManifestlyUnfounded => REFUSED_UNFOUNDED,
        RefusalReason::Excessive => REFUSED_EXCESSIVE,
        RefusalReason::NoGround => REFUSED_GROUND,
    }
}
