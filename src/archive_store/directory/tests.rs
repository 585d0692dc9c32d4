//! Publishing, crashing and resuming, on real directories; tampering and foreign tools below.
#![expect(clippy::print_stdout, reason = "figures for whoever runs the tests with --nocapture")]

mod foreign;
mod tamper;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::archive::verify::{TrustAnchor, VerifyOptions, VerifyReport, verify};
use crate::archive::{ArchiveFiles, ListedFile};
use crate::archive_store::DirectoryFiles;
use crate::certificate::tests::{Keys, record_set, statement};
use crate::evidence::Exception;
use crate::evidence::tests::{code, evidence, target};
use crate::views::certificate_html::render;

const POLICY: &[u8] = b"policy: customers-fr\n";

/// Three plans: two end in a certificate, one is abandoned.
struct Script {
    keys: Keys,
    work: tempfile::TempDir,
}

/// A directory in memory where there is one: hundreds of runs, each with some hundred syncs.
fn memory_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

impl Script {
    fn new() -> Self {
        Self { keys: Keys::new(0), work: memory_directory() }
    }

    fn root(&self) -> PathBuf {
        self.work.path().join("archive")
    }

    fn commitments(&self) -> PathBuf {
        self.work.path().join("record-commitments.bin")
    }

    fn open(&self, kept: Option<&str>) -> Result<DirectoryArchive, ArchiveError> {
        DirectoryArchive::open(&self.root(), &self.keys.trust_root, self.keys.log_signer(), kept)
    }

    /// Publishes everything from wherever an earlier attempt stopped.
    fn run(&self, archive: &mut DirectoryArchive) -> Result<(), ArchiveError> {
        for number in 1..=2 {
            self.certificate(archive, number)?;
        }
        let plan = b"{\"plan\":9}";
        archive.publish_intent(Digest32::of(plan), plan)?;
        archive.publish_abandonment(Digest32::of(plan))?;
        Ok(())
    }

    fn certificate(&self, archive: &mut DirectoryArchive, number: u8) -> Result<Published, ArchiveError> {
        let plan = format!("{{\"plan\":{number}}}");
        let plan_digest = Digest32::of(plan.as_bytes());
        let intent_log_index = archive.publish_intent(plan_digest, plan.as_bytes())?;
        let mut value = evidence(vec![target(u64::from(number) + 4)]);
        value.plan_digest = plan_digest;
        value.intent_log_index = intent_log_index;
        value.record_set = record_set(&self.commitments(), u64::from(number) + 4);
        if number == 2 {
            value.targets[0].counts.matched += 1;
            value.targets[0].counts.excepted = 1;
            value.targets[0].verification.as_mut().expect("read back").remaining = 1;
            value.targets[0].exceptions =
                vec![Exception { code: code("legal_hold"), count: 1, hold_ref: None, review_on: None }];
        }
        let statement = statement(number, value);
        let envelope = statement.sign(&[&self.keys.certificate])?.to_bytes()?;
        let html = render(&archive.trust_root.verify(&envelope)?);
        archive.publish(&Publication { envelope: &envelope, html: &html, policies: &[POLICY] })
    }

    fn done(&self) -> Memory {
        let mut archive = self.open(None).expect("opened");
        self.run(&mut archive).expect("published");
        drop(archive);
        Memory::of(&self.root())
    }

    fn verify(&self, files: &dyn ArchiveFiles) -> VerifyReport {
        self.verify_with(files, None, 0)
    }

    fn verify_with(&self, files: &dyn ArchiveFiles, kept: Option<&[u8]>, entries_min: u64) -> VerifyReport {
        let anchor = TrustAnchor::File(&self.keys.trust_root);
        let options = VerifyOptions { anchor, kept_checkpoint: kept, entries_min };
        verify(files, &options, &render)
    }
}

/// A copy of an archive in memory, to be changed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    fn of(root: &Path) -> Self {
        let files = DirectoryFiles::new(root);
        let listed = files.list(10_000).expect("listed");
        let read = |path: &str| files.read(path, 1 << 24).expect("read").expect("there");
        Self(listed.into_iter().map(|file| (file.path.clone(), read(&file.path))).collect())
    }

    fn path(&self, end: &str, position: usize) -> String {
        self.0.keys().filter(|path| path.ends_with(end)).nth(position).expect("there").clone()
    }
}

impl ArchiveFiles for Memory {
    fn list(&self, _: usize) -> Result<Vec<ListedFile>, ArchiveError> {
        let listed = |(path, bytes): (&String, &Vec<u8>)| ListedFile {
            path: path.clone(),
            is_plain: true,
            size_bytes: bytes.len() as u64,
        };
        Ok(self.0.iter().map(listed).collect())
    }

