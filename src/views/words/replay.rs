//! Words of erased persons who are seen again (floor 8).

use super::messages;

messages! {
    LOOKED: "Personnes effacées cherchées : {0} ; {1} enregistrement(s) lu(s) le {2}.",
        "Erased persons looked for: {0}; {1} record(s) read on {2}.";
    NOTHING: "Rien n'est revenu.", "Nothing came back.";
    CAME_BACK: "{0} : {1} enregistrement(s) de personnes effacées REVENU(S)",
        "{0}: {1} record(s) of erased persons CAME BACK";
    IN_DOUBT: "{0} : {1} enregistrement(s) nomment des personnes effacées ; rien ne dit s'ils sont revenus ou ont été donnés depuis",
        "{0}: {1} record(s) name erased persons; nothing says whether they came back or were given since";
    GIVEN_ANEW: "{0} : {1} enregistrement(s) donnés de nouveau après l'effacement, gardés",
        "{0}: {1} record(s) given anew after the erasure, kept";
    LOST: "{0} : PAS LU, on ne sait pas (détail, en anglais : {1})", "{0}: NOT READ, nobody knows ({1})";
    REPLAY_NEXT: "Ensuite : oubliette replay --since INSTANT-DE-LA-SAUVEGARDE",
        "Next: oubliette replay --since INSTANT-OF-THE-BACKUP";
    PLANNED: "Plan {0} rédigé, à approuver : {1} personne(s).", "Plan {0} drafted, to be approved: {1} person(s).";
    KEPT_PERSONS: "{0} personne(s) vue(s) de nouveau pour lesquelles rien n'est planifié : tout a été donné après l'effacement, ou un autre porte maintenant leur numéro.",
        "{0} person(s) were seen again for whom nothing is planned: all was given after the erasure, or somebody else has their number by now.";
    STATUS_NONE: "Personnes effacées revues : aucune (dernière recherche le {0}).",
        "Erased persons seen again: none (last looked for on {0}).";
}
