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
    STATUS_CERTIFICATES: "Attestations : {0}.", "Certificates: {0}.";
    STATUS_LAST_CERTIFICATE: "Attestations : {0}, la dernière : {1}.", "Certificates: {0}, the last one: {1}.";
    STATUS_STANDING: "Règle {0} approuvée durablement par {1} le {2}.", "Rule {0} has the standing approval of {1} since {2}.";
    STATUS_PAUSED: "EN PAUSE : le fichier de pause existe, aucun lot ne commence.",
        "PAUSED: the pause file exists, no batch is begun.";
    STATUS_LAST_SEEN: "Dernière activité le {0}.", "Last seen at {0}.";
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
    EXCEPTION: "{0} : {1} enregistrement(s) ({2})", "{0}: {1} record(s) ({2})";
    RESIDUALS: "Copies résiduelles", "Residual copies";
    RESIDUAL_UNTIL: "{0} de « {1} » jusqu'au {2}", "{0} of '{1}' until {2}";
    RESIDUAL_UNKNOWN: "{0} de « {1} », fin inconnue", "{0} of '{1}', end unknown";
    LIMITS: "Cette attestation dit ce qui a été vu dans les magasins nommés. Elle ne prouve pas qu'aucune autre copie n'existe.",
        "This certificate says what was seen in the stores it names. It does not prove that no other copy exists.";
    RECEIPT_WRITTEN: "Récépissé écrit dans {0}. Il est personnel : le remettre à la personne ou à l'auditeur, sans le publier.",
        "Receipt written to {0}. It is personal: hand it to the person or the auditor, do not publish it.";
    RECEIPT_HOLDS: "Le récépissé tient : cet enregistrement figure sur l'attestation {0}.",
        "The receipt holds: this record stands on certificate {0}.";

    VERIFY_GOOD: "L'archive est bonne : {0} attestation(s), {1} entrée(s) au registre.",
        "The archive is good: {0} certificate(s), {1} log entries.";
    VERIFY_BAD: "L'archive n'est PAS bonne : {0} anomalie(s).", "The archive is NOT good: {0} finding(s).";
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

#[must_use]
pub fn run_state(state: RunState) -> Message {
    match state {
        RunState::Running => STATE_RUNNING,
        RunState::Certifying => STATE_CERTIFYING,
        RunState::Certified => STATE_CERTIFIED,
    }
}