    fn read(&self, path: &str, _: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self.0.get(path).cloned())
    }
}

#[test]
fn an_untouched_archive_holds_and_lists_its_certificates() {
    let script = Script::new();
    let archive = script.done();
    let report = script.verify(&archive);
    assert_eq!(report.findings, []);
    assert_eq!(report.certificates.iter().map(|each| each.records).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(report.checkpoint.expect("a checkpoint").size, 6);
    let fingerprint = TrustRoot::fingerprint(&script.keys.trust_root);
    let options = VerifyOptions {
        anchor: TrustAnchor::Fingerprint(fingerprint),
        kept_checkpoint: None,
        entries_min: 6,
    };
    assert_eq!(verify(&archive, &options, &render).findings, []);
    let options = VerifyOptions { anchor: TrustAnchor::Fingerprint(Digest32::of(b"")), ..options };
    assert!(!verify(&archive, &options, &render).holds());
}

#[test]
fn interrupted_at_any_step_and_started_again_the_archive_is_that_of_an_undisturbed_run() {
    let undisturbed = Script::new().done();
    let mut interruptions = 0_u32;
    for step in 0.. {
        let script = Script::new();
        let files = DurableFiles::open(&script.root(), MODE).expect("opened");
        files.steps_left.set(Some(step));
        let opened =
            DirectoryArchive::open_files(files, &script.keys.trust_root, script.keys.log_signer(), None);
        let finished = opened.and_then(|mut archive| script.run(&mut archive)).is_ok();
        if finished {
            break;
        }
        interruptions += 1;
        assert!(!script.verify(&DirectoryFiles::new(&script.root())).findings.is_empty() || step > 0);
        assert_eq!(script.done(), undisturbed, "interrupted at step {step}");
    }
    assert!(interruptions > 150, "only {interruptions} steps");
    println!("publishing interrupted at {interruptions} steps, {interruptions} times the same archive");
}

#[test]
fn publishing_again_changes_nothing_and_other_bytes_under_the_same_id_are_refused() {
    let script = Script::new();
    let first = script.done();
    assert_eq!(script.done(), first);
    let mut archive = script.open(None).expect("opened");
    let published = script.certificate(&mut archive, 2).expect("published again");
    assert_eq!((published.log_index, published.tree_size), (3, 4));
    let envelope = first.0[&first.path("certificate.dsse.json", 0)].clone();
    let publication = Publication { envelope: &envelope, html: "another view", policies: &[] };
    assert!(matches!(archive.publish(&publication), Err(ArchiveError::Conflict { .. })));
    drop(archive);
    assert_eq!(Memory::of(&script.root()), first);
}

#[test]
fn a_second_writer_and_a_log_that_shrank_or_forked_are_refused() {
    let script = Script::new();
    script.done();
    let archive = script.open(None).expect("opened");
    let kept = archive.checkpoint().to_owned();
    assert!(matches!(script.open(None), Err(ArchiveError::Locked)));
    drop(archive);
    assert!(script.open(Some(&kept)).is_ok());
    let older = fs::read(script.root().join("checkpoints/3.note")).expect("read");
    fs::write(script.root().join("checkpoint"), older).expect("put back");
    assert!(matches!(script.open(Some(&kept)), Err(ArchiveError::Shrunk { found: 3, kept: 6 })));
    let other = Script::new();
    let mut archive = other.open(None).expect("opened");
    for plan in 0..7_u8 {
        archive.publish_intent(Digest32::of(&[plan]), &[plan]).expect("published");
    }
    drop(archive);
    assert!(matches!(other.open(Some(&kept)), Err(ArchiveError::Forked { size: 6 })));
    fs::remove_file(other.root().join("checkpoint")).expect("removed");
    assert!(matches!(other.open(None), Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_log_of_600_entries_has_full_and_partial_tiles_and_holds() {
    let script = Script::new();
    let mut archive = script.open(None).expect("opened");
    for plan in 0..597_u32 {
        let plan = plan.to_be_bytes();
        archive.publish_intent(Digest32::of(&plan), &plan).expect("published");
    }
    script.certificate(&mut archive, 1).expect("published");
    drop(archive);
    let mut archive = script.open(None).expect("opened again");
    script.certificate(&mut archive, 2).expect("published");
    drop(archive);
    let files = Memory::of(&script.root());
    for path in ["tile/0/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/89"] {
        assert!(files.0.contains_key(path), "{path}");
    }
    assert!(!files.0.keys().any(|path| path.starts_with("tile/0/001.p")), "full now");
    let report = script.verify(&files);
    assert!(
        report.findings.iter().all(|finding| finding.code == "intent_open"),
        "{:?}",
        report.findings.last()
    );
    assert_eq!(report.findings.len(), 597);
    assert!(report.holds());
}
