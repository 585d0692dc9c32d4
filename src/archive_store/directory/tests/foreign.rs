//! Programs that are not ours judge a sample archive.

use super::*;
use crate::certificate::tests::SEED;
use crate::certificate::{CommitmentKey, receipt};

/// Writes a sample archive and lets programs that are not ours judge it, before and after harm.
#[test]
fn other_peoples_tools_come_to_the_same_verdict() {
    let script = Script::new();
    script.done();
    let verified = {
        let envelope = script.root().join(Memory::of(&script.root()).path("certificate.dsse.json", 1));
        let root = TrustRoot::parse(&script.keys.trust_root).expect("a trust root");
        root.verify(&fs::read(envelope).expect("read")).expect("it holds")
    };
    record_set(&script.commitments(), 6);
    let locator = receipt::Locator {
        store: "crm".to_owned(),
        dataset: "crm.prospects".to_owned(),
        key: "[3]".to_owned(),
    };
    let receipt =
        receipt::issue(&CommitmentKey::new(SEED), &script.commitments(), locator, &verified.statement);
    let receipt_path = script.work.path().join("receipt.json");
    fs::write(&receipt_path, receipt.and_then(|receipt| receipt.to_bytes()).expect("issued"))
        .expect("written");
    let trust_root = script.work.path().join("trust-root.json");
    fs::write(&trust_root, &script.keys.trust_root).expect("written");
    let run = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(name);
        let output = std::process::Command::new(path)
            .args([&script.root(), &trust_root, &receipt_path, &script.commitments()])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        println!("{name}: {}\n{said}", output.status);
        (output.status.code(), said)
    };
    for name in ["verify-signature.sh", "verify_log.py"] {
        assert_eq!(run(name).0, Some(0), "{name}");
    }
    let (code, text) = run("verify-third-party.sh");
    assert_eq!(code, Some(0), "{text}");
    let tile = script.root().join("tile/entries/000.p/6");
    let mut bytes = fs::read(&tile).expect("read");
    bytes[40] ^= 1;
    fs::write(&tile, bytes).expect("changed");
    assert_eq!(run("verify_log.py").0, Some(1));
    let envelope = Memory::of(&script.root()).path("certificate.dsse.json", 0);
    let envelope = script.root().join(envelope);
    let good = fs::read(&envelope).expect("read");
    fs::write(&envelope, good.get(1..).expect("long enough")).expect("changed");
    assert_eq!(run("verify-third-party.sh").0, Some(1));
    fs::write(&envelope, good).expect("put back");
    let envelope = script.root().join(Memory::of(&script.root()).path("certificate.dsse.json", 1));
    let text = fs::read_to_string(&envelope).expect("read");
    let position = text.find("\"payload\":\"").expect("there") + 400;
    let mut bytes = text.into_bytes();
    bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
    fs::write(&envelope, bytes).expect("changed");
    assert_eq!(run("verify-signature.sh").0, Some(1));
}
