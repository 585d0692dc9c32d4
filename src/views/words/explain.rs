//! Words of `explain`.

use super::messages;

messages! {
    RECORD: "{0}, clé {1}, à la date du {2}", "{0}, key {1}, as of {2}";
    NOT_FOUND: "Cet enregistrement n'existe pas.", "There is no such record.";
    NO_RULE: "Aucune règle ne parle de « {0} » : il est gardé.", "No rule speaks of '{0}': it is kept.";
    RULE: "Politique {0} version {1}, règle {2} : {3} à compter de « {4} »", "Policy {0} version {1}, rule {2}: {3} from '{4}'";
    FOREVER: "Gardé : la règle conserve sans limite.", "Kept: the rule keeps its records for ever.";
    NOT_APPLICABLE: "Gardé : la règle ne peut être appliquée ({0}).", "Kept: the rule cannot be applied ({0}).";
    DUE_SINCE: "Échu depuis le {0} : il serait {1}.", "Due since {0}: it would be {1}.";
    DUE_BY_STATE: "Échu : plus rien ne s'y rapporte, il serait {0}.", "Due: nothing refers to it any more, it would be {0}.";
    UNDECIDABLE: "Gardé : rien de certain ne peut en être dit ({0}).", "Kept: nothing certain can be said ({0}).";
    OUT_OF_SCOPE: "Gardé : hors du champ de la règle.", "Kept: outside the rule.";
    ALREADY_DONE: "Gardé : déjà traité.", "Kept: already treated.";
    NOT_YET: "Gardé : échéance le {0}.", "Kept: due on {0}.";
    NEVER: "Gardé : l'échéance dépasse le calendrier.", "Kept: the due date lies beyond the calendar.";
    REFERENCED: "Gardé : encore référencé par {0}.", "Kept: still referred to from {0}.";
    HELD: "Gardé : sous gel ({0}).", "Kept: under legal hold ({0}).";
}
