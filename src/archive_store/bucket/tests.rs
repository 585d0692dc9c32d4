//! An archive in a real bucket: interrupted anywhere, written by two at once, harmed, and locked.
//!
//! The server is named by `OUBLIETTE_TEST_S3`, which `scripts/servers` sets; without it the tests fail.
#![expect(clippy::print_stdout, reason = "figures for whoever runs the tests with --nocapture")]

mod place;

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::archive::CertificateArchive;
use crate::archive::verify::VerifyReport;
use crate::archive_store::testing::{Memory, Script, wait};
use crate::digest::Digest32;
use connectors::s3::{Credentials, S3Options};
use place::Place;

/// On a bucket.
impl Script {
    fn open_in(&self, place: &Place, kept: Option<&str>) -> Result<BucketArchive, ArchiveError> {
        let signer = self.keys.log_signer();
        wait(BucketArchive::open(place.bucket(None), &self.keys.trust_root, signer, kept))
    }

    fn done_in(&self, place: &Place) -> Memory {
        let mut archive = self.open_in(place, None).expect("opened");
        self.run(&mut archive).expect("published");
        Memory::copy(&place.reader(None))
    }

    fn verify_in(&self, place: &Place) -> VerifyReport {
        self.verify(&place.reader(None))
    }
}

fn codes(report: &VerifyReport) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn an_archive_in_a_bucket_holds_there_and_as_a_copy() {
    let (script, place) = (Script::new(), Place::new(false));
    let copy = script.done_in(&place);
    assert_eq!(codes(&script.verify_in(&place)), [""; 0]);
    assert_eq!(codes(&script.verify(&copy)), [""; 0]);
    assert_eq!(script.done_in(&place), copy, "publishing again changes nothing");
    assert_eq!(codes(&script.verify_in(&place)), [""; 0], "and leaves no second version");
    let mut archive = script.open_in(&place, None).expect("opened");
    let kept = archive.checkpoint().to_owned();
    let plan = b"another";
    wait(archive.publish_intent(Digest32::of(plan), plan)).expect("published");
    place.put("checkpoint", kept.as_bytes());
    let newer = archive.checkpoint().to_owned();
    // The entry beyond the old checkpoint was signed by this log, so it is taken up again.
    assert!(script.open_in(&place, Some(&newer)).is_ok());
    // Put back, and put back in place again: the checkpoint went backwards in between.
    assert_eq!(codes(&script.verify_in(&place)), ["intent_open"]);
}

/// A bucket of which the `left`-th operation fails: before it takes effect, or after, when only its answer
/// is lost.
struct Interrupted {
    store: BucketStore,
    left: AtomicU32,
    loses_answer: bool,
}

impl Interrupted {
    async fn at<T: Send>(
        &self,
        operation: impl Future<Output = Result<T, ArchiveError>> + Send,
    ) -> Result<T, ArchiveError> {
        let cut = || failed("", io::Error::other("interrupted by the test"));
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(1) if self.loses_answer => operation.await.and(Err(cut())),
            Ok(1) | Err(_) => Err(cut()),
            Ok(_) => operation.await,
        }
    }
}

#[async_trait]
impl Store for Interrupted {
    async fn is_fit(&self, trust_root: (&str, &[u8])) -> Result<(), ArchiveError> {
        self.store.is_fit(trust_root).await
    }

    async fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.store.read(path, bytes_max).await
    }

    async fn write_once(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.at(self.store.write_once(path, bytes)).await
    }

    async fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.at(self.store.replace(path, bytes)).await
    }

    async fn decide(&self, path: &str, tile: &[u8], note: &str) -> Result<(), ArchiveError> {
        self.at(self.store.decide(path, tile, note)).await
    }

    async fn decided(&self, path: &str, bytes_max: usize) -> Result<Option<Decided>, ArchiveError> {
        self.store.decided(path, bytes_max).await
    }

    async fn write_tile(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.at(self.store.write_tile(path, bytes)).await
    }

    async fn prune(&self, full_path: &str) -> Result<(), ArchiveError> {
        self.store.prune(full_path).await
    }
}

