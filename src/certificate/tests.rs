//! Making, signing, verifying and opening certificates; shared makers for the archive's tests.

use super::signer::SignerError;
use super::trust_root::{KeyStatus, LogKey};
use super::*;
use crate::archive::note::{NoteSigner, VerifierKey};
use crate::digest::Digest32;
use crate::evidence::tests::{at, code, evidence, target};
use crate::evidence::{Evidence, RecordSetEvidence, RecordSetMode};
use crate::keys::{FileLogSigner, FileSigner};
use receipt::Locator;

pub(crate) const ORIGIN: &str = "example.org/erasures";
pub(crate) const SEED: [u8; 32] = [0x5a; 32];

/// Keys in a temporary directory, drawn from a counter: the same for every test.
pub(crate) struct Keys {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) certificate: FileSigner,
    pub(crate) trust_root: Vec<u8>,
}

impl Keys {
    pub(crate) fn new(first: u8) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut next = first;
        let mut randomness = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                next = next.wrapping_add(1);
                next
            });
        };
        let certificate =
            FileSigner::generate(&directory.path().join("certificate.key"), &mut randomness).expect("made");
        let log = FileLogSigner::generate(&directory.path().join("log.key"), ORIGIN, &mut randomness);
        let vkey = log.expect("made").verifier_key().to_text();
        let root = TrustRoot::first(
            certificate.public_key(),
            LogKey { origin: code(ORIGIN), vkey },
            at("2026-01-01T00:00:00Z"),
        );
        let trust_root = root.sign(&[&certificate]).expect("signed");
        Self { directory, certificate, trust_root }
    }

    pub(crate) fn log_signer(&self) -> Box<dyn NoteSigner> {
        Box::new(FileLogSigner::open(&self.directory.path().join("log.key"), ORIGIN).expect("opened"))
    }
}

/// A record set over the keys `[0]` to `[count - 1]` of `crm.prospects`, in this file.
pub(crate) fn record_set(path: &std::path::Path, count: u64) -> RecordSetEvidence {
    let work = tempfile::tempdir().expect("a directory");
    let mut builder = RecordSetBuilder::create(work.path()).expect("made");
    let mut committer = CommitmentKey::new(SEED).committer("crm", "crm.prospects");
    let batch = (0..count).map(|record| committer.commit(&format!("[{record}]"))).collect();
    builder.add_batch(batch).expect("added");
    let set = builder.finish(path).expect("finished");
    RecordSetEvidence { mode: RecordSetMode::PerRecord, count: set.count, root: set.root }
}

pub(crate) fn id(number: u8) -> CertificateId {
    format!("0b54f2c5-57a8-4c2b-9a3e-1d2f3a4b5c{number:02x}").parse().expect("an id")
}

pub(crate) fn statement(number: u8, evidence: Evidence) -> Statement {
    let identity =
        Identity { certificate_id: id(number), nonce: [number; 16], issued_at: at("2026-05-04T02:32:00Z") };
    Statement::new(evidence, identity, vec![]).expect("a statement")
}

fn signed(keys: &Keys) -> Vec<u8> {
    let envelope = statement(1, evidence(vec![target(3)])).sign(&[&keys.certificate]).expect("signed");
    envelope.to_bytes().expect("bytes")
}

#[test]
fn a_signed_statement_is_verified_and_read_back_equal() {
    let keys = Keys::new(0);
    let trust_root = TrustRoot::parse(&keys.trust_root).expect("a trust root");
    let verified = trust_root.verify(&signed(&keys)).expect("it holds");
    assert_eq!(verified.statement, statement(1, evidence(vec![target(3)])));
    assert_eq!(verified.keyids, [keys.certificate.public_key().keyid()]);
    assert_eq!(signed(&keys), signed(&keys), "signing again gives the same bytes");
}

