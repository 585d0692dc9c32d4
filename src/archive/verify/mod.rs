//! Verifying an archive: offline, from a copy of its files and the trust root alone.
//!
//! Floor 5. Nothing in the archive is believed before it is checked; every file has one right
//! content, recomputed from what is signed, so a change of any byte of any file is a finding. Files
//! are read with size limits through [`ArchiveFiles`]; nothing panics on hostile bytes, and links are
//! not followed. What it cannot notice alone: a whole archive put back to an earlier state. For
//! that it compares with a checkpoint that the auditor kept ([`VerifyOptions::kept_checkpoint`]).

mod certificates;
mod log;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use super::entry::LogEntry;
use super::layout::{ArchivePath, CertificatePart, CertificatePlace};
use super::note::VerifierKey;
use super::tile::Tile;
use super::{ArchiveError, ArchiveFiles, ListedFile};
use crate::certificate::{
    CertificateId, ENVELOPE_BYTES_MAX, Relation, RelationKind, TrustRoot, VerifiedCertificate,
};
use crate::digest::Digest32;
use crate::evidence::{Kind, Outcome, Residual};
use log::VerifiedLog;

/// More files than this are not looked at.
const FILES_MAX: usize = 5_000_000;
const POLICY_BYTES_MAX: usize = 4 << 20;
const PLAN_BYTES_MAX: usize = 64 << 20;

/// Where the trust root comes from: always from outside the archive.
#[derive(Debug, Clone, Copy)]
pub enum TrustAnchor<'a> {
    /// The bytes of the trust root's file.
    File(&'a [u8]),
    /// SHA-256 of the file; the file itself is then taken from the archive.
    Fingerprint(Digest32),
}

#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions<'a> {
    pub anchor: TrustAnchor<'a>,
    /// An older checkpoint note that the auditor kept: the log must begin with it.
    pub kept_checkpoint: Option<&'a [u8]>,
    /// The least number of entries the log is known to have had.
    pub entries_min: u64,
}

/// Renders the view for people of a verified certificate; the archive's copy must equal it.
pub type RenderView<'a> = &'a dyn Fn(&VerifiedCertificate) -> String;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should look, the archive holds.
    Warning,
    /// The archive does not hold.
    Error,
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable code, such as `certificate_not_in_log`.
    pub code: &'static str,
    pub severity: Severity,
    /// The file, relative to the archive.
    pub path: String,
    pub message: String,
}

/// One certificate that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    pub id: CertificateId,
    pub path: String,
    pub issued_at: chrono::DateTime<chrono::Utc>,
    pub outcome: Outcome,
    pub records: u64,
    pub log_index: u64,
    pub keyids: Vec<Digest32>,
    pub kind: Kind,
    pub relates_to: Vec<Relation>,
    /// The copies it names: those that outlive its run, or of a closure those it speaks of.
    pub residuals: Vec<Residual>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointSummary {
    pub origin: String,
    pub size: u64,
    pub root: Digest32,
    /// The signed note, for the auditor to keep for next time.
    pub note: String,
}

/// The result of verifying an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    pub findings: Vec<Finding>,
    pub certificates: Vec<CertificateSummary>,
    pub checkpoint: Option<CheckpointSummary>,
    pub trust_root: Option<Digest32>,
    pub files_checked: u64,
}

/// The code of the finding that there is nothing at all to verify.
const EMPTY: &str = "empty_archive";

impl VerifyReport {
    /// Whether there was nothing at all to verify.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.iter().any(|finding| finding.code == EMPTY)
    }

    /// Whether nothing worse than a warning was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }

    fn add(&mut self, severity: Severity, code: &'static str, path: String, message: String) {
        self.findings.push(Finding { code, severity, path, message });
    }

    fn error(&mut self, code: &'static str, path: impl Display, message: impl Display) {
        self.add(Severity::Error, code, path.to_string(), message.to_string());
    }

    fn warning(&mut self, code: &'static str, path: impl Display, message: impl Display) {
        self.add(Severity::Warning, code, path.to_string(), message.to_string());
    }
}

/// Verifies an archive. Errors of reading are findings too: the report is always given.
#[must_use]
pub fn verify(files: &dyn ArchiveFiles, options: &VerifyOptions<'_>, render: RenderView<'_>) -> VerifyReport {
    let mut report = VerifyReport::default();
    let inventory = match Inventory::take(files, &mut report) {
        Ok(inventory) => inventory,
        Err(error) => {
            report.error("unreadable", "", error);
            return report;
        }
    };
    if report.files_checked == inventory.locks {
        report.error(
            EMPTY,
            "",
            "the archive is empty: nothing was applied and certified yet, or its files were removed",
        );
        return report;
    }
    let Some(trust_root) = establish_trust(files, options, &inventory, &mut report) else { return report };
    let key = match VerifierKey::parse(&trust_root.log.vkey) {
        Ok(key) if key.name() == trust_root.log.origin.as_str() => key,
        _ => {
            report.error("trust_root_invalid", ArchivePath::TrustRoot, "it names no usable key for the log");
            return report;
        }
    };
    let Some(log) = VerifiedLog::read(files, &key, options, &inventory, &mut report) else { return report };
    let mut audit = Audit {
        files,
        render,
        trust_root: &trust_root,
        log: &log,
        inventory: &inventory,
        report: &mut report,
        logged: HashMap::new(),
        certified_plans: BTreeSet::new(),
        named_policies: BTreeSet::new(),
    };
    audit.certificates();
    audit.closures();
    audit.entries();
    audit.policies_and_plans();
    for (code, path, message) in files.remarks() {
        report.warning(code, path, message);
    }
    report
}