#[test]
fn interrupted_at_any_write_and_started_again_the_archive_is_that_of_an_undisturbed_run() {
    let undisturbed = Script::new().done_in(&Place::new(false));
    let mut interruptions = 0_u32;
    let mut ends = 0;
    // Every third write is enough for one run of the tests; odd and even ones take turns.
    for step in (1..).step_by(3) {
        let loses_answer = step % 2 == 0;
        let (script, place) = (Script::new(), Place::new(false));
        let store = BucketStore { place: place.bucket(None), tags: Mutex::default() };
        let store = Interrupted { store, left: AtomicU32::new(step), loses_answer };
        let opening = Opening {
            trust_root: &script.keys.trust_root,
            log_signer: script.keys.log_signer(),
            kept_note: None,
        };
        let opened = wait(ArchiveWriter::begin(store, opening));
        if opened.and_then(|mut archive| script.run(&mut archive)).is_ok() {
            ends += 1;
            if ends == 2 {
                break;
            }
            continue;
        }
        interruptions += 1;
        assert_eq!(script.done_in(&place), undisturbed, "interrupted at write {step}");
        assert_eq!(codes(&script.verify_in(&place)), [""; 0], "interrupted at write {step}");
    }
    println!("publishing to a bucket interrupted at {interruptions} writes, each time the same archive");
    assert!(interruptions > 11, "only {interruptions} writes");
}

#[test]
fn two_writers_at_once_never_fork_the_log() {
    let (script, place) = (Script::new(), Place::new(true));
    drop(script.open_in(&place, None).expect("opened"));
    let outrun = AtomicU32::new(0);
    let publish = |writer: u8| {
        for number in 0..6_u8 {
            let plan = [writer, number];
            loop {
                let done = script
                    .open_in(&place, None)
                    .and_then(|mut archive| wait(archive.publish_intent(Digest32::of(&plan), &plan)));
                match done {
                    Ok(_) => break,
                    Err(ArchiveError::Outrun) => outrun.fetch_add(1, Ordering::SeqCst),
                    Err(error) => panic!("{error}"),
                };
            }
        }
    };
    std::thread::scope(|scope| {
        for writer in 0..3 {
            scope.spawn(move || publish(writer));
        }
    });
    let report = script.verify_in(&place);
    println!("three writers, 18 entries, {} times outrun", outrun.into_inner());
    assert!(report.holds(), "{:?}", report.findings);
    assert_eq!(codes(&report), vec!["intent_open"; 18]);
    assert_eq!(report.checkpoint.expect("a checkpoint").size, 18);
}

#[test]
fn an_entry_that_this_log_did_not_sign_is_not_taken_up() {
    let (script, place) = (Script::new(), Place::new(false));
    let copy = script.done_in(&place);
    // Everything but the signed note beside it: somebody without the key put it there.
    let mut tile = copy.0["tile/entries/000.p/6"].clone();
    let entry = crate::archive::entry::LogEntry::Abandoned(Digest32::of(b"x")).text();
    tile.extend_from_slice(&u16::try_from(entry.len()).expect("short").to_be_bytes());
    tile.extend_from_slice(entry.as_bytes());
    place.put("tile/entries/000.p/7", &tile);
    assert!(matches!(script.open_in(&place, None), Err(ArchiveError::Damaged { .. })));
    assert_eq!(codes(&script.verify_in(&place)), ["tile_uncommitted"]);
}

