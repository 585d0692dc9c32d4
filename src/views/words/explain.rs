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
    ALONG: "Il fait partie d'un enregistrement de « {0} » (clé {1}) et part avec lui. De celui-ci :",
        "It is part of a record of '{0}' (key {1}) and goes along with it. Of that one:";
    ALONG_ROWS: "Des lignes de « {0} » nomment ce fichier, qui part avec elles.",
        "Rows of '{0}' name this file, which goes along with them.";
    WITH_IT: "Ils sont échus : il serait {0} avec eux.", "They are due: it would be {0} with them.";
    ITS_FILE_STAYS: "Gardé : échu, mais le fichier nommé dans « {0} » reste : {1}.",
        "Kept: due, but the file that '{0}' names stays: {1}.";
    FILE_STAYS: "Gardé : {0}.", "Kept: {0}.";
    FILE_KEPT: "une ligne qui reste le nomme", "a row that stays names it";
    FILE_HELD: "il est sous gel", "it is under legal hold";
    FILE_CLAIMED: "une règle qui lui est propre en décide", "a rule of its own decides on it";
    FILE_ABSENT: "il n'existe pas", "it is not there";
    FILE_CANNOT: "ce n'est pas un fichier de ces données, ou il ne peut pas partir (lien, plusieurs noms)",
        "it is no file of the dataset, or cannot go (a link, several names)";
    HIDING: "Gardé : un marqueur reste tant qu'une version qu'il cache reste.",
        "Kept: a marker stays as long as a version that it hides does.";
    LOCKED: "Gardé : sous un verrou du système, sans terme.", "Kept: under a lock of the store, without an end.";
    LOCKED_UNTIL: "Gardé : sous un verrou du système jusqu'au {0}.", "Kept: under a lock of the store until {0}.";
    HELD: "Gardé : sous gel ({0}).", "Kept: under legal hold ({0}).";
}
