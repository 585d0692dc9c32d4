//! Words of requests (floor 8).

use super::{Message, messages};
use crate::erasure::ground::{Ground, RequestKind};
use crate::erasure::request::RequestState;

messages! {
    NONE: "Aucune demande.", "No request.";
    RECEIVED: "Demande {0} reçue le {1}. Réponse due le {2} au plus tard.",
        "Request {0} received on {1}. The answer is due on {2} at the latest.";
    JOINED: "Cette demande ne dit rien de plus que la demande ouverte {0}, à laquelle elle est jointe ; rien n'y change. Réponse due le {1}.",
        "This request says nothing that the open request {0} does not: it is joined to it, and changes nothing there. The answer is due on {1}.";
    OVERLAPS: "D'autres demandes ouvertes nomment une de ces identités : {0}",
        "Other open requests name one of these identities: {0}";
    VERIFY_NEXT: "Ensuite : vérifier l'identité, puis oubliette requests verify {0} --as NOM --method TEXTE",
        "Next: check who the person is, then oubliette requests verify {0} --as NAME --method TEXT";
    LINE: "Demande {0} : {1}. Réponse due le {2}.", "Request {0}: {1}. The answer is due on {2}.";
    LINE_ENDED: "Demande {0} : {1}.", "Request {0}: {1}.";
    NOTHING_DUE: "Rien de ce qui attend ne peut partir aujourd'hui.", "Nothing that waits may go today.";
    DUE_PLANNED: "Demande {0} : plan {1} rédigé, à approuver.", "Request {0}: plan {1} drafted, to be approved.";
    DUE_FAILED: "Demande {0} : pas planifiée (détail, en anglais : {1})", "Request {0}: not planned ({1})";
    RECEIPT: "Récépissé de {0} enregistrement(s) écrit dans {1}, lisible par son seul propriétaire. À remettre à la personne, sans le publier.",
        "Receipt of {0} record(s) written to {1}, which only its owner can read. Hand it to the person, do not publish it.";
    COLUMN_REQUEST: "demande", "request";
    COLUMN_KIND: "objet", "what is asked";
    COLUMN_STATE: "état", "state";
    COLUMN_RECEIVED: "reçue", "received";
    COLUMN_DUE: "due", "due";
    COLUMN_LEFT: "jours restants", "days left";
    LATE: "en retard de {0}", "late by {0}";
    GROUND_LINE: "{0} (RGPD, art. {1}) [{2}]", "{0} (GDPR art. {1}) [{2}]";
    GROUND_NOT_NECESSARY: "les données ne sont plus nécessaires", "the data are no longer necessary";
    GROUND_CONSENT: "le consentement est retiré", "consent was withdrawn";
    GROUND_OBJECTION: "la personne s'oppose au traitement", "the person objects to the processing";
    GROUND_UNLAWFUL: "le traitement est illicite", "the processing is unlawful";
    GROUND_LAW: "une loi impose l'effacement", "a law demands the erasure";
    GROUND_CHILD: "les données d'un enfant ont été collectées", "the data were collected from a child";
    GROUND: "fondement", "ground";
    PLANS: "plans", "plans";
    CERTIFICATES: "attestations", "certificates";
    EVENTS: "Ce qui s'est passé", "What happened";
    EVENT_NOTE: " : {0}", ": {0}";
    EVENT_RECEIVED: "reçue", "received";
    EVENT_ASKED_AGAIN: "demandée de nouveau", "asked again";
    EVENT_VERIFIED: "identité vérifiée", "identity verified";
    EVENT_PLANNED: "plan établi", "plan drafted";
    EVENT_RUNNING: "exécution commencée", "run begun";
    EVENT_PARTIAL: "exécution finie, faite en partie", "run ended, done in part";
    EVENT_WAITING: "exécution finie, le reste attend", "run ended, the rest waits";
    EVENT_DONE: "exécution finie, demande faite", "run ended, request done";
    EVENT_EXTENDED: "délai prolongé", "time extended";
    EVENT_REFUSED: "refusée", "refused";
    EVENT_CANCELLED: "annulée", "cancelled";
    EVENT_REPLAY: "effacement à refaire après une restauration", "erasure to be done again after a restore";
    EVENT_ERASED_AGAIN: "effacée de nouveau après une restauration", "erased again after a restore";
    EVENT_TOLD: "destinataire informé", "recipient told";
    EVENT_NOT_TOLD: "destinataire non informé", "recipient could not be told";
    EVENT_NOT_POSSIBLE: "destinataire impossible à informer", "recipient impossible to tell";
    KIND_ERASURE: "effacement", "erasure";
    KIND_CONSENT: "retrait du consentement", "consent withdrawn";
    KIND_MARKETING: "opposition à la prospection", "objection to marketing";
    STATE_RECEIVED: "reçue, identité à vérifier", "received, identity to be verified";
    STATE_VERIFIED: "identité vérifiée", "identity verified";
    STATE_PLANNED: "planifiée", "planned";
    STATE_RUNNING: "en cours", "running";
    STATE_PARTIAL: "faite en partie, à reprendre", "done in part, to be tried again";
    STATE_WAITING: "faite ; le reste attend la fin d'une obligation ou d'un gel",
        "done; the rest waits for the end of a duty or a hold";
    STATE_DONE: "faite", "done";
    STATE_REFUSED: "refusée", "refused";
    STATE_CANCELLED: "annulée", "cancelled";
    SEARCH_HEADING: "Où la personne a été cherchée", "Where the person was looked for";
    SEARCH_FOUND: "{0} : {1} enregistrement(s) de la personne, {2} partagé(s) avec d'autres et conservé(s)",
        "{0}: {1} record(s) of the person, {2} shared with others and kept";
    SEARCH_NOTHING: "{0} : rien trouvé", "{0}: nothing found";
    SEARCH_NOT_REACHED: "{0} : NON ATTEINT (détail, en anglais : {1})", "{0}: NOT REACHED ({1})";
    SEARCH_NOT_SEARCHED: "{0} : pas cherché, rien de ce qui est connu de la personne n'y identifie quelqu'un et aucun lien n'y mène",
        "{0}: not searched, nothing that is known of the person identifies anybody there and no link leads there";
    NOT_LOOKED_AT: "Le plan {0} n'est pas complet : la personne n'a pas été cherchée dans {1}.",
        "Plan {0} is not complete: the person was not looked for in {1}.";
    SEARCH_FOR: "Demande {0} ({1}), reçue le {2}, réponse due le {3} au plus tard.",
        "Request {0} ({1}), received on {2}, answer due on {3} at the latest.";
    KEPT_UNTIL: "{0} : {1} enregistrement(s) conservé(s) jusqu'au {2} ; {3} [{4}]",
        "{0}: {1} record(s) kept until {2}; {3} [{4}]";
    KEPT_BETWEEN: "{0} : {1} enregistrement(s) conservé(s), les premiers jusqu'au {2}, les derniers jusqu'au {3} ; {4} [{5}]",
        "{0}: {1} record(s) kept, the first until {2}, the last until {3}; {4} [{5}]";
    KEPT_BEYOND: "{0} : {1} enregistrement(s) de la personne conservé(s), que la demande ne vise pas ({2})",
        "{0}: {1} record(s) of the person kept, which the request does not reach ({2})";
    KEPT_NO_RULE: "aucune règle", "no rule";
    KEPT: "Ce qui est conservé", "What is kept";
    KEPT_UNKNOWN: "{0} : {1} enregistrement(s) conservé(s), fin inconnue ; {2} [{3}]",
        "{0}: {1} record(s) kept, end not known; {2} [{3}]";
}