#[test]
fn what_was_overwritten_deleted_added_or_lost_is_noticed_in_the_bucket() {
    let (script, place) = (Script::new(), Place::new(false));
    let copy = script.done_in(&place);
    let page = copy.path("certificate.html", 0);
    place.put(&page, &copy.0[&page]);
    assert_eq!(codes(&script.verify_in(&place)), ["file_overwritten"], "with the same bytes");
    let (script, place) = (Script::new(), Place::new(false));
    script.done_in(&place);
    place.hide(&page);
    assert_eq!(codes(&script.verify_in(&place))[..2], ["file_deleted", "file_missing"]);
    place.put(&page, &copy.0[&page]);
    assert_eq!(codes(&script.verify_in(&place)), ["file_deleted", "file_overwritten"], "put back");
    let (script, place) = (Script::new(), Place::new(false));
    script.done_in(&place);
    place.remove("plans/", 1);
    assert_eq!(codes(&script.verify_in(&place)), ["plan_missing"]);
    place.put("more.txt", b"x");
    assert!(codes(&script.verify_in(&place)).contains(&"unknown_file"));
    // A checkpoint that once had more entries than now.
    let (script, place) = (Script::new(), Place::new(false));
    let copy = script.done_in(&place);
    place.put("checkpoint", &copy.0["checkpoints/4.note"]);
    assert!(codes(&script.verify_in(&place)).contains(&"log_shrunk"));
}

#[test]
fn what_is_written_is_locked_and_a_lock_that_is_too_short_is_told() {
    let (script, place) = (Script::new(), Place::new(true));
    let lock =
        |period: &str| BucketLock { mode: LockMode::Governance, period: period.parse().expect("a period") };
    let open = |lock| {
        let signer = script.keys.log_signer();
        wait(BucketArchive::open(place.bucket(Some(lock)), &script.keys.trust_root, signer, None))
    };
    let mut archive = open(lock("P30D")).expect("opened");
    script.run(&mut archive).expect("published");
    let verify = |lock| script.verify(&place.reader(Some(lock)));
    assert_eq!(codes(&verify(lock("P30D"))), [""; 0]);
    let report = verify(lock("P60D"));
    assert_eq!(codes(&report), ["not_locked"]);
    assert!(report.holds(), "a warning");
    let compliance = BucketLock { mode: LockMode::Compliance, ..lock("P30D") };
    assert_eq!(codes(&verify(compliance)), ["not_locked"]);
    // What is filed again is locked for longer.
    let mut archive = open(lock("P90D")).expect("opened again");
    wait(archive.file_policies(&[b"policy: customers-fr\n".to_vec()])).expect("filed again");
    let found = wait(
        place
            .bucket(None)
            .files
            .look(&ArchivePath::Policy(Digest32::of(b"policy: customers-fr\n")).to_string()),
    );
    let until = found.expect("looked at").expect("there").lock.expect("locked").until;
    assert!(until > crate::clock::SystemClock::new().now() + Duration::days(80), "{until}");
    assert!(!place.can_remove("checkpoint"), "the lock holds");
}

#[test]
fn a_bucket_without_locks_refuses_what_should_be_locked() {
    let (script, place) = (Script::new(), Place::new(false));
    let lock = BucketLock { mode: LockMode::Compliance, period: "P1D".parse().expect("a period") };
    let signer = script.keys.log_signer();
    let opened = wait(BucketArchive::open(place.bucket(Some(lock)), &script.keys.trust_root, signer, None));
    assert!(matches!(opened, Err(ArchiveError::Io { .. })));
}

#[test]
fn a_store_that_does_not_heed_conditions_is_refused() {
    let address = place::careless_server();
    let options = S3Options {
        bucket: "any".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(address),
        path_style: true,
        ..S3Options::default()
    };
    let keys =
        Credentials::Static { access_key: "a".to_owned(), secret_key: "b".to_owned(), session_token: None };
    let files = wait(BucketFiles::open("archive", &options, "", &keys)).expect("opened");
    let place = BucketPlace { files, lock: None, clock: Arc::new(crate::clock::SystemClock::new()) };
    let script = Script::new();
    let signer = script.keys.log_signer();
    let opened = wait(BucketArchive::open(place, &script.keys.trust_root, signer, None));
    assert!(matches!(opened, Err(ArchiveError::NoConditions { condition: "If-None-Match: *" })));
}
