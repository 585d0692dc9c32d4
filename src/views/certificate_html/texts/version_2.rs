//! The words of schema version 2: the read-back says that records kept and failed are counted too.
//!
//! Once this version is released it is not edited any more.

use super::{Texts, version_1};

pub(super) const FRENCH: Texts = Texts {
    checked: "enregistrements examinés :",
    still_there: "concernés et encore présents (conservés ou en échec compris) :",
    reason: |code| match code {
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
    ..version_1::FRENCH
};

pub(super) const ENGLISH: Texts = Texts {
    checked: "records looked at:",
    still_there: "concerned and still there (those kept or failed included):",
    reason: |code| match code {
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
    ..version_1::ENGLISH
};
