//! The words of schema version 2: the read-back says that records kept and failed are counted too.
//!
//! Once this version is released it is not edited any more.

use super::{Texts, version_1};
use crate::evidence::{Outcome, ResidualKnowledge};

pub(super) const FRENCH: Texts = Texts {
    requests: "Demandes",
    requests_intro: "Les demandes de plusieurs personnes ont été exécutées ensemble. Chacune a ses propres comptes et sa propre issue.",
    outcome_word: "issue",
    checked: "enregistrements examinés :",
    still_there: "concernés et encore présents (conservés ou en échec compris) :",
    reason: |code| match code {
        "outside_request" => "n’est pas visé par la demande",
        "undecidable.not_governable" => "ne peut être désigné, donc conservé",
        "undecidable.no_regular_file" => "lien ou fichier spécial, donc conservé",
        "undecidable.several_names" => "fichier à plusieurs noms, donc conservé",
        "undecidable.name_unreadable" => "nom illisible, donc conservé",
        "object_lock.governance" => "verrou de gouvernance du magasin (Object Lock)",
        "object_lock.compliance" => "verrou de conformité du magasin (Object Lock)",
        "object_lock.event_hold" => "verrou du magasin en attente d’un événement (Object Lock)",
        "object_lock.legal_hold" => "gel posé dans le magasin (Object Lock)",
        _ => (version_1::FRENCH.reason)(code),
    },
    failure: |code| match code {
        "there_again" => "un enregistrement se trouve de nouveau sous la même clé",
        _ => (version_1::FRENCH.failure)(code),
    },
    residual: |kind| {
        Some(match kind {
            "backup" => "sauvegardes",
            "write_ahead_log" => "journal de transactions du serveur",
            "undo_log" => "anciennes versions et journal du moteur",
            "dead_rows" => "lignes mortes, pas encore nettoyées",
            "wal_archive" => "archive du journal de transactions",
            "binary_log" => "journal binaire",
            "replication_slot" => "journal retenu pour un slot de réplication",
            "replica" => "serveur réplique, avec son propre journal",
            "change_stream" => "abonnés aux modifications",
            "trigger_copy" => "recopie possible par un déclencheur",
            "statement_log" => "journal des requêtes, avec des clés",
            "not_seen" => "ce qui subsiste n’a pas pu être vu",
            _ => return None,
        })
    },
    known: |known| match known {
        ResidualKnowledge::SeenGone => "a disparu : le magasin a été relu",
        ResidualKnowledge::DeclaredEnd => "terme déclaré atteint, sans que personne ait pu regarder",
    },
    closure: |outcome| match outcome {
        Outcome::Complete => (
            "Clos",
            "Toutes les copies nommées plus bas sont closes ; pour chacune il est dit comment on le sait.",
        ),
        Outcome::CompleteResidualsPending => (
            "Clos en partie",
            "Des copies nommées plus bas sont closes, d’autres subsistent jusqu’aux dates indiquées.",
        ),
        _ => (
            "Clos en partie",
            "Des copies nommées plus bas sont closes ; d’autres sont encore là, ou sans date de fin connue.",
        ),
    },
    ..version_1::FRENCH
};

pub(super) const ENGLISH: Texts = Texts {
    requests: "Requests",
    requests_intro: "The requests of several persons were carried out together. Each has counts and an outcome of its own.",
    outcome_word: "outcome",
    checked: "records looked at:",
    still_there: "concerned and still there (those kept or failed included):",
    reason: |code| match code {
        "outside_request" => "not reached by the request",
        "undecidable.not_governable" => "cannot be named, so kept",
        "undecidable.no_regular_file" => "a link or special file, so kept",
        "undecidable.several_names" => "a file with several names, so kept",
        "undecidable.name_unreadable" => "name cannot be read, so kept",
        "object_lock.governance" => "governance retention of the store (Object Lock)",
        "object_lock.compliance" => "compliance retention of the store (Object Lock)",
        "object_lock.event_hold" => "retention of the store that waits for an event (Object Lock)",
        "object_lock.legal_hold" => "legal hold placed in the store (Object Lock)",
        _ => (version_1::ENGLISH.reason)(code),
    },
    failure: |code| match code {
        "there_again" => "a record is there again under the same key",
        _ => (version_1::ENGLISH.failure)(code),
    },
    residual: |kind| {
        Some(match kind {
            "backup" => "backups",
            "write_ahead_log" => "write-ahead log of the server",
            "undo_log" => "old versions and log of the engine",
            "dead_rows" => "dead rows, not yet cleared away",
            "wal_archive" => "archive of the write-ahead log",
            "binary_log" => "binary log",
            "replication_slot" => "log kept for a replication slot",
            "replica" => "replica, with a log of its own",
            "change_stream" => "subscribers of changes",
            "trigger_copy" => "possible copy by a trigger",
            "statement_log" => "log of statements, with keys",
            "not_seen" => "what remains could not be seen",
            _ => return None,
        })
    },
    known: |known| match known {
        ResidualKnowledge::SeenGone => "is gone: the store was read again",
        ResidualKnowledge::DeclaredEnd => "its declared time has passed; nobody could look",
    },
    closure: |outcome| match outcome {
        Outcome::Complete => {
            ("Closed", "All copies named below are closed; for each it is said how that is known.")
        }
        Outcome::CompleteResidualsPending => {
            ("Closed in part", "Some copies named below are closed, others remain until the dates given.")
        }
        _ => (
            "Closed in part",
            "Some copies named below are closed; others are still there, or have no known end.",
        ),
    },
    ..version_1::ENGLISH
};
