//! Signatures of the real `ssh-keygen` and `openssl`, and everything that must not pass.
#![expect(clippy::disallowed_methods, reason = "keys and signatures of other programs are in files")]

use super::*;
use std::path::Path;
use std::process::Command;

const LINES: &str = "oubliette approval v1\nplan plan-1\ndigest 00\napprover dpo\n";

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap()
}

/// A new key of `kind` in `directory`, and its approver.
fn ssh_approver(directory: &Path, kind: &str, name: &str) -> Approver {
    run(directory, "ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", "dpo@example.org", "-f", name]);
    let line = String::from_utf8(read(directory, &format!("{name}.pub"))).unwrap();
    Approver { name: "DPO".to_owned(), key: ApproverKey::parse(&line).unwrap() }
}

fn ssh_signature(directory: &Path, key: &str, namespace: &str) -> String {
    std::fs::write(directory.join("lines"), LINES).unwrap();
    // It asks before it overwrites.
    if directory.join("lines.sig").exists() {
        std::fs::remove_file(directory.join("lines.sig")).unwrap();
    }
    run(directory, "ssh-keygen", &["-q", "-Y", "sign", "-f", key, "-n", namespace, "lines"]);
    kept_form(&read(directory, "lines.sig"))
}

fn signers(approvers: &[Approver]) -> Signers<'_> {
    Signers { approvers, required: false }
}

#[test]
fn what_ssh_keygen_signs_is_verified_and_nothing_else() {
    for kind in ["ed25519", "ecdsa"] {
        let directory = tempfile::tempdir().unwrap();
        let approver = ssh_approver(directory.path(), kind, "key");
        let other = ssh_approver(directory.path(), kind, "other");
        let signature = ssh_signature(directory.path(), "key", NAMESPACE);
        let (own, others) = ([approver.clone()], [other.clone()]);
        let both = [other, approver];
        assert_eq!(signers(&own).check("dpo ", Some(&signature), LINES), Ok(()));
        assert_eq!(signers(&both).check("dpo", Some(&signature), LINES), Ok(()), "one of two keys");
        assert_eq!(
            signers(&own).check("dpo", Some(&signature), &LINES.replace("00", "01")),
            Err(SignatureError::Wrong)
        );
        assert_eq!(signers(&others).check("dpo", Some(&signature), LINES), Err(SignatureError::OtherKey));
        assert_eq!(signers(&own).check("eve", Some(&signature), LINES), Err(SignatureError::NoKey));
        let elsewhere = ssh_signature(directory.path(), "key", "git");
        assert_eq!(signers(&own).check("dpo", Some(&elsewhere), LINES), Err(SignatureError::OtherPurpose));
    }
}

#[test]
fn what_openssl_signs_with_a_p256_key_is_verified() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    run(
        path,
        "openssl",
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k"],
    );
    run(path, "openssl", &["pkey", "-in", "k", "-pubout", "-out", "k.pub"]);
    std::fs::write(path.join("lines"), LINES).unwrap();
    run(path, "openssl", &["dgst", "-sha256", "-sign", "k", "-out", "lines.der", "lines"]);
    let key = ApproverKey::parse(&String::from_utf8(read(path, "k.pub")).unwrap()).unwrap();
    let approvers = [Approver { name: "dpo".to_owned(), key }];
    let signature = kept_form(&read(path, "lines.der"));
    assert_eq!(kept_form(signature.as_bytes()), signature, "also where it is in base64 already");
    assert_eq!(signers(&approvers).check("dpo", Some(&signature), LINES), Ok(()));
    assert_eq!(signers(&approvers).check("dpo", Some(&signature), "other"), Err(SignatureError::Wrong));
}

#[test]
fn who_has_a_key_must_sign_and_with_require_signature_everybody() {
    let directory = tempfile::tempdir().unwrap();
    let approvers = [ssh_approver(directory.path(), "ed25519", "key")];
    assert_eq!(signers(&approvers).check("dpo", None, LINES), Err(SignatureError::Missing));
    assert_eq!(signers(&approvers).check("legal", None, LINES), Ok(()));
    let strict = Signers { approvers: &approvers, required: true };
    assert_eq!(strict.check("legal", None, LINES), Err(SignatureError::Missing));
    assert_eq!(strict.check("legal", Some("AAAA"), LINES), Err(SignatureError::NoKey));
}

#[test]
fn every_byte_of_a_signature_counts() {
    let directory = tempfile::tempdir().unwrap();
    let approvers = [ssh_approver(directory.path(), "ed25519", "key")];
    let armored = ssh_signature(directory.path(), "key", NAMESPACE);
    let lines: Vec<&str> = armored.lines().collect();
    let blob = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
    let check = |blob: &[u8]| {
        let text = format!("{}\n{}\n{}\n", lines[0], STANDARD.encode(blob), lines[lines.len() - 1]);
        signers(&approvers).check("dpo", Some(&text), LINES)
    };
    assert_eq!(check(&blob), Ok(()));
    for place in 0..blob.len() {
        let mut changed = blob.clone();
        changed[place] ^= 1;
        assert!(check(&changed).is_err(), "byte {place}");
        assert!(check(&blob[..place]).is_err(), "cut at {place}");
    }
    assert!(check(&[blob.as_slice(), &[0]].concat()).is_err(), "one byte more");
    for text in ["", "x", "-----BEGIN SSH SIGNATURE-----", &"A".repeat(1 << 20)] {
        assert_eq!(signers(&approvers).check("dpo", Some(text), LINES), Err(SignatureError::Unreadable));
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let line = |kind: &str, bits: &str, name: &str| {
        run(directory.path(), "ssh-keygen", &["-q", "-t", kind, "-b", bits, "-N", "", "-f", name]);
        String::from_utf8(read(directory.path(), &format!("{name}.pub"))).unwrap()
    };
    assert!(ApproverKey::parse(&line("rsa", "2048", "rsa")).is_err());
    assert!(ApproverKey::parse(&line("ecdsa", "384", "p384")).is_err());
    let good = line("ed25519", "256", "good");
    assert!(ApproverKey::parse(&good).is_ok());
    assert!(ApproverKey::parse(&good.replace("ssh-ed25519 ", "ssh-rsa ")).is_err());
    for text in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n"] {
        assert!(ApproverKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_name_cannot_make_lines_of_its_own() {
    let lines = plan_lines("plan-1", "00", "dpo\ndigest 11\n");
    assert_eq!(lines, "oubliette approval v1\nplan plan-1\ndigest 00\napprover dpo digest 11\n");
    assert!(standing_lines("p", "r", "00", "dpo").starts_with("oubliette standing approval v1\nrule p/r\n"));
}
