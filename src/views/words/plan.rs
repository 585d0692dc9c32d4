//! Words of plans, explanations, approvals and diagnostics.

use super::{Message, messages};
use crate::plan::{EffectKind, FindingCode, FindingSeverity};
use connectors::{DoubtReason, LeakKind, TransformClass};

messages! {
    HEADING: "Plan {0}", "Plan {0}";
    NOTHING_CHANGED: "Rien n'a été modifié : un plan ne fait que lire.", "Nothing has been changed: a plan only reads.";
    SIMULATED: "SIMULATION pour une autre date : ce plan est à lire, il ne pourra être ni approuvé ni exécuté.",
        "SIMULATION for another date: this plan is for reading, it can be neither approved nor applied.";
    DIGEST: "empreinte", "digest";
    AS_OF: "à la date du", "as of";
    DRAFTED: "établi", "drafted";
    DRAFTED_BY: "{0} par {1}", "{0} by {1}";
    EXPIRES: "expire", "expires";
    POLICIES: "politiques", "policies";
    POLICY_VERSION: "{0} version {1}", "{0} version {1}";
    NONE: "aucune", "none";

    COLUMN_RULE: "règle, données", "rule, dataset";
    COLUMN_DISPOSITION: "sort", "becomes";
    COLUMN_DUE: "échus", "due";
    COLUMN_OVERDUE: "dont en\nretard", "of these\noverdue";
    COLUMN_HELD: "gelés", "held";
    COLUMN_UNDECIDABLE: "indéci-\ndables", "undeci-\ndable";
    COLUMN_NOT_YET: "pas en-\ncore", "not yet\ndue";
    COLUMN_SHARE: "part,\nvolume", "share,\nsize";
    COLUMN_RANGE: "premier,\ndernier", "oldest,\nnewest";
    TOTAL: "total", "total";

    PURGE: "purgé", "purged";
    ANONYMIZE: "anonymisé", "anonymized";
    PSEUDONYMIZE: "pseudonymisé", "pseudonymized";

    ITEM_HEADING: "{0}. {1} ({2}) : {3} ({4})", "{0}. {1} ({2}): {3} ({4})";
    ITEM_KEPT_FOR: "Durée : {0} à compter de « {1} » ({2}).", "Kept for {0} from '{1}' ({2}).";
    ITEM_KEPT_FOR_ROUNDED: "Durée : {0} à compter de « {1} », compté à partir de la fin {3} ({2}).",
        "Kept for {0} from '{1}', counted from the end of {3} ({2}).";
    END_OF_MONTH: "du mois", "the month";
    END_OF_CALENDAR_YEAR: "de l'année civile", "the calendar year";
    END_OF_FISCAL_YEAR: "de l'exercice", "the fiscal year";
    ITEM_BASIS: "Base légale : {0}.", "Legal basis: {0}.";
    ITEM_CITATIONS: "Références : {0}.", "Citations: {0}.";
    ITEM_CUTOFF: "Sont échus les enregistrements dont le départ est au plus tard le {0} ; en retard, au plus tard le {1}.",
        "Due are records that started on {0} or earlier; overdue, on {1} or earlier.";
    ITEM_CUTOFF_INSTANT: "Sont échus les enregistrements dont le départ est au plus tard le {0} ({2}) ; en retard, au plus tard le {1}.",
        "Due are records that started at {0} ({2}) or earlier; overdue, at {1} or earlier.";
    ITEM_CUTOFF_EITHER: "Sont échus les enregistrements dont le départ est au plus tard le {0} ({2}) ; en retard, au plus tard le {1}. Un départ sans heure compte par jour : au plus tard le {3} ; en retard, le {4}.",
        "Due are records that started at {0} ({2}) or earlier; overdue, at {1} or earlier. A start without a time counts by its day: {3} or earlier; overdue, {4}.";
    ITEM_NO_CUTOFF: "Sont échus les enregistrements auxquels plus rien ne se rapporte.",
        "Due are records to which nothing refers any more.";
    ITEM_OF_REQUEST: "Enregistrements de la personne : {0}, dont {1} partent maintenant.",
        "Records of the person: {0}, of which {1} go now.";
    ITEM_UNCOUNTED: "Pas compté : voir plus bas ce qui l'empêche.", "Not counted: see below what stands in the way.";
    ITEM_DUE: "Échus : {0} sur {1}, environ {2}.", "Due: {0} of {1}, about {2}.";
    ITEM_DUE_RANGE: "Échus : {0} sur {1}, environ {2}, départs du {3} au {4}.",
        "Due: {0} of {1}, about {2}, started from {3} to {4}.";
    ITEM_DUE_SAMPLES: "Exemples (clés masquées) : {0}.", "For example (keys masked): {0}.";
    ITEM_FIELDS: "Champs : {0}.", "Fields: {0}.";
    ITEM_MARKER: "Les enregistrements traités sont marqués dans « {0} ».", "Treated records are marked in '{0}'.";
    ALONG: "Part avec : {0}.", "Goes along: {0}.";
    KEPT: "Conservé : {0}.", "Kept: {0}.";
    KEPT_HELD: "{0} sous gel ({1})", "{0} held ({1})";
    KEPT_NOT_YET: "{0} pas encore échus", "{0} not yet due";
    KEPT_REFERENCED: "{0} encore référencés", "{0} still referred to";
    KEPT_LOCKED: "{0} sous un verrou du système ({1})", "{0} under a lock of the store ({1})";
    LOCK_UNTIL: "{0} : {1}, au plus tard jusqu'au {2}", "{0}: {1}, until {2} at the latest";
    LOCK_ENDLESS: "{0} : {1}, sans terme", "{0}: {1}, without an end";
    KEPT_DONE: "{0} déjà traités", "{0} already treated";
    KEPT_UNDECIDABLE: "{0} indécidables : {1}", "{0} undecidable: {1}";
    KEPT_UNDECIDABLE_SAMPLES: "{0} indécidables : {1} (par exemple {2})", "{0} undecidable: {1} (for example {2})";
    KEPT_OUT_OF_SCOPE: "{0} hors du champ de la règle", "{0} outside the rule";
    BACKUPS_KNOWN: "Les sauvegardes s'effacent après {0} ; l'attestation le dira.",
        "Backups expire after {0}; the certificate will say so.";
    BACKUPS_UNKNOWN: "Durée des sauvegardes inconnue : l'attestation sera partielle.",
        "How long backups are kept is unknown: the certificate will be partial.";
    GUARD_LIMITS: "Garde-fous : au plus {0} enregistrements, au plus {1} % des données.",
        "Guards: at most {0} records, at most {1} % of the dataset.";
    GUARD_LIMITS_NEWEST: "Garde-fous : au plus {0} enregistrements, au plus {1} % des données, les {2} plus récents restent.",
        "Guards: at most {0} records, at most {1} % of the dataset, the newest {2} stay.";

    EFFECT_DEPENDENTS: "{0} de « {1} » qui en dépendent, purgés d'abord", "{0} of '{1}' that depend on them, purged first";
    EFFECT_LINKED: "{0} fichiers de « {1} » nommés par les lignes, purgés avant elles",
        "{0} files of '{1}' that the rows name, purged before them";
    EFFECT_TRIGGER: "un déclencheur sur « {1} » s'exécute pour {0} enregistrements ; son effet ne peut être prévu",
        "a trigger on '{1}' fires for {0} records; what it does cannot be foreseen";

    NAMED: "Fichiers de « {0} » nommés dans « {1} » qui ne partent pas : {2}.",
        "Files of '{0}' named in '{1}' that do not go: {2}.";
    NAMED_AT_LEAST: "Fichiers de « {0} » nommés dans « {1} » qui ne partent pas, au moins : {2}. Seules les {3} premières lignes échues ont été suivies.",
        "Files of '{0}' named in '{1}' that do not go, at least: {2}. Only the first {3} due rows were followed.";
    NAMED_ABSENT: "{0} absents (la ligne part)", "{0} that are not there (the row goes)";
    NAMED_KEPT: "{0} nommés aussi par une ligne qui reste", "{0} that a row which stays names too";
    NAMED_HELD: "{0} sous gel", "{0} held";
    NAMED_CLAIMED: "{0} qui ont leur propre règle (la ligne part après eux)",
        "{0} with a rule of their own (the row goes after them)";
    NAMED_CANNOT: "{0} qui ne peuvent pas partir (pas un fichier de ces données, lien, plusieurs noms)",
        "{0} that cannot go (no file of the dataset, a link, several names)";
    NAMED_ROWS: "{0} lignes échues restent donc", "so {0} due rows stay";

    DOUBT_CONFLICT: "{0} réclamés par une autre règle", "{0} claimed by another rule too";
    DOUBT_MISSING: "{0} sans date de départ", "{0} without a start date";
    DOUBT_UNREADABLE: "{0} dont la date de départ est illisible", "{0} whose start date cannot be read";
    DOUBT_FUTURE: "{0} dont la date de départ est dans le futur", "{0} whose start date lies in the future";
    DOUBT_NOT_GOVERNABLE: "{0} qui ne peuvent être désignés (clé incomplète, chemin trop long)",
        "{0} that cannot be named (key incomplete, path too long)";
    DOUBT_NO_REGULAR_FILE: "{0} qui ne sont pas des fichiers ordinaires (lien, tube, périphérique, point de montage)",
        "{0} that are no regular files (link, pipe, device, mount point)";
    DOUBT_SEVERAL_NAMES: "{0} qui ont plusieurs noms (liens physiques)", "{0} that have several names (hard links)";
    DOUBT_NAME_UNREADABLE: "{0} dont le nom n'est pas en UTF-8", "{0} whose name is not UTF-8";

    CLASS_DESTROYED: "détruit", "destroyed";
    CLASS_GENERALIZED: "généralisé", "generalized";
    CLASS_PSEUDONYM: "pseudonyme", "pseudonym";
    CLASS_STILL_PERSONAL: "encore personnel", "still personal";

    MUST_KNOW: "À savoir avant d'approuver", "Before you approve";
    SEVERITY_NOTE: "à noter", "note";
    SEVERITY_NEEDS_APPROVAL: "demande l'accord d'une personne", "needs a person's approval";
    SEVERITY_REFUSAL: "interdit l'exécution", "cannot be applied";
    ON_ITEM: "point {0} : ", "item {0}: ";
    UNREACHABLE: "Le plan est incomplet : « {0} » (système « {1} ») n'a pas pu être lu : {2}.",
        "The plan is incomplete: '{0}' (store '{1}') could not be read: {2}.";

    FIGURES_RECORDS: "{0} échus, au plus {1} sans accord exprès", "{0} due, at most {1} without a person's approval";
    FIGURES_SHARE: "{0} échus sur {1}, au plus {2} % sans accord exprès",
        "{0} of {1} due, at most {2} % without a person's approval";
    FIGURES_DATASET: "« {0} »", "'{0}'";
    FIGURES_NEWEST: "la règle garde les {0} plus récents, et {1} seulement ne sont pas encore échus",
        "the rule keeps the newest {0}, and only {1} are not due yet";
    FIGURES_UNDECIDABLE: "sur {0} dans le champ de la règle : {1}; ils sont conservés", "of {0} in scope: {1}; they are kept";
    FIGURES_NEVER: "aucun des {0} enregistrements n'a de départ : rien ne sera jamais échu",
        "none of {0} records has a start: nothing will ever be due";
    FIGURES_ZONE: "{0} départs ne sont ni une date ni une heure avec son fuseau ; pour des heures locales, déclarer leur « zone »",
        "{0} starts are neither a date nor a time with its zone; for local times declare their 'zone'";
    FIGURES_CONFLICT: "{0} enregistrements sont réclamés par plus d'une règle et sont conservés",
        "{0} records are claimed by more than one rule and are kept";
    FIGURES_BACKUPS: "système « {0} » : les attestations seront partielles ; déclarer « backups_kept »",
        "store '{0}': certificates will be partial; declare 'backups_kept'";
    FIGURES_TRIGGERS: "pour {0} enregistrements de « {1} » ; leur effet ne peut être prévu",
        "for {0} records of '{1}'; what they do cannot be foreseen";
    FIGURES_IN_ENGLISH: "détail, en anglais : {0}", "{0}";
    FINDING_GUARD_RECORDS: "plus d'enregistrements échus que le garde-fou n'en permet",
        "more records are due than the guard allows";
    FINDING_GUARD_SHARE: "plus grande part des données que le garde-fou n'en permet",
        "a greater share of the dataset is due than the guard allows";
    FINDING_GUARD_WHOLE: "toutes les données disparaîtraient", "the whole dataset would go";
    FINDING_GUARD_NEWEST: "des enregistrements parmi les plus récents sont échus",
        "some of the newest records are due";
    FINDING_SHARE_UNDECIDABLE: "une grande part des enregistrements est indécidable",
        "a great share of the records is undecidable";
    FINDING_START_NEVER: "la date de départ n'est jamais renseignée", "the start date is never set";
    FINDING_DATASET_UNREACHABLE: "des données n'ont pas pu être lues", "a dataset could not be read";
    FINDING_CONFLICT: "des règles se contredisent", "rules disagree";
    FINDING_TRIGGERS: "des déclencheurs s'exécuteront", "triggers will fire";
    FINDING_FOREIGN_KEY_BLOCKS: "une clé étrangère empêche la suppression", "a foreign key stands in the way";
    FINDING_CASCADE: "une suppression en cascade n'est pas déclarée", "a cascade is not declared";
    FINDING_NOT_INDEXED: "une clé étrangère sans index ralentira l'exécution",
        "a foreign key without an index will slow the run";
    FINDING_CONSTRAINT: "une contrainte du système refuserait la modification", "a constraint of the store would refuse the change";
    FINDING_BACKUPS: "durée des sauvegardes inconnue", "how long backups are kept is unknown";
    FINDING_CLOCK: "l'horloge est douteuse", "the clock is in doubt";
    FINDING_SHORTENED: "la durée a été raccourcie depuis la version précédente",
        "the period is shorter than in the version before";
    FINDING_NOTHING_DUE: "rien n'est échu", "nothing is due";
    FINDING_START_UNRESOLVED: "la date de départ est introuvable ou ambiguë", "the start event cannot be found, or is ambiguous";
    FINDING_SCOPE_UNREADABLE: "le champ de la règle ne correspond pas aux colonnes", "the scope of the rule does not fit the columns";
    FINDING_HOLD_UNREADABLE: "un gel ne peut être vérifié : rien ne sera touché dans ces données",
        "a hold cannot be checked: nothing of the dataset may be touched";
    FINDING_KEY_MISSING: "pas de clé primaire : aucun enregistrement ne peut être désigné",
        "no primary key: no record can be named";
    FINDING_LINKED_STAY: "des fichiers nommés par les lignes ne partent pas avec elles",
        "files that rows name do not go with them";
    FINDING_INVENTORY: "les nombres sont ceux d'un inventaire du système ; ce qui a été écrit depuis reste jusqu'à la prochaine exécution",
        "the counts are those of an inventory of the store; what was written since stays for the next run";
    FINDING_ORPHANS: "des objets que nul enregistrement ne nomme resteraient pour toujours",
        "objects that no record names would stay for ever";
    ITEM_PARTITIONS: "Partitions supprimées d'un bloc : {0}.", "Partitions dropped as a whole: {0}.";
    FIGURES_PARTITIONS: "{0} partition(s), {1} enregistrements ; leurs plages n'auront plus de place",
        "{0} partition(s), {1} records; their ranges have no place then";
    FINDING_PARTITIONS_GO: "des partitions entièrement échues seront supprimées d'un bloc",
        "partitions in which everything is due are dropped as a whole";
    FINDING_PARTITIONS_COULD: "des partitions entièrement échues pourraient être supprimées d'un bloc",
        "partitions in which everything is due could be dropped as a whole";
    FIGURES_LEAK: "système « {0} » : {1}", "store '{0}': {1}";
    FIGURES_LEAK_DATASET: "« {0} » : {1}", "'{0}': {1}";
    FIGURES_LEAK_UNSEEN: "système « {0} », {1} : {2}", "store '{0}', {1}: {2}";
    FINDING_STATEMENTS_LOGGED: "les requêtes sont journalisées avec leurs valeurs, dont des clés d'enregistrements",
        "statements are logged with their values, among them keys of records";
    FINDING_STATEMENTS_COUNTED: "les requêtes sont comptées par leur texte, sans aucune valeur de notre part",
        "statements are counted by their text, without any value of ours";
    FINDING_ROWS_LOGGED: "le journal binaire garde les lignes modifiées", "the binary log keeps changed rows";
    FINDING_LOG_ARCHIVED: "le journal de transactions, qui contient les valeurs effacées, est archivé",
        "the write-ahead log, which holds erased values, is archived";
    FINDING_SLOT: "un slot de réplication garde le journal jusqu'à ce qu'il soit lu",
        "a replication slot keeps the log until it is read";
    FINDING_CHANGES_SENT: "les modifications sont envoyées à des abonnés", "changes are sent to subscribers";
    FINDING_REPLICA: "un autre serveur suit celui-ci et a son propre journal",
        "another server follows this one and has a log of its own";
    FINDING_TRIGGER_COPIES: "un déclencheur peut recopier ailleurs ce que contenait une ligne effacée",
        "a trigger may write elsewhere what an erased row held";
    FINDING_LEAK_UNSEEN: "n'a pas pu être vu : ce qui garde ou recopie des valeurs effacées",
        "not seen: what keeps or copies erased values";
    LEAK_STATEMENT_LOG: "journal des requêtes", "log of statements";
    LEAK_STATISTICS: "statistiques des requêtes", "statistics of statements";
    LEAK_BINARY_LOG: "journal binaire", "binary log";
    LEAK_ARCHIVE: "archive du journal de transactions", "archive of the write-ahead log";
    LEAK_SLOT: "slots de réplication", "replication slots";
    LEAK_STREAM: "abonnés aux modifications", "subscribers of changes";
    LEAK_STANDBY: "serveurs répliques", "replicas";
    LEAK_TRIGGER: "déclencheurs qui recopient", "copying triggers";
    FINDING_SHARED_CHILDREN: "des lignes appartiennent à plusieurs enregistrements",
        "rows belong to several records";
    FINDING_SHARED_WITH_OTHERS: "des enregistrements concernent aussi d'autres personnes : ils sont conservés",
        "records are other people's too: they are kept";
    FINDING_GIVEN_ANEW: "des enregistrements ont été donnés de nouveau après l'effacement, ou ont pu l'être : ils sont conservés",
        "records were given anew after the erasure, or may have been: they are kept";
    FINDING_REFERRED_TO: "des enregistrements de la personne restent parce que d'autres lignes y renvoient",
        "records of the person stay because other rows refer to them";
    FINDING_OWNERSHIP_UNDECLARED: "la carte des données ne dit pas si ces lignes sont celles de la personne",
        "the data map does not say whether rows are the person's";
    FINDING_NAMED_IN_TEXT: "des textes qui ne sont pas des enregistrements de la personne la nomment",
        "texts that are not the person's records name them";
    FINDING_SAME_TABLE_TWICE: "plusieurs jeux de données décrivent la même table",
        "several datasets speak of one table";
    FINDING_LOCKED: "des enregistrements échus restent sous un verrou de leur système",
        "records that are due stay under a lock of their store";
    FINDING_BYPASS: "un verrou du système est outrepassé, comme le disent les réglages",
        "a lock of the store is bypassed, as the settings say";
    FINDING_SET_UP: "la façon dont le système est réglé laisse survivre ou coûte quelque chose",
        "the way the store is set up lets something survive, or costs";
    FINDING_FORBIDS: "la façon dont le système est réglé empêche tout effacement",
        "the way the store is set up makes every removal fail";

    APPROVE_WITH: "Pour approuver (une autre personne que l'auteur) :", "To approve (somebody other than the author):";
    APPLY_WITH: "Pour exécuter :", "To apply:";
    SHOW_WITH: "Pour relire :", "To read it again:";
    APPROVALS: "Approbations", "Approvals";
    NO_APPROVAL: "Personne n'a encore approuvé ce plan.", "Nobody has approved this plan yet.";
    APPROVED_BY: "{0} le {1}", "{0} at {1}";
    APPROVED_BY_NOTE: "{0} le {1} : {2}", "{0} at {1}: {2}";
    APPROVAL_SIGNED: " (signée)", " (signed)";
    CARRIED_OUT: "Ce plan a été exécuté : {0}, attestation {1}.", "This plan was carried out: {0}, certificate {1}.";
    RUN_OPEN: "L'exécution {0} de ce plan n'est pas achevée : oubliette apply --resume",
        "Run {0} of this plan is not finished: oubliette apply --resume";
    COVERED: "Couvert par des approbations permanentes.", "Covered by standing approvals.";
    READY: "Ce plan peut être exécuté ; « apply » le comparera encore une fois aux systèmes.",
        "This plan can be applied; `apply` compares it with the stores once more.";
    NOT_READY: "Ce plan ne peut pas être exécuté : {0}.", "This plan cannot be applied: {0}.";
    NOT_READY_UNAPPROVED: "il n'est pas approuvé", "it is not approved";
    NOT_READY_OTHER_DIGEST: "il a été approuvé sous une autre forme ; l'approuver à nouveau",
        "it was approved in another form: approve it again";
    NOT_READY_SIGNATURE: "l'approbation n'est pas valablement signée ; détail, en anglais : {0}",
        "the approval does not stand: {0}";
    NOT_READY_EXPIRED: "il a expiré le {0} ; l'établir à nouveau", "it expired at {0}: draft it again";
    NOT_READY_FUTURE: "il a été établi dans le futur : l'horloge est fausse", "it was drafted after now: the clock is wrong";
    NOT_READY_SIMULATED: "c'est une simulation", "it is a simulation";
    NOT_READY_AUTHOR: "la même personne l'a établi et approuvé, ce que les réglages interdisent",
        "it was drafted and approved by the same person, which the settings forbid";
    NOT_READY_PERSON: "il faut l'accord d'une personne : {0}", "it needs a person's approval: {0}";
    NOT_READY_VOID: "l'approbation permanente de {0}/{1} est caduque : la règle ou ses données ont changé",
        "the standing approval of {0}/{1} is void: the rule or its datasets changed";
    NOT_READY_POLICY: "une politique ou la carte des données a changé ; l'établir à nouveau",
        "a policy or the data map changed: draft it again";
    NOT_READY_HOLDS: "des gels ont été posés ou levés depuis ; l'établir à nouveau",
        "holds were placed or released since: draft it again";
    NOT_READY_OTHER_RUN: "l'exécution {0} d'un autre plan n'est pas achevée", "run {0} of another plan is not finished";
    NOT_READY_CLOCK: "l'horloge retarde sur le {0}, déjà vu", "the clock is behind {0}, which was seen already";
    NOTHING_DUE: "Rien n'est échu : il n'y a rien à exécuter.", "Nothing is due: there is nothing to apply.";
    WRITTEN_TO: "Plan écrit dans {0}.", "Plan written to {0}.";

    APPROVED: "Plan {0} approuvé par {1} le {2} (empreinte {3}).", "Plan {0} approved by {1} at {2} (digest {3}).";
    STANDING_GIVEN: "Règle {0}/{1} approuvée durablement par {2} : toute modification de la règle, de ses garde-fous ou de ses données annule cet accord.",
        "Rule {0}/{1} has the standing approval of {2}: any change of the rule, its guards or its datasets voids it.";
    STANDING_REVOKED: "{2} approbation(s) permanente(s) de {0}/{1} révoquée(s).",
        "{2} standing approval(s) of {0}/{1} revoked.";

    CHECK_GOOD: "Aucune anomalie.", "No faults found.";
    CHECK_COUNTS: "{0} erreur(s), {1} avertissement(s).", "{0} error(s), {1} warning(s).";
    CHECK_OFFLINE: "Documents seuls : les systèmes n'ont pas été lus.", "Documents only: the stores were not read.";
}