/// What is being verified, and what was learnt so far.
struct Audit<'a> {
    files: &'a dyn ArchiveFiles,
    render: RenderView<'a>,
    trust_root: &'a TrustRoot,
    log: &'a VerifiedLog,
    inventory: &'a Inventory,
    report: &'a mut VerifyReport,
    /// Envelope digests of the certificates found.
    logged: HashMap<Digest32, CertificateId>,
    certified_plans: BTreeSet<Digest32>,
    named_policies: BTreeSet<Digest32>,
}

/// The files of the archive, by what they are.
#[derive(Debug, Default)]
struct Inventory {
    notes: BTreeSet<u64>,
    tiles: BTreeSet<Tile>,
    certificates: BTreeMap<CertificatePlace, BTreeSet<CertificatePart>>,
    policies: BTreeSet<Digest32>,
    plans: BTreeSet<Digest32>,
    keys: BTreeSet<Digest32>,
    locks: u64,
}

impl Inventory {
    fn take(files: &dyn ArchiveFiles, report: &mut VerifyReport) -> Result<Self, ArchiveError> {
        let mut inventory = Self::default();
        for file in files.list(FILES_MAX)? {
            report.files_checked += 1;
            past(&file, report);
            if file.past.is_gone {
                continue;
            }
            if !file.is_plain {
                report.error("not_a_file", &file.path, "not a plain file with a readable name");
            } else if file.path == ".lock" && file.size_bytes == 0 {
                // The writer's lock: empty, means nothing.
                inventory.locks += 1;
            } else if file.path.starts_with(".tmp/") {
                report.warning("unfinished_file", &file.path, "left by an interrupted writer");
            } else {
                match ArchivePath::parse(&file.path) {
                    Some(path) => inventory.note(path),
                    None => report.error("unknown_file", &file.path, "no file of an archive has this path"),
                }
            }
        }
        Ok(inventory)
    }

    fn note(&mut self, path: ArchivePath) {
        match path {
            ArchivePath::Checkpoint | ArchivePath::TrustRoot => {}
            ArchivePath::Note(size) => drop(self.notes.insert(size)),
            ArchivePath::Tile(tile) => drop(self.tiles.insert(tile)),
            ArchivePath::Policy(digest) => drop(self.policies.insert(digest)),
            ArchivePath::Plan(digest) => drop(self.plans.insert(digest)),
            ArchivePath::PublicKey(keyid) => drop(self.keys.insert(keyid)),
            ArchivePath::Certificate(place, part) => {
                self.certificates.entry(place).or_default().insert(part);
            }
        }
    }
}

/// What became of a name, where the place keeps older versions.
fn past(file: &ListedFile, report: &mut VerifyReport) {
    if file.past.deletions > 0 {
        let message = "a delete marker lies on it, or lay: nothing of an archive is ever deleted";
        report.error("file_deleted", &file.path, message);
    }
    let may_change = ArchivePath::parse(&file.path).is_some_and(|path| path.changes());
    if file.past.older_versions > 0 && !may_change {
        let message = "it was written again: an older version lies under the same name";
        report.error("file_overwritten", &file.path, message);
    }
}

/// Reads a file that must be there; a finding if it is not.
fn read_file(
    files: &dyn ArchiveFiles,
    path: &ArchivePath,
    bytes_max: usize,
    report: &mut VerifyReport,
) -> Option<Vec<u8>> {
    match files.read(&path.to_string(), bytes_max) {
        Ok(Some(bytes)) => return Some(bytes),
        Ok(None) => report.error("file_missing", path, "the file is missing"),
        Err(error) => report.error("unreadable", path, error),
    }
    None
}