#[must_use]
pub fn kind(kind: RequestKind) -> Message {
    match kind {
        RequestKind::Erasure => KIND_ERASURE,
        RequestKind::ConsentWithdrawal => KIND_CONSENT,
        RequestKind::MarketingObjection => KIND_MARKETING,
    }
}

#[must_use]
pub fn state(state: RequestState) -> Message {
    match state {
        RequestState::Received => STATE_RECEIVED,
        RequestState::Verified => STATE_VERIFIED,
        RequestState::Planned => STATE_PLANNED,
        RequestState::Running => STATE_RUNNING,
        RequestState::Partial => STATE_PARTIAL,
        RequestState::Waiting => STATE_WAITING,
        RequestState::Done => STATE_DONE,
        RequestState::Refused => STATE_REFUSED,
        RequestState::Cancelled => STATE_CANCELLED,
    }
}

#[must_use]
pub fn ground(ground: Ground) -> Message {
    match ground {
        Ground::NotNecessary => GROUND_NOT_NECESSARY,
        Ground::ConsentWithdrawn => GROUND_CONSENT,
        Ground::Objection => GROUND_OBJECTION,
        Ground::Unlawful => GROUND_UNLAWFUL,
        Ground::LegalErasure => GROUND_LAW,
        Ground::ChildData => GROUND_CHILD,
    }
}

/// What happened to a request, by the word of the ledger; `None` for one that another program wrote.
#[must_use]
pub fn event(word: &str) -> Option<Message> {
    Some(match word {
        "received" => EVENT_RECEIVED,
        "asked_again" => EVENT_ASKED_AGAIN,
        "verified" => EVENT_VERIFIED,
        "planned" => EVENT_PLANNED,
        "running" => EVENT_RUNNING,
        "partial" => EVENT_PARTIAL,
        "waiting" => EVENT_WAITING,
        "done" => EVENT_DONE,
        "extended" => EVENT_EXTENDED,
        "refused" => EVENT_REFUSED,
        "cancelled" => EVENT_CANCELLED,
        "replay" => EVENT_REPLAY,
        "erased_again" => EVENT_ERASED_AGAIN,
        "recipient_told" => EVENT_TOLD,
        "recipient_not_told" => EVENT_NOT_TOLD,
        "recipient_not_possible" => EVENT_NOT_POSSIBLE,
        _ => return None,
    })
}