#[test]
fn a_statement_that_contradicts_itself_is_never_signed() {
    let mut wrong = evidence(vec![target(3)]);
    wrong.targets[0].counts.matched = 4;
    let identity = Identity { certificate_id: id(1), nonce: [0; 16], issued_at: at("2026-05-04T02:32:00Z") };
    assert!(matches!(Statement::new(wrong, identity, vec![]), Err(CertificateError::Evidence(_))));
    let mut changed = statement(1, evidence(vec![target(3)]));
    changed.predicate.outcome = crate::evidence::Outcome::Failed;
    let keys = Keys::new(0);
    assert!(matches!(changed.sign(&[&keys.certificate]), Err(CertificateError::OutcomeDiffers { .. })));
}

/// A certificate that says "still there: 0" of records that are still there is a false one.
#[test]
fn a_read_back_that_leaves_kept_records_out_is_never_signed() {
    let mut wrong = evidence(vec![target(3)]);
    (wrong.targets[0].counts.matched, wrong.targets[0].counts.failed) = (21, 18);
    wrong.targets[0].failures = vec![crate::evidence::Failure { code: code("constraint"), count: 18 }];
    let make = |evidence| {
        let identity =
            Identity { certificate_id: id(1), nonce: [0; 16], issued_at: at("2026-05-04T02:32:00Z") };
        Statement::new(evidence, identity, vec![])
    };
    assert!(matches!(make(wrong.clone()), Err(CertificateError::Evidence(_))));
    wrong.targets[0].verification.as_mut().expect("read back").remaining = 18;
    let good = make(wrong.clone()).expect("a statement");
    assert_eq!(good.predicate.outcome, crate::evidence::Outcome::Partial);
    // Statements of schema version 1 are read as they were written.
    let mut old = good.with_schema_version(1);
    old.predicate.evidence.targets[0].verification.as_mut().expect("read back").remaining = 0;
    assert!(Statement::parse(&canonical(&old).expect("bytes")).is_ok());
}

#[test]
fn a_forged_statement_is_refused_even_with_a_good_signature() {
    let keys = Keys::new(0);
    let trust_root = TrustRoot::parse(&keys.trust_root).expect("a trust root");
    let payload = canonical(&statement(1, evidence(vec![target(3)]))).expect("bytes");
    let text = String::from_utf8(payload).expect("text");
    for (from, to) in [
        ("\"outcome\":\"complete\"", "\"outcome\":\"nothing_found\""),
        ("\"purged\":3", "\"purged\":2"),
        ("\"mediaSanitization\":\"not_claimed\"", "\"mediaSanitization\":\"purge\""),
        ("\"schemaVersion\":2", "\"schemaVersion\":3"),
        ("\"schemaVersion\":2", "\"schemaVersion\":0"),
        ("\"schemaVersion\":2", "\"extra\":1,\"schemaVersion\":2"),
        ("\"predicate\":", " \"predicate\":"),
        ("crm.prospects", "crm prospects"),
    ] {
        assert!(text.contains(from), "{from}");
        let forged = text.replacen(from, to, 1).into_bytes();
        let envelope = Envelope::sign(statement::PAYLOAD_TYPE, forged, &[&keys.certificate]).expect("signed");
        assert!(trust_root.verify(&envelope.to_bytes().expect("bytes")).is_err(), "{to}");
    }
}

#[test]
fn keys_out_of_time_unknown_or_compromised_do_not_verify() {
    let keys = Keys::new(0);
    let good = TrustRoot::parse(&keys.trust_root).expect("a trust root");
    let check = |change: &dyn Fn(&mut trust_root::CertificateKey), holds: bool| {
        let mut root = good.clone();
        change(&mut root.keys[0]);
        assert_eq!(root.verify(&signed(&keys)).is_ok(), holds);
    };
    check(&|_| (), true);
    check(&|key| key.status = KeyStatus::Retired, true);
    check(&|key| key.status = KeyStatus::Compromised, false);
    check(&|key| key.not_before = at("2026-06-01T00:00:00Z"), false);
    check(&|key| key.not_after = Some(at("2026-05-01T00:00:00Z")), false);
    let other = TrustRoot::parse(&Keys::new(99).trust_root).expect("a trust root");
    assert!(matches!(other.verify(&signed(&keys)), Err(CertificateError::UnknownKey { .. })));
    let mut unsigned = Envelope::parse(&signed(&keys)).expect("an envelope");
    unsigned.signatures.clear();
    let unsigned = unsigned.to_bytes().expect("bytes");
    assert!(matches!(good.verify(&unsigned), Err(CertificateError::Unsigned)));
}