/// The trust root from outside, and the archive's copy and key files held against it.
fn establish_trust(
    files: &dyn ArchiveFiles,
    options: &VerifyOptions<'_>,
    inventory: &Inventory,
    report: &mut VerifyReport,
) -> Option<TrustRoot> {
    let copy = read_file(files, &ArchivePath::TrustRoot, ENVELOPE_BYTES_MAX, report);
    let trusted = match options.anchor {
        TrustAnchor::File(bytes) => {
            if copy.is_some_and(|copy| copy != bytes) {
                let message = "the archive's copy is not the trust root given";
                report.error("trust_root_differs", ArchivePath::TrustRoot, message);
            }
            bytes.to_vec()
        }
        TrustAnchor::Fingerprint(fingerprint) => {
            let copy = copy?;
            if TrustRoot::fingerprint(&copy) != fingerprint {
                let message = "it does not have the fingerprint given";
                report.error("trust_root_differs", ArchivePath::TrustRoot, message);
                return None;
            }
            copy
        }
    };
    let trust_root = match TrustRoot::parse(&trusted) {
        Ok(trust_root) => trust_root,
        Err(error) => {
            report.error("trust_root_invalid", ArchivePath::TrustRoot, error);
            return None;
        }
    };
    report.trust_root = Some(TrustRoot::fingerprint(&trusted));
    for key in &trust_root.keys {
        let path = ArchivePath::PublicKey(key.keyid);
        let found = read_file(files, &path, ENVELOPE_BYTES_MAX, report);
        if found.is_some_and(|found| found != key.public_key_pem.as_bytes()) {
            report.error("key_differs", path, "not the key of the trust root");
        }
    }
    for keyid in &inventory.keys {
        if !trust_root.keys.iter().any(|key| key.keyid == *keyid) {
            report.error("unknown_file", ArchivePath::PublicKey(*keyid), "the trust root has no such key");
        }
    }
    Some(trust_root)
}

impl Audit<'_> {
    /// Holds the log's entries against the files: nothing removed, every intent answered.
    fn entries(&mut self) {
        let log = self.log;
        let mut seen = HashMap::new();
        for (index, entry) in log.entries.iter().enumerate() {
            let place = format!("log entry {index}");
            let Some(entry) = entry else {
                self.report.error("entry_unknown", place, "not an entry of an erasure log");
                continue;
            };
            if let Some(first) = seen.insert(*entry, index) {
                self.report.error("entry_repeated", &place, format!("the same as entry {first}"));
            }
            match entry {
                LogEntry::Certificate(digest) if !self.logged.contains_key(digest) => {
                    let message = format!("no certificate file has the digest {digest}: removed or changed");
                    self.report.error("certificate_missing", place, message);
                }
                LogEntry::Intent(plan) => {
                    if self.is_open_intent(entry) {
                        let message = "a plan was begun and no certificate followed";
                        self.report.warning("intent_open", &place, message);
                    }
                    if !self.inventory.plans.contains(plan) {
                        self.report.error(
                            "plan_missing",
                            ArchivePath::Plan(*plan),
                            "the plan's file is missing",
                        );
                    }
                }
                LogEntry::Abandoned(plan) if !seen.contains_key(&LogEntry::Intent(*plan)) => {
                    self.report.error("entry_unknown", place, "ends a plan that was never begun");
                }
                LogEntry::Certificate(_) | LogEntry::Abandoned(_) => {}
            }
        }
    }

    /// Whether a plan was begun, and neither a certificate nor an abandonment followed.
    fn is_open_intent(&self, entry: &LogEntry) -> bool {
        let LogEntry::Intent(plan) = entry else { return false };
        !self.certified_plans.contains(plan) && !self.log.places.contains_key(&LogEntry::Abandoned(*plan))
    }

    /// Policies and plans are named by their digests, and something refers to them.
    fn policies_and_plans(&mut self) {
        for digest in &self.named_policies {
            if !self.inventory.policies.contains(digest) {
                self.report.error(
                    "policy_missing",
                    ArchivePath::Policy(*digest),
                    "the policy's file is missing",
                );
            }
        }
        // The policies of a run are filed before it begins, and named by its certificate.
        let paths = self.inventory.policies.iter().map(|digest| ArchivePath::Policy(*digest).to_string());
        let plans = self.inventory.plans.iter().map(|digest| ArchivePath::Plan(*digest).to_string());
        self.files.will_read(paths.chain(plans).collect());
        let awaited = self.log.places.keys().any(|entry| self.is_open_intent(entry));
        for digest in &self.inventory.policies {
            let is_named = awaited || self.named_policies.contains(digest);
            self.content_addressed(&ArchivePath::Policy(*digest), *digest, POLICY_BYTES_MAX, is_named);
        }
        for digest in &self.inventory.plans {
            let is_named = self.log.places.contains_key(&LogEntry::Intent(*digest));
            self.content_addressed(&ArchivePath::Plan(*digest), *digest, PLAN_BYTES_MAX, is_named);
        }
    }

    fn content_addressed(&mut self, path: &ArchivePath, digest: Digest32, bytes_max: usize, is_named: bool) {
        let Some(bytes) = read_file(self.files, path, bytes_max, self.report) else { return };
        if Digest32::of(&bytes) != digest {
            self.report.error("digest_differs", path, "the content does not have the digest of its name");
        }
        if !is_named {
            self.report.warning("unreferenced", path, "nothing in the log refers to this file");
        }
    }
}
