//! Every bound of the document layer, with its reason (floor 0).

/// Faults listed in one check. Nobody reads more, and a hostile file must not fill the memory.
pub const DIAGNOSTICS_MAX: usize = 200;

/// Characters of a line shown with a fault. Longer lines are cut: they are no prose.
pub const EXCERPT_CHARACTERS_MAX: usize = 200;

/// Bytes of one document. The largest policy seen in practice is under 100 KiB.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Nodes of one document: a million bytes of `[],` must not become gigabytes of tree.
pub const DOCUMENT_NODES_MAX: usize = 100_000;

/// Nesting of one document. The documents need 8; the rest is room.
pub const DOCUMENT_DEPTH_MAX: usize = 32;

/// Bytes of one scalar: titles and predicates are far shorter.
pub const SCALAR_BYTES_MAX: usize = 16 * 1024;

/// Document files of one catalog, and levels of folders that are searched for them.
pub const DOCUMENT_FILES_MAX: usize = 1_000;
pub const DOCUMENT_FOLDERS_DEPTH_MAX: usize = 8;

/// Entries of one folder that are looked at.
pub const FOLDER_ENTRIES_MAX: usize = 10_000;

/// Bytes of a file that `${file:PATH}` names: a credential, not a data set.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Characters of a name (policy, rule, dataset, store): it appears in file names and certificates.
pub const NAME_CHARACTERS_MAX: usize = 100;

/// Years of a period. The longest duty known to the shipped packs is 30 years; 1000 leaves room
/// for archives and keeps every date inside the calendar of the stores (year 9999).
pub const PERIOD_YEARS_MAX: u32 = 1_000;

/// Digits of one number of a period, more than any bound needs.
pub const PERIOD_DIGITS_MAX: usize = 9;

/// Days that a deadline may roll over holidays before the table of holidays must be wrong.
pub const ROLL_DAYS_MAX: u32 = 30;

/// Rules of one policy, and bounds of one rule: each bound is compared day by day over two years.
pub const POLICY_RULES_MAX: usize = 500;
pub const RULE_BOUNDS_MAX: usize = 16;

/// Datasets of one catalog.
pub const DATASETS_MAX: usize = 10_000;

/// Names that are compared with a misspelt one for a hint.
pub const HINT_CANDIDATES_MAX: usize = 1_000;
