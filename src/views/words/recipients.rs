//! Words of recipients and how they stand (floor 8).

use super::{Message, messages};
use crate::erasure::recipient::{NoticeState, Role};

messages! {
    NONE: "Aucun destinataire déclaré n'avait reçu ces données.", "No declared recipient had received these data.";
    HEADING: "Destinataires des données de la demande {0} (RGPD, art. 19)",
        "Recipients of the data of request {0} (GDPR art. 19)";
    LINE: "{0} ({1}) : {2}", "{0} ({1}): {2}";
    TOLD: "informé le {0}", "told on {0}";
    WAITING: "pas encore informé ; {0} essai(s), prochain essai le {1}",
        "not told yet; {0} attempt(s), next attempt on {1}";
    WAITING_FIRST: "pas encore informé", "not told yet";
    BY_HAND: "à informer par une personne : oubliette requests told {0} {1}",
        "to be told by a person: oubliette requests told {0} {1}";
    REFUSED: "N'A PAS PU ÊTRE INFORMÉ ({0}) ; une personne doit regarder",
        "COULD NOT BE TOLD ({0}); a person is to look";
    NOT_POSSIBLE: "impossible à informer, ou effort disproportionné ; l'explication est conservée avec la demande",
        "impossible to tell, or a disproportionate effort; the explanation is kept with the request";
    NOTIFIED: "Destinataires informés : {0}. À réessayer : {1}. À regarder : {2}.",
        "Recipients told: {0}. To be tried again: {1}. To be looked at: {2}.";
    NOTHING_TO_TELL: "Aucun destinataire n'attend d'être informé.", "No recipient waits to be told.";
    KNOWN_BY: "Le destinataire connaît la personne sous :", "The recipient knows the person as:";
    ROLE_PROCESSOR: "sous-traitant", "processor";
    ROLE_CONTROLLER: "responsable du traitement", "controller";
    ROLE_JOINT: "responsable conjoint", "joint controller";
    ROLE_UNKNOWN: "plus déclaré", "not declared any more";
    LETTER: "À qui vos données avaient été transmises", "Who had received your data";
    LETTER_TOLD: "{0} ({1}) : informé de l'effacement le {2}", "{0} ({1}): told of the erasure on {2}";
    LETTER_WAITING: "{0} ({1}) : pas encore informé de l'effacement ; nous continuons d'essayer",
        "{0} ({1}): not told of the erasure yet; we go on trying";
    LETTER_NOT_POSSIBLE: "{0} ({1}) : n'a pas pu être informé de l'effacement ; demandez-nous pourquoi",
        "{0} ({1}): could not be told of the erasure; ask us why";
}

#[must_use]
pub fn role(role: Option<Role>) -> Message {
    match role {
        Some(Role::Processor) => ROLE_PROCESSOR,
        Some(Role::Controller) => ROLE_CONTROLLER,
        Some(Role::Joint) => ROLE_JOINT,
        None => ROLE_UNKNOWN,
    }
}

/// How the person is told of a recipient.
#[must_use]
pub fn letter(state: NoticeState) -> Message {
    match state {
        NoticeState::Told => LETTER_TOLD,
        NoticeState::Waiting | NoticeState::ByHand | NoticeState::Refused => LETTER_WAITING,
        NoticeState::NotPossible => LETTER_NOT_POSSIBLE,
    }
}