/// What becomes of the records of an item, in one word.
#[must_use]
pub fn disposition(disposition: &crate::plan::Disposition) -> Message {
    match disposition {
        crate::plan::Disposition::Purge => PURGE,
        crate::plan::Disposition::Anonymize { .. } => ANONYMIZE,
        crate::plan::Disposition::Pseudonymize { .. } => PSEUDONYMIZE,
    }
}

/// What the start of a period is moved to, by its word in the policy.
#[must_use]
pub fn rounding(word: &str) -> Option<Message> {
    match word {
        "end_of_month" => Some(END_OF_MONTH),
        "end_of_calendar_year" => Some(END_OF_CALENDAR_YEAR),
        "end_of_fiscal_year" => Some(END_OF_FISCAL_YEAR),
        _ => None,
    }
}

#[must_use]
pub fn effect(kind: EffectKind) -> Message {
    match kind {
        EffectKind::Dependents => EFFECT_DEPENDENTS,
        EffectKind::LinkedObjects => EFFECT_LINKED,
        EffectKind::Trigger => EFFECT_TRIGGER,
    }
}

/// Why records are undecidable; `{0}` is how many.
#[must_use]
pub fn doubt(reason: DoubtReason) -> Message {
    match reason {
        DoubtReason::Conflict => DOUBT_CONFLICT,
        DoubtReason::StartMissing => DOUBT_MISSING,
        DoubtReason::StartUnreadable => DOUBT_UNREADABLE,
        DoubtReason::StartInFuture => DOUBT_FUTURE,
        DoubtReason::NotGovernable => DOUBT_NOT_GOVERNABLE,
        DoubtReason::NoRegularFile => DOUBT_NO_REGULAR_FILE,
        DoubtReason::SeveralNames => DOUBT_SEVERAL_NAMES,
        DoubtReason::NameUnreadable => DOUBT_NAME_UNREADABLE,
    }
}

