//! Words of runs, holds, status, certificates and verification.

use super::{Message, messages};
use crate::evidence::Outcome;
use crate::journal::RunState;

messages! {
    OUTCOME_COMPLETE: "complet", "complete";
    OUTCOME_RESIDUALS: "complet, des copies subsistent jusqu'à leur date", "complete, copies remain until their date";
    OUTCOME_EXCEPTIONS: "complet, avec des exceptions", "complete, with exceptions";
    OUTCOME_NOTHING: "rien à faire", "nothing found";
    OUTCOME_PARTIAL: "partiel", "partial";
    OUTCOME_FAILED: "échec", "failed";

    RUN: "Exécution {0} : {1}", "Run {0}: {1}";
    RUN_INTERRUPTED: "interrompue ({0})", "interrupted ({0})";
    RUN_NO_OUTCOME: "sans résultat", "without an outcome";
    STOP_REQUESTED: "arrêt demandé", "a stop was requested";
    PAUSE_FILE: "le fichier de pause existe", "the pause file exists";
    WINDOW_OVER: "sa fenêtre est passée", "its window is over";
    RESUME_WITH: "Rien n'est perdu. Pour continuer : oubliette apply --resume",
        "Nothing is lost. To go on: oubliette apply --resume";
    ELAPSED: "en {0} s", "in {0} s";
    COLUMN_DATASET: "données", "dataset";
    COLUMN_MATCHED: "visés", "matched";
    COLUMN_PURGED: "purgés", "purged";
    COLUMN_ANONYMIZED: "anony-\nmisés", "anony-\nmized";
    COLUMN_PSEUDONYMIZED: "pseudo-\nnymisés", "pseudo-\nnymized";
    COLUMN_ABSENT: "déjà absents", "already absent";
    COLUMN_EXCEPTED: "exceptés", "excepted";
    COLUMN_FAILED: "en échec", "failed";
    FAILURE_ON_ITEM: "Le point {0} n'a pas pu être achevé : {1}", "Item {0} could not be finished: {1}";
    CERTIFICATE_AT: "Attestation {0}", "Certificate {0}";
    CERTIFICATE_PAGE: "À lire : {0}", "To read: {0}";

    PROGRESS: "{0} : {1} sur {2}, {3}/s, encore {4}", "{0}: {1} of {2}, {3}/s, {4} left";
    PROGRESS_ENDED: "{0} : {1} sur {2} en {3} s", "{0}: {1} of {2} in {3} s";
    PROGRESS_SLOWED: "{0}, ralenti : {1}", "{0}, slowed by: {1}";
    UNKNOWN_YET: "?", "?";
    STOPPING: "Arrêt après le lot en cours. Encore une fois pour finir tout de suite (sans danger).",
        "Stopping after the batch under way. Once more to end at once (which is safe).";
    STOPPED_AT_ONCE: "Arrêté. Ce qui était en cours sera tiré au clair à la reprise : oubliette apply --resume",
        "Stopped. What was under way will be settled when you go on: oubliette apply --resume";

    HOLD_PLACED: "Gel {0} posé : {1}.", "Hold {0} placed: {1}.";
    HOLD_REACHES: "Données concernées : {0}.", "Datasets that it reaches: {0}.";
    HOLD_OVERTAKEN: "{0} lot(s) en cours ont commencé avant ce gel et peuvent encore s'achever.",
        "{0} batch(es) under way began before this hold and may still end.";
    HOLD_RELEASED: "Gel {0} levé : ses enregistrements redeviennent échus.",
        "Hold {0} released: its records become due again.";
    HOLDS_NONE: "Aucun gel.", "No holds.";
    COLUMN_HOLD: "gel", "hold";
    COLUMN_SCOPE: "portée", "scope";
    COLUMN_MATTER: "affaire, motif", "matter, reason";
    COLUMN_OWNER: "responsable", "owner";
    COLUMN_PLACED: "posé le", "placed on";
    COLUMN_REVIEW: "à revoir le", "review on";
    COLUMN_RELEASED: "levé le", "released on";
    SCOPE_DATASET: "tout {0}", "all of {0}";
    SCOPE_PREDICATE: "{0} où {1}", "{0} where {1}";
    SCOPE_SUBJECT: "personne : {0} = {1}", "person: {0} = {1}";

    STATUS_PLANS: "Plans", "Plans";
    STATUS_NO_PLANS: "Aucun plan.", "No plans.";
    COLUMN_PLAN: "plan", "plan";
    COLUMN_DRAFTED: "établi le", "drafted at";
    COLUMN_APPROVED: "approuvé", "approved";
    COLUMN_RUN: "exécution", "run";
    YES: "oui", "yes";
    NO: "non", "no";
    STATUS_OPEN_RUN: "Exécution {0} du plan {1} : {2}, depuis le {3}.", "Run {0} of plan {1}: {2}, since {3}.";
    STATUS_NO_RUN: "Aucune exécution ouverte.", "No open runs.";
    STATUS_HOLDS: "Gels actifs : {0}, dont {1} à revoir.", "Active holds: {0}, {1} of them to be reviewed.";
    STATUS_REQUESTS: "Demandes de personnes : {0} ouverte(s), {1} en attente.", "Requests of persons: {0} open, {1} waiting.";
    STATUS_ANSWER_DUE: "Prochaine réponse due le {1} ({0}), dans {2} jour(s).",
        "The next answer is due on {1} ({0}), in {2} day(s).";
    STATUS_ANSWER_LATE: "Réponse en RETARD de {2} jour(s) : elle était due le {1} ({0}).",
        "An answer is LATE by {2} day(s): it was due on {1} ({0}).";
    STATUS_CERTIFICATES: "Attestations : {0}.", "Certificates: {0}.";
    STATUS_LAST_CERTIFICATE: "Attestations : {0}, la dernière : {1}.", "Certificates: {0}, the last one: {1}.";
    STATUS_RESIDUALS: "Copies restantes non closes : {0}, sur {1} attestation(s).",
        "Remaining copies not closed: {0}, on {1} certificate(s).";
    STATUS_RESIDUALS_NEXT: "Prochaine date d’une copie restante : {0}.", "Next date of a remaining copy: {0}.";
    STATUS_RESIDUALS_PAST: "Le terme de copies restantes est atteint : `oubliette certificates close-residuals`.",
        "The date of remaining copies has passed: `oubliette certificates close-residuals`.";
    CLOSURES_NONE: "Aucune copie restante à clore.", "No remaining copy to close.";
    CLOSURE_AT: "Attestation {0} clôt des copies restantes de {1} :", "Certificate {0} closes remaining copies of {1}:";
    CLOSURE_SEEN: "{0} de « {1} » ({2}) : a disparu, le système a été relu", "{0} of '{1}' ({2}): gone, the store was read again";
    CLOSURE_DECLARED: "{0} de « {1} » ({2}) : terme déclaré atteint, personne n’a pu regarder",
        "{0} of '{1}' ({2}): its declared time has passed, nobody could look";
    CLOSURE_OPEN: "{0} de « {1} » ({2}) : reste ouverte", "{0} of '{1}' ({2}): stays open";
    STATUS_STANDING: "Règle {0} approuvée durablement par {1} le {2}.", "Rule {0} has the standing approval of {1} since {2}.";
    STATUS_NOTICES_WAITING: "Avis en attente d’un destinataire : {0}, le plus ancien du {1}.",
        "Notices that wait for a receiver: {0}, the oldest of {1}.";
    STATUS_NOTICES_GIVEN_UP: "Avis abandonnés, qu’aucun destinataire n’a reçus : {0} (oubliette notify test).",
        "Notices given up, which their receivers never had: {0} (oubliette notify test).";
    STATUS_PAUSED: "EN PAUSE : le fichier de pause existe, aucun lot ne commence.",
        "PAUSED: the pause file exists, no batch is begun.";
    STATUS_LAST_SEEN: "Dernière activité le {0}.", "Last seen at {0}.";
    STATUS_CLOCK_BEHIND: "L'horloge retarde sur cet instant : aucune exécution ne commence. Si elle est juste maintenant : oubliette accept-clock --as NOM --reason TEXTE",
        "The clock is behind that instant: no run is begun. If it is right now: oubliette accept-clock --as NAME --reason TEXT";
    CLOCK_ACCEPTED: "Horloge acceptée à {0}, alors que {1} avait été vu, par {2} : {3}",
        "Clock accepted at {0}, although {1} had been seen, by {2}: {3}";
    STATE_RUNNING: "en cours ou interrompue", "under way or interrupted";
    STATE_CERTIFYING: "attestation en cours", "being certified";
    STATE_CERTIFIED: "attestée", "certified";

    CERTIFICATES_NONE: "Aucune attestation.", "No certificates.";
    COLUMN_CERTIFICATE: "attestation", "certificate";
    COLUMN_ISSUED: "établie le", "issued at";
    COLUMN_OUTCOME: "résultat", "outcome";
    COLUMN_DISPOSED: "effacés ou modifiés", "removed or changed";
    CONTROLLER: "responsable du traitement", "controller";
    ISSUED: "établie le", "issued at";
    OUTCOME: "résultat", "outcome";
    PLAN_DIGEST: "empreinte du plan", "plan digest";
    STARTED: "début", "started at";
    FINISHED: "fin", "finished at";
    FOLDER: "dossier", "folder";
    EXCEPTIONS: "Exceptions", "Exceptions";
    EXCEPTION: "{0} : {1} enregistrement(s), {2} ({3})", "{0}: {1} record(s), {2} ({3})";
    FAILURES: "Échecs", "Failures";
    FAILURE: "{0} : {1} enregistrement(s), {2} ({3})", "{0}: {1} record(s), {2} ({3})";
    FAILURE_UNCOUNTED: "{0} : nombre inconnu, {1} ({2})", "{0}: number unknown, {1} ({2})";
    FAILED_THERE_AGAIN: "un enregistrement se trouve de nouveau sous la même clé",
        "a record is there again under the same key";
    FAILED_STILL_PRESENT: "encore présents à la relecture", "still there when read back";
    FAILED_LINKED: "un fichier lié n'a pas pu être supprimé", "a linked file could not be deleted";
    FAILED_UNREACHABLE: "système injoignable", "store out of reach";
    FAILED_RUN_CLOSED: "exécution close avant la fin", "the run was closed before its end";
    FAILED_DENIED: "accès refusé par le système", "the store denied access";
    FAILED_SCHEMA: "la structure des données a changé", "the structure of the data changed";
    FAILED_BUSY: "système occupé", "the store was busy";
    FAILED_FULL: "espace insuffisant", "no space left";
    FAILED_CONSTRAINT: "refusés par une contrainte du système", "refused by a constraint of the store";
    FAILED_NOT_SUPPORTED: "le système ne sait pas le faire", "the store cannot do it";
    FAILED_FOUND_AGAIN: "retrouvés par une seconde recherche, apparus depuis le plan",
        "found by a second search, appeared since the plan";
    FAILED_IN_TEXT: "la personne est encore nommée dans des textes", "texts still name the person";
    FAILED_REFERRED: "des lignes qui ne sont pas à la personne y renvoient",
        "rows that are not the person's refer to them";
    FAILED_OTHER: "erreur", "error";
    KEPT_HOLD: "gel juridique", "legal hold";
    KEPT_DUTY: "obligation légale de conservation", "legal duty to keep";
    KEPT_RESTRICTION: "limitation du traitement", "restriction of processing";
    KEPT_CHANGED: "modifiés depuis le plan", "changed since the plan";
    KEPT_CONFLICT: "réclamés par une autre règle", "claimed by another rule too";
    KEPT_START_MISSING: "sans date de départ", "without a start date";
    KEPT_START_UNREADABLE: "date de départ illisible", "start date cannot be read";
    KEPT_START_FUTURE: "date de départ dans le futur", "start date in the future";
    KEPT_NOT_GOVERNABLE: "ne peut être désigné", "cannot be named";
    KEPT_NO_REGULAR_FILE: "lien ou fichier spécial", "a link or special file";
    KEPT_SEVERAL_NAMES: "fichier à plusieurs noms", "a file with several names";
    KEPT_NAME_UNREADABLE: "nom illisible", "name cannot be read";
    KEPT_GIVEN_ANEW: "donnés de nouveau après l'effacement", "given anew after the erasure";
    KEPT_OUTSIDE: "que la demande ne vise pas", "which the request does not reach";
    KEPT_SHARED: "concernent aussi d'autres personnes", "other people's too";
    KEPT_WITH_RETAINED: "des enregistrements conservés y renvoient", "records that are kept refer to them";
    KEPT_NAMED: "des lignes qui restent les nomment", "rows that stay name them";
    KEPT_LEGALLY: "conservés par obligation légale (RGPD art. 17(3)(b))", "kept by a legal obligation (GDPR art. 17(3)(b))";
    KEPT_EXPRESSION: "conservés pour la liberté d'expression et d'information (RGPD art. 17(3)(a))",
        "kept for freedom of expression and information (GDPR art. 17(3)(a))";
    KEPT_INTEREST: "conservés pour une mission d'intérêt public (RGPD art. 17(3)(b))",
        "kept for a task in the public interest (GDPR art. 17(3)(b))";
    KEPT_AUTHORITY: "conservés pour l'exercice de l'autorité publique (RGPD art. 17(3)(b))",
        "kept for the exercise of official authority (GDPR art. 17(3)(b))";
    KEPT_HEALTH: "conservés pour la santé publique (RGPD art. 17(3)(c))", "kept for public health (GDPR art. 17(3)(c))";
    KEPT_ARCHIVE: "conservés pour l'archivage, la recherche ou la statistique (RGPD art. 17(3)(d))",
        "kept for archiving, research or statistics (GDPR art. 17(3)(d))";
    KEPT_CLAIMS: "conservés pour la défense de droits en justice (RGPD art. 17(3)(e))",
        "kept for legal claims (GDPR art. 17(3)(e))";
    KEPT_GOVERNANCE: "verrou de gouvernance du système (Object Lock)", "governance retention of the store (Object Lock)";
    KEPT_COMPLIANCE: "verrou de conformité du système (Object Lock)", "compliance retention of the store (Object Lock)";
    KEPT_EVENT_HOLD: "verrou du système en attente d'un événement (Object Lock)",
        "retention of the store that waits for an event (Object Lock)";
    KEPT_STORE_HOLD: "gel posé dans le système (Object Lock)", "legal hold placed in the store (Object Lock)";
    KEPT_OTHER: "exception", "exception";
    RESIDUALS: "Copies résiduelles", "Residual copies";
    RESIDUAL_UNTIL: "{0} de « {1} » jusqu'au {2} ({3})", "{0} of '{1}' until {2} ({3})";
    RESIDUAL_UNKNOWN: "{0} de « {1} », fin inconnue ({2})", "{0} of '{1}', end unknown ({2})";
    RESIDUAL_OTHER: "copie", "copy";
    RESIDUAL_BACKUP: "sauvegardes", "backups";
    RESIDUAL_WRITE_AHEAD_LOG: "journal de transactions du serveur", "write-ahead log of the server";
    RESIDUAL_UNDO_LOG: "anciennes versions et journal du moteur", "old versions and log of the engine";
    RESIDUAL_DEAD_ROWS: "lignes mortes, pas encore nettoyées", "dead rows, not yet cleared away";
    RESIDUAL_WAL_ARCHIVE: "archive du journal de transactions", "archive of the write-ahead log";
    RESIDUAL_BINARY_LOG: "journal binaire", "binary log";
    RESIDUAL_REPLICATION_SLOT: "journal retenu pour un slot de réplication", "log kept for a replication slot";
    RESIDUAL_REPLICA: "serveur réplique, avec son propre journal", "replica, with a log of its own";
    RESIDUAL_CHANGE_STREAM: "abonnés aux modifications", "subscribers of changes";
    RESIDUAL_TRIGGER_COPY: "recopie possible par un déclencheur", "possible copy by a trigger";
    RESIDUAL_STATEMENT_LOG: "journal des requêtes, avec des clés", "log of statements, with keys";
    RESIDUAL_NOT_SEEN: "ce qui subsiste n'a pas pu être vu", "what remains could not be seen";
    LIMITS: "Cette attestation dit ce qui a été vu dans les systèmes nommés. Elle ne prouve pas qu'aucune autre copie n'existe.",
        "This certificate says what was seen in the stores it names. It does not prove that no other copy exists.";
    RECEIPT_WRITTEN: "Récépissé écrit dans {0}. Il est personnel : le remettre à la personne ou à l'auditeur, sans le publier.",
        "Receipt written to {0}. It is personal: hand it to the person or the auditor, do not publish it.";
    RECEIPT_HOLDS: "Le récépissé tient : cet enregistrement figure sur l'attestation {0}.",
        "The receipt holds: this record stands on certificate {0}.";
    PERSON_RECEIPT_HOLDS: "Le récépissé tient : il ouvre {0} enregistrement(s) de la personne sur {1} attestation(s) de la demande {2}.",
        "The receipt holds: it opens {0} record(s) of the person on {1} certificate(s) of request {2}.";

    VERIFY_GOOD: "L'archive est bonne : {0} attestation(s), {1} entrée(s) au registre.",
        "The archive is good: {0} certificate(s), {1} log entries.";
    VERIFY_BAD: "L'archive n'est PAS bonne : {0} anomalie(s).", "The archive is NOT good: {0} finding(s).";
    VERIFY_EMPTY: "L'archive est vide : rien n'a encore été exécuté ni attesté (ou ses fichiers ont été retirés). Il n'y a rien à vérifier.",
        "The archive is empty: nothing was applied and certified yet (or its files were removed). There is nothing to verify.";
    VERIFY_FINGERPRINT: "Clés : empreinte {0}.", "Keys: fingerprint {0}.";
    SEVERITY_ERROR: "ERREUR", "ERROR";
    SEVERITY_WARNING: "avertissement", "warning";

}

