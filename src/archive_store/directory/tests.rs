//! Publishing, crashing and resuming, on real directories; tampering and foreign tools below.
#![expect(clippy::print_stdout, reason = "figures for whoever runs the tests with --nocapture")]

mod foreign;
mod tamper;

use std::fs;

use super::*;
use crate::archive::verify::{TrustAnchor, VerifyOptions, verify};
use crate::archive::{CertificateArchive as _, Publication};
use crate::archive_store::DirectoryFiles;
use crate::archive_store::testing::{Memory, Script, wait};
use crate::certificate::tests::{Keys, record_set, statement};
use crate::digest::Digest32;
use crate::evidence::tests::{evidence, target};
use crate::views::certificate_html::render;

/// On a directory.
impl Script {
    fn open(&self, kept: Option<&str>) -> Result<DirectoryArchive, ArchiveError> {
        let signer = self.keys.log_signer();
        wait(DirectoryArchive::open(&self.root(), &self.keys.trust_root, signer, kept))
    }

    fn done(&self) -> Memory {
        let mut archive = self.open(None).expect("opened");
        self.run(&mut archive).expect("published");
        drop(archive);
        Memory::of(&self.root())
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
        *files.steps_left.lock().expect("no panic") = Some(step);
        let signer = script.keys.log_signer();
        let opened = wait(DirectoryArchive::open_files(files, &script.keys.trust_root, signer, None));
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
    assert!(matches!(wait(archive.publish(&publication)), Err(ArchiveError::Conflict { .. })));
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
        wait(archive.publish_intent(Digest32::of(&[plan]), &[plan])).expect("published");
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
        wait(archive.publish_intent(Digest32::of(&plan), &plan)).expect("published");
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