/// What may keep or copy erased values.
#[must_use]
pub fn leak(kind: LeakKind) -> Message {
    match kind {
        LeakKind::StatementLog => LEAK_STATEMENT_LOG,
        LeakKind::StatementStatistics => LEAK_STATISTICS,
        LeakKind::BinaryLog => LEAK_BINARY_LOG,
        LeakKind::WalArchive => LEAK_ARCHIVE,
        LeakKind::ReplicationSlot => LEAK_SLOT,
        LeakKind::ChangeStream => LEAK_STREAM,
        LeakKind::Standby => LEAK_STANDBY,
        LeakKind::CopyingTrigger => LEAK_TRIGGER,
    }
}

#[must_use]
pub fn class(class: TransformClass) -> Message {
    match class {
        TransformClass::Destroyed => CLASS_DESTROYED,
        TransformClass::Generalized => CLASS_GENERALIZED,
        TransformClass::Pseudonym => CLASS_PSEUDONYM,
        TransformClass::StillPersonal => CLASS_STILL_PERSONAL,
    }
}

#[must_use]
pub fn severity(severity: FindingSeverity) -> Message {
    match severity {
        FindingSeverity::Note => SEVERITY_NOTE,
        FindingSeverity::NeedsApproval => SEVERITY_NEEDS_APPROVAL,
        FindingSeverity::Refusal => SEVERITY_REFUSAL,
    }
}