#[must_use]
pub fn outcome(outcome: Outcome) -> Message {
    match outcome {
        Outcome::Complete => OUTCOME_COMPLETE,
        Outcome::CompleteResidualsPending => OUTCOME_RESIDUALS,
        Outcome::CompleteWithExceptions => OUTCOME_EXCEPTIONS,
        Outcome::NothingFound => OUTCOME_NOTHING,
        Outcome::Partial => OUTCOME_PARTIAL,
        Outcome::Failed => OUTCOME_FAILED,
    }
}

/// Why records that should have gone did not, by the code on the certificate.
#[must_use]
pub fn failure(code: &str) -> Message {
    match code {
        "found_again" => FAILED_FOUND_AGAIN,
        "found_in_text" => FAILED_IN_TEXT,
        "referred_to_by_others" => FAILED_REFERRED,
        "still_present" => FAILED_STILL_PRESENT,
        "there_again" => FAILED_THERE_AGAIN,
        "linked_object_kept" => FAILED_LINKED,
        "unreachable" => FAILED_UNREACHABLE,
        "run_closed" => FAILED_RUN_CLOSED,
        "denied" => FAILED_DENIED,
        "schema_drift" => FAILED_SCHEMA,
        "busy" => FAILED_BUSY,
        "full" => FAILED_FULL,
        "constraint" => FAILED_CONSTRAINT,
        "not_supported" => FAILED_NOT_SUPPORTED,
        _ => FAILED_OTHER,
    }
}