#[test]
fn hostile_bytes_are_refused_without_a_panic() {
    let keys = Keys::new(0);
    let trust_root = TrustRoot::parse(&keys.trust_root).expect("a trust root");
    let good = signed(&keys);
    for cut in 0..good.len() {
        assert!(trust_root.verify(&good[..cut]).is_err());
    }
    for hostile in
        [vec![], b"{}".to_vec(), b"[".repeat(100_000), vec![0xff; 100], vec![b'a'; ENVELOPE_BYTES_MAX + 1]]
    {
        assert!(trust_root.verify(&hostile).is_err());
        assert!(TrustRoot::parse(&hostile).is_err());
        assert!(receipt::Receipt::parse(&hostile).is_err());
    }
}

#[test]
fn a_faulty_key_store_is_noticed_before_anything_is_published() {
    struct Faulty(PublicKey);
    impl Signer for Faulty {
        fn public_key(&self) -> &PublicKey {
            &self.0
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignerError> {
            Ok(vec![0; 70])
        }
    }
    let faulty = Faulty(Keys::new(0).certificate.public_key().clone());
    let result = statement(1, evidence(vec![target(3)])).sign(&[&faulty]);
    assert!(matches!(result, Err(CertificateError::BadSignature { .. })));
}

#[test]
fn a_receipt_opens_its_record_and_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("record-commitments.bin");
    let mut value = evidence(vec![target(13)]);
    value.record_set = record_set(&path, 13);
    let statement = statement(1, value);
    let key = CommitmentKey::new(SEED);
    let locator = |record: u64| Locator {
        store: "crm".to_owned(),
        dataset: "crm.prospects".to_owned(),
        key: format!("[{record}]"),
    };
    for record in 0..13 {
        let receipt = receipt::issue(&key, &path, locator(record), &statement).expect("issued");
        let read = receipt::Receipt::parse(&receipt.to_bytes().expect("bytes")).expect("read");
        receipt::verify(&read, &statement).expect("it holds");
        let mut wrong = receipt.clone();
        wrong.locator = locator(record + 1);
        assert!(receipt::verify(&wrong, &statement).is_err());
        let mut wrong = receipt.clone();
        wrong.index = (record + 1) % 13;
        wrong.index = if wrong.index == receipt.index { receipt.index + 1 } else { wrong.index };
        assert!(receipt::verify(&wrong, &statement).is_err());
        let mut wrong = receipt;
        wrong.salt = Digest32::of(b"another salt");
        assert!(receipt::verify(&wrong, &statement).is_err());
    }
    let absent = receipt::issue(&key, &path, locator(13), &statement);
    assert!(matches!(absent, Err(CertificateError::NotInRecordSet)));
    let other_seed = receipt::issue(&CommitmentKey::new([1; 32]), &path, locator(1), &statement);
    assert!(matches!(other_seed, Err(CertificateError::NotInRecordSet)));
}

#[test]
fn a_note_of_another_key_name_or_spelling_is_refused() {
    use crate::archive::note::Checkpoint;
    let keys = Keys::new(0);
    let signer = keys.log_signer();
    let note = Checkpoint::sign(7, [7; 32], signer.as_ref()).expect("signed");
    let key = signer.verifier_key();
    assert_eq!(Checkpoint::open(note.as_bytes(), key).expect("it holds").size, 7);
    let other = Keys::new(50).log_signer();
    assert!(Checkpoint::open(note.as_bytes(), other.verifier_key()).is_err());
    for position in 0..note.len() {
        let mut changed = note.clone().into_bytes();
        changed[position] ^= 1 << (position % 8);
        assert!(Checkpoint::open(&changed, key).is_err(), "byte {position}");
    }
    for changed in [format!("{note}\n"), note.replace("\n7\n", "\n07\n"), note.replacen('\n', "\r\n", 1)] {
        assert!(Checkpoint::open(changed.as_bytes(), key).is_err());
    }
    assert!(VerifierKey::new("a b", ed25519_dalek::VerifyingKey::default()).is_err());
}