#[must_use]
pub fn finding(code: FindingCode) -> Message {
    match code {
        FindingCode::GuardRecords => FINDING_GUARD_RECORDS,
        FindingCode::GuardShare => FINDING_GUARD_SHARE,
        FindingCode::GuardWholeDataset => FINDING_GUARD_WHOLE,
        FindingCode::GuardKeepNewest => FINDING_GUARD_NEWEST,
        FindingCode::ShareUndecidable => FINDING_SHARE_UNDECIDABLE,
        FindingCode::StartNeverSet => FINDING_START_NEVER,
        FindingCode::DatasetUnreachable => FINDING_DATASET_UNREACHABLE,
        FindingCode::RulesConflict => FINDING_CONFLICT,
        FindingCode::TriggersFire => FINDING_TRIGGERS,
        FindingCode::ForeignKeyBlocks => FINDING_FOREIGN_KEY_BLOCKS,
        FindingCode::CascadeUndeclared => FINDING_CASCADE,
        FindingCode::ForeignKeyNotIndexed => FINDING_NOT_INDEXED,
        FindingCode::ConstraintViolated => FINDING_CONSTRAINT,
        FindingCode::BackupsUnknown => FINDING_BACKUPS,
        FindingCode::ClockDoubtful => FINDING_CLOCK,
        FindingCode::PeriodShortened => FINDING_SHORTENED,
        FindingCode::NothingDue => FINDING_NOTHING_DUE,
        FindingCode::StartUnresolved => FINDING_START_UNRESOLVED,
        FindingCode::ScopeUnreadable => FINDING_SCOPE_UNREADABLE,
        FindingCode::HoldUnreadable => FINDING_HOLD_UNREADABLE,
        FindingCode::KeyMissing => FINDING_KEY_MISSING,
        FindingCode::LinkedStay => FINDING_LINKED_STAY,
        FindingCode::OrphanObjects => FINDING_ORPHANS,
        FindingCode::SharedChildren => FINDING_SHARED_CHILDREN,
        FindingCode::PartitionsGo => FINDING_PARTITIONS_GO,
        FindingCode::PartitionsCould => FINDING_PARTITIONS_COULD,
        FindingCode::StatementsLogged => FINDING_STATEMENTS_LOGGED,
        FindingCode::StatementsCounted => FINDING_STATEMENTS_COUNTED,
        FindingCode::RowsLogged => FINDING_ROWS_LOGGED,
        FindingCode::LogArchived => FINDING_LOG_ARCHIVED,
        FindingCode::SlotKeepsLog => FINDING_SLOT,
        FindingCode::ChangesSent => FINDING_CHANGES_SENT,
        FindingCode::ReplicaFollows => FINDING_REPLICA,
        FindingCode::TriggerCopies => FINDING_TRIGGER_COPIES,
        FindingCode::LeakUnseen => FINDING_LEAK_UNSEEN,
        FindingCode::SharedWithOthers => FINDING_SHARED_WITH_OTHERS,
        FindingCode::GivenAnew => FINDING_GIVEN_ANEW,
        FindingCode::ReferredTo => FINDING_REFERRED_TO,
        FindingCode::OwnershipUndeclared => FINDING_OWNERSHIP_UNDECLARED,
        FindingCode::NamedInText => FINDING_NAMED_IN_TEXT,
        FindingCode::SameTableTwice => FINDING_SAME_TABLE_TWICE,
        FindingCode::LockedByStore => FINDING_LOCKED,
        FindingCode::CountsOfInventory => FINDING_INVENTORY,
        FindingCode::LockBypassed => FINDING_BYPASS,
        FindingCode::StoreSetUp => FINDING_SET_UP,
        FindingCode::StoreForbids => FINDING_FORBIDS,
    }
}
