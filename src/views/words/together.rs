//! Words of requests of many persons at once (floor 8).

use super::messages;

messages! {
    LINE_RECEIVED: "ligne {0} : demande {1}, réponse due le {2} au plus tard",
        "line {0}: request {1}, the answer is due on {2} at the latest";
    LINE_JOINED: "ligne {0} : jointe à la demande ouverte {1}, à laquelle elle n'ajoute rien ; réponse due le {2}",
        "line {0}: joined to the open request {1}, to which it adds nothing; the answer is due on {2}";
    VERIFY_NEXT: "Ensuite : vérifier les identités, puis oubliette requests verify --requests FICHIER --as NOM --method TEXTE (un identifiant de demande par ligne)",
        "Next: check who the persons are, then oubliette requests verify --requests FILE --as NAME --method TEXT (the id of a request on each line)";
    VERIFIED: "{0} demande(s) vérifiée(s). Ensuite : oubliette erase --together",
        "{0} request(s) verified. Next: oubliette erase --together";
    PLANNED: "Plan {0} rédigé pour {1} personne(s) : {2} enregistrement(s) à traiter.",
        "Plan {0} drafted for {1} person(s): {2} record(s) to be dealt with.";
    APPROVE_NEXT: "Ensuite : oubliette show {0}, oubliette approve {0} --as NOM, oubliette apply {0}",
        "Next: oubliette show {0}, oubliette approve {0} --as NAME, oubliette apply {0}";
    NOTHING: "Aucune demande vérifiée n'attend de plan.", "No verified request waits for a plan.";
    LEFT_BEGUN: "Demande {0} : déjà commencée, à planifier seule avec oubliette erase {0}",
        "Request {0}: begun before, to be planned alone with oubliette erase {0}";
    LEFT_TOO_MANY: "Demande {0} : pour le prochain plan, celui-ci est plein", "Request {0}: for the next plan, this one is full";
    LEFT_OVERLAPS: "Demande {0} : un de ses enregistrements est aussi celui d'une demande plus ancienne ; à planifier seule ensuite avec oubliette erase {0}",
        "Request {0}: a record of it is that of an earlier request, too; to be planned alone afterwards with oubliette erase {0}";
    LEFT_WALK: "Demande {0} : la recherche dépasse ses limites ; à planifier seule avec oubliette erase {0}, qui dit lesquelles",
        "Request {0}: the search passes its bounds; to be planned alone with oubliette erase {0}, which says which";
    LEFT_MORE: "… et {0} autre(s) ; --format json les nomme toutes", "… and {0} more; --format json names them all";
    SEARCH_FOR: "{0} demandes ensemble ({1}), première réponse due le {2} au plus tard.",
        "{0} requests together ({1}), the first answer due on {2} at the latest.";
}