/// Why records were kept, by the code on the certificate.
#[must_use]
pub fn exception(code: &str) -> Message {
    match code {
        "outside_request" => KEPT_OUTSIDE,
        "shared_with_others" => KEPT_SHARED,
        "given_anew" => KEPT_GIVEN_ANEW,
        "kept_with_retained" => KEPT_WITH_RETAINED,
        "named_by_rows" => KEPT_NAMED,
        "eu-gdpr:JustificationA17LegallyRequired" => KEPT_LEGALLY,
        "eu-gdpr:JustificationA17LegalClaims" => KEPT_CLAIMS,
        "eu-gdpr:JustificationA17FreedomOfExpression" => KEPT_EXPRESSION,
        "eu-gdpr:JustificationA17PublicInterest" => KEPT_INTEREST,
        "eu-gdpr:JustificationA17OfficialAuthority" => KEPT_AUTHORITY,
        "eu-gdpr:JustificationA17PublicHealth" => KEPT_HEALTH,
        "eu-gdpr:JustificationA17Archiving" => KEPT_ARCHIVE,
        "legal_hold" => KEPT_HOLD,
        "legal_obligation" => KEPT_DUTY,
        "restriction" => KEPT_RESTRICTION,
        "changed_since_plan" => KEPT_CHANGED,
        "undecidable.conflict" => KEPT_CONFLICT,
        "undecidable.start_missing" => KEPT_START_MISSING,
        "undecidable.start_unreadable" => KEPT_START_UNREADABLE,
        "undecidable.start_in_future" => KEPT_START_FUTURE,
        "undecidable.not_governable" => KEPT_NOT_GOVERNABLE,
        "undecidable.no_regular_file" => KEPT_NO_REGULAR_FILE,
        "undecidable.several_names" => KEPT_SEVERAL_NAMES,
        "undecidable.name_unreadable" => KEPT_NAME_UNREADABLE,
        "object_lock.governance" => KEPT_GOVERNANCE,
        "object_lock.compliance" => KEPT_COMPLIANCE,
        "object_lock.event_hold" => KEPT_EVENT_HOLD,
        "object_lock.legal_hold" => KEPT_STORE_HOLD,
        _ => KEPT_OTHER,
    }
}

/// What a remaining copy is, by the code on the certificate.
#[must_use]
pub fn residual(code: &str) -> Message {
    match code {
        "backup" => RESIDUAL_BACKUP,
        "write_ahead_log" => RESIDUAL_WRITE_AHEAD_LOG,
        "undo_log" => RESIDUAL_UNDO_LOG,
        "dead_rows" => RESIDUAL_DEAD_ROWS,
        "wal_archive" => RESIDUAL_WAL_ARCHIVE,
        "binary_log" => RESIDUAL_BINARY_LOG,
        "replication_slot" => RESIDUAL_REPLICATION_SLOT,
        "replica" => RESIDUAL_REPLICA,
        "change_stream" => RESIDUAL_CHANGE_STREAM,
        "trigger_copy" => RESIDUAL_TRIGGER_COPY,
        "statement_log" => RESIDUAL_STATEMENT_LOG,
        "not_seen" => RESIDUAL_NOT_SEEN,
        _ => RESIDUAL_OTHER,
    }
}

#[must_use]
pub fn run_state(state: RunState) -> Message {
    match state {
        RunState::Running => STATE_RUNNING,
        RunState::Certifying => STATE_CERTIFYING,
        RunState::Certified => STATE_CERTIFIED,
    }
}
